// The error a decomposition reports is the error, for shapes, ranks, decays and sizes of every kind: always
// against the full tensor.
#include <gtest/gtest.h>

#include <cmath>

#include "cartan/linalg/als.hpp"
#include "cartan/linalg/hosvd.hpp"
#include "linalg/oracle.hpp"

using namespace oracle;

namespace {

const std::vector<Shape> shapes = {
    {1, 37, 41}, {29, 1, 1, 33},     {200, 7},           {6, 210},     {1, 1},     {20, 24, 22},
    {60, 3, 50}, {3, 4, 5, 6, 5, 4}, {2, 2, 2, 2, 2, 2}, {64, 64, 70}, {90, 2, 91}};

enum class Kind { random, deficient, decaying, cliff, hilbert };
constexpr Kind kinds[] = {Kind::random, Kind::deficient, Kind::decaying, Kind::cliff, Kind::hilbert};

/// A tensor of norm 1.
Array tensor(const Shape& s, Kind kind, std::uint64_t seed) {
  Array x;
  if (kind == Kind::random) {
    x = normal(s, DType::f64, seed, 0);
  } else if (kind == Kind::hilbert) {
    x = Array::uninitialized(s, DType::f64);
    for (Index e = 0; e < x.size(); ++e) {
      double sum = 1;
      for (const Index i : multi_index(e, s)) sum += static_cast<double>(i);
      x.mutable_data<double>()[e] = 1 / sum;
    }
  } else {  // 3 terms, 8 terms of weights 10^-k, or three and one of 1e-9
    const Index terms = kind == Kind::deficient ? 3 : kind == Kind::cliff ? 4 : 8;
    Canonical c = random_canonical(s, terms, DType::f64, seed);
    double* w = c.weights.mutable_data<double>();
    for (Index r = 0; r < terms; ++r)
      w[r] = kind == Kind::deficient ? 1 : kind == Kind::cliff ? (r < 3 ? 1 : 1e-9) : std::pow(10.0, -r);
    c = normalized(c);
    x = c.full();
  }
  return combine(x, x, 1 / size(x), 0);
}

/// The error relative to ||x||, of numbers of any size.
double error_of(const Array& found, const Array& x, double scale) {
  return distance(combine(found, found, 1 / scale, 0), combine(x, x, 1 / scale, 0)) /
         size(combine(x, x, 1 / scale, 0));
}

struct Case {
  Shape shape;
  Kind kind;
  DType dtype;
  double scale, tolerance;
};

void expect_true(const char* what, const Report& r, const Array& full, const Array& x, const Case& c,
                 bool to_tolerance) {
  const double floor = rounding_floor(c.dtype, c.shape), error = error_of(full, x, c.scale);
  std::string shape;
  for (const Index n : c.shape) shape += std::to_string(n) + " ";
  const std::string where = std::string(what) + ", " + shape + "kind " + std::to_string(int(c.kind)) + " " +
                            name_of(c.dtype) + " scale " + std::to_string(std::log10(c.scale)) +
                            " tolerance " + std::to_string(std::log10(c.tolerance));
  // float32 results are rounded as they are written
  const double slack = 8 * floor;
  if (r.error_kind == ErrorKind::exact) {
    EXPECT_LE(std::abs(error - r.relative_error), 1e-5 * error + slack) << where;
  } else {
    EXPECT_LE(error, r.relative_error + slack) << where;
  }
  if (!to_tolerance) return;
  EXPECT_TRUE(r.converged) << where << " " << r.relative_error << " " << error << " " << floor;
  EXPECT_LE(error, std::max(c.tolerance, floor) + slack) << where;
}

}  // namespace

TEST(Certificates, OfDenseDecompositions) {
  for (const Shape& s : shapes)
    for (const Kind kind : kinds)
      for (const DType t : {DType::f64, DType::f32})
        for (const double scale :
             t == DType::f64 ? std::vector<double>{1, 1e-150, 1e150} : std::vector<double>{1, 1e-15, 1e15}) {
          if (scale != 1 && size_of(s) > 5000) continue;
          if (size_of(s) > 100000 && (kind != Kind::decaying || t == DType::f32)) continue;
          const Array unit = tensor(s, kind, 7), x = combine(unit, unit, scale, 0).as(t);
          for (const double tolerance : {1e-2, 3e-8, 1e-11, 1e-14}) {
            if (t == DType::f32 && tolerance < 1e-3) continue;
            const Case c{s, kind, t, scale, tolerance};
            HosvdOptions o;
            o.tolerance = tolerance;
            Shape ranks;
            for (const Method m : {Method::lq, Method::gram, Method::automatic, Method::randomized}) {
              o.method = m;
              const auto r = st_hosvd(x, o);
              if (m == Method::lq) ranks = r.tensor.ranks();
              for (std::size_t k = 0; k < s.size(); ++k)  // the least ranks, whatever the way to them
                EXPECT_LE(r.report.ranks[k], ranks[k] + 1) << name_of(m) << ' ' << k << ' ' << tolerance;
              expect_true(name_of(m), r.report, r.tensor.full(), x, c, true);
              if (m != Method::gram) continue;
              const auto twice = round(r.tensor, tolerance);
              expect_true("round", twice.report, twice.tensor.full(), r.tensor.full(), c, true);
            }
            const auto train = to_tensor_train(x, tolerance);
            expect_true("train", train.report, train.tensor.full(), x, c, true);
            const auto rounded = round(train.tensor, tolerance);
            expect_true("round train", rounded.report, rounded.tensor.full(), train.tensor.full(), c, true);
          }
        }
}

