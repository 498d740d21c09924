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
  // rows: of an array; weights know theirs
  SlotReader(const Array& a, bool weight, Index rows, Index samples, Index channels) : data_(a.data<T>()) {
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
    if (a.dim(0) == samples && a.dim(3) == channels) {
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
    for (Index lane = 0; lane < w; ++lane) {
      const Index t = std::min(first + lane, lanes - 1);
      const T* p = data_ + t / channels_ * sample_stride_ + t % channels_ * channel_stride_;
      for (Index r = 0; r < rows_; ++r) out[r * w + lane] = p[r * row_stride_];
    }
  }

 private:
  const T* data_;
  LaneView<const T> full_;
  Index rows_ = 0, channels_ = 1, sample_stride_ = 0, row_stride_ = 0, channel_stride_ = 0;
};

template <class T>
std::shared_ptr<const FormKernel<T>> kernel_of(const SphereForm& form, int out, Engine engine) {
  return engine == Engine::cg ? coupling_kernel<T>(form, out) : transform_kernel<T>(form, out, engine);
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

Arrays FormDerivative::eval_cpu(const Arrays& inputs) const {
  const int slots = form_.slots(), arrays = form_.arrays();
  const auto rows_of = [&](int array) {
    const Index d = form_.degree[array] + 1;
    return d * d;
  };
  // every sample and channel is named by the arrays
  Index samples = 0, channels = 0;
  Shape lead;
  DType dtype = DType::f64;
  for (int s = 0, k = 0; s < slots; ++s) {
    if (s == out_) continue;
    const Array& a = inputs[k++];
    if (s >= arrays) continue;
    if (a.dim(-1) / rows_of(s) < channels) continue;  // one channel for all
    lead = a.shape();
    lead.pop_back();
    samples = size_of(lead);
    channels = a.dim(-1) / rows_of(s);
    dtype = a.dtype();
  }
  Shape shape = lead;
  Index out_rows;
  if (out_ < arrays) {
    out_rows = (form_.degree[out_] + 1) * (form_.degree[out_] + 1);
    shape.push_back(out_rows * channels);
  } else {
    const auto k = (out_ - arrays);
    out_rows = Index{form_.rows[k]} * (form_.weight_degree[k] + 1);
    shape = {samples, form_.rows[k], form_.weight_degree[k] + 1, channels};
  }
  if (form_.terms.empty() || samples * channels == 0) return {Array::zeros(shape, dtype)};
  Array out = Array::uninitialized(shape, dtype);
  dispatch_real("sphere_product", dtype, [&]<class T>(T) {
    constexpr Index w = lane_width<T>;
    const auto kernel = kernel_of<T>(form_, out_, engine_);
    std::vector<bool> used(slots, false);
    for (const SphereTerm& t : form_.terms)
      for (const SphereFactor& f : t.factors) {
        used[f.array] = true;
        if (f.weight >= 0) used[arrays + f.weight] = true;
      }
    struct Slot {
      int slot;
      SlotReader<T> reader;
      Index offset;
    };
    std::vector<Slot> readers;
    Index size = 0;
    for (int s = 0, k = 0; s < slots; ++s) {
      if (s == out_) continue;
      const Array& a = inputs[k++];
      if (!used[s]) continue;
      readers.push_back(
          {s, SlotReader<T>(a, s >= arrays, s < arrays ? rows_of(s) : 0, samples, channels), size});
      size += readers.back().reader.rows() * w;
    }
    const LaneView<T> target(out.mutable_data<T>(), samples, out_rows, channels);
    const Index lanes = samples * channels, blocks = (lanes + w - 1) / w;
    parallel_for(blocks, std::clamp<Index>(blocks / 64, 1, 16), [&](Index begin, Index end) {
      Scratch<T> memory(size + out_rows * w + kernel->scratch_size());
      std::vector<T*> rows(slots, nullptr);
      for (const Slot& s : readers) rows[s.slot] = memory.data() + s.offset;
      T* result = rows[out_] = memory.data() + size;
      for (Index b = begin; b < end; ++b) {
        for (const Slot& s : readers) s.reader.read(b * w, lanes, b == begin, rows[s.slot]);
        if (b + 1 < end) {
          for (const Slot& s : readers) s.reader.prefetch((b + 1) * w);
          target.prefetch_block((b + 1) * w);
        }
        kernel->run(rows.data(), result + out_rows * w);
        target.store_block(b * w, result);
      }
    });
  });
  return {out};
}

// Not by slot k of this form, which may occur in powers, but of the form that is linearised in it: along what
// fills slot k, which drops out of the new one's inputs where it occurred once.
Array FormDerivative::derivative(int k, const Arrays& full) const {
  const bool array = k < form_.arrays();
  const Array g = run(
      std::make_shared<FormDerivative>(linearise(form_, k), array ? form_.arrays() : form_.slots(), engine_),
      full);
  return array ? g : sum_to(g, full[k].shape());
}

}  // namespace cartan::so3
