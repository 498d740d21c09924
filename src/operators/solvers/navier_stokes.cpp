#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/operators/solvers.hpp"
#include "core/fft.hpp"
#include "core/workspace.hpp"
#include "operators/solvers/check.hpp"
#include "operators/solvers/etdrk4.hpp"

namespace cartan::operators {

struct VorticitySolver {
  virtual ~VorticitySolver() = default;
  virtual bool advance(double* vorticity, const double* forcing, Index steps) const = 0;
  virtual void velocity(const double* vorticity, double* v1, double* v2) const = 0;
};

namespace {

constexpr double pi = 3.14159265358979323846;

// Series are kept for -cut <= k1 <= cut, 0 <= k2 <= cut, row by row; fields and whole series for transforms
// lie in `plane`, (n, pitch) complex numbers.
template <class T>
class Vorticity final : public VorticitySolver {
 public:
  using Complex = std::complex<T>;

  Vorticity(Index points, double viscosity, double step, NavierStokesScheme scheme, double length)
      : n_(points),
        cut_((points - 1) / 3),
        rows_(2 * cut_ + 1),
        columns_(cut_ + 1),
        pitch_(points + 8),  // rows a power of two apart would share lines of the cache
        scheme_(scheme),
        kappa_scale_(2 * pi / length),
        method_(linear(viscosity, points, length), step) {
    const std::vector<double> l = linear(viscosity, points, length);
    for (Index i = 0; i < rows_; ++i)
      for (Index j = 0; j < columns_; ++j) {
        const double k1 = static_cast<double>(i - cut_), k2 = static_cast<double>(j);
        const double square = k1 * k1 + k2 * k2, inverse = square > 0 ? 1 / (kappa_scale_ * square) : 0;
        velocity_.push_back({static_cast<T>(k1 * inverse), static_cast<T>(k2 * inverse)});
        // (pi/length)^2 i kappa^2, over the points that the transform does not divide by, once for z^2
        const double factor = kappa_scale_ * kappa_scale_ / 4 / static_cast<double>(n_ * n_);
        product_.push_back(
            {static_cast<T>(-2 * k1 * k2 * factor), static_cast<T>((k1 * k1 - k2 * k2) * factor)});
        const double hl = step * l[static_cast<std::size_t>(i * columns_ + j)];
        for (int part = 0; part < 2; ++part) {
          keep_.push_back(static_cast<T>((1 + hl / 2) / (1 - hl / 2)));
          add_.push_back(static_cast<T>(step / (1 - hl / 2)));
        }
      }
    const FftAxis down{n_, pitch_, pitch_}, along{n_, 1, 1};
    for (const bool forward : {false, true}) {
      const FftKind kind = forward ? FftKind::forward : FftKind::backward;
      row_[forward] = fft_plan<T>(kind, {along}, {{n_, pitch_, pitch_}}, true, true);
      first_[forward] = fft_plan<T>(kind, {down}, {{columns_, 1, 1}}, true, false);
      last_[forward] = fft_plan<T>(kind, {down}, {{cut_, 1, 1}}, true, false);
    }
  }

  bool advance(double* vorticity, const double* forcing, Index steps) const override {
    Scratch<Complex> plane(n_ * pitch_), w(modes()), f(modes());
    for (Index i = 0; i < n_; ++i)
      for (Index j = 0; j < n_; ++j)
        plane[i * pitch_ + j] = {static_cast<T>(vorticity[i * n_ + j]),
                                 forcing ? static_cast<T>(forcing[i * n_ + j]) : T(0)};
    forward(plane.data());
    const T half = static_cast<T>(0.5 / static_cast<double>(n_ * n_));
    for_modes([&](Index m, Index here, Index there) {  // two real fields in one transform
      const Complex a = plane[here], b = std::conj(plane[there]), d = a - b;
      w[m] = half * (a + b);
      f[m] = {half * d.imag(), -half * d.real()};
    });
    w[zero()] = f[zero()] = 0;
    if (scheme_ == NavierStokesScheme::etdrk4) {
      Scratch<Complex> work(method_.work());
      for (Index s = 0; s < steps; ++s)
        method_.step(w.data(), work.data(),
                     [&](const Complex* u, Complex* out) { right_side(u, f.data(), plane.data(), out); });
    } else {
      Scratch<Complex> change(modes());
      T *u = reinterpret_cast<T*>(w.data()), *c = reinterpret_cast<T*>(change.data());
      for (Index s = 0; s < steps; ++s) {
        right_side(w.data(), f.data(), plane.data(), change.data());
        for (Index k = 0; k < 2 * modes(); ++k) u[k] = keep_[k] * u[k] + add_[k] * c[k];
      }
    }
    fill(w.data(), plane.data(), [](Index, Complex v) { return std::pair(v, std::conj(v)); });
    backward(plane.data());
    for (Index i = 0; i < n_; ++i)
      for (Index j = 0; j < n_; ++j) vorticity[i * n_ + j] = plane[i * pitch_ + j].real();
    return finite(vorticity, n_ * n_);
  }

