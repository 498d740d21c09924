#include "so3/gaunt/form.hpp"

#include <algorithm>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "so3/gaunt/lanes.hpp"

namespace cartan::so3 {
namespace {

// The rows of one slot for blocks of lanes. Weights that all lanes share are filled in once.
template <class T>
class SlotReader {
 public:
  // rows: of an array; weights know theirs; kind: the row of the first axis that a sample takes, or nullptr
  SlotReader(const Array& a, bool weight, Index rows, Index samples, Index channels, const std::int32_t* kind)
      : data_(a.data<T>()), kind_(kind) {
    if (!weight) {
      rows_ = rows;
      if (a.size() == samples * rows * channels) {
        full_ = LaneView<const T>(data_, samples, rows_, channels);
      } else {  // one channel for all
        channels_ = channels;
        row_stride_ = 1;
        sample_stride_ = rows;
      }
      return;
    }
    rows_ = a.dim(1) * a.dim(2);
    if (kind == nullptr && a.dim(0) == samples && a.dim(3) == channels) {
      full_ = LaneView<const T>(data_, samples, rows_, channels);
      return;
    }
    channels_ = channels;
    channel_stride_ = a.dim(3) == 1 ? 0 : 1;
    row_stride_ = a.dim(3);
    sample_stride_ = a.dim(0) == 1 ? 0 : rows_ * row_stride_;
  }
  Index rows() const { return rows_; }
  void prefetch(Index first) const {
    if (row_stride_ == 0) full_.prefetch_block(first);
  }
  void read(Index first, Index lanes, bool first_time, T* out) const {
    constexpr Index w = lane_width<T>;
    if (row_stride_ == 0) return full_.load_block(first, out);
    const bool constant = sample_stride_ == 0 && channel_stride_ == 0;
    if (constant && !first_time) return;
    const Index count = std::min(w, lanes - first);
    if (count < w) std::fill(out, out + rows_ * w, T(0));
    for (Index lane = 0; lane < count;) {  // run after run of lanes of one sample
      const Index s = (first + lane) / channels_, c = (first + lane) % channels_;
      const Index run = std::min(count - lane, channels_ - c);
      const T* p = data_ + (kind_ == nullptr ? s : Index{kind_[s]}) * sample_stride_ + c * channel_stride_;
      for (Index r = 0; r < rows_; ++r, p += row_stride_) {
        T* to = out + r * w + lane;
        if (channel_stride_ == 0)
          std::fill(to, to + run, *p);
        else
          std::copy(p, p + run, to);
      }
      lane += run;
    }
  }

