// ST-HOSVD by every method against constructions of known ranks, optimal errors and the true error.
#include <gtest/gtest.h>

#include <cmath>

#include "cartan/core/parallel.hpp"
#include "cartan/linalg/hosvd.hpp"
#include "cartan/linalg/modes.hpp"
#include "linalg/oracle.hpp"

using namespace oracle;

namespace {

const Method methods[] = {Method::automatic, Method::gram, Method::lq, Method::randomized};

/// A tensor of known ranks with noise of relative size `noise`.
Array noisy(const Shape& s, const Shape& ranks, double noise, DType t, std::uint64_t seed) {
  const Array x = random_tucker(s, ranks, DType::f64, seed).full(), e = normal(s, DType::f64, seed + 1, 77);
  return combine(x, e, 1, noise * size(x) / size(e)).as(t);
}

double true_error(const Result<Tucker>& r, const Array& x) {
  return distance(r.tensor.full(), x) / size(x);
}

void expect_orthonormal(const Tucker& x, double tolerance) {
  for (const Array& u : x.factors) {
    const Array g = gram(u, 1);
    for (Index i = 0; i < g.size(); ++i)
      EXPECT_LE(std::abs(value(g, i) - (i % (g.dim(0) + 1) == 0 ? 1.0 : 0.0)), tolerance);
  }
}

/// Singular values of an unfolding by one-sided Jacobi rotations: an oracle of its own.
std::vector<double> singular_values(const Array& x, int mode) {
  const Array u = unfold(x.as(DType::f64), mode);
  const Index n = u.dim(0), m = u.dim(1);
  std::vector<double> a = u.to_vector<double>();
  for (int sweep = 0; sweep < 30; ++sweep)
    for (Index p = 0; p < n; ++p)
      for (Index q = p + 1; q < n; ++q) {
        double pp = 0, qq = 0, pq = 0;
        for (Index j = 0; j < m; ++j) {
          const double u1 = a[static_cast<std::size_t>(p * m + j)],
                       u2 = a[static_cast<std::size_t>(q * m + j)];
          pp += u1 * u1, qq += u2 * u2, pq += u1 * u2;
        }
        if (std::abs(pq) <= 1e-16 * std::sqrt(pp * qq)) continue;
        const double zeta = (qq - pp) / (2 * pq),
                     t = std::copysign(1 / (std::abs(zeta) + std::sqrt(1 + zeta * zeta)), zeta);
        const double c = 1 / std::sqrt(1 + t * t), s = c * t;
        for (Index j = 0; j < m; ++j) {
          double &u1 = a[static_cast<std::size_t>(p * m + j)], &u2 = a[static_cast<std::size_t>(q * m + j)];
          const double keep = u1;
          u1 = c * keep - s * u2;
          u2 = s * keep + c * u2;
        }
      }
  std::vector<double> s;
  for (Index p = 0; p < n; ++p) {
    double sum = 0;
    for (Index j = 0; j < m; ++j)
      sum += a[static_cast<std::size_t>(p * m + j)] * a[static_cast<std::size_t>(p * m + j)];
    s.push_back(std::sqrt(sum));
  }
  std::sort(s.rbegin(), s.rend());
  return s;
}

}  // namespace

TEST(StHosvd, FindsKnownRanksAndTheCertificateIsTheError) {
  for (DType t : {DType::f32, DType::f64})
    for (Method method : methods)
      for (double noise : {1e-4, 3e-3}) {
        const Array x = noisy({70, 60, 80}, {4, 6, 5}, noise, t, 1);
        HosvdOptions o;
        o.method = method;
        o.tolerance = 2 * noise;
        const auto r = st_hosvd(x, o);
        EXPECT_EQ(r.report.ranks, (std::vector<Index>{4, 6, 5})) << r.report.method;
        const double error = true_error(r, x);
        EXPECT_LE(std::abs(error - r.report.relative_error), t == DType::f32 ? 3e-7 : 1e-6 * error)
            << r.report.method;
        EXPECT_LE(error, 1.05 * noise);  // nearly nothing lost beyond the noise
        EXPECT_TRUE(r.report.converged);
        EXPECT_EQ(r.report.error_kind, ErrorKind::exact);
        expect_orthonormal(r.tensor, t == DType::f32 ? 1e-6 : 1e-13);
        if (method != Method::automatic) {
          EXPECT_EQ(r.report.method, name_of(method));
        }
      }
}

