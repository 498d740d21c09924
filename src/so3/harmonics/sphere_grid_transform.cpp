#include "so3/harmonics/sphere_grid_transform.hpp"

#include <cmath>
#include <numbers>

#include "cartan/so3/tables.hpp"
#include "so3/gaunt/cache.hpp"

namespace cartan::so3 {
namespace {

// Place of cos(m phi) (m >= 0) or sin(|m| phi) (m < 0) among the slots of degree lmax: cosines of even m, of
// odd m, sines of even m, of odd m.
int slot_of(int lmax, int m) {
  const int even = lmax / 2 + 1, odd = (lmax + 1) / 2;
  if (m >= 0) return m % 2 == 0 ? m / 2 : even + m / 2;
  return -m % 2 == 0 ? even + odd - m / 2 - 1 : 2 * even + odd - 1 - m / 2;
}
Index count(int l, int group) {
  return group == 0 ? l / 2 + 1 : group == 2 ? l / 2 : (l + 1) / 2;
}

// Number of degrees l = m + parity, m + parity + 2, ... up to lmax.
Index terms(int lmax, int m, int parity) {
  return (lmax - m - parity + 2) / 2;
}

template <class T>
T axial_scale(Index l) {
  return static_cast<T>(std::sqrt(static_cast<double>(2 * l + 1)));
}
}  // namespace

template <class T>
GridTransform<T>::GridTransform(int n_theta, int n_phi, int lmax, bool derivatives)
    : lmax_(lmax), pairs_((n_theta + 1) / 2), quarter_((n_phi + 3) / 4) {
  for (int g = 0; g < 4; ++g) {
    const Index n = count(lmax, g);
    phi_[g].resize(quarter_ * n);
    phi_adjoint_[g].resize(quarter_ * n);
    for (int j = 0; j < quarter_; ++j)
      for (Index k = 0; k < n; ++k) {
        const Index m = 2 * k + (g == 2 ? 2 : g % 2);
        const long double angle =
            std::numbers::pi_v<long double> * static_cast<long double>(m * (2 * j + 1)) / n_phi;
        long double value = g < 2 ? std::cos(angle) : std::sin(angle);
        const bool own_image = n_phi % 4 == 2 && j == quarter_ - 1;  // phi = pi/2
        if (own_image && (g == 1 || g == 2)) value = 0;
        phi_[g][j * n + k] = static_cast<T>(value);
        phi_adjoint_[g][k * quarter_ + j] = static_cast<T>(value * (own_image ? 0.5L : 1) / n_phi);
      }
  }
  const Quadrature& q = gauss_legendre(n_theta);
  for (int d = 0; d < (derivatives ? 3 : 1); ++d) {
    for (int parity = 0; parity < 2; ++parity)
      for (int m = 0; m <= lmax; ++m) theta_[d][parity].emplace_back(pairs_ * terms(lmax, m, parity));
    for (int i = 0; i < pairs_; ++i) {
      const long double c = q.nodes[i], s = std::sqrt((1 - c) * (1 + c));
      const auto p = legendre(lmax, c, s, static_cast<Derivative>(d));
      // the mean over the sphere: half the weight, and half of that again where a row is its own image
      const long double weight = q.weights[i] / (n_theta % 2 != 0 && i == pairs_ - 1 ? 4 : 2);
      for (int parity = 0; parity < 2; ++parity)
        for (int m = 0; m <= lmax; ++m) {
          const Index count = terms(lmax, m, parity);
          if (d == 0 && i == 0) theta_adjoint_[parity].emplace_back(pairs_ * count);
          for (Index k = 0; k < count; ++k) {
            const long double value =
                p[legendre_index(m + parity + 2 * static_cast<int>(k), m)] * (m > 0 ? std::sqrt(2.0L) : 1);
            theta_[d][parity][m][i * count + k] = static_cast<T>(value);
            if (d == 0) theta_adjoint_[parity][m][k * pairs_ + i] = static_cast<T>(value * weight);
          }
        }
    }
  }
}

template <class T>
void GridTransform<T>::theta_values(int l, Derivative derivative, const T* x, T* work, T* f) const {
  using V = Register<T>;
  constexpr Index n = vector_width<T>;
  for (int m = 0; m <= l; ++m) {
    const bool azimuthal = derivative == Derivative::azimuthal;
    if (m == 0 && azimuthal) {
      for (int i = 0; i < pairs_; ++i) std::fill_n(f + i * row_size(l) + slot_of(l, 0) * 2 * w, 2 * w, T(0));
      continue;
    }
    // l - m even, then odd; m and -m side by side
    const Index even = terms(l, m, 0), odd = terms(l, m, 1);
    T* row = work;
    for (int parity = 0; parity < 2; ++parity)
      for (int k = m + parity; k <= l; k += 2) {
        std::memcpy(row, x + (k * k + k + m) * w, w * sizeof(T));
        if (m > 0) std::memcpy(row + w, x + (k * k + k - m) * w, w * sizeof(T));
        row += m > 0 ? 2 * w : w;
      }
    // the derivative by theta changes the parity under theta -> pi - theta
    const T mirror = derivative == Derivative::polar ? T(-1) : T(1);
    const T* a0 = theta_[static_cast<int>(derivative)][0][m].data();
    const T* a1 = theta_[static_cast<int>(derivative)][1][m].data();
    const Index lda0 = terms(lmax_, m, 0), lda1 = terms(lmax_, m, 1);
    // d/dphi turns cos(m phi) into -sin and sin into cos
    const Index plus = slot_of(l, azimuthal ? -m : m) * 2 * w, minus = slot_of(l, azimuthal ? m : -m) * 2 * w;
    const T sign = azimuthal ? T(-1) : T(1);
    const auto tile = [&]<int M, int N>(Index i) {
      V e[M][N] = {}, o[M][N] = {};
      const T* b[N];
      for (int v = 0; v < N; ++v) b[v] = work + v * n;
      multiply_tile<T, M, N>(a0 + i * lda0, lda0, even, b, N * n, e);
      for (int v = 0; v < N; ++v) b[v] += even * N * n;
      multiply_tile<T, M, N>(a1 + i * lda1, lda1, odd, b, N * n, o);
      for (int r = 0; r < M; ++r) {
        T* out = f + (i + r) * row_size(l);
        for (int v = 0; v < 2; ++v) {
          store(out + plus + v * n, V((e[r][v] + o[r][v]) * sign));
          store(out + plus + w + v * n, V((e[r][v] - o[r][v]) * (mirror * sign)));
          if constexpr (N == 4) {
            store(out + minus + v * n, V(e[r][v + 2] + o[r][v + 2]));
            store(out + minus + w + v * n, V((e[r][v + 2] - o[r][v + 2]) * mirror));
          }
        }
      }
    };
    Index i = 0;
    if (m == 0) {
      for (; i + 4 <= pairs_; i += 4) tile.template operator()<4, 2>(i);
      for (; i < pairs_; ++i) tile.template operator()<1, 2>(i);
    } else {
      for (; i + 2 <= pairs_; i += 2) tile.template operator()<2, 4>(i);
      if (i < pairs_) tile.template operator()<1, 4>(i);
    }
  }
}

template <class T>
void GridTransform<T>::phi_values(int l, const T* f, T*, T* values) const {
  using V = Register<T>;
  constexpr Index n = vector_width<T>, row = 2 * w;
  const Index k0 = count(l, 0), k1 = count(l, 1), k2 = count(l, 2), k3 = count(l, 3);
  const T *f0 = f, *f1 = f0 + k0 * row, *f2 = f1 + k1 * row, *f3 = f2 + k2 * row;
  for (Index j = 0; j < quarter_; ++j) {
    // sums over even and odd m side by side: enough independent chains
    V even[1][4] = {}, odd[1][4] = {};
    const auto sums = [&](int g, const T* a, const T* b, Index ka, Index kb) {
      const T *pa = phi_[g].data() + j * count(lmax_, g), *pb = phi_[g + 1].data() + j * count(lmax_, g + 1);
      const Index both = std::min(ka, kb);
      for (Index k = 0; k < both; ++k)
        for (int v = 0; v < 4; ++v) {
          even[0][v] += load<V>(a + k * row + v * n) * pa[k];
          odd[0][v] += load<V>(b + k * row + v * n) * pb[k];
        }
      for (Index k = both; k < ka; ++k)
        for (int v = 0; v < 4; ++v) even[0][v] += load<V>(a + k * row + v * n) * pa[k];
      for (Index k = both; k < kb; ++k)
        for (int v = 0; v < 4; ++v) odd[0][v] += load<V>(b + k * row + v * n) * pb[k];
    };
    sums(0, f0, f1, k0, k1);
    T* out = values + j * 4 * row;
    V p[4], q[4];
    for (int v = 0; v < 4; ++v) {
      p[v] = even[0][v] + odd[0][v];
      q[v] = even[0][v] - odd[0][v];
      even[0][v] = odd[0][v] = V{};
    }
    sums(2, f2, f3, k2, k3);
    for (int v = 0; v < 4; ++v) {
      const V r = even[0][v] + odd[0][v], s = even[0][v] - odd[0][v];
      store(out + v * n, V(p[v] + r));
      store(out + row + v * n, V(q[v] - s));
      store(out + 2 * row + v * n, V(q[v] + s));
      store(out + 3 * row + v * n, V(p[v] - r));
    }
  }
}

template <class T>
void GridTransform<T>::phi_project(int l, T* values, T*, T* g) const {
  using V = Register<T>;
  constexpr Index n = vector_width<T>, row = 2 * w;
  // the four images become the arguments of the four groups
  for (Index j = 0; j < quarter_; ++j)
    for (int v = 0; v < 4; ++v) {
      T* u = values + j * 4 * row + v * n;
      const V a = load<V>(u), b = load<V>(u + row), c = load<V>(u + 2 * row), d = load<V>(u + 3 * row);
      const V p = a + d, r = a - d, q = c + b, s = c - b;
      store(u, V(p + q));
      store(u + row, V(p - q));
      store(u + 2 * row, V(r + s));
      store(u + 3 * row, V(r - s));
    }
  T* out = g;
  for (int group = 0; group < 4; ++group) {
    const Index rows = count(l, group);
    const T* a = phi_adjoint_[group].data();
    const T* u = values + group * row;
    const T* const b[4] = {u, u + n, u + 2 * n, u + 3 * n};
    const auto tile = [&]<int M>(Index k) {
      V acc[M][4] = {};
      multiply_tile<T, M, 4>(a + k * quarter_, quarter_, quarter_, b, 4 * row, acc);
      for (int r = 0; r < M; ++r)
        for (int v = 0; v < 2; ++v) {
          store(out + (k + r) * row + v * n, V(acc[r][v] + acc[r][v + 2]));
          store(out + (k + r) * row + w + v * n, V(acc[r][v] - acc[r][v + 2]));
        }
    };
    Index k = 0;
    for (; k + 3 <= rows; k += 3) tile.template operator()<3>(k);
    if (rows - k == 2) tile.template operator()<2>(k);
    if (rows - k == 1) tile.template operator()<1>(k);
    out += rows * row;
  }
}

template <class T>
void GridTransform<T>::theta_project(int l, T* g, T*, T* z) const {
  using V = Register<T>;
  constexpr Index n = vector_width<T>;
  const Index row = row_size(l);
  for (int m = 0; m <= l; ++m)
    for (int parity = 0; parity < 2; ++parity) {
      const T* a = theta_adjoint_[parity][m].data();
      const T *plus = g + slot_of(l, m) * 2 * w + parity * w,
              *minus = g + slot_of(l, m > 0 ? -m : 0) * 2 * w + parity * w;
      const Index count = terms(l, m, parity);
      const auto tile = [&]<int M, int N>(Index k) {
        V acc[M][N] = {};
        const T* b[N];
        for (int v = 0; v < N; ++v) b[v] = v < 2 ? plus + v * n : minus + (v - 2) * n;
        multiply_tile<T, M, N>(a + k * pairs_, pairs_, pairs_, b, row, acc);
        for (int r = 0; r < M; ++r) {
          const Index degree = m + parity + 2 * (k + r);
          T* out = z + (degree * degree + degree) * w;
          for (int v = 0; v < N; ++v)
            store(v < 2 ? out + m * w + v * n : out - m * w + (v - 2) * n, acc[r][v]);
        }
      };
      Index k = 0;
      if (m == 0) {
        for (; k + 4 <= count; k += 4) tile.template operator()<4, 2>(k);
        for (; k < count; ++k) tile.template operator()<1, 2>(k);
      } else {
        for (; k + 3 <= count; k += 3) tile.template operator()<3, 4>(k);
        if (count - k == 2) tile.template operator()<2, 4>(k);
        if (count - k == 1) tile.template operator()<1, 4>(k);
      }
    }
}

template <class T>
void GridTransform<T>::axial_values(int l, const T* f, T* h) const {
  for (Index i = 0; i < pairs_; ++i) {
    T *even = h + 2 * i * w, *odd = even + w;
    std::fill_n(even, 2 * w, T(0));
    for (Index j = 0; j <= l; ++j) {
      const T value = axial_scale<T>(j) * theta_[0][j % 2][0][i * terms(lmax_, 0, j % 2) + j / 2];
      T* sum = j % 2 == 0 ? even : odd;
      for (Index k = 0; k < w; ++k) sum[k] += f[j * w + k] * value;
    }
    for (Index k = 0; k < w; ++k) {
      const T north = even[k] + odd[k], south = even[k] - odd[k];
      even[k] = north;
      odd[k] = south;
    }
  }
}

template <class T>
void GridTransform<T>::axial_project(int l, const T* h, T* f) const {
  for (Index j = 0; j <= l; ++j)
    for (Index k = 0; k < w; ++k) {
      T sum = 0;
      for (Index i = 0; i < pairs_; ++i)
        sum += theta_adjoint_[j % 2][0][j / 2 * pairs_ + i] * h[(2 * i + j % 2) * w + k];
      f[j * w + k] = axial_scale<T>(j) * sum;
    }
}

template <class T>
void GridTransform<T>::multiply_axial(int l, const T* f, const T* h, int l_out, T* g) const {
  for (Index i = 0; i < pairs_; ++i)
    for (int m = -l_out; m <= l_out; ++m) {
      T* out = g + i * row_size(l_out) + slot_of(l_out, m) * 2 * w;
      if (std::abs(m) > l) {
        std::fill_n(out, 2 * w, T(0));
        continue;
      }
      const T* in = f + i * row_size(l) + slot_of(l, m) * 2 * w;
      const T mean = m == 0 ? T(1) : T(0.5);  // of cos^2(m phi)
      for (Index k = 0; k < w; ++k) {
        const T north = mean * in[k] * h[2 * i * w + k], south = mean * in[w + k] * h[(2 * i + 1) * w + k];
        out[k] = north + south;
        out[w + k] = north - south;
      }
    }
}

template <class T>
void GridTransform<T>::axial_product(int lf, const T* f, int lg, const T* g, T* h) const {
  const int most = std::min(lf, lg);
  for (Index i = 0; i < pairs_; ++i) {
    T* out = h + 2 * i * w;
    std::fill_n(out, 2 * w, T(0));
    for (int m = -most; m <= most; ++m) {
      const T* a = f + i * row_size(lf) + slot_of(lf, m) * 2 * w;
      const T* b = g + i * row_size(lg) + slot_of(lg, m) * 2 * w;
      const T mean = m == 0 ? T(1) : T(0.5);
      for (Index k = 0; k < 2 * w; ++k) out[k] += mean * a[k] * b[k];
    }
    for (Index k = 0; k < w; ++k) {
      const T north = out[k], south = out[w + k];
      out[k] = north + south;
      out[w + k] = north - south;
    }
  }
}

template class GridTransform<float>;
template class GridTransform<double>;

template <class T>
std::shared_ptr<const GridTransform<T>> grid_transform(int n_theta, int n_phi, int lmax, bool derivatives) {
  static auto& cache = *new SharedCache<std::tuple<int, int, int, bool>, GridTransform<T>>;
  return cache.get({n_theta, n_phi, lmax, derivatives},
                   [&] { return std::make_shared<GridTransform<T>>(n_theta, n_phi, lmax, derivatives); });
}
template std::shared_ptr<const GridTransform<float>> grid_transform<float>(int, int, int, bool);
template std::shared_ptr<const GridTransform<double>> grid_transform<double>(int, int, int, bool);

}  // namespace cartan::so3