TEST(Certificates, OfAlternatingLeastSquares) {
  for (const Shape& s : shapes)
    for (const Kind kind : kinds)
      for (const DType t : {DType::f64, DType::f32})
        for (const double scale :
             t == DType::f64 ? std::vector<double>{1, 1e-150, 1e150} : std::vector<double>{1}) {
          if (size_of(s) > 20000 || (scale != 1 && size_of(s) > 5000)) continue;
          const Array unit = tensor(s, kind, 8), x = combine(unit, unit, scale, 0).as(t);
          const Case c{s, kind, t, scale, 1};
          IterationOptions o;
          o.max_iterations = 6;
          const auto r = hooi(x, std::vector<Index>(s.size(), 2), o);
          expect_true("hooi", r.report, r.tensor.full(), x, c, false);
          for (const Index rank : {1, 5}) {
            const auto p = cp_als(x, rank, Start::hosvd, o);
            expect_true("als", p.report, p.tensor.full(), x, c, false);
          }
        }
}

TEST(Certificates, OfCanonicalTensors) {
  for (const Shape& s : shapes)
    for (const DType t : {DType::f64, DType::f32})
      for (const Index terms : {1, 5, 60})
        for (const double scale : {1.0, 1e-30, 1e30}) {
          if ((t == DType::f32 || size_of(s) > 10000) && scale != 1) continue;
          Canonical x = random_canonical(s, terms, t, 9);
          if (t == DType::f64)  // sizes of terms over many decades, of a factor, of the whole
            for (Index r = 0; r < terms; ++r)
              x.weights.mutable_data<double>()[r] *= scale * std::pow(10.0, static_cast<double>(-(r % 13)));
          const Array full = x.full();
          for (const double tolerance : {1e-2, 3e-8, 1e-11, 1e-14}) {
            if (t == DType::f32 && tolerance < 1e-3) continue;
            const Case c{s, Kind::random, t, scale, tolerance};
            for (const Method m : {Method::automatic, Method::gram, Method::lq}) {
              HosvdOptions o;
              o.tolerance = tolerance;
              o.method = m;
              const auto r = to_tucker(x, o);
              expect_true(name_of(m), r.report, r.tensor.full(), full, c, true);
            }
            const auto train = to_tensor_train(x, tolerance);
            expect_true("train", train.report, train.tensor.full(), full, c, true);
          }
        }
}

// Weights and factors whose sizes are far from one, one by one and together.
TEST(Certificates, OfCanonicalTensorsOfExtremeParts) {
  const Shape s{12, 1, 15};
  const Canonical unit = random_canonical(s, 6, DType::f64, 10);
  for (const double part : {1e-200, 1e-140, 1e140, 1e200}) {
    Canonical x = unit;
    for (Index i = 0; i < 6; ++i) x.weights.mutable_data<double>()[i] *= part;
    for (Index i = 0; i < x.factors[0].size(); ++i) x.factors[0].mutable_data<double>()[i] /= part;
    HosvdOptions o;
    o.tolerance = 1e-9;
    const auto r = to_tucker(x, o);
    const Array full = unit.full();
    EXPECT_LE(distance(r.tensor.full(), full) / size(full), r.report.relative_error + 1e-13) << part;
    EXPECT_TRUE(r.report.converged) << part;
    const Canonical small{combine(unit.weights, unit.weights, part, 0), unit.factors};
    const auto q = to_tucker(small, o);
    EXPECT_LE(error_of(q.tensor.full(), small.full(), part), q.report.relative_error + 1e-13) << part;
    EXPECT_LE(std::abs(norm(small) / part - norm(unit)), 1e-12 * norm(unit)) << part;
    EXPECT_LE(std::abs(norm(q.tensor) / part - norm(unit)), 1e-8 * norm(unit)) << part;
  }
}
