#include "so3/gaunt/fourier_transform.hpp"

#include <cmath>
#include <numbers>

#include "core/fft.hpp"
#include "so3/gaunt/cache.hpp"

namespace cartan::so3 {
namespace {

// p_lm as a series of cos(u theta) (m even) or sin(u theta) (m odd), u = l mod 2: (l, m, u), from its values
// at as many angles as determine it.
class ThetaSeries {
 public:
  explicit ThetaSeries(int lmax) : d_(lmax + 1), series_(Index{d_} * d_ * d_, 0.0L) {
    const int n = lmax + 2;
    for (int j = 0; j < n; ++j) {
      const long double angle = std::numbers::pi_v<long double> * (2 * j + 1) / (2 * n);
      const auto p = legendre(lmax, std::cos(angle), std::sin(angle));
      for (int u = 0; u <= lmax; ++u) {
        const long double weight = (u == 0 ? 1.0L : 2.0L) / n;
        const long double wave[2] = {std::cos(u * angle) * weight, std::sin(u * angle) * weight};
        for (int l = u; l <= lmax; l += 2)
          for (int m = 0; m <= l; ++m)
            series_[index(l, m, u)] += wave[m % 2] * p[legendre_index(l, m)] * (m > 0 ? std::sqrt(2.0L) : 1);
      }
    }
  }
  long double operator()(int l, int m, int u) const { return series_[index(l, m, u)]; }

 private:
  std::size_t index(int l, int m, int u) const { return ((Index{l} * d_ + m) * d_ + u); }
  int d_;
  std::vector<long double> series_;
};

// Integral of sin(theta) cos(k theta) over [0, pi].
long double sine_integral(int k) {
  return k % 2 != 0 ? 0 : 2.0L / (1 - static_cast<long double>(k) * k);
}

// Least number >= n whose prime factors are 2, 3, 5.
int smooth(int n) {
  for (;; ++n) {
    int rest = n;
    for (int p : {2, 3, 5})
      while (rest % p == 0) rest /= p;
    if (rest == 1) return n;
  }
}

// Column of m among the even and then the odd ones, each from -l up.
int even_orders(int l) {
  return 2 * (l / 2) + 1;
}
int column_of(int l, int m) {
  return m % 2 == 0 ? (m + l / 2 * 2) / 2 : even_orders(l) + (m + (l + 1) / 2 * 2 - 1) / 2;
}

}  // namespace

std::shared_ptr<const LinearRows> fourier_of_harmonics(int l) {
  static auto& cache = *new SharedCache<int, LinearRows>;
  return cache.get(l, [&] {
    const ThetaSeries series(l);
    std::vector<LinearRows::Entry> entries;
    for (int k = 0; k <= l; ++k)
      for (int m = -k; m <= k; ++m)
        for (int u = k % 2; u <= k; u += 2)
          if (m % 2 == 0 || u > 0)
            entries.push_back(
                {fourier_row(l, l, m, u), k * k + k + m, static_cast<double>(series(k, std::abs(m), u))});
    return std::make_shared<LinearRows>((2 * l + 1) * (l + 1), (l + 1) * (l + 1), std::move(entries));
  });
}

std::shared_ptr<const LinearRows> harmonics_of_fourier(int l, int m_max, int u_max) {
  static auto& cache = *new SharedCache<std::tuple<int, int, int>, LinearRows>;
  return cache.get({l, m_max, u_max}, [&] {
    const ThetaSeries series(l);
    std::vector<LinearRows::Entry> entries;
    for (int k = 0; k <= l; ++k)
      for (int m = 0; m <= std::min(k, m_max); ++m)
        for (int u = k % 2; u <= u_max; u += 2) {
          if (m % 2 != 0 && u == 0) continue;
          // mean over the sphere: half the integral of sin(theta), times the mean of cos^2(m phi)
          long double value = 0;
          for (int v = k % 2; v <= k; v += 2) {
            const long double sum = sine_integral(u + v), difference = sine_integral(u - v);
            value += series(k, m, v) * (m % 2 == 0 ? difference + sum : difference - sum) / 2;
          }
          value *= m == 0 ? 0.5L : 0.25L;
          entries.push_back({k * k + k + m, fourier_row(m_max, u_max, m, u), static_cast<double>(value)});
          if (m > 0)
            entries.push_back({k * k + k - m, fourier_row(m_max, u_max, -m, u), static_cast<double>(value)});
        }
    return std::make_shared<LinearRows>((l + 1) * (l + 1), (2 * m_max + 1) * (u_max + 1), std::move(entries));
  });
}

template <class T>
struct FourierTransform<T>::Plans {
  using Plan = std::shared_ptr<const FftPlan<T>>;
  struct Theta {
    Plan even_values, odd_values, even_project, odd_project;
  };
  std::vector<Theta> theta;  // by degree
  Plan phi_values, phi_project;