TEST(StHosvd, EckartYoungForEveryUnfolding) {
  const Array x = normal({6, 7, 8}, DType::f64, 3, 0);
  for (Method method : methods)
    for (int mode = 0; mode < 3; ++mode) {
      const std::vector<double> s = singular_values(x, mode);
      for (Index rank = 1; rank <= x.dim(mode); ++rank) {
        HosvdOptions o;
        o.method = method;
        o.ranks = x.shape();
        o.ranks[static_cast<std::size_t>(mode)] = rank;
        double lost = 0;
        for (std::size_t i = static_cast<std::size_t>(rank); i < s.size(); ++i) lost += s[i] * s[i];
        const auto r = st_hosvd(x, o);
        EXPECT_LE(std::abs(true_error(r, x) - std::sqrt(lost) / size(x)), 1e-12);
      }
    }
}

TEST(StHosvd, ErrorLiesBetweenTheOptimumAndSqrtOfTheOrder) {
  const Array x = normal({9, 8, 7, 6}, DType::f64, 4, 0);
  HosvdOptions o;
  o.ranks = {3, 3, 3, 3};
  double bound = 0, sum = 0;
  for (int mode = 0; mode < 4; ++mode) {
    const std::vector<double> s = singular_values(x, mode);
    double lost = 0;
    for (std::size_t i = 3; i < s.size(); ++i) lost += s[i] * s[i];
    bound = std::max(bound, lost);
    sum += lost;
  }
  for (Method method : methods) {
    o.method = method;
    const double error = true_error(st_hosvd(x, o), x) * size(x);
    EXPECT_LE(std::sqrt(bound), error * (1 + 1e-12));
    EXPECT_LE(error, std::sqrt(sum) * (1 + 1e-12));
  }
}

TEST(StHosvd, TightTolerancesAreMetWithTheLeastRanks) {
  // Singular values 1, 1e-3, ..., 1e-12 in every mode.
  Tucker a = orthogonalized(random_tucker({20, 21, 22}, {5, 5, 5}, DType::f64, 5));
  std::vector<double> core(125, 0.0);
  for (std::size_t i = 0; i < 5; ++i) core[i * 31] = std::pow(10.0, -3.0 * static_cast<double>(i));
  a.core = Array::from(core, {5, 5, 5});
  const Array x = a.full();
  for (Index rank = 1; rank <= 5; ++rank) {
    HosvdOptions o;
    o.tolerance = rank == 5 ? 1e-13 : 3 * std::pow(10.0, -3.0 * static_cast<double>(rank));
    const auto r = st_hosvd(x, o);
    EXPECT_EQ(r.report.ranks, std::vector<Index>(3, rank));
    EXPECT_TRUE(r.report.converged);
    EXPECT_LE(std::abs(true_error(r, x) - r.report.relative_error), 2e-15);
    EXPECT_EQ(r.report.method, rank < 5 ? "gram" : "lq");
  }
}

TEST(StHosvd, ASampleThatMissesSomethingIsNoticed) {
  // All but one of 40000 columns of the last unfolding are smooth; the odd one holds a tenth of the norm.
  const Shape s{200, 200, 90};
  Array x = random_tucker(s, {2, 2, 2}, DType::f64, 6).full();
  const double level = 0.1 * size(x);
  const Array odd = normal({90}, DType::f64, 7, 0);
  double* p = x.mutable_data<double>();
  for (Index i = 0; i < 90; ++i) p[(123 * 200 + 45) * 90 + i] += level * value(odd, i) / size(odd);
  HosvdOptions o;
  o.tolerance = 1e-6;
  o.method = Method::randomized;
  const auto r = st_hosvd(x, o);
  EXPECT_EQ(r.report.ranks, (std::vector<Index>{3, 3, 3}));
  EXPECT_LE(true_error(r, x), 1e-6);
  EXPECT_LE(std::abs(true_error(r, x) - r.report.relative_error), 1e-9);
}

