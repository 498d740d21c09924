#include "cartan/so3/fourier.hpp"

#include <array>
#include <tuple>

#include "autodiff/reads.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "so3/gaunt/cache.hpp"
#include "so3/gaunt/fourier_transform.hpp"
#include "so3/tables/degrees.hpp"

namespace cartan::so3 {
namespace {

using Map = std::shared_ptr<const LinearRows>;

Shape with_last(Shape shape, Index last) {
  shape.back() = last;
  return shape;
}

class RowMap : public Primitive, public ReadsNothing {
 public:
  RowMap(Map map, Map adjoint) : map_(std::move(map)), adjoint_(std::move(adjoint)) {}
  const char* name() const override { return "row_map"; }
  Arrays eval_cpu(const Arrays& in) const override {
    const Index channels = in[0].dim(-1) / map_->columns();
    Array out = Array::uninitialized(with_last(in[0].shape(), map_->rows() * channels), in[0].dtype());
    if (out.empty()) return {out};
    const Index samples = in[0].size() / in[0].dim(-1);
    dispatch_real(name(), out.dtype(), [&]<class T>(T) {
      constexpr Index w = lane_width<T>;
      const LaneView<const T> source(in[0].data<T>(), samples, map_->columns(), channels);
      const LaneView<T> target(out.mutable_data<T>(), samples, map_->rows(), channels);
      parallel_for((samples * channels + w - 1) / w, 4, [&](Index begin, Index end) {
        Scratch<T> rows((map_->columns() + map_->rows()) * w);
        T* result = rows.data() + map_->columns() * w;
        for (Index b = begin; b < end; ++b) {
          source.load_block(b * w, rows.data());
          map_->run(rows.data(), result);
          target.store_block(b * w, result);
        }
      });
    });
    return {out};
  }
  Arrays vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    return {run(std::make_shared<RowMap>(adjoint_, map_), {c})};
  }