  Plans(int n_theta, int n_phi, int lmax) {
    for (int l = 0; l <= lmax; ++l) {
      const Index even = even_orders(l), odd = 2 * l + 1 - even, stride = (2 * l + 1) * w;
      const auto plan = [&](FftKind kind, Index columns) {
        return fft_plan<T>(kind, {{n_theta, stride, stride}}, {{columns * w, 1, 1}}, true, true);
      };
      Theta t{plan(FftKind::dct3, even), {}, plan(FftKind::dct2, even), {}};
      if (odd > 0) t.odd_values = plan(FftKind::dst3, odd), t.odd_project = plan(FftKind::dst2, odd);
      theta.push_back(t);
    }
    phi_values = fft_plan<T>(FftKind::from_halfcomplex, {{n_phi, w, w}}, {{w, 1, 1}}, false, true);
    phi_project = fft_plan<T>(FftKind::halfcomplex, {{n_phi, w, w}}, {{w, 1, 1}}, false, true);
  }
};

template <class T>
FourierTransform<T>::FourierTransform(int u_max, int n_phi, int lmax)
    : u_max_(u_max), n_theta_(smooth(u_max + 1)), n_phi_(smooth(n_phi)), lmax_(lmax) {
  plans_ = std::make_unique<Plans>(n_theta_, n_phi_, lmax);
  for (int l = 0; l <= lmax; ++l) {
    to_.push_back(fourier_of_harmonics(l));
    from_.push_back(harmonics_of_fourier(l, l, u_max));
  }
}
template <class T>
FourierTransform<T>::~FourierTransform() = default;

template <class T>
Index FourierTransform<T>::work_size() const {
  return std::max<Index>((2 * lmax_ + 1) * (std::max(lmax_, u_max_) + 1), n_phi_) * w;
}

template <class T>
void FourierTransform<T>::series_values(int l, int u_max, const T* series, T* f) const {
  const Index stride = row_size(l);
  std::fill(f, f + n_theta_ * stride, T(0));
  // FFTW's transforms double all but the constant; sines begin at u = 1
  for (int m = -l; m <= l; ++m)
    for (int u = std::abs(m % 2); u <= u_max; ++u) {
      const T* in = series + fourier_row(l, u_max, m, u) * w;
      T* out = f + (u - std::abs(m % 2)) * stride + column_of(l, m) * w;
      const T factor = u == 0 ? T(1) : T(0.5);
      for (Index k = 0; k < w; ++k) out[k] = in[k] * factor;
    }
  const auto& plans = plans_->theta[l];
  (*plans.even_values)(f, f);
  T* odd = f + even_orders(l) * w;
  if (plans.odd_values) (*plans.odd_values)(odd, odd);
}

template <class T>
void FourierTransform<T>::series_project(int l, int u_max, T* g, T* series) const {
  const Index stride = row_size(l);
  const auto& plans = plans_->theta[l];
  (*plans.even_project)(g, g);
  T* odd = g + even_orders(l) * w;
  if (plans.odd_project) (*plans.odd_project)(odd, odd);
  for (int m = -l; m <= l; ++m)
    for (int u = 0; u <= u_max; ++u) {
      T* out = series + fourier_row(l, u_max, m, u) * w;
      if (m % 2 != 0 && u == 0) {
        std::fill(out, out + w, T(0));
        continue;
      }
      const T* in = g + (u - std::abs(m % 2)) * stride + column_of(l, m) * w;
      const T factor = T(1) / static_cast<T>(u == 0 ? 2 * n_theta_ : n_theta_);
      for (Index k = 0; k < w; ++k) out[k] = in[k] * factor;
    }
}

template <class T>
void FourierTransform<T>::theta_values(int l, Derivative, const T* x, T* work, T* f) const {
  to_[l]->run(x, work);
  series_values(l, l, work, f);
}

template <class T>
void FourierTransform<T>::theta_project(int l, T* g, T* work, T* z) const {
  series_project(l, u_max_, g, work);
  from_[l]->run(work, z);
}

template <class T>
void FourierTransform<T>::phi_values(int l, const T* f, T* work, T* values) const {
  std::fill(work, work + n_phi_ * w, T(0));
  for (int m = -l; m <= l; ++m) {
    const T* in = f + column_of(l, m) * w;
    T* out = work + (m >= 0 ? m : n_phi_ + m) * w;
    const T factor = m == 0 ? T(1) : m > 0 ? T(0.5) : T(-0.5);
    for (Index k = 0; k < w; ++k) out[k] = in[k] * factor;
  }
  (*plans_->phi_values)(work, values);
}

template <class T>
void FourierTransform<T>::phi_project(int l, T* values, T* work, T* g) const {
  (*plans_->phi_project)(values, work);
  for (int m = -l; m <= l; ++m) {
    const T* in = work + (m >= 0 ? m : n_phi_ + m) * w;
    T* out = g + column_of(l, m) * w;
    const T factor = static_cast<T>((m == 0 ? 1.0 : m > 0 ? 2.0 : -2.0) / n_phi_);
    for (Index k = 0; k < w; ++k) out[k] = in[k] * factor;
  }
}

template class FourierTransform<float>;
template class FourierTransform<double>;

template <class T>
std::shared_ptr<const FourierTransform<T>> fourier_transform(int u_max, int n_phi, int lmax) {
  static auto& cache = *new SharedCache<std::tuple<int, int, int>, FourierTransform<T>>;
  return cache.get({u_max, n_phi, lmax},
                   [&] { return std::make_shared<FourierTransform<T>>(u_max, n_phi, lmax); });
}
template std::shared_ptr<const FourierTransform<float>> fourier_transform<float>(int, int, int);
template std::shared_ptr<const FourierTransform<double>> fourier_transform<double>(int, int, int);

}  // namespace cartan::so3