TEST(StHosvd, RanksThatAreTooSmallForTheToleranceAreReported) {
  const Array x = noisy({60, 60, 60}, {6, 6, 6}, 1e-5, DType::f64, 8);
  for (Method method : methods) {
    HosvdOptions o;
    o.method = method;
    o.tolerance = 1e-3;
    o.ranks = {3, 100, 100};
    const auto r = st_hosvd(x, o);
    EXPECT_FALSE(r.report.converged);
    EXPECT_EQ(r.tensor.core.dim(0), 3);
    EXPECT_LE(std::abs(true_error(r, x) - r.report.relative_error), 1e-9);
  }
}

TEST(StHosvd, DegenerateShapesAndZero) {
  for (DType t : {DType::f32, DType::f64})
    for (const Shape& s :
         std::vector<Shape>{{1}, {9}, {1, 1, 1}, {100, 2}, {2, 100}, {300, 1, 2}, {2, 3, 2, 2, 3}})
      for (Method method : methods) {
        const Array x = normal(s, t, 9, 0);
        HosvdOptions o;
        o.method = method;
        const auto r = st_hosvd(x, o);
        EXPECT_LE(true_error(r, x), 4 * rounding_floor(t, s));
        EXPECT_TRUE(r.report.converged);
        const auto zero = st_hosvd(Array::zeros(s, t), o);
        EXPECT_EQ(zero.report.relative_error, 0);
        EXPECT_EQ(zero.report.ranks, std::vector<Index>(s.size(), 1));
        EXPECT_EQ(size(zero.tensor.full()), 0);
        expect_orthonormal(zero.tensor, 0);
      }
}

TEST(StHosvd, AnyOrderAndExtremeScales) {
  const Array x = noisy({20, 30, 25}, {2, 3, 4}, 1e-4, DType::f64, 10);
  for (Method method : methods) {
    for (std::vector<int> order : {std::vector<int>{0, 1, 2}, {2, 0, 1}, {1, 2, 0}}) {
      HosvdOptions o;
      o.method = method;
      o.tolerance = 1e-3;
      o.order = order;
      const auto r = st_hosvd(x, o);
      EXPECT_EQ(r.report.order, order);
      EXPECT_EQ(r.report.ranks, (std::vector<Index>{2, 3, 4}));
    }
    for (double scale : {1e-300, 1e-180, 1e180, 1e300}) {
      HosvdOptions o;
      o.method = method;
      o.tolerance = 1e-3;
      const Array y = combine(x, x, scale / size(x), 0);
      const auto r = st_hosvd(y, o);
      EXPECT_EQ(r.report.ranks, (std::vector<Index>{2, 3, 4})) << scale;
      EXPECT_LE(std::abs(distance(combine(r.tensor.full(), y, 1 / scale, 0), combine(y, y, 1 / scale, 0)) -
                         r.report.relative_error),
                1e-9);
    }
    const Array f = combine(x, x, 1e30 / size(x), 0).as(DType::f32);
    HosvdOptions o;
    o.method = method;
    o.tolerance = 1e-3;
    EXPECT_EQ(st_hosvd(f, o).report.ranks, (std::vector<Index>{2, 3, 4}));
  }
}

