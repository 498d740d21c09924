#include "linalg/project_rows.hpp"

#include <algorithm>
#include <vector>

#include "cartan/core/parallel.hpp"
#include "core/simd.hpp"

namespace cartan::linalg {
namespace {

template <class T>
constexpr Index lanes = register_lanes<T>;

/// y[b, :] = sum_k x[b, k] u[k, :] for B rows and W vectors of columns, in registers. The next B rows are
/// fetched on the way: a row is too short for the hardware to guess.
template <class T, int B, int W>
void forward(const T* x, Index n, const T* u, Index u_stride, T* y, Index y_stride) {
  using V = Register<T>;
  V sum[B][W] = {};
  for (Index start = 0; start < n; start += lanes<T>) {
    for (int b = 0; b < B; ++b) __builtin_prefetch(x + (B + b) * n + start);
    const Index end = std::min(n, start + lanes<T>);
    for (Index k = start; k < end; ++k) {
      V row[W];
      for (int w = 0; w < W; ++w) row[w] = load<V>(u + k * u_stride + w * lanes<T>);
      for (int b = 0; b < B; ++b)
        for (int w = 0; w < W; ++w) sum[b][w] += x[b * n + k] * row[w];
    }
  }
  for (int b = 0; b < B; ++b)
    for (int w = 0; w < W; ++w) store(y + b * y_stride + w * lanes<T>, sum[b][w]);
}

/// Sums of squares of x - y ut and of x for B rows of n elements, ut (r x n) with rows of whole vectors.
template <class T, int B>
Projection backward(const T* x, Index n, Index r, const T* ut, Index ut_stride, const T* y, Index y_stride) {
  using V = Register<T>;
  V residual{}, square{};
  auto strip = [&](const T* from, Index x_stride, Index at) {
    V left[B];
    for (int b = 0; b < B; ++b) {
      left[b] = load<V>(from + b * x_stride);
      square += left[b] * left[b];
    }
    for (Index c = 0; c < r; ++c) {
      const V row = load<V>(ut + c * ut_stride + at);
      for (int b = 0; b < B; ++b) left[b] -= y[b * y_stride + c] * row;
    }
    for (int b = 0; b < B; ++b) residual += left[b] * left[b];
  };
  Index k = 0;
  for (; k + lanes<T> <= n; k += lanes<T>) strip(x + k, n, k);
  if (k < n) {
    T rest[B * lanes<T>] = {};
    for (int b = 0; b < B; ++b) std::copy(x + b * n + k, x + (b + 1) * n, rest + b * lanes<T>);
    strip(rest, lanes<T>, k);
  }
  auto sum = [](const V& v) {  // of few numbers each lane; the rest in float64
    double s = 0;
    for (int l = 0; l < lanes<T>; ++l) s += static_cast<double>(v[l]);
    return s;
  };
  return {sum(residual), sum(square)};
}

/// Sum of squares of y and of x, for the norm difference.
template <class T, int B>
Projection squares(const T* x, Index n, Index r, const T* y, Index y_stride) {
  using V = Register<T>;
  V square[4] = {};
  Index k = 0;
  for (; k + 4 * lanes<T> <= B * n; k += 4 * lanes<T>)
    for (int j = 0; j < 4; ++j) {
      const V v = load<V>(x + k + j * lanes<T>);
      square[j] += v * v;
    }
  Projection p;
  for (int j = 0; j < 4; ++j)
    for (int l = 0; l < lanes<T>; ++l) p.square += static_cast<double>(square[j][l]);
  for (; k < B * n; ++k) p.square += static_cast<double>(x[k]) * static_cast<double>(x[k]);
  double kept = 0;
  for (int b = 0; b < B; ++b)
    for (Index c = 0; c < r; ++c) {
      const double e = static_cast<double>(y[b * y_stride + c]);
      kept += e * e;
    }
  p.residual = p.square - kept;
  return p;
}

struct Bases {
  Index n, r, padded, across_stride;
};

template <class T, int B>
Projection group(const T* x, const Bases& s, const T* u, const T* across, Residual how, T* y) {
  constexpr Index L = lanes<T>;
  Index c = 0;
  for (; c + 2 * L <= s.padded; c += 2 * L) forward<T, B, 2>(x, s.n, u + c, s.padded, y + c, s.padded);
  if (c < s.padded) forward<T, B, 1>(x, s.n, u + c, s.padded, y + c, s.padded);
  if (how == Residual::none) return {};
  if (how == Residual::by_norms) return squares<T, B>(x, s.n, s.r, y, s.padded);
  return backward<T, B>(x, s.n, s.r, across, s.across_stride, y, s.padded);
}

}  // namespace

template <class T>
Projection project_rows(const T* x, Index rows, const Matrix& u, T* y, Residual how) {
  if (sizeof(T) == 4 && how == Residual::by_norms) how = Residual::formed;
  constexpr Index L = lanes<T>;
  constexpr int B = register_count >= 32 ? 12 : 6;  // two sums a row
  const Index n = u.rows, r = u.cols;
  const Bases s{n, r, (r + L - 1) / L * L, (n + L - 1) / L * L};
  std::vector<T> basis(static_cast<std::size_t>(n * s.padded)),
      across(static_cast<std::size_t>(r * s.across_stride));
  for (Index k = 0; k < n; ++k)
    for (Index c = 0; c < r; ++c) {
      const T e = static_cast<T>(u(k, c));
      basis[static_cast<std::size_t>(k * s.padded + c)] = e;
      across[static_cast<std::size_t>(c * s.across_stride + k)] = e;
    }
  constexpr Index block = B * 64;
  const std::size_t blocks = static_cast<std::size_t>((rows + block - 1) / block);
  std::vector<double> residual(blocks), square(blocks);
  parallel_for(rows, block, [&](Index begin, Index end) {
    std::vector<T> out(static_cast<std::size_t>(B * s.padded));
    const std::size_t at = static_cast<std::size_t>(begin / block);
    for (Index i = begin; i < end;) {
      const bool whole = i + B <= end;
      const auto one_group = whole ? group<T, B> : group<T, 1>;
      const Projection p = one_group(x + i * n, s, basis.data(), across.data(), how, out.data());
      residual[at] += p.residual;
      square[at] += p.square;
      const Index count = whole ? B : 1;
      for (Index b = 0; b < count; ++b) std::copy_n(out.data() + b * s.padded, r, y + (i + b) * r);
      i += count;
    }
  });
  const Projection sum{deterministic_sum(residual.data(), static_cast<Index>(blocks)),
                       deterministic_sum(square.data(), static_cast<Index>(blocks))};
  if (how == Residual::by_norms && !(sum.residual > least_difference * sum.square))
    return project_rows(x, rows, u, y, Residual::formed);
  return sum;
}

template Projection project_rows(const float*, Index, const Matrix&, float*, Residual);
template Projection project_rows(const double*, Index, const Matrix&, double*, Residual);

}  // namespace cartan::linalg
