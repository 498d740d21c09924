// Truncated transforms, an image (all points of one sample and channel) at a time, axis by axis: what is not
// kept along an axis is dropped, or not there yet, before the next one. Transforms are FFTW's, or of real
// fields products with the few rows of the Fourier matrices that are kept (RealSeries), whichever takes less
// time.
#include "operators/spectral.hpp"

#include <type_traits>

#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "core/fft.hpp"
#include "core/workspace.hpp"
#include "operators/cpu/real_series.hpp"

namespace cartan::operators {
namespace {

// Of the indices of the last axis.
std::vector<double> weights_of(const KeptModes& kept, Half half, Index once, double factor) {
  std::vector<double> out;
  for (std::size_t i = 0; i < kept.bins.back().size(); ++i)
    out.push_back(factor * half_weight(kept, half, once, i));
  return out;
}

/// How one image is transformed; shared by all.
template <class T>
struct Passes {
  using C = std::complex<T>;

  const KeptModes& kept;
  std::vector<double> weights;  // of the last axis
  Index rows = 1, n, half, k;   // of the last axis: rows, points, bins of a transform, kept ones
  std::shared_ptr<const FftPlan<T>> row_plan, last_plan;
  Index block;  // rows a call
  struct Axis {
    Index left, n, right, k;
    std::shared_ptr<const FftPlan<T>> plan;
  };
  std::vector<Axis> axes;  // the others, last first
  Index scratch = 0;       // largest intermediate, complex numbers

  Passes(const KeptModes& modes, Half mode, Index once, double factor, bool back) : kept(modes) {
    const std::size_t d = kept.grid.size();
    for (std::size_t a = 0; a + 1 < d; ++a) rows *= kept.grid[a];
    n = kept.grid.back();
    half = kept.real ? n / 2 + 1 : n;
    k = static_cast<Index>(kept.bins.back().size());
    weights = weights_of(kept, mode, once, factor);
    if (back && kept.real)  // FFTW's real transform counts inner bins twice
      for (std::size_t i = 0; i < weights.size(); ++i)
        if (const Index bin = kept.bins.back()[i]; bin != 0 && 2 * bin != n) weights[i] /= 2;
    block = std::min<Index>(rows, std::max<Index>(1, 4096 / n));
    const auto plan = [&](Index count) {
      if (kept.real)
        return fft_plan<T>(back ? FftKind::real_backward : FftKind::real_forward, {{n, 1, 1}},
                           {{count, back ? half : n, back ? n : half}}, false, false);
      return fft_plan<T>(back ? FftKind::backward : FftKind::forward, {{n, 1, 1}}, {{count, n, n}}, false,
                         false);
    };
    row_plan = plan(block);
    last_plan = rows % block == 0 ? row_plan : plan(rows % block);
    Index left = rows, right = k;
    for (std::size_t a = d - 1; a-- > 0;) {
      const Index extent = kept.grid[a], count = static_cast<Index>(kept.bins[a].size());
      left /= extent;
      scratch = std::max(scratch, left * extent * right);
      axes.push_back({left, extent, right, count,
                      fft_plan<T>(back ? FftKind::backward : FftKind::forward, {{extent, right, right}},
                                  {{left, extent * right, extent * right}, {right, 1, 1}}, true, true)});
      right *= count;
    }
    scratch = std::max(scratch, left * right);
  }

  const std::vector<std::int32_t>& bins_of(std::size_t pass) const {
    return kept.bins[axes.size() - 1 - pass];
  }

  template <class Field>
  void forward(const Field* x, C* out, C* a, C* b, C* row) const {
    C* to = axes.empty() ? out : a;
    const auto& bins = kept.bins.back();
    for (Index begin = 0; begin < rows; begin += block) {
      const Index count = std::min(block, rows - begin);
      (count == block ? *row_plan : *last_plan)(x + begin * n, row);
      for (Index r = 0; r < count; ++r)
        for (Index i = 0; i < k; ++i)
          to[(begin + r) * k + i] = static_cast<T>(weights[i]) * row[r * half + bins[i]];
    }
    for (std::size_t p = 0; p < axes.size(); ++p) {
      const Axis& axis = axes[p];
      (*axis.plan)(to, to);
      C* next = p + 1 == axes.size() ? out : to == a ? b : a;
      for (Index l = 0; l < axis.left; ++l)
        for (Index i = 0; i < axis.k; ++i)
          std::copy_n(to + (l * axis.n + bins_of(p)[i]) * axis.right, axis.right,
                      next + (l * axis.k + i) * axis.right);
      to = next;
    }
  }