 private:
  const T* data_;
  const std::int32_t* kind_;
  LaneView<const T> full_;
  Index rows_ = 0, channels_ = 1, sample_stride_ = 0, row_stride_ = 0, channel_stride_ = 0;
};

template <class T>
std::shared_ptr<const FormKernel<T>> kernel_of(const SphereForm& form, const std::vector<int>& outs,
                                               Engine engine) {
  return engine == Engine::cg ? coupling_kernel<T>(form, outs) : transform_kernel<T>(form, outs, engine);
}

}  // namespace

int SphereForm::total_degree() const {
  int most = 0;
  for (const SphereTerm& t : terms) {
    int sum = 0;
    for (const SphereFactor& f : t.factors) sum += f.power * degree[f.array];
    most = std::max(most, sum);
  }
  return most;
}

int SphereForm::lmax() const {
  return degree.empty() ? 0 : *std::max_element(degree.begin(), degree.end());
}

SphereForm linearise(const SphereForm& form, int slot) {
  SphereForm out = form;
  out.terms.clear();
  const bool by_array = slot < form.arrays();
  const int weight = slot - form.arrays();
  if (by_array) {
    out.degree.push_back(form.degree[slot]);
  } else {
    out.rows.push_back(form.rows[weight]);
    out.weight_degree.push_back(form.weight_degree[weight]);
    ++out.weights;
  }
  for (const SphereTerm& t : form.terms)
    for (std::size_t k = 0; k < t.factors.size(); ++k) {
      const SphereFactor& f = t.factors[k];
      if (by_array ? f.array != slot : f.weight != weight) continue;
      SphereFactor fresh = f;
      fresh.power = 1;
      (by_array ? fresh.array : fresh.weight) = by_array ? form.arrays() : form.weights;
      SphereTerm d = t;
      d.coefficient *= f.power;
      if (f.power == 1) {
        d.factors[k] = fresh;
      } else {
        --d.factors[k].power;
        d.factors.push_back(fresh);
      }
      out.terms.push_back(std::move(d));
    }
  return out;
}

std::vector<SphereDerivative> derivatives_of(const SphereForm& form, const std::vector<int>& outs) {
  std::vector<SphereDerivative> all;
  for (const int out : outs)
    for (const SphereTerm& t : form.terms)
      for (std::size_t k = 0; k < t.factors.size(); ++k) {
        SphereFactor target = t.factors[k];
        if (out < form.arrays() ? target.array != out : target.weight != out - form.arrays()) continue;
        const auto at = static_cast<std::ptrdiff_t>(k);
        auto factors = t.factors;
        if (target.power > 1) {
          --factors[k].power;
        } else {
          std::rotate(factors.begin(), factors.begin() + at,
                      factors.end());  // cyclic: brackets keep their sign
          factors.erase(factors.begin());
        }
        const double coefficient = t.coefficient * target.power;
        target.power = 1;
        all.push_back({out, coefficient, target, std::move(factors), t.bracket});
      }
  return all;
}

namespace {

// full[s] may be empty where slot s is read by none of the derivatives by `outs`.
Arrays evaluate(const SphereForm& form, const std::vector<int>& outs, Engine engine, const SampleKinds& kinds,
                const Arrays& full) {
  const int slots = form.slots(), arrays = form.arrays();
  const auto all = derivatives_of(form, outs);
  std::vector<bool> used(slots, false);
  for (const SphereDerivative& d : all) {
    for (const SphereFactor& f : d.factors) {
      used[f.array] = true;
      if (f.weight >= 0) used[arrays + f.weight] = true;
    }
    if (d.out < arrays && d.target.weight >= 0) used[arrays + d.target.weight] = true;
    if (d.out >= arrays) used[d.target.array] = true;
  }
  // every sample and channel is named by the arrays
  Index samples = 0, channels = 0;
  Shape lead;
  DType dtype = DType::f64;
  for (int s = 0; s < arrays; ++s) {
    const Array& a = full[s];
    if (a.ndim() == 0 || a.dim(-1) / form.rows_of(s) < channels) continue;  // one channel for all
    lead = a.shape();
    lead.pop_back();
    samples = size_of(lead);
    channels = a.dim(-1) / form.rows_of(s);
    dtype = a.dtype();
  }
  Arrays results;
  for (const int out : outs) {
    const int k = out - arrays;
    Shape shape{samples, k < 0 ? 0 : form.rows[k], k < 0 ? 0 : form.weight_degree[k] + 1, channels};
    if (k < 0) {
      shape = lead;
      shape.push_back(form.rows_of(out) * channels);
    }
    const bool zero = std::none_of(all.begin(), all.end(), [&](const auto& d) { return d.out == out; });
    results.push_back(zero ? Array::zeros(shape, dtype) : Array::uninitialized(shape, dtype));
  }
  if (all.empty() || samples * channels == 0) return results;
  dispatch_real("sphere_product", dtype, [&]<class T>(T) {
    constexpr Index w = lane_width<T>;
    const auto kernel = kernel_of<T>(form, outs, engine);
    struct Slot {
      int slot;
      SlotReader<T> reader;
      Index offset;
    };
    struct Result {
      int slot;
      LaneView<T> view;
      Index offset;
    };
    std::vector<Slot> readers;
    std::vector<Result> writers;
    Index size = 0;
    for (int s = 0; s < slots; ++s) {
      if (!used[s]) continue;
      const bool weight = s >= arrays, by_kind = weight && kinds.has(full[s], s - arrays);
      readers.push_back({s,
                         SlotReader<T>(full[s], weight, weight ? 0 : form.rows_of(s), samples, channels,
                                       by_kind ? kinds.kind.data() : nullptr),
                         size});
      size += readers.back().reader.rows() * w;
    }
    for (std::size_t k = 0; k < outs.size(); ++k) {
      const Index rows = form.rows_of(outs[k]);
      writers.push_back({outs[k], LaneView<T>(results[k].mutable_data<T>(), samples, rows, channels), size});
      size += rows * w;
    }
    const Index lanes = samples * channels, blocks = (lanes + w - 1) / w;
    parallel_for(blocks, std::clamp<Index>(blocks / 64, 1, 16), [&](Index begin, Index end) {
      Scratch<T> memory(size + kernel->scratch_size());
      std::vector<T*> rows(slots, nullptr), found(slots, nullptr);
      for (const Slot& s : readers) rows[s.slot] = memory.data() + s.offset;
      for (const Result& r : writers) found[r.slot] = memory.data() + r.offset;
      for (Index b = begin; b < end; ++b) {
        for (const Slot& s : readers) s.reader.read(b * w, lanes, b == begin, rows[s.slot]);
        if (b + 1 < end) {
          for (const Slot& s : readers) s.reader.prefetch((b + 1) * w);
          for (const Result& r : writers) r.view.prefetch_block((b + 1) * w);
        }
        for (const Result& r : writers) std::fill_n(found[r.slot], form.rows_of(r.slot) * w, T(0));
        kernel->run(rows.data(), found.data(), memory.data() + size);
        for (const Result& r : writers) r.view.store_block(b * w, found[r.slot]);
      }
    });
  });
  return results;
}

}  // namespace

Arrays FormDerivative::eval_cpu(const Arrays& inputs) const {
  return evaluate(form_, {out_}, engine_, kinds_, filled(inputs, {}));
}

Arrays FormDerivatives::eval_cpu(const Arrays& inputs) const {
  return evaluate(form_, outs_, engine_, kinds_, inputs);
}

namespace {

// The derivatives by the slots that are wanted, of the shapes of those slots.
Arrays differentiate(const SphereForm& form, Engine engine, const SampleKinds& kinds, const Arrays& full,
                     const std::vector<bool>& wanted) {
  std::vector<int> outs;
  for (std::size_t s = 0; s < wanted.size(); ++s)
    if (wanted[s]) outs.push_back(static_cast<int>(s));
  Arrays g(wanted.size());
  if (outs.empty()) return g;
  const Arrays found = run_all(std::make_shared<FormDerivatives>(form, outs, engine, kinds), full);
  for (std::size_t k = 0; k < outs.size(); ++k) {
    const int out = outs[k], weight = out - form.arrays();
    g[out] = found[k];
    if (weight < 0) continue;
    if (kinds.has(full[out], weight)) g[out] = scatter_add(g[out], kinds.kind);
    g[out] = sum_to(g[out], full[out].shape());
  }
  return g;
}

}  // namespace

Array FormDerivative::derivative(int k, const Arrays& full) const {
  std::vector<bool> wanted(full.size(), false);
  wanted[k] = true;
  return differentiate(form_, engine_, kinds_, full, wanted)[k];
}

Arrays FormDerivative::derivatives(const Arrays& full, const std::vector<bool>& wanted, const Arrays&) const {
  return differentiate(form_, engine_, kinds_, full, wanted);
}

// Of the sum of the results times their cotangents, which is a form with the cotangents as new slots.
Arrays FormDerivatives::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                            const std::vector<bool>& wanted) const {
  SphereForm sum = form_;
  sum.terms.clear();
  Arrays arrays(in.begin(), in.begin() + form_.arrays()), weights(in.begin() + form_.arrays(), in.end());
  std::vector<bool> targets(wanted.begin(), wanted.begin() + form_.arrays());
  for (std::size_t k = 0; k < outs_.size(); ++k) {
    if (cotangents[k].empty() && in[outs_[k]].size() > 0) continue;
    const SphereForm one = linearise(form_, outs_[k]);
    const bool array = outs_[k] < form_.arrays();
    for (SphereTerm t : one.terms) {
      for (SphereFactor& f : t.factors) {
        // the last slot of `one` is the next of `sum`
        if (array && f.array == form_.arrays()) f.array = sum.arrays();
        if (!array && f.weight == form_.weights) f.weight = sum.weights;
      }
      sum.terms.push_back(std::move(t));
    }
    if (array) {
      sum.degree.push_back(one.degree.back());
      arrays.push_back(cotangents[k]);
      targets.push_back(false);
    } else {
      sum.rows.push_back(one.rows.back());
      sum.weight_degree.push_back(one.weight_degree.back());
      ++sum.weights;
      weights.push_back(cotangents[k]);
    }
  }
  targets.insert(targets.end(), wanted.begin() + form_.arrays(), wanted.end());
  targets.resize(sum.slots(), false);
  Arrays full = arrays;
  full.insert(full.end(), weights.begin(), weights.end());
  const Arrays found = differentiate(sum, engine_, kinds_, full, targets);
  Arrays g(found.begin(), found.begin() + form_.arrays());
  g.insert(g.end(), found.begin() + sum.arrays(), found.begin() + sum.arrays() + form_.weights);
  return g;
}

}  // namespace cartan::so3