TEST(StHosvd, RefusesWhatIsNotATensor) {
  Array x = normal({60, 70, 80}, DType::f64, 11, 0);
  EXPECT_THROW(st_hosvd(Array::zeros({3, 0}, DType::f64)), std::invalid_argument);
  EXPECT_THROW(st_hosvd(x.as(DType::c128)), std::invalid_argument);
  for (Method method : methods)
    for (double bad : {double(NAN), double(INFINITY)})
      for (Index where : {Index{0}, x.size() / 2 + 7, x.size() - 1}) {
        Array y = combine(x, x, 1, 0);
        y.mutable_data<double>()[where] = bad;
        HosvdOptions o;
        o.method = method;
        o.tolerance = 0.1;
        o.ranks = {5, 5, 5};
        EXPECT_THROW(st_hosvd(y, o), std::invalid_argument);
      }
  HosvdOptions o;
  o.tolerance = -1;
  EXPECT_THROW(st_hosvd(x, o), std::invalid_argument);
  o.tolerance = NAN;
  EXPECT_THROW(st_hosvd(x, o), std::invalid_argument);
  o = {};
  o.ranks = {1, 2};
  EXPECT_THROW(st_hosvd(x, o), std::invalid_argument);
  o.ranks = {1, 0, 2};
  EXPECT_THROW(st_hosvd(x, o), std::invalid_argument);
  o = {};
  o.order = {0, 1, 1};
  EXPECT_THROW(st_hosvd(x, o), std::invalid_argument);
}

TEST(StHosvd, SameBitsForAnyNumberOfThreads) {
  for (DType t : {DType::f32, DType::f64})
    for (Method method : methods) {
      const Array x = noisy({70, 60, 80}, {4, 6, 5}, 1e-4, t, 12);
      HosvdOptions o;
      o.method = method;
      o.tolerance = 1e-3;
      set_threads(1);
      const auto a = st_hosvd(x, o);
      set_threads(2);
      const auto b = st_hosvd(x, o);
      set_threads(0);
      EXPECT_TRUE(identical(a.tensor.core, b.tensor.core));
      for (std::size_t k = 0; k < 3; ++k) EXPECT_TRUE(identical(a.tensor.factors[k], b.tensor.factors[k]));
      EXPECT_EQ(a.report.relative_error, b.report.relative_error);
    }
}

TEST(TensorTrain, OfAFullTensorMeetsItsTolerance) {
  for (DType t : {DType::f32, DType::f64})
    for (double tolerance : {1e-1, 1e-3}) {
      const Array x = noisy({12, 10, 11, 9}, {2, 3, 3, 2}, 0.3 * tolerance, t, 13);
      const auto r = to_tensor_train(x, tolerance);
      const double error = distance(r.tensor.full(), x) / size(x);
      EXPECT_LE(error, tolerance);
      EXPECT_LE(std::abs(error - r.report.relative_error), 1e-6 * (t == DType::f32 ? 1 : 1e-4));
      for (std::size_t k = 0; k < 3; ++k) EXPECT_LE(r.report.ranks[k], k == 1 ? 6 : 2);
      if (tolerance < 1e-2) {
        EXPECT_EQ(r.report.ranks, (std::vector<Index>{2, 6, 2}));
      }
      EXPECT_TRUE(r.report.converged);
    }
}

TEST(TensorTrain, OfALargeTensorIsSketchedAndTruncatedToTheLeastRanks) {
  for (DType t : {DType::f32, DType::f64}) {
    const Array x = noisy({70, 60, 80}, {4, 6, 5}, 1e-4, t, 14);
    const auto r = to_tensor_train(x, 1e-3);
    const double error = distance(r.tensor.full(), x) / size(x);
    EXPECT_EQ(r.report.method.rfind("randomized", 0), 0u) << r.report.method;
    EXPECT_EQ(r.report.ranks, (std::vector<Index>{4, 5}));
    EXPECT_LE(std::abs(error - r.report.relative_error), t == DType::f32 ? 3e-7 : 1e-6 * error);
    EXPECT_LE(error, 1.1e-4);
    const auto capped = to_tensor_train(x, 1e-3, {2, 3});
    EXPECT_EQ(capped.report.ranks, (std::vector<Index>{2, 3}));
    EXPECT_FALSE(capped.report.converged);
    EXPECT_LE(std::abs(distance(capped.tensor.full(), x) / size(x) - capped.report.relative_error), 1e-6);
  }
}
