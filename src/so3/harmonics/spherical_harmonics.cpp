#include "cartan/so3/spherical_harmonics.hpp"

#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "so3/harmonics/cpu/kernel.hpp"
#include "so3/harmonics/directions.hpp"
#include "so3/harmonics/primitives.hpp"

namespace cartan::so3 {
namespace {

Array values(const HarmonicsKind& kind, const Array& x);
Array gradient(const HarmonicsKind& kind, const Array& x, const Array& w);
Array directional(const HarmonicsKind& kind, const Array& x, const Array& v);
Array hessian(const HarmonicsKind& kind, const Array& x, const Array& w, const Array& v);

// x / |x| in ops, and 1/|x|; both 0 at 0.
struct UnitByOps {
  Array u, inverse;

  explicit UnitByOps(const Array& x) {
    const Array scales = unit_scales(x), y = x * scales, square_length = sum(square(y), 1, true),
                zero = less(square_length, Array::full({}, 1e-36, x.dtype(), x.device()));
    const Array per_length = (1.0 - zero) / sqrt(square_length + zero);
    u = y * per_length;
    inverse = scales * per_length;
  }
};

Array dot(const Array& a, const Array& b) {
  return sum(a * b, 1, true);
}

// The hessian of normalised harmonics by the solid ones at the unit vector: (1/r) P g, P = 1 - u u^T,
// differentiated along v.
Array hessian_by_ops(const HarmonicsKind& kind, const Array& x, const Array& w, const Array& v) {
  const HarmonicsKind solid{kind.lmax, {false, kind.options.normalization}};
  const UnitByOps unit(x);
  const Array &u = unit.u, &inverse = unit.inverse;
  const auto across = [&](const Array& a) { return a - u * dot(u, a); };
  const Array e = inverse * across(v), g = gradient(solid, u, w);
  const Array turned = across(hessian(solid, u, w, e)) - inverse * dot(u, v) * across(g);
  return inverse * (turned - e * dot(u, g) - u * dot(e, g));
}

Array values(const HarmonicsKind& kind, const Array& x) {
  return run(std::make_shared<Harmonics>(HarmonicsOf::values, kind), {x});
}
Array gradient(const HarmonicsKind& kind, const Array& x, const Array& w) {
  return run(std::make_shared<Harmonics>(HarmonicsOf::gradient, kind), {x, w});
}
Array directional(const HarmonicsKind& kind, const Array& x, const Array& v) {
  return run(std::make_shared<Harmonics>(HarmonicsOf::directional, kind), {x, v});
}
Array hessian(const HarmonicsKind& kind, const Array& x, const Array& w, const Array& v) {
  return run(std::make_shared<Harmonics>(HarmonicsOf::hessian, kind), {x, w, v});
}

constexpr int highest_degree = 200;

void check_degree(int lmax) {
  require(lmax >= 0 && lmax <= highest_degree, "[spherical_harmonics] lmax is ", lmax, ", outside [0, ",
          highest_degree, "]");
}

template <class T>
void evaluate_checked(const T* xyz, Index n, int lmax, T* out, HarmonicsOptions options) {
  check_degree(lmax);
  require(n >= 0, "[spherical_harmonics] ", n, " points");
  const T* none = nullptr;
  evaluate_harmonics(HarmonicsOf::values, lmax, options, n, xyz, none, none, out);
}

}  // namespace

Arrays LadderForm::eval_cpu(const Arrays& in) const {
  const int own = slot();
  const Index n = in[0].dim(0), k = kind_.outputs();
  Array out = Array::zeros({n, own == V ? 3 : k}, in[0].dtype());
  const auto ladder = harmonics_ladder(kind_.lmax, kind_.options.normalization);
  dispatch_real(name(), out.dtype(), [&]<class U>(U) {
    const U* a[3] = {};
    for (int s = 0, j = 0; s < 3; ++s)
      if (s != own) a[s] = in[static_cast<std::size_t>(j++)].data<U>();
    U* o = out.mutable_data<U>();
    parallel_for(n, 256, [&](Index begin, Index end) {
      for (Index p = begin; p < end; ++p)
        for (const Ladder& e : ladder) {
          const U value = static_cast<U>(e.value);
          if (own == W) o[p * k + e.i] += value * a[V][3 * p + e.axis] * a[R][p * k + e.j];
          if (own == V) o[3 * p + e.axis] += value * a[W][p * k + e.i] * a[R][p * k + e.j];
          if (own == R) o[p * k + e.j] += value * a[W][p * k + e.i] * a[V][3 * p + e.axis];
        }
    });
  });
  return {out};
}

Arrays Harmonics::eval_cpu(const Arrays& in) const {
  const bool wide = what_ == HarmonicsOf::values || what_ == HarmonicsOf::directional;
  const Index n = in[0].dim(0);
  Array out = Array::uninitialized({n, wide ? kind_.outputs() : 3}, in[0].dtype());
  const bool weighted = what_ == HarmonicsOf::gradient || what_ == HarmonicsOf::hessian;
  dispatch_real(name(), out.dtype(), [&]<class T>(T) {
    const T* w = weighted ? in[1].data<T>() : nullptr;
    const T* v = what_ == HarmonicsOf::directional ? in[1].data<T>()
                 : what_ == HarmonicsOf::hessian   ? in[2].data<T>()
                                                   : nullptr;
    evaluate_harmonics(what_, kind_.lmax, kind_.options, n, in[0].data<T>(), w, v, out.mutable_data<T>());
  });
  return {out};
}

Arrays Harmonics::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                      const std::vector<bool>& wanted) const {
  const Array& c = cotangents[0];
  const Array& x = in[0];
  Arrays g(in.size());
  switch (what_) {
    case HarmonicsOf::values:
      g[0] = gradient(kind_, x, c);
      break;
    case HarmonicsOf::gradient:
      if (wanted[0]) g[0] = hessian(kind_, x, in[1], c);
      if (wanted[1]) g[1] = directional(kind_, x, c);
      break;
    case HarmonicsOf::directional:
      if (wanted[0]) g[0] = hessian(kind_, x, c, in[1]);
      if (wanted[1]) g[1] = gradient(kind_, x, c);
      break;
    case HarmonicsOf::hessian: {
      const Array &w = in[1], &v = in[2];
      if (wanted[2]) g[2] = hessian(kind_, x, w, c);
      if (kind_.options.normalize) {
        if (!wanted[0] && !wanted[1]) break;
        const auto f = [&](const Arrays& a) { return Arrays{hessian_by_ops(kind_, a[0], a[1], v)}; };
        const Arrays h = cartan::vjp(f, {x, w}, {c}).second;
        g[0] = h[0];
        g[1] = h[1];
      } else {
        if (wanted[0]) g[0] = hessian(kind_, x, LadderForm::of(kind_, LadderForm::R, w, v), c);
        if (wanted[1]) g[1] = LadderForm::of(kind_, LadderForm::W, v, directional(kind_, x, c));
      }
    }
  }
  return g;
}

Array spherical_harmonics(const Array& vectors, int lmax, HarmonicsOptions options) {
  check_degree(lmax);
  require(vectors.ndim() == 2 && vectors.dim(1) == 3, "[spherical_harmonics] vectors ", vectors.shape(),
          " must be (n, 3)");
  require(is_real(vectors.dtype()), "[spherical_harmonics] vectors are ", vectors.dtype(),
          ", not float32 or float64");
  return values({lmax, options}, vectors);
}

void spherical_harmonics(const float* xyz, Index n, int lmax, float* out, HarmonicsOptions options) {
  evaluate_checked(xyz, n, lmax, out, options);
}
void spherical_harmonics(const double* xyz, Index n, int lmax, double* out, HarmonicsOptions options) {
  evaluate_checked(xyz, n, lmax, out, options);
}

}  // namespace cartan::so3