  void velocity(const double* vorticity, double* v1, double* v2) const override {
    Scratch<Complex> plane(n_ * pitch_), w(modes());
    for (Index i = 0; i < n_; ++i)
      for (Index j = 0; j < n_; ++j) plane[i * pitch_ + j] = static_cast<T>(vorticity[i * n_ + j]);
    forward(plane.data());
    const T scale = static_cast<T>(1 / static_cast<double>(n_ * n_));
    for_modes([&](Index m, Index here, Index) { w[m] = scale * plane[here]; });
    fill_velocity(w.data(), plane.data());
    backward(plane.data());
    for (Index i = 0; i < n_; ++i)
      for (Index j = 0; j < n_; ++j) {
        v1[i * n_ + j] = plane[i * pitch_ + j].real();
        v2[i * n_ + j] = plane[i * pitch_ + j].imag();
      }
  }

 private:
  static std::vector<double> linear(double viscosity, Index n, double length) {
    const Index cut = (n - 1) / 3;
    const double scale = 2 * pi / length;
    std::vector<double> out;
    for (Index i = -cut; i <= cut; ++i)
      for (Index j = 0; j <= cut; ++j)
        out.push_back(-viscosity * scale * scale * static_cast<double>(i * i + j * j));
    return out;
  }

  Index modes() const { return rows_ * columns_; }
  Index zero() const { return cut_ * columns_; }

  // body(mode, place of k in the plane, place of -k)
  template <class Body>
  void for_modes(const Body& body) const {
    for (Index i = 0; i < rows_; ++i) {
      const Index k1 = i - cut_, here = (k1 < 0 ? k1 + n_ : k1) * pitch_,
                  there = (k1 > 0 ? n_ - k1 : -k1) * pitch_;
      body(i * columns_, here, there);
      for (Index j = 1; j < columns_; ++j) body(i * columns_ + j, here + j, there + n_ - j);
    }
  }
  // The plane from values(mode, series there) at k and -k.
  template <class Values>
  void fill(const Complex* series, Complex* plane, const Values& values) const {
    std::fill(plane, plane + n_ * pitch_, Complex(0));
    for_modes([&](Index m, Index here, Index there) {
      const auto [a, b] = values(m, series[m]);
      plane[there] = b;
      plane[here] = a;
    });
  }
  // z(k) = i-fold rotated w/kappa*: kappa w/(scale |kappa|^2); at -k the same with conj(w).
  void fill_velocity(const Complex* series, Complex* plane) const {
    fill(series, plane, [&](Index m, Complex w) {
      const Complex c = velocity_[static_cast<std::size_t>(m)];
      const T rr = c.real() * w.real(), ii = c.imag() * w.imag(), ri = c.real() * w.imag(),
              ir = c.imag() * w.real();
      return std::pair(Complex(rr - ii, ri + ir), Complex(-rr - ii, ri - ir));
    });
  }

  void backward(Complex* plane) const {
    (*first_[0])(plane, plane);
    (*last_[0])(plane + n_ - cut_, plane + n_ - cut_);
    (*row_[0])(plane, plane);
  }
  void forward(Complex* plane) const {
    (*row_[1])(plane, plane);
    (*first_[1])(plane, plane);
    (*last_[1])(plane + n_ - cut_, plane + n_ - cut_);
  }

  void right_side(const Complex* w, const Complex* f, Complex* plane, Complex* out) const {
    fill_velocity(w, plane);
    backward(plane);
    T* z = reinterpret_cast<T*>(plane);
    for (Index i = 0; i < n_; ++i)
      for (Index j = i * pitch_; j < i * pitch_ + n_; ++j) {
        const T re = z[2 * j], im = z[2 * j + 1];
        z[2 * j] = re * re - im * im, z[2 * j + 1] = 2 * re * im;
      }
    forward(plane);
    for_modes([&](Index m, Index here, Index there) {  // c conj(S(-k)) + conj(c) S(k)
      const Complex c = product_[static_cast<std::size_t>(m)], a = plane[here], b = plane[there];
      const T plus = a.real() + b.real(), minus = a.real() - b.real();
      out[m] = {c.real() * plus + c.imag() * (a.imag() + b.imag()) + f[m].real(),
                c.real() * (a.imag() - b.imag()) - c.imag() * minus + f[m].imag()};
    });
  }

  Index n_, cut_, rows_, columns_, pitch_;
  NavierStokesScheme scheme_;
  double kappa_scale_;
  Etdrk4<T> method_;
  std::vector<Complex> velocity_, product_;
  std::vector<T> keep_, add_;
  std::shared_ptr<const FftPlan<T>> row_[2], first_[2], last_[2];
};

}  // namespace

NavierStokes::NavierStokes(Index points, double viscosity, double step, NavierStokesScheme scheme,
                           double length, DType precision) {
  check_solver("NavierStokes", points, step, length);
  require(viscosity >= 0 && std::isfinite(viscosity), "[NavierStokes] viscosity ", viscosity, "; 0 at least");
  require(is_real(precision), "[NavierStokes] precision ", precision, "; use float32 or float64");
  if (precision == DType::f32)
    solver_ = std::make_shared<const Vorticity<float>>(points, viscosity, step, scheme, length);
  else
    solver_ = std::make_shared<const Vorticity<double>>(points, viscosity, step, scheme, length);
}
bool NavierStokes::advance(double* vorticity, const double* forcing, Index steps) const {
  return solver_->advance(vorticity, forcing, steps);
}
void NavierStokes::velocity(const double* vorticity, double* v1, double* v2) const {
  solver_->velocity(vorticity, v1, v2);
}

}  // namespace cartan::operators
