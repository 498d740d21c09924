// Rotations that take the polar axis to directions.
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/so3/wigner.hpp"
#include "core/dispatch.hpp"
#include "so3/harmonics/directions.hpp"
#include "so3/so2/form.hpp"

namespace cartan::so3 {
namespace {

Array column(const Array& a, Index k) {
  return slice(a, 1, k, k + 1);
}

// With dR = [omega]x R, omega = r x dr/|r|^2 + r/|r| cos(beta) d alpha; the second part is the roll.
class RotationTo : public Primitive {
 public:
  explicit RotationTo(bool roll) : roll_(roll) {}
  const char* name() const override { return "rotation_to"; }

  Arrays eval_cpu(const Arrays& in) const override {
    const Index n = in[0].dim(0);
    Array out = Array::uninitialized({n, 3, 3}, in[0].dtype());
    dispatch_real("rotation_to", out.dtype(), [&]<class T>(T) {
      const T* v = in[0].data<T>();
      T* r = out.mutable_data<T>();
      parallel_for(n, 256, [&](Index begin, Index end) {
        for (Index k = begin; k < end; ++k) {
          const double x = v[3 * k], y = v[3 * k + 1], z = v[3 * k + 2];
          const double across = std::hypot(x, z), length = std::hypot(across, y);
          const double cb = y / length, sb = across / length;
          const double ca = across > 0 ? z / across : 1, sa = across > 0 ? x / across : 0;
          const double m[9] = {ca, sa * sb, sa * cb, 0, cb, -sb, -sa, ca * sb, ca * cb};
          for (int i = 0; i < 9; ++i) r[9 * k + i] = static_cast<T>(m[i]);
        }
      });
    });
    return {out};
  }

  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Index n = in[0].dim(0);
    // tau = the axial vector of c R^T
    const Array r = run(std::make_shared<RotationTo>(roll_), {in[0]});
    const Array m = reshape(matmul(cotangents[0], r, false, true), {n, 9});
    const Array tau = concatenate(
        {column(m, 7) - column(m, 5), column(m, 2) - column(m, 6), column(m, 3) - column(m, 1)}, 1);
    const Array slope = gradient_from_torque(tau, in[0]);
    if (!roll_) return {slope};
    // tau . r/|r| cos(beta) d alpha, d alpha = (z dx - x dz)/(x^2 + z^2)
    const Array scales = unit_scales(in[0]), u = in[0] * scales;
    const Array x = column(u, 0), y = column(u, 1), z = column(u, 2);
    const Array across = square(x) + square(z), length = across + square(y);
    const Array pole = less(detach(across), Array::full({1, 1}, 1e-30, u.dtype(), u.device()));
    const Array turn = sum(tau * u, 1, true) * y / (length * (across + pole)) * (1.0 - pole) * scales;
    return {slope +
            concatenate({turn * z, Array::zeros({n, 1}, u.dtype(), u.device()), negative(turn * x)}, 1)};
  }

 private:
  bool roll_;
};

}  // namespace

Array rotation_to(const Array& vectors, bool roll) {
  require(vectors.ndim() == 2 && vectors.dim(1) == 3 && is_real(vectors.dtype()), "[rotation_to] vectors ",
          vectors.shape(), " ", vectors.dtype(), ": they must be real, (n, 3)");
  check_vectors("rotation_to", vectors);
  return run(std::make_shared<RotationTo>(roll), {vectors});
}

}  // namespace cartan::so3
