// Wigner matrices as ops. With dR = R [omega]x, dD = D X(omega), X(omega) the sum of omega_a X_a; so
// derivatives of D are those of the form <c, D X(omega)>, whose partial derivatives are the ops here: torque
// (by omega) and generator_product (by c; by D with a sign, X being antisymmetric).
#include "cartan/so3/wigner.hpp"

#include <cmath>

#include "autodiff/reads.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/so3/tables.hpp"
#include "core/dispatch.hpp"
#include "so3/harmonics/cpu/wigner_kernel.hpp"
#include "so3/harmonics/rotation.hpp"
#include "so3/tables/degrees.hpp"
#include "so3/tables/generators.hpp"

namespace cartan::so3 {
namespace {

constexpr double rotation_tolerance = 1e-5;

struct Degrees {
  int first, last;
  Index size() const { return wigner_size(last) - wigner_size(first - 1); }
};

class GeneratorProduct;

// tau[n, a] = <c[n], D[n] X_a>
class Torque : public Primitive, public ReadsInputs {
 public:
  explicit Torque(Degrees l) : l_(l) {}
  const char* name() const override { return "wigner_torque"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  Degrees l_;
};

// D[n] X(omega[n])
class GeneratorProduct : public Primitive, public ReadsInputs {
 public:
  explicit GeneratorProduct(Degrees l) : l_(l) {}
  const char* name() const override { return "wigner_generator_product"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Array& c = cotangents[0];
    return {wanted[0] ? -run(std::make_shared<GeneratorProduct>(l_), {c, in[1]}) : Array(),
            wanted[1] ? run(std::make_shared<Torque>(l_), {c, in[0]}) : Array()};
  }

 private:
  Degrees l_;
};

Arrays Torque::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                   const std::vector<bool>& wanted) const {
  const Array& c = cotangents[0];
  return {wanted[0] ? run(std::make_shared<GeneratorProduct>(l_), {in[1], c}) : Array(),
          wanted[1] ? -run(std::make_shared<GeneratorProduct>(l_), {in[0], c}) : Array()};
}

// Calls body(first, samples, scratch) for every eight samples.
template <class Body>
void for_lanes(Index n, Index scratch, Body&& body) {
  parallel_for((n + lane_count - 1) / lane_count, 16, [&](Index begin, Index end) {
    std::vector<SampleLanes> memory(scratch);
    for (Index b = begin; b < end; ++b)
      body(b * lane_count, std::min(lane_count, n - b * lane_count), memory.data());
  });
}

Arrays Torque::eval_cpu(const Arrays& in) const {
  const Index n = in[0].dim(0), size = l_.size();
  const Generators generators(l_.first, l_.last);
  Array out = Array::uninitialized({n, 3}, in[0].dtype());
  dispatch_real("wigner_torque", out.dtype(), [&]<class T>(T) {
    const T *c = in[0].data<T>(), *d = in[1].data<T>();
    T* tau = out.mutable_data<T>();
    for_lanes(n, 2 * size, [&](Index first, Index samples, SampleLanes* left) {
      SampleLanes *right = left + size, total[3] = {};
      to_lanes(c + first * size, size, samples, size, left);
      to_lanes(d + first * size, size, samples, size, right);
      const SampleLanes *u = left, *v = right;
      for (int l = l_.first; l <= l_.last; ++l) {
        const Index dim = 2 * l + 1;
        for (int a = 0; a < 3; ++a)
          for (const Entry& e : generators(l, a)) {
            if (e.row > e.column) continue;  // X is antisymmetric
            SampleLanes sum{};
            for (Index k = 0; k < dim * dim; k += dim)
              sum += u[k + e.column] * v[k + e.row] - u[k + e.row] * v[k + e.column];
            total[a] += e.value * sum;
          }
        u += dim * dim, v += dim * dim;
      }
      from_lanes(total, 3, tau + first * 3, 3, samples);
    });
  });
  return {out};
}

Arrays GeneratorProduct::eval_cpu(const Arrays& in) const {
  const Index n = in[0].dim(0), size = l_.size();
  const Generators generators(l_.first, l_.last);
  Array out = Array::uninitialized(in[0].shape(), in[0].dtype());
  dispatch_real("wigner_generator_product", out.dtype(), [&]<class T>(T) {
    const T *d = in[0].data<T>(), *omega = in[1].data<T>();
    T* y = out.mutable_data<T>();
    for_lanes(n, 2 * size, [&](Index first, Index samples, SampleLanes* left) {
      SampleLanes *right = left + size, w[3];
      to_lanes(d + first * size, size, samples, size, left);
      to_lanes(omega + first * 3, 3, samples, 3, w);
      std::fill_n(right, size, SampleLanes{});
      const SampleLanes* u = left;
      SampleLanes* v = right;
      for (int l = l_.first; l <= l_.last; ++l) {
        const Index dim = 2 * l + 1;
        for (int a = 0; a < 3; ++a)
          for (const Entry& e : generators(l, a)) {
            const SampleLanes factor = e.value * w[a];
            for (Index k = 0; k < dim * dim; k += dim) v[k + e.column] += u[k + e.row] * factor;
          }
        u += dim * dim, v += dim * dim;
      }
      from_lanes(right, size, y + first * size, size, samples);
    });
  });
  return {out};
}

// (n, 3) -> (n, 3, 3), [omega]x
Array cross_matrix(const Array& omega) {
  // row a: the matrix -epsilon_abc
  static const std::vector<double> epsilon{0, 0,  0, 0, 0, -1, 0, 1, 0, 0, 0, 1, 0, 0,
                                           0, -1, 0, 0, 0, -1, 0, 1, 0, 0, 0, 0, 0};
  return reshape(matmul(omega, Array::from(epsilon, {3, 9}).as(omega.dtype()).to(omega.device())),
                 {-1, 3, 3});
}

class WignerD : public Primitive {
 public:
  explicit WignerD(Degrees l) : l_(l) {}
  const char* name() const override { return "wigner_d"; }

