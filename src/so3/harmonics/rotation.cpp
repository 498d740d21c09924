// Rotation matrices, and features turned by Wigner matrices.
#include <cmath>

#include "autodiff/reads.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/so3/wigner.hpp"
#include "core/dispatch.hpp"
#include "core/simd.hpp"
#include "so3/harmonics/directions.hpp"
#include "so3/harmonics/rotation.hpp"

namespace cartan::so3 {
namespace {

// Column k of a (n, m) array as (n, 1).
Array column(const Array& a, Index k) {
  return slice(a, 1, k, k + 1);
}

Array matrices(const Arrays& entries) {
  return reshape(concatenate(entries, 1), {-1, 3, 3});
}

// The form sum over samples n, rows k, terms, channels u of y[m, u] D_l[m, m'] x[m', u].
class Rotate : public Primitive, public ReadsInputs {
 public:
  Rotate(Irreps irreps, bool transposed) : irreps_(std::move(irreps)), transposed_(transposed) {}
  const char* name() const override { return "rotate"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  Irreps irreps_;
  bool transposed_;
};

// The derivative of that form by D: (n, packed).
class RotationOuter : public Primitive, public ReadsInputs {
 public:
  RotationOuter(Irreps irreps, Index size) : irreps_(std::move(irreps)), size_(size) {}
  const char* name() const override { return "rotation_outer"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Array& c = cotangents[0];
    return {wanted[0] ? run(std::make_shared<Rotate>(irreps_, false), {c, in[1]}) : Array(),
            wanted[1] ? run(std::make_shared<Rotate>(irreps_, true), {c, in[0]}) : Array()};
  }

 private:
  Irreps irreps_;
  Index size_;
};

Arrays Rotate::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                   const std::vector<bool>& wanted) const {
  const Array& c = cotangents[0];
  const Array &y = transposed_ ? in[1] : c, &x = transposed_ ? c : in[1];
  return {wanted[0] ? run(std::make_shared<RotationOuter>(irreps_, in[0].dim(1)), {y, x}) : Array(),
          wanted[1] ? run(std::make_shared<Rotate>(irreps_, !transposed_), {in[0], c}) : Array()};
}

Arrays Rotate::eval_cpu(const Arrays& in) const {
  const Index n = in[0].dim(0), size = in[0].dim(1), dim = irreps_.dim();
  Array out = Array::uninitialized(in[1].shape(), in[1].dtype());
  if (out.empty()) return {out};
  const Index rows = in[1].size() / dim, copies = rows / n;
  dispatch_real("rotate", out.dtype(), [&]<class T>(T) {
    const T *d = in[0].data<T>(), *x = in[1].data<T>();
    T* y = out.mutable_data<T>();
    parallel_for(rows, std::max<Index>(1, 2048 / dim), [&](Index begin, Index end) {
      for (Index row = begin; row < end; ++row)
        for (std::size_t t = 0; t < irreps_.size(); ++t) {
          const Index mul = irreps_[t].mul, width = irreps_[t].ir.dim();
          const Index place = row * dim + irreps_.offset(t);
          const T *block = d + row / copies * size + wigner_size(irreps_[t].ir.l - 1), *from = x + place;
          T* to = y + place;
          for_strips<T>(mul, [&]<class V>(V, Index u) {
            for (Index i = 0; i < width; ++i) {
              V sum{};
              for (Index j = 0; j < width; ++j)
                sum += block[transposed_ ? j * width + i : i * width + j] * load<V>(from + j * mul + u);
              store(to + i * mul + u, sum);
            }
          });
        }
    });
  });
  return {out};
}

Arrays RotationOuter::eval_cpu(const Arrays& in) const {
  const Index n = in[0].dim(0), dim = irreps_.dim();
  Array out = Array::zeros({n, size_}, in[0].dtype());
  if (in[0].empty()) return {out};
  const Index copies = in[0].size() / (n * dim);
  dispatch_real("rotation_outer", out.dtype(), [&]<class T>(T) {
    const T *y = in[0].data<T>(), *x = in[1].data<T>();
    T* d = out.mutable_data<T>();
    parallel_for(n, std::max<Index>(1, 2048 / (copies * dim)), [&](Index begin, Index end) {
      using Strip = Register<T>;
      constexpr Index lanes = register_lanes<T>;
      for (Index s = begin; s < end; ++s)
        for (Index row = s * copies; row < (s + 1) * copies; ++row)
          for (std::size_t t = 0; t < irreps_.size(); ++t) {
            const Index mul = irreps_[t].mul, width = irreps_[t].ir.dim();
            const Index place = row * dim + irreps_.offset(t);
            T* block = d + s * size_ + wigner_size(irreps_[t].ir.l - 1);
            const T *u = y + place, *v = x + place;
            const Index whole = mul / lanes * lanes;
            for (Index i = 0; i < width; ++i)
              for (Index j = 0; j < width; ++j) {
                Strip wide{};
                T tail = 0;
                for (Index c = 0; c < whole; c += lanes)
                  wide += load<Strip>(u + i * mul + c) * load<Strip>(v + j * mul + c);
                for (Index c = whole; c < mul; ++c) tail += u[i * mul + c] * v[j * mul + c];
                block[i * width + j] += horizontal_sum<T>(wide) + tail;
              }
          }
    });
  });
  return {out};
}

}  // namespace

void check_turned(const char* op, Index rotations, const Array& x, const Irreps& irreps) {
  const Index dim = irreps.dim();
  require(x.ndim() >= 1 && x.dim(-1) == dim, "[", op, "] x ", x.shape(), " for ", irreps,
          ": the last axis must have ", dim);
  require(rotations == 1 || ((x.ndim() == 2 || x.ndim() == 3) && x.dim(0) == rotations), "[", op, "] x ",
          x.shape(), " for ", rotations, " rotations: it must be (", rotations, ", ", dim, ") or (",
          rotations, ", k, ", dim, "), or give one rotation for all rows");
}

Array rotation_from_quaternion(const Array& q) {
  require(q.ndim() == 2 && q.dim(1) == 4 && is_real(q.dtype()), "[rotation_from_quaternion] q ", q.shape(),
          " ", q.dtype(), ": it must be real, (n, 4), (w, x, y, z)");
  const Array scaled = q * unit_scales(q), length = cartan::sqrt(sum(square(scaled), 1, true));
  for (Index k = 0; k < q.dim(0); ++k) {
    const double size = length.rows(k, k + 1).item();
    require(size > 0 && std::isfinite(size), "[rotation_from_quaternion] quaternion ", k, " has length ",
            size, ": it must be finite and not zero");
  }
  const Array u = scaled / length;
  const Array w = column(u, 0), x = column(u, 1), y = column(u, 2), z = column(u, 3);
  const Array xx = square(x), yy = square(y), zz = square(z);
  return matrices({1.0 - 2.0 * (yy + zz), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y),  //
                   2.0 * (x * y + w * z), 1.0 - 2.0 * (xx + zz), 2.0 * (y * z - w * x),  //
                   2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (xx + yy)});
}

