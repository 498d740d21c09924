#include <gtest/gtest.h>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/random.hpp"
#include "cartan/so3/fourier.hpp"
#include "cartan/so3/gaunt.hpp"
#include "cartan/so3/sphere_grid.hpp"
#include "cartan/so3/tables.hpp"
#include "cartan/so3/vector_signal.hpp"
#include "nn/check_twice.hpp"

namespace cartan::so3 {
namespace {

Array normal(const Shape& shape, std::uint64_t stream, DType dtype = DType::f64) {
  return random_normal(shape, dtype, Random(11, stream));
}
double difference(const Array& a, const Array& b) {
  const auto p = a.to_vector<double>(), q = b.to_vector<double>();
  if (a.shape() != b.shape()) return INFINITY;
  double most = 0, size = 1e-300;
  for (std::size_t k = 0; k < p.size(); ++k) {
    most = std::max(most, std::isfinite(p[k]) ? std::abs(p[k] - q[k]) : INFINITY);
    size = std::max(size, std::abs(q[k]));
  }
  return most / size;
}

TEST(Gaunt, Quick) {
  for (int c : {1, 3, 16, 40}) {
    const Array x = normal({5, 16 * c}, 1), y = normal({5, 9 * c}, 2);
    GauntProduct grid(3, 2, 4, {Engine::grid}), cg(3, 2, 4, {Engine::cg}),
        fourier(3, 2, 4, {Engine::fourier});
    EXPECT_LE(difference(fourier(x, y), cg(x, y)), 1e-13);
    EXPECT_LE(difference(grid(x, y), cg(x, y)), 1e-13);
    GauntWeights w{normal({4}, 3), normal({2, 3, c}, 4), normal({5, 2, 5, c}, 5)};
    EXPECT_LE(difference(grid(x, y, w), cg(x, y, w)), 1e-13);
  }
}

TEST(VectorSignal, Quick) {
  const Array x = normal({5, 16 * 3}, 1), y = normal({5, 9 * 3}, 2);
  BracketProduct grid(3, 2, 4, {Engine::grid}), cg(3, 2, 4, {Engine::cg});
  EXPECT_LE(difference(grid(x, y), cg(x, y)), 1e-13);
  CompleteProduct all(3, 2, 4, {Engine::grid}), all_cg(3, 2, 4, {Engine::cg});
  EXPECT_LE(difference(all(x, y), all_cg(x, y)), 1e-13);
  const Array c = normal(all(x, y).shape(), 3);
  auto f = [&](const CompleteProduct& p) {
    const Array tx = track(x), ty = track(y);
    return gradients(p(tx, ty), {tx, ty}, c);
  };
  EXPECT_LE(difference(f(all)[0], f(all_cg)[0]), 1e-13);
  EXPECT_LE(difference(f(all)[1], f(all_cg)[1]), 1e-13);
}

TEST(GauntConvolution, Quick) {
  for (int c : {1, 3, 16, 32}) {
    const Array x = normal({5, 16 * c}, 1), r = normal({5, 3}, 2), s = normal({5, 3, c}, 3),
                z = normal({5, 25 * c}, 7);
    const auto f = [&](Engine e, const Array& radial) {
      const GauntConvolution conv(3, 2, 4, {e});
      const Arrays in{track(x), track(r), track(radial)};
      const Array out = conv(in[0], in[1], in[2]);
      Arrays g = gradients(out, in, z);
      g.push_back(out);
      return g;
    };
    for (const Array& radial : {s, normal({3}, 4), normal({5, 3}, 5)}) {
      const Arrays cg = f(Engine::cg, radial);
      for (Engine e : {Engine::grid, Engine::fourier, Engine::escn}) {
        const Arrays other = f(e, radial);
        for (std::size_t k = 0; k < 4; ++k)
          EXPECT_LE(difference(other[k], cg[k]), 1e-12) << name_of(e) << k << " " << c;
      }
    }
  }
}

TEST(SphereGrid, Quick) {
  const Array x = normal({5, 16 * 3}, 1);
  for (int total : {6, 7, 8, 9}) {
    const auto g = SphereGrid::exact(total);
    EXPECT_LE(difference(from_grid(to_grid(x, 3, g), 3, g), x), 1e-13);
  }
}

TEST(Fourier, Quick) {
  const Array x = normal({5, 16 * 3}, 1), y = normal({5, 9 * 3}, 2);
  EXPECT_LE(difference(from_fourier(to_fourier(x, 3), 3, 3), x), 1e-13);
  const Array z = GauntProduct(3, 2, 4, {Engine::cg})(x, y);
  for (auto method : {Convolution::direct, Convolution::fft})
    EXPECT_LE(
        difference(from_fourier(fourier_product(to_fourier(x, 3), 3, to_fourier(y, 2), 2, 5, method), 5, 4),
                   z),
        1e-13);
}

}  // namespace
}  // namespace cartan::so3