  Arrays eval_cpu(const Arrays& in) const override {
    const Index n = in[0].dim(0), size = l_.size();
    const WignerKernel& kernel = wigner_kernel(l_.first, l_.last, l_.last);
    Array out = Array::uninitialized({n, size}, in[0].dtype());
    dispatch_real("wigner_d", out.dtype(), [&]<class T>(T) {
      const T* rotation = in[0].data<T>();
      T* d = out.mutable_data<T>();
      for_lanes(n, size + kernel.scratch_size(), [&](Index first, Index samples, SampleLanes* lanes) {
        CayleyKlein parameters[lane_count];
        for (Index s = 0; s < samples; ++s) {
          double r[9];
          for (int k = 0; k < 9; ++k) r[k] = static_cast<double>(rotation[(first + s) * 9 + k]);
          parameters[s] = cayley_klein(r);
        }
        kernel(parameters, samples, lanes, lanes + size);
        from_lanes(lanes, size, d + first * size, size, samples);
      });
    });
    return {out};
  }

  // <cotangent, dD> = tau . omega is <R [tau]x / 2, R [omega]x>
  Arrays vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    const Array& d = outputs[0];
    const Array tau = run(std::make_shared<Torque>(l_), {c, d});
    return {0.5 * matmul(in[0], cross_matrix(tau))};
  }

 private:
  Degrees l_;
};

// Checks R^T R = 1; the signs of the determinants.
std::vector<double> check_rotations(const char* op, const Array& on_device) {
  const Array rotation = on_device.to(Device::cpu);
  require(rotation.ndim() == 3 && rotation.dim(1) == 3 && rotation.dim(2) == 3 && is_real(rotation.dtype()),
          "[", op, "] rotations ", rotation.shape(), " ", rotation.dtype(), ": they must be real, (n, 3, 3)");
  std::vector<double> sign(rotation.dim(0)), errors(sign.size());
  dispatch_real(op, rotation.dtype(), [&]<class T>(T) {
    const T* r = rotation.data<T>();
    parallel_for(rotation.dim(0), 1024, [&](Index begin, Index end) {
      for (Index k = begin; k < end; ++k) {
        double m[9], worst = 0;
        for (int i = 0; i < 9; ++i) m[i] = static_cast<double>(r[9 * k + i]);
        for (int i = 0; i < 3; ++i)
          for (int j = 0; j <= i; ++j) {
            const double error =
                std::abs(m[i] * m[j] + m[3 + i] * m[3 + j] + m[6 + i] * m[6 + j] - (i == j ? 1 : 0));
            if (!(error <= worst) && !std::isnan(worst)) worst = error;  // a NaN stays
          }
        const double det = m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) +
                           m[2] * (m[3] * m[7] - m[4] * m[6]);
        errors[k] = worst;
        sign[k] = det > 0 ? 1 : -1;
      }
    });
  });
  for (std::size_t k = 0; k < errors.size(); ++k)
    require(errors[k] <= rotation_tolerance, "[", op, "] matrix ", k,
            " is no rotation: |R^T R - 1| = ", errors[k], ", at most ", rotation_tolerance, " is allowed");
  return sign;
}

