// Truncated transforms, an image (all points of one sample and channel) at a time, axis by axis: what is not
// kept along an axis is dropped, or not there yet, before the next one. A transform along an axis is FFTW's,
// or a product with the few rows of the Fourier matrix that are kept, whichever takes less time.
#include "operators/spectral.hpp"

#include <cmath>
#include <map>
#include <mutex>

#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "core/fft.hpp"
#include "core/gemm.hpp"
#include "core/workspace.hpp"

namespace cartan::operators {
namespace {

/// The real transform of rows as a matrix (n, 2 k), re and im of each kept bin side by side; or back, (2 k,
/// n).
template <class T>
using Matrix = std::shared_ptr<const std::vector<T>>;

template <class T>
Matrix<T> real_matrix(Index n, const std::vector<std::int32_t>& bins, const std::vector<double>& weights,
                      bool back) {
  using Key = std::pair<std::vector<std::int32_t>, std::vector<double>>;
  static std::mutex& mutex = *new std::mutex;
  static auto& tables = *new std::map<std::pair<Index, Key>, Matrix<T>>;
  const std::pair<Index, Key> key{back ? -n : n, {bins, weights}};
  const std::lock_guard lock(mutex);
  if (const auto it = tables.find(key); it != tables.end()) return it->second;
  const Index k = static_cast<Index>(bins.size());
  auto out = std::make_shared<std::vector<T>>(static_cast<std::size_t>(2 * n * k));
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i < k; ++i) {
      const double angle = 2 * M_PI * static_cast<double>(j * bins[i] % n) / static_cast<double>(n);
      const T re = static_cast<T>(weights[i] * std::cos(angle)),
              im = static_cast<T>(-weights[i] * std::sin(angle));
      (*out)[back ? 2 * i * n + j : j * 2 * k + 2 * i] = re;
      (*out)[back ? (2 * i + 1) * n + j : j * 2 * k + 2 * i + 1] = im;
    }
  if (tables.size() > 256) tables.clear();
  return tables.emplace(key, out).first->second;
}

// Nanoseconds by rule: FFTW about 3 to 4 flops a nanosecond for rows, products of these sizes about 60.
bool matrix_is_faster(Index n, Index k) {
  const double size = static_cast<double>(n);
  return 4 * size * static_cast<double>(k) / 60 < 2.5 * size * std::log2(std::max(2.0, size)) / 4;
}

/// How one image is transformed; shared by all.
template <class T>
struct Passes {
  using C = std::complex<T>;

  const KeptModes& kept;
  std::vector<double> weights;  // of the last axis
  Index rows = 1, n, half, k;   // of the last axis: rows, points, bins of a transform, kept ones
  bool by_matrix;
  Matrix<T> matrix;
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
    for (std::size_t i = 0; i < kept.bins.back().size(); ++i) {
      double w = factor * half_weight(kept, mode, once, i);
      if (back && kept.real && !matrix_is_faster(n, k)) {  // FFTW's real transform counts inner bins twice
        const Index bin = kept.bins.back()[i];
        if (bin != 0 && 2 * bin != n) w /= 2;
      }
      weights.push_back(w);
    }
    by_matrix = kept.real && matrix_is_faster(n, k);
    block = std::min<Index>(rows, std::max<Index>(1, 4096 / n));
    if (by_matrix) {
      matrix = real_matrix<T>(n, kept.bins.back(), weights, back);
    } else {
      const auto plan = [&](Index count) {
        if (kept.real)
          return fft_plan<T>(back ? FftKind::real_backward : FftKind::real_forward, {{n, 1, 1}},
                             {{count, back ? half : n, back ? n : half}}, false, false);
        return fft_plan<T>(back ? FftKind::backward : FftKind::forward, {{n, 1, 1}}, {{count, n, n}}, false,
                           false);
      };
      row_plan = plan(block);
      last_plan = rows % block == 0 ? row_plan : plan(rows % block);
    }
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
    if (by_matrix) {
      if constexpr (std::is_same_v<Field, T>)
        gemm_serial<T>(rows, 2 * k, n, {x, n}, {matrix->data(), 2 * k}, reinterpret_cast<T*>(to), 2 * k);
    } else {
      const auto& bins = kept.bins.back();
      for (Index begin = 0; begin < rows; begin += block) {
        const Index count = std::min(block, rows - begin);
        (count == block ? *row_plan : *last_plan)(x + begin * n, row);
        for (Index r = 0; r < count; ++r)
          for (Index i = 0; i < k; ++i)
            to[(begin + r) * k + i] = static_cast<T>(weights[i]) * row[r * half + bins[i]];
      }
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
    if (by_matrix) {
      if constexpr (std::is_same_v<Field, T>)
        gemm_serial<T>(rows, n, 2 * k, {reinterpret_cast<const T*>(from), 2 * k}, {matrix->data(), n}, x, n);
      return;
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

// Of one axis by a matrix: all images are rows of one product.
template <class T, class Field>
bool all_rows(const Passes<T>& p, Index images, const Field* x, std::complex<T>* modes, bool back) {
  if (!p.by_matrix || !p.axes.empty()) return false;
  if constexpr (std::is_same_v<Field, T>) {
    const Index block = std::max<Index>(8, 65536 / p.n / 8 * 8);
    parallel_for(images, block, [&](Index begin, Index end) {
      T* y = reinterpret_cast<T*>(modes) + begin * 2 * p.k;
      if (back)
        gemm_serial<T>(end - begin, p.n, 2 * p.k, {y, 2 * p.k}, {p.matrix->data(), p.n},
                       const_cast<T*>(x) + begin * p.n, p.n);
      else
        gemm_serial<T>(end - begin, 2 * p.k, p.n, {x + begin * p.n, p.n}, {p.matrix->data(), 2 * p.k}, y,
                       2 * p.k);
    });
    return true;
  }
  return false;
}

template <class T, class Field>
void all_images(const Passes<T>& passes, Index images, Index work, auto&& body) {
  using C = std::complex<T>;
  const Index grain = std::max<Index>(1, 16384 / std::max<Index>(1, work));
  parallel_for(images, grain, [&](Index begin, Index end) {
    Scratch<C> a(passes.scratch), b(passes.scratch), row(passes.by_matrix ? 0 : passes.block * passes.half);
    for (Index i = begin; i < end; ++i) body(i, a.data(), b.data(), row.data());
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
    const Passes<T> passes(kept_, half_, once_, factor_, false);
    const Field* from = x.data<Field>();
    C* to = out.mutable_data<C>();
    if (all_rows<T, Field>(passes, images, from, to, false)) return;
    all_images<T, Field>(passes, images, points, [&](Index i, C* a, C* b, C* row) {
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
    const Passes<T> passes(kept_, half_, once_, factor_, true);
    const C* from = y.data<C>();
    const auto run = [&](auto* to) {
      if (all_rows<T, std::remove_pointer_t<decltype(to)>>(passes, images, to, const_cast<C*>(from), true))
        return;
      all_images<T, C>(passes, images, points, [&](Index i, C* a, C* b, C* row) {
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