  template <class Field>
  void backward(const C* in, Field* x, C* a, C* b, C* row) const {
    const C* from = in;
    for (std::size_t p = axes.size(); p-- > 0;) {
      const Axis& axis = axes[p];
      C* next = from == a ? b : a;
      std::fill_n(next, axis.left * axis.n * axis.right, C(0));
      for (Index l = 0; l < axis.left; ++l)
        for (Index i = 0; i < axis.k; ++i)
          std::copy_n(from + (l * axis.k + i) * axis.right, axis.right,
                      next + (l * axis.n + bins_of(p)[i]) * axis.right);
      (*axis.plan)(next, next);
      from = next;
    }
    const auto& bins = kept.bins.back();
    for (Index begin = 0; begin < rows; begin += block) {
      const Index count = std::min(block, rows - begin);
      std::fill_n(row, count * half, C(0));
      for (Index r = 0; r < count; ++r)
        for (Index i = 0; i < k; ++i)
          row[r * half + bins[i]] = static_cast<T>(weights[i]) * from[(begin + r) * k + i];
      (count == block ? *row_plan : *last_plan)(row, x + begin * n);
    }
  }
};

template <class T>
void all_images(const Passes<T>& passes, Index images, Index work, auto&& body) {
  using C = std::complex<T>;
  const Index grain = std::max<Index>(1, 16384 / std::max<Index>(1, work));
  parallel_for(images, grain, [&](Index begin, Index end) {
    Scratch<C> a(passes.scratch), b(passes.scratch), row(passes.block * passes.half);
    for (Index i = begin; i < end; ++i) body(i, a.data(), b.data(), row.data());
  });
}

// body(first, count, memory) for groups of images.
template <class T>
void all_groups(const RealSeries<T>& series, Index images, auto&& body) {
  const Index group = series.together(), groups = (images + group - 1) / group;
  const Index grain = std::max<Index>(1, 16384 / (group * series.points()));
  parallel_for(groups, grain, [&](Index begin, Index end) {
    typename RealSeries<T>::Memory memory(series);
    for (Index g = begin; g < end; ++g) body(g * group, std::min(group, images - g * group), memory);
  });
}

}  // namespace

Arrays FieldToSpectrum::eval_cpu(const Arrays& in) const {
  const Array& x = in[0];
  Shape shape = kept_.extents();
  const Index points = size_of(kept_.grid), modes = size_of(shape), images = x.dim(0) * x.dim(1);
  shape.insert(shape.begin(), {x.dim(0), x.dim(1)});
  const bool single = x.dtype() == DType::f32 || x.dtype() == DType::c64;
  Array out = Array::uninitialized(shape, single ? DType::c64 : DType::c128);
  dispatch_field(name(), x.dtype(), [&]<class Field>(Field) {
    using T = typename decltype([] {
      if constexpr (is_complex_v<Field>)
        return std::type_identity<typename Field::value_type>{};
      else
        return std::type_identity<Field>{};
    }())::type;
    using C = std::complex<T>;
    const Field* from = x.data<Field>();
    C* to = out.mutable_data<C>();
    if constexpr (std::is_same_v<Field, T>)
      if (RealSeries<T>::is_faster(kept_)) {
        const RealSeries<T> series(kept_, weights_of(kept_, half_, once_, factor_));
        return all_groups(series, images, [&](Index first, Index count, auto& memory) {
          series.forward(from + first * points, to + first * modes, count, memory);
        });
      }
    const Passes<T> passes(kept_, half_, once_, factor_, false);
    all_images(passes, images, points, [&](Index i, C* a, C* b, C* row) {
      passes.forward(from + i * points, to + i * modes, a, b, row);
    });
  });
  return {out};
}

Arrays SpectrumToField::eval_cpu(const Arrays& in) const {
  const Array& y = in[0];
  Shape shape = kept_.grid;
  const Index points = size_of(shape), modes = size_of(kept_.extents()), images = y.dim(0) * y.dim(1);
  shape.insert(shape.begin(), {y.dim(0), y.dim(1)});
  const bool single = y.dtype() == DType::c64;
  const DType type = kept_.real ? (single ? DType::f32 : DType::f64) : y.dtype();
  Array out = Array::uninitialized(shape, type);
  dispatch_real(name(), single ? DType::f32 : DType::f64, [&]<class T>(T) {
    using C = std::complex<T>;
    const C* from = y.data<C>();
    if (RealSeries<T>::is_faster(kept_)) {
      const RealSeries<T> series(kept_, weights_of(kept_, half_, once_, factor_));
      T* to = out.mutable_data<T>();
      const Index rows = kept_.grid.front();  // the last axis that is done
      const bool past = kept_.grid.size() > 1 && goes_past_caches<T>(images * rows, points / rows);
      return all_groups(series, images, [&](Index first, Index count, auto& memory) {
        series.backward(from + first * modes, to + first * points, count, past, memory);
        if (past) stores_are_done();
      });
    }
    const Passes<T> passes(kept_, half_, once_, factor_, true);
    const auto run = [&](auto* to) {
      all_images(passes, images, points, [&](Index i, C* a, C* b, C* row) {
        passes.backward(from + i * modes, to + i * points, a, b, row);
      });
    };
    if (kept_.real)
      run(out.mutable_data<T>());
    else
      run(out.mutable_data<C>());
  });
  return {out};
}

}  // namespace cartan::operators