 private:
  Map map_, adjoint_;
};

Array map_rows(const char* op, const Array& x, const Map& map) {
  require(x.ndim() >= 1 && x.dim(-1) % map->columns() == 0 && is_real(x.dtype()), "[", op, "] ", x.dtype(),
          " ", x.shape(), ": the last axis must be a multiple of ", map->columns(), ", of real numbers");
  return run(std::make_shared<RowMap>(map, std::make_shared<LinearRows>(map->transposed())), {x});
}

// Sums of products of coefficients: cos a cos b = (cos(a - b) + cos(a + b)) / 2 and so on.
std::shared_ptr<const BilinearRows> direct_convolution(int u1, int u2, int u3) {
  static auto& cache = *new SharedCache<std::tuple<int, int, int>, BilinearRows>;
  struct Wave {
    int order;
    bool sine;
    double factor;
  };
  const auto waves = [](int a, bool sine_a, int b, bool sine_b) {
    const double sum = sine_a && sine_b ? -0.5 : 0.5;
    // the difference is a - b; a sine of it is odd
    double difference = 0.5;
    const bool sine = sine_a != sine_b;
    if (sine && sine_b) difference = -0.5;
    if (sine && a < b) difference = -difference;
    return std::array<Wave, 2>{Wave{a + b, sine, sum}, Wave{std::abs(a - b), sine, difference}};
  };
  return cache.get({u1, u2, u3}, [&] {
    std::vector<std::vector<BilinearRows::Entry>> groups((2 * u3 + 1) * 2);
    for (int m1 = -u1; m1 <= u1; ++m1)
      for (int m2 = -u2; m2 <= u2; ++m2)
        for (int a = std::abs(m1 % 2); a <= u1; ++a)
          for (int b = std::abs(m2 % 2); b <= u2; ++b)
            for (const Wave& phi : waves(std::abs(m1), m1 < 0, std::abs(m2), m2 < 0))
              for (const Wave& theta : waves(a, m1 % 2 != 0, b, m2 % 2 != 0)) {
                if (phi.order > u3 || theta.order > u3) continue;
                if ((phi.sine && phi.order == 0) || (theta.sine && theta.order == 0)) continue;
                const int m = phi.sine ? -phi.order : phi.order;
                groups[(m + u3) * 2 + theta.order % 2].push_back(
                    {fourier_row(u1, u1, m1, a), fourier_row(u2, u2, m2, b),
                     fourier_row(u3, u3, m, theta.order), phi.factor * theta.factor});
              }
    return std::make_shared<BilinearRows>((2 * u3 + 1) * (u3 + 1), std::move(groups));
  });
}

// For one block of lanes: values on the torus, and back.
template <class T>
void convolve(const FourierTransform<T>& t, int u1, int u2, int u3, const T* f, const T* g, T* h,
              T* scratch) {
  const Index rows = t.rows(), values = t.values_size();
  T *f1 = scratch, *f2 = f1 + rows * t.row_size(u1), *f3 = f2 + rows * t.row_size(u2);
  T *a = f3 + rows * t.row_size(u3), *b = a + values, *work = b + values;
  t.series_values(u1, u1, f, f1);
  t.series_values(u2, u2, g, f2);
  for (Index i = 0; i < rows; ++i) {
    t.phi_values(u1, f1 + i * t.row_size(u1), work, a);
    t.phi_values(u2, f2 + i * t.row_size(u2), work, b);
    for (Index k = 0; k < values; ++k) a[k] *= b[k];
    t.phi_project(u3, a, work, f3 + i * t.row_size(u3));
  }
  t.series_project(u3, u3, f3, h);
}

// x times a number for every row.
Array scale_rows(const Array& x, int u, bool inverse) {
  const Index rows = (2 * u + 1) * (u + 1), channels = x.dim(-1) / rows;
  std::vector<double> norm(rows);
  for (int m = -u; m <= u; ++m)
    for (int k = 0; k <= u; ++k) {
      const double n = (m == 0 ? 1 : 0.5) * (k == 0 ? 1 : 0.5);
      norm[fourier_row(u, u, m, k)] = m % 2 != 0 && k == 0 ? 0 : inverse ? 1 / n : n;
    }
  Shape split = x.shape();
  split.back() = rows;
  split.push_back(channels);
  return reshape(reshape(x, split) * Array::from(norm, {rows, 1}).as(x.dtype()).to(x.device()), x.shape());
}

// With the mean of f g h over the torus symmetric, the vjp is a product of the same kind.
class FourierProduct : public Primitive, public ReadsInputs {
 public:
  FourierProduct(int u1, int u2, int u3, FourierMethod method) : u_{u1, u2, u3}, method_(method) {}
  const char* name() const override { return "fourier_product"; }
  Arrays eval_cpu(const Arrays& in) const override {
    const Index r1 = rows(0), r2 = rows(1), r3 = rows(2), channels = in[0].dim(-1) / r1;
    Array out = Array::uninitialized(with_last(in[0].shape(), r3 * channels), in[0].dtype());
    if (out.empty()) return {out};
    const Index samples = in[0].size() / in[0].dim(-1);
    dispatch_real(name(), out.dtype(), [&]<class T>(T) {
      constexpr Index w = lane_width<T>;
      const LaneView<const T> f(in[0].data<T>(), samples, r1, channels),
          g(in[1].data<T>(), samples, r2, channels);
      const LaneView<T> h(out.mutable_data<T>(), samples, r3, channels);
      std::shared_ptr<const BilinearRows> direct;
      std::shared_ptr<const FourierTransform<T>> fft;
      Index scratch = 0;
      if (method_ == FourierMethod::direct) {
        direct = direct_convolution(u_[0], u_[1], u_[2]);
      } else {
        const int most = std::max({u_[0], u_[1], u_[2]});
        fft = fourier_transform<T>(std::max(u_[0] + u_[1], most),
                                   std::max(u_[0] + u_[1] + u_[2], 2 * most) + 1, most);
        scratch = fft->rows() * (fft->row_size(u_[0]) + fft->row_size(u_[1]) + fft->row_size(u_[2])) +
                  2 * fft->values_size() + fft->work_size();
      }
      parallel_for((samples * channels + w - 1) / w, 4, [&](Index begin, Index end) {
        Scratch<T> memory((r1 + r2 + r3) * w + scratch);
        T *a = memory.data(), *b = a + r1 * w, *c = b + r2 * w;
        for (Index block = begin; block < end; ++block) {
          f.load_block(block * w, a);
          g.load_block(block * w, b);
          if (direct)
            direct->run(a, b, c);
          else
            convolve(*fft, u_[0], u_[1], u_[2], a, b, c, c + r3 * w);
          h.store_block(block * w, c);
        }
      });
    });
    return {out};
  }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Array& c = cotangents[0];
    Arrays g(2);
    const Array scaled = scale_rows(c, u_[2], true);
    for (std::size_t k = 0; k < 2; ++k)
      if (wanted[k])
        g[k] = scale_rows(
            run(std::make_shared<FourierProduct>(u_[2], u_[1 - k], u_[k], method_), {scaled, in[1 - k]}),
            u_[k], false);
    return g;
  }

 private:
  Index rows(std::size_t k) const { return Index{2 * u_[k] + 1} * (u_[k] + 1); }
  int u_[3];
  FourierMethod method_;
};

}  // namespace

Array to_fourier(const Array& x, int l) {
  check_degrees("to_fourier", {l});
  return map_rows("to_fourier", x, fourier_of_harmonics(l));
}

Array from_fourier(const Array& f, int u_max, int l) {
  check_degrees("from_fourier", {u_max, l});
  return map_rows("from_fourier", f, harmonics_of_fourier(l, u_max, u_max));
}

Array fourier_product(const Array& f, int u1, const Array& g, int u2, int u3, FourierMethod method) {
  check_degrees("fourier_product", {u1, u2, u3});
  const Index r1 = Index{2 * u1 + 1} * (u1 + 1), r2 = Index{2 * u2 + 1} * (u2 + 1);
  require(f.ndim() >= 1 && f.dim(-1) % r1 == 0 && is_real(f.dtype()) && f.dtype() == g.dtype() &&
              g.shape() == with_last(f.shape(), f.dim(-1) / r1 * r2),
          "[fourier_product] f ", f.shape(), " of degree ", u1, " and g ", g.shape(), " of degree ", u2,
          ": last axes must be ", r1, " C and ", r2, " C, the others and the type equal");
  return run(std::make_shared<FourierProduct>(u1, u2, u3, method), {f, g});
}

}  // namespace cartan::so3