void check_proper(const char* op, const Array& rotation) {
  const auto sign = check_rotations(op, rotation);
  for (std::size_t k = 0; k < sign.size(); ++k)
    require(sign[k] > 0, "[", op, "] matrix ", k,
            " has determinant -1: pass -R and multiply by the parity, or use the form for irreps");
}

}  // namespace

Index wigner_size(int lmax) {
  if (lmax == -1) return 0;  // of empty irreps
  check_degrees("wigner_size", {lmax});
  const Index l = lmax;
  return (l + 1) * (2 * l + 1) * (2 * l + 3) / 3;
}

Array wigner_d(const Array& rotation, int lmax) {
  check_degrees("wigner_d", {lmax});
  check_proper("wigner_d", rotation);
  return run(std::make_shared<WignerD>(Degrees{0, lmax}), {rotation});
}

Array wigner_d_degree(const Array& rotation, int l) {
  check_degrees("wigner_d_degree", {l});
  check_proper("wigner_d_degree", rotation);
  return reshape(run(std::make_shared<WignerD>(Degrees{l, l}), {rotation}),
                 {rotation.dim(0), 2 * l + 1, 2 * l + 1});
}

Array rotate_features(const Array& matrices, const Array& x, const Irreps& irreps) {
  const Array rotation =
      matrices.ndim() == 2 && matrices.size() == 9 ? reshape(matrices, {1, 3, 3}) : matrices;
  const auto sign = check_rotations("rotate_features", rotation);
  check_turned("rotate_features", rotation.dim(0), x, irreps);
  const int lmax = std::max(irreps.lmax(), 0);
  if (std::all_of(sign.begin(), sign.end(), [](double s) { return s > 0; }))
    return rotate(wigner_d(rotation, lmax), x, irreps);
  // R = s R', x turns by parity (if s = -1) times D(R')
  const DType dtype = rotation.dtype();
  const Array proper = rotation * Array::from(sign, {rotation.dim(0), 1, 1}).as(dtype).to(x.device());
  std::vector<double> factor;
  for (double s : sign)
    for (const auto& t : irreps) factor.insert(factor.end(), t.dim(), s < 0 && t.ir.p < 0 ? -1.0 : 1.0);
  Shape shape{rotation.dim(0), irreps.dim()};
  if (x.ndim() == 3 && rotation.dim(0) > 1) shape.insert(shape.begin() + 1, 1);
  return rotate(wigner_d(proper, lmax), x, irreps) * Array::from(factor, shape).as(dtype).to(x.device());
}

Array wigner_d(const Array& rotation, const Irreps& irreps) {
  require(rotation.ndim() == 3, "[wigner_d] rotations ", rotation.shape(), ": they must be (n, 3, 3)");
  const Index dim = irreps.dim();
  Array unit = Array::zeros({dim, dim}, rotation.dtype());
  dispatch_real("wigner_d", unit.dtype(), [&]<class T>(T) {
    for (Index k = 0; k < dim; ++k) unit.mutable_data<T>()[k * dim + k] = 1;
  });
  // row j of the turned unit matrix is column j of D
  return transpose(rotate_features(
      rotation, broadcast_to(unit.to(rotation.device()), {rotation.dim(0), dim, dim}), irreps));
}

}  // namespace cartan::so3
