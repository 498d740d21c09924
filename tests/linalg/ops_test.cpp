#include <gtest/gtest.h>
#include <cartan/autodiff/ops.hpp>
#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/linalg/als.hpp>
#include <cartan/linalg/hosvd.hpp>
#include <cartan/linalg/modes.hpp>
#include <cartan/linalg/ops.hpp>

#include "linalg/oracle.hpp"
#include "nn/check_twice.hpp"

using namespace cartan;
using namespace cartan::linalg;
using oracle::distance;
using oracle::random_canonical;
using oracle::random_train;
using oracle::random_tucker;

namespace {

Array normal(const Shape& s, std::uint64_t stream, DType t = DType::f64) {
  return random_normal(s, t, Random(23, stream));
}

// <c, df x> = <df^T c, x> at x along t, with c of the shape of f.
void check_adjoint(const Function& f, const Arrays& x) {
  Arrays t;
  for (std::size_t k = 0; k < x.size(); ++k) t.push_back(normal(x[k].shape(), 200 + k));
  const auto [y, dy] = jvp(f, x, t);
  const Array c = normal(y[0].shape(), 300);
  const Arrays g = vjp(f, x, {c}).second;
  double right = 0, size = std::sqrt(sum(c * c).item() * sum(dy[0] * dy[0]).item());
  for (std::size_t k = 0; k < x.size(); ++k) right += sum(g[k] * t[k]).item();
  EXPECT_LE(std::abs(sum(c * dy[0]).item() - right), 1e-12 * size);
}

// First and second derivatives of a function whose result is not linear in each argument.
void check_op(const std::function<Array(const Arrays&)>& f, const Arrays& x, double tolerance = 1e-8) {
  check_adjoint([&](const Arrays& a) { return Arrays{f(a)}; }, x);
  const Array w = normal(f(x).shape(), 400);
  check_twice(
      [&](const Arrays& a) {
        const Array y = f(a);
        return sum(w * y) + scale(sum(y * y * y), 0.1);
      },
      x, tolerance);
}

Array places(Index n, const Shape& s, std::uint64_t stream) {
  const Random random(3, stream);
  std::vector<Index> out;
  for (Index k = 0; k < n; ++k)
    for (std::size_t m = 0; m < s.size(); ++m)
      out.push_back(static_cast<Index>(random.uniform(k * s.size() + m) * static_cast<double>(s[m])));
  return Array::from(out, {n, static_cast<Index>(s.size())});
}

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST(LowRankOps, ModeProductsHaveDerivatives) {
  const Array x = normal({3, 4, 2}, 1);
  for (int mode : {0, 1, 2})
    for (bool t : {false, true}) {
      const Array m = normal(t ? Shape{x.dim(mode), 3} : Shape{3, x.dim(mode)}, 2);
      check_op([&](const Arrays& a) { return mode_product(a[0], a[1], mode, t); }, {x, m});
    }
  check_op(
      [](const Arrays& a) {
        return mode_products(a[0], {a[1], Array(), a[2]});
      },
      {x, normal({2, 3}, 3), normal({5, 2}, 4)});
  check_op(
      [](const Arrays& a) {
        return tucker_full(a[0], {a[1], a[2], a[3]});
      },
      {normal({2, 3, 2}, 5), normal({3, 2}, 6), normal({2, 3}, 7), normal({4, 2}, 8)});
  // large enough for the kernels that project
  check_adjoint([](const Arrays& a) { return Arrays{mode_product(a[0], a[1], 1)}; },
                {normal({40, 50, 60}, 9), normal({7, 50}, 10)});
}

TEST(LowRankOps, ContractionsOfModesEqualTheirSums) {
  for (int mode : {0, 1, 2}) {
    Shape s{3, 4, 5}, of_b = s;
    of_b[mode] = 2;
    const Array a = normal(s, 11), b = normal(of_b, 12);
    const Array expected = matmul(unfold(a, mode), unfold(b, mode), false, true);
    EXPECT_LE(distance(mode_contract(a, b, mode), expected), 1e-13);
    EXPECT_LE(
        distance(cast(mode_contract(cast(a, DType::f32), cast(b, DType::f32), mode), DType::f64), expected),
        1e-5);
    check_op([&](const Arrays& x) { return mode_contract(x[0], x[1], mode); }, {a, b});
    check_op([&](const Arrays& x) { return gram(x[0], mode); }, {a}, 1e-7);
    check_op([&](const Arrays& x) { return fold(unfold(x[0], mode), mode, s); }, {a});
  }
  EXPECT_THROW(mode_contract(normal({3, 4}, 1), normal({3, 5}, 2), 0), std::invalid_argument);
  EXPECT_THROW(mode_contract(normal({3, 4}, 1), normal({3}, 2), 0), std::invalid_argument);
}

TEST(LowRankOps, KhatriRaoAndMttkrpHaveDerivatives) {
  const Arrays f{normal({3, 2}, 13), normal({2, 2}, 14), normal({4, 2}, 15)};
  check_op([](const Arrays& a) { return khatri_rao(a); }, f);
  for (int mode : {0, 1, 2})
    check_op(
        [&](const Arrays& a) {
          std::vector<Array> factors(a.begin() + 1, a.end());
          factors.insert(factors.begin() + mode, Array());
          return mttkrp(a[0], factors, mode);
        },
        {normal({3, 2, 4}, 16), f[mode == 0 ? 1 : 0], f[mode == 2 ? 1 : 2]});
  check_op(
      [](const Arrays& a) {
        return canonical_full({a[0], a[1], a[2]}, a[3]);
      },
      {f[0], f[1], f[2], normal({2}, 17)});
  check_op(
      [](const Arrays& a) {
        return mttkrp(a[0], {Array::zeros({5, 3}, DType::f64)}, 0);
      },
      {normal({5}, 18)});
}

TEST(LowRankOps, WholeTensorsAndEntriesEqualTheFormats) {
  const Shape s{5, 4, 6};
  const Array index = places(50, s, 1);
  const Entries entries(index, s);
  for (DType t : {DType::f32, DType::f64}) {
    const double tolerance = t == DType::f32 ? 1e-4 : 1e-12;
    const Canonical c = random_canonical(s, 3, t, 1);
    EXPECT_LE(distance(canonical_full(c.factors, c.weights), c.full()), tolerance);
    EXPECT_LE(distance(canonical_at(c.factors, entries, c.weights), c.at(index)), tolerance);
    const Tucker u = random_tucker(s, {2, 3, 4}, t, 2);
    EXPECT_LE(distance(tucker_full(u.core, u.factors), u.full()), tolerance);
    EXPECT_LE(distance(tucker_at(u.core, u.factors, entries), u.at(index)), tolerance);
    const TensorTrain v = random_train(s, 3, t, 3);
    EXPECT_LE(distance(tensor_train_full(v.cores), v.full()), tolerance);
    EXPECT_LE(distance(tensor_train_at(v.cores, entries), v.at(index)), tolerance);
  }
  // one mode, and no entries
  const Entries none(Array::zeros({0, 1}, DType::i64), {4});
  EXPECT_EQ(canonical_at({normal({4, 2}, 1)}, none).shape(), Shape{0});
  const Arrays g = vjp([&](const Arrays& a) { return Arrays{tucker_at(a[0], {a[1]}, none)}; },
                       {normal({2}, 1), normal({4, 2}, 2)}, {Array::zeros({0}, DType::f64)})
                       .second;
  EXPECT_TRUE(identical(g[0], Array::zeros({2}, DType::f64)) &&
              identical(g[1], Array::zeros({4, 2}, DType::f64)));
}

TEST(LowRankOps, EntriesHaveDerivativesOfAnyOrder) {
  const Shape s{3, 2, 4};
  const Entries entries(places(7, s, 2), s);  // some slices have none, some several
  const Canonical c = random_canonical(s, 2, DType::f64, 4);
  check_op(
      [&](const Arrays& a) {
        return canonical_at({a[0], a[1], a[2]}, entries, a[3]);
      },
      {c.factors[0], c.factors[1], c.factors[2], c.weights});
  const Tucker u = random_tucker(s, {2, 2, 3}, DType::f64, 5);
  check_op(
      [&](const Arrays& a) {
        return tucker_at(a[0], {a[1], a[2], a[3]}, entries);
      },
      {u.core, u.factors[0], u.factors[1], u.factors[2]});
  const TensorTrain v = random_train(s, 2, DType::f64, 6);
  check_op([&](const Arrays& a) { return tensor_train_at({a[0], a[1], a[2]}, entries); }, v.cores);
  // The gradient of the sum of squares equals that of the whole tensors where every entry is listed once.
  std::vector<Index> all;
  for (Index e = 0; e < size_of(s); ++e)
    for (Index i : oracle::multi_index(e, s)) all.push_back(i);
  const Entries every(Array::from(all, {size_of(s), 3}), s);
  const auto full = grad([](const Arrays& a) { return sum(square(tucker_full(a[0], {a[1], a[2], a[3]}))); });
  const auto listed = grad([&](const Arrays& a) {
    return sum(square(tucker_at(a[0], {a[1], a[2], a[3]}, every)));
  });
  const Arrays parts{u.core, u.factors[0], u.factors[1], u.factors[2]};
  const Arrays p = full(parts), q = listed(parts);
  for (std::size_t k = 0; k < p.size(); ++k) EXPECT_LE(distance(p[k], q[k]), 1e-12 * oracle::size(p[k]));
}

TEST(LowRankOps, EntriesHaveTheSameBitsForAnyThreads) {
  const Shape s{30, 20, 10};
  const Entries entries(places(5000, s, 3), s);
  const Tucker u = random_tucker(s, {4, 3, 2}, DType::f32, 7);
  const TensorTrain v = random_train(s, 4, DType::f32, 8);
  Arrays first;
  for (int threads : {1, 2, 3}) {
    set_threads(threads);
    Arrays now = grad([&](const Arrays& a) {
      return sum(square(tucker_at(a[0], {a[1], a[2], a[3]}, entries)));
    })({u.core, u.factors[0], u.factors[1], u.factors[2]});
    const Arrays more =
        grad([&](const Arrays& a) { return sum(square(tensor_train_at(a, entries))); })(v.cores);
    now.insert(now.end(), more.begin(), more.end());
    if (first.empty()) first = now;
    for (std::size_t k = 0; k < now.size(); ++k) EXPECT_TRUE(identical(first[k], now[k])) << k;
  }
  set_threads(0);
}

TEST(LowRankOps, CholeskyAndTriangularSystems) {
  for (const Shape& lead : {Shape{}, Shape{3}, Shape{2, 2}}) {
    Shape matrix = lead, wide = lead;
    for (Index n : {4, 4}) matrix.push_back(n);
    for (Index n : {4, 3}) wide.push_back(n);
    const Array m = normal(matrix, 21), b = normal(wide, 22);
    const Array a = matmul(m, m, false, true) +
                    Array::from(std::vector<double>{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}, {4, 4});
    const Array l = cholesky(a);
    EXPECT_LE(distance(matmul(l, l, false, true), a), 1e-13 * oracle::size(a));
    EXPECT_LE(distance(matmul(a, solve_cholesky(l, b)), b), 1e-12 * oracle::size(a) * oracle::size(b));
    for (bool t : {false, true})
      EXPECT_LE(distance(matmul(l, solve_triangular(l, b, t), t, false), b), 1e-12 * oracle::size(b));
    check_op([](const Arrays& x) { return cholesky(x[0]); }, {a}, 1e-7);
    for (bool t : {false, true})
      check_op([&](const Arrays& x) { return solve_triangular(x[0], x[1], t); }, {l, b}, 1e-7);
    check_op([](const Arrays& x) { return diagonal(x[0]); }, {a});
    // the likelihood of a Gaussian process
    check_twice(
        [](const Arrays& x) {
          const Array f = cholesky(x[0]);
          return sum(square(solve_triangular(f, x[1]))) + scale(sum(log(diagonal(f))), 2);
        },
        {a, b}, 1e-7);
  }
  // the derivative of log det is the inverse
  const Array m = normal({5, 5}, 23);
  const Array a = matmul(m, m, false, true);
  const Array inverse =
      grad([](const Arrays& x) { return scale(sum(log(diagonal(cholesky(x[0])))), 2); })({a})[0];
  Array one = Array::zeros({5, 5}, DType::f64);
  for (Index i = 0; i < 5; ++i) one.mutable_data<double>()[6 * i] = 1;
  EXPECT_LE(distance(matmul(a, inverse), one), 1e-9);
}

TEST(LowRankOps, OneMatrixForManyRightSidesAndTheReverse) {
  Array l = normal({4, 4}, 24);
  for (Index i = 0; i < 4; ++i) l.mutable_data<double>()[5 * i] = 2;
  const Array b = normal({2, 3, 4, 2}, 25);
  const Array x = solve_triangular(l, b);
  EXPECT_LE(distance(x, solve_triangular(broadcast_to(l, {2, 3, 4, 4}), b)), 1e-13);
  check_op([](const Arrays& a) { return solve_triangular(a[0], a[1], true); }, {l, b}, 1e-7);
  const Array many = broadcast_to(l, {3, 4, 4}), one = normal({4, 2}, 26);
  EXPECT_LE(
      distance(slice(solve_triangular(many, one), 0, 2, 3), reshape(solve_triangular(l, one), {1, 4, 2})),
      1e-13);
  check_op([](const Arrays& a) { return solve_triangular(a[0], a[1]); }, {many, one}, 1e-7);
}

TEST(LowRankOps, RunOnTheDebugDevice) {
  const Device d = Device::debug;
  const Array x = normal({3, 4, 2}, 1), m = normal({5, 4}, 2);
  EXPECT_TRUE(identical(mode_product(x.to(d), m.to(d), 1).to(Device::cpu), mode_product(x, m, 1)));
  const Array a = matmul(m, m, true, false);
  const auto f = [](const Arrays& t) { return sum(log(diagonal(cholesky(t[0])))); };
  EXPECT_TRUE(identical(grad(f)({a.to(d)})[0].to(Device::cpu), grad(f)({a})[0]));
  const Shape s{3, 4};
  const Entries entries(places(9, s, 4), s);
  const Arrays factors{normal({3, 2}, 3), normal({4, 2}, 4)};
  EXPECT_TRUE(identical(canonical_at({factors[0].to(d), factors[1].to(d)}, entries).to(Device::cpu),
                        canonical_at(factors, entries)));
}

TEST(LowRankOps, RefuseWhatDoesNotFit) {
  const Shape s{3, 4};
  const Entries entries(places(5, s, 5), s);
  const Array f = normal({3, 2}, 1), g = normal({4, 2}, 2);
  EXPECT_THROW(Entries(Array::from(std::vector<Index>{3, 0}, {1, 2}), s), std::invalid_argument);
  EXPECT_THROW(Entries(Array::from(std::vector<Index>{-1, 0}, {1, 2}), s), std::invalid_argument);
  EXPECT_THROW(Entries(Array::zeros({2, 3}, DType::i64), s), std::invalid_argument);
  EXPECT_THROW(Entries(Array::zeros({2, 2}, DType::f64), s), std::invalid_argument);
  EXPECT_THROW(canonical_at({f}, entries), std::invalid_argument);
  EXPECT_THROW(canonical_at({g, f}, entries), std::invalid_argument);
  EXPECT_THROW(canonical_at({f, normal({4, 3}, 3)}, entries), std::invalid_argument);
  EXPECT_THROW(canonical_at({f, normal({4, 2}, 3, DType::f32)}, entries), std::invalid_argument);
  EXPECT_THROW(canonical_at({f, g}, entries, normal({3}, 3)), std::invalid_argument);
  EXPECT_THROW(tucker_at(normal({2, 3}, 3), {f, g}, entries), std::invalid_argument);
  EXPECT_THROW(tucker_full(normal({2, 3}, 3), {f, g}), std::invalid_argument);
  EXPECT_THROW(canonical_full({f, normal({4, 3}, 3)}), std::invalid_argument);
  EXPECT_THROW(tensor_train_at({f, g}, entries), std::invalid_argument);
  EXPECT_THROW(tensor_train_full({normal({1, 3, 2}, 3), normal({2, 4, 2}, 3)}), std::invalid_argument);
  EXPECT_THROW(cholesky(normal({3, 4}, 1)), std::invalid_argument);
  EXPECT_THROW(cholesky(Array::of({{1, 2}, {2, 1}})), std::invalid_argument);
  EXPECT_THROW(cholesky(Array::of({{NAN, 0}, {0, 1}})), std::invalid_argument);
  EXPECT_THROW(solve_triangular(Array::of({{1, 0}, {1, 0}}), normal({2, 1}, 2)), std::invalid_argument);
  EXPECT_THROW(solve_triangular(normal({3, 3}, 1), normal({4, 1}, 2)), std::invalid_argument);
  EXPECT_THROW(solve_triangular(normal({2, 3, 3}, 1), normal({4, 3, 1}, 2)), std::invalid_argument);
  EXPECT_THROW(diagonal(f), std::invalid_argument);
}

TEST(LowRankOps, FunctionsThatRecordNothingRefuseTrackedArrays) {
  const Array x = track(normal({4, 5, 6}, 1));
  EXPECT_NE(message_of([&] { st_hosvd(x); }).find("[st_hosvd] records no derivative"), std::string::npos);
  EXPECT_NE(message_of([&] { hooi(x, {2, 2, 2}); }).find("[hooi] records"), std::string::npos);
  EXPECT_NE(message_of([&] { cp_als(x, 2); }).find("[cp_als] records"), std::string::npos);
  EXPECT_NE(message_of([&] { to_tensor_train(x, 1e-3); }).find("[to_tensor_train] records"),
            std::string::npos);
  Tucker u = random_tucker({3, 4}, {2, 2}, DType::f64, 1);
  u.core = track(u.core);
  EXPECT_NE(message_of([&] { u.full(); }).find("[full] records"), std::string::npos);
  EXPECT_NE(message_of([&] { orthogonalized(u); }).find("records"), std::string::npos);
  Canonical c = random_canonical({3, 4}, 2, DType::f64, 1);
  c.factors[1] = track(c.factors[1]);
  EXPECT_NE(message_of([&] { norm(c); }).find("records"), std::string::npos);
  TensorTrain t = random_train({3, 4}, 2, DType::f64, 1);
  t.cores[0] = track(t.cores[0]);
  EXPECT_NE(message_of([&] { round(t, 0.1); }).find("records"), std::string::npos);
  const Recording off(false);  // nothing is recorded anyway
  EXPECT_EQ(st_hosvd(x).tensor.shape(), x.shape());
}