Array rotation_from_angles(const Array& angles) {
  require(angles.ndim() == 2 && angles.dim(1) == 3 && is_real(angles.dtype()),
          "[rotation_from_angles] angles ", angles.shape(), " ", angles.dtype(),
          ": they must be real, (n, 3), (alpha, beta, gamma)");
  const Array c = cartan::cos(angles), s = cartan::sin(angles);
  const Array ca = column(c, 0), cb = column(c, 1), cg = column(c, 2);
  const Array sa = column(s, 0), sb = column(s, 1), sg = column(s, 2);
  return matrices({ca * cg - sa * cb * sg, sa * sb, ca * sg + sa * cb * cg,  //
                   sb * sg, cb, -(sb * cg),                                  //
                   -(sa * cg) - ca * cb * sg, ca * sb, ca * cb * cg - sa * sg});
}

Array rotate(const Array& d, const Array& x, const Irreps& irreps, bool transposed) {
  require(d.ndim() == 2 && d.dim(1) >= wigner_size(irreps.lmax()), "[rotate] D ", d.shape(), " for ", irreps,
          ": it must be (n, ", wigner_size(irreps.lmax()), ") or longer, n rotations or one");
  check_turned("rotate", d.dim(0), x, irreps);
  require(d.dtype() == x.dtype(), "[rotate] D is ", d.dtype(), ", x ", x.dtype(), "; use cast");
  const auto turn = std::make_shared<Rotate>(irreps, transposed);
  if (d.dim(0) != 1) return run(turn, {d, x});
  const Index rows = size_of(Shape(x.shape().begin(), x.shape().end() - 1));
  return reshape(run(turn, {d, reshape(x, {1, rows, irreps.dim()})}), x.shape());
}

}  // namespace cartan::so3
