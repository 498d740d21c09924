// The ops of <cartan/autodiff/ops.hpp>, on every device.
#include "autodiff/op_list.hpp"

#include <fstream>
#include <regex>

namespace ops {
namespace {

using Unary = Array (*)(const Array&);
using Binary = Array (*)(const Array&, const Array&);

OpCase unary(const std::string& name, Unary f, const Array& x) {
  return {name, [f](const Arrays& a) { return Arrays{f(a[0])}; }, {x}};
}
OpCase binary(const std::string& name, Binary f) {
  return {name,
          [f](const Arrays& a) {
            return Arrays{f(a[0], a[1]), f(a[1], a[0]), f(a[0], a[2]), f(a[2], a[3]), f(a[3], a[1])};
          },
          {normal({2, 3, 4}, 1), positive({3, 1}, 2), positive({2, 3, 4}, 3), normal({}, 4)}};
}
// Too large for differences: small cases of the same op have them.
OpCase large(OpCase op) {
  op.differences = false;
  return op;
}
OpCase one(const std::string& name, Array (*f)(const Array&), const Shape& shape = {3, 4, 5}) {
  return {name, [f](const Arrays& a) { return Arrays{f(a[0])}; }, {normal(shape)}};
}

const AddOps arithmetic{
    binary("add", add),
    binary("subtract", subtract),
    binary("multiply", multiply),
    // only the positive ones divide
    {"divide",
     [](const Arrays& a) {
       return Arrays{a[0] / a[1], a[1] / a[2], a[0] / a[2]};
     },
     {normal({2, 3, 4}, 1), positive({3, 1}, 2), positive({2, 3, 4}, 3)}},
    binary("less", less),
    binary("maximum", maximum),
    binary("minimum", minimum),
    one("scale", [](const Array& a) { return scale(a, -1.7); }),
    one("shift", [](const Array& a) { return square(shift(a, 0.3)); }),
    one("negative", [](const Array& a) { return square(a) * negative(a); }),
    {"where",
     [](const Arrays& a) { return Arrays{where(less(a[0], a[1]), square(a[0]), a[0] * a[1])}; },
     {normal({5, 7}, 1), normal({5, 7}, 2)}},
    large({"add of many elements",
           [](const Arrays& a) { return Arrays{square(a[0]) + a[1]}; },
           {normal({70, 1000}, 1), normal({1000}, 2)}}),
};

const AddOps functions{
    unary("exp", cartan::exp, normal({23})),
    unary("log", cartan::log, positive({23})),
    unary("sin", cartan::sin, normal({23})),
    unary("cos", cartan::cos, normal({23})),
    unary("tanh", cartan::tanh, normal({23})),
    unary("sqrt", cartan::sqrt, positive({23})),
    unary("reciprocal", reciprocal, positive({23})),
    unary("square", square, normal({23})),
    unary("abs", cartan::abs, normal({23})),
    unary("sign", sign, normal({23})),
    unary("sigmoid", sigmoid, normal({23})),
    unary("silu", silu, normal({1000})),
    unary("softplus", softplus, normal({23})),
    {"power",
     [](const Arrays& a) {
       return Arrays{power(a[0], -1.5), power(a[0], 0.5), power(a[0], 0), power(a[0], 3), power(a[0], -2)};
     },
     {positive({23})}},
};

const AddOps sums{
    one("sum", [](const Array& a) { return sum(power(a, 3)); }),
    one("sum of each axis",
        [](const Array& a) {
          return sum(power(sum(a, 0), 3)) + sum(square(sum(a, 1, true))) * sum(sum(a, -1));
        }),
    large(one("sum of many elements", [](const Array& a) { return square(sum(square(a))); }, {9001})),
    large(one("sum of many rows", [](const Array& a) { return power(sum(a, 0), 2); }, {5003, 3})),
    large(one("sum of long rows", [](const Array& a) { return power(sum(a, 1), 2); }, {3, 5003})),
    one("mean", [](const Array& a) { return power(mean(a), 2); }),
    one("mean of an axis", [](const Array& a) { return power(mean(a, 1), 2); }),
    one("broadcast_to",
        [](const Array& a) {
          return square(broadcast_to(a, {2, 3, 5}));
        },
        {3, 1}),
    one("sum_to",
        [](const Array& a) {
          return power(sum_to(a, {4, 1}), 3);
        }),
};

const Indices some_rows({2, 0, 2, 2, 1, 0}, 4);

const AddOps structure{
    one("reshape",
        [](const Array& a) {
          return square(reshape(a, {2, -1}));
        }),
    one("permute",
        [](const Array& a) {
          return square(permute(a, {2, 0, 1}));
        }),
    one("transpose", [](const Array& a) { return square(transpose(a)); }),
    one("slice", [](const Array& a) { return square(slice(a, 1, 1, 3)); }),
    one("slice of the first axis", [](const Array& a) { return square(slice(a, 0, 1, 3)); }),
    one("pad", [](const Array& a) { return square(pad(pad(a, 0, 1, 2), 2, 0, 1)); }),
    {"concatenate",
     [](const Arrays& a) {
       return Arrays{square(concatenate({a[0], a[1], a[0]}, 1))};
     },
     {normal({3, 2, 4}, 1), normal({3, 5, 4}, 2)}},
    one("gather", [](const Array& a) { return power(gather(a, some_rows), 3); }, {4, 3}),
    one("scatter_add", [](const Array& a) { return power(scatter_add(a, some_rows), 3); }, {6, 3}),
    {"cast",
     [](const Arrays& a) {
       const DType other = a[0].dtype() == DType::f64 ? DType::f32 : DType::f64;
       return Arrays{cast(square(cast(a[0], other)), a[0].dtype())};
     },
     {normal({7})},
     false},
    one("to", [](const Array& a) { return to(square(to(a, Device::cpu)), a.device()); }),
};

Arrays products(const Arrays& x, bool ta, bool tb) {
  return {power(matmul(x[0], x[1], ta, tb), 2)};
}

OpCase product(bool ta, bool tb, int batched) {
  Shape a = ta ? Shape{4, 3} : Shape{3, 4}, b = tb ? Shape{5, 4} : Shape{4, 5};
  if (batched & 1) a.insert(a.begin(), 2);
  if (batched & 2) b.insert(b.begin(), 2);
  return {text("matmul ", to_string(a), ta ? "^T " : " ", to_string(b), tb ? "^T" : ""),
          [=](const Arrays& x) { return products(x, ta, tb); },
          {normal(a, 1), normal(b, 2)}};
}

const AddOps matrices{
    product(false, false, 0),
    product(false, true, 0),
    product(true, false, 0),
    product(true, true, 0),
    product(false, false, 3),
    product(false, true, 3),
    product(true, false, 3),
    product(true, true, 3),
    product(false, false, 1),
    product(true, false, 1),
    product(false, true, 2),
    large({"matmul with a long inner axis",
           [](const Arrays& x) { return products(x, true, false); },
           {normal({3000, 9}, 1), normal({3000, 7}, 2)}}),
    {"linear",
     [](const Arrays& x) {
       return Arrays{power(linear(x[0], x[1], x[2]), 2), power(linear(x[0], x[1]), 2)};
     },
     {normal({2, 3, 4}, 1), normal({5, 4}, 2), normal({5}, 3)}},
};

// Real arrays in and out: f(x0 + i x1, x2 + i x3).
OpCase complex_case(const std::string& name, Array (*f)(const Array&, const Array&), const Shape& a,
                    const Shape& b) {
  return {name,
          [f](const Arrays& x) {
            const Array y = f(make_complex(x[0], x[1]), make_complex(x[2], x[3]));
            return Arrays{real(y), imag(y)};
          },
          {normal(a, 1), normal(a, 2), shift(positive(b, 3), 0.5), normal(b, 4)}};
}

const AddOps complex_numbers{
    complex_case("make_complex", [](const Array& a, const Array& b) { return a * b + a; }, {3, 4}, {4}),
    complex_case("real", [](const Array& a, const Array& b) { return a * cast(real(b), b.dtype()); }, {3, 4},
                 {4}),
    complex_case("imag", [](const Array& a, const Array& b) { return a * cast(imag(b), b.dtype()); }, {3, 4},
                 {4}),
    complex_case("conjugate", [](const Array& a, const Array& b) { return conjugate(a) / b - scale(b, 2); },
                 {3, 4}, {4}),
    complex_case("sum of complex numbers", [](const Array& a, const Array& b) { return sum(a * a, 0) * b; },
                 {3, 4}, {4}),
    complex_case("matmul of complex numbers", [](const Array& a, const Array& b) { return matmul(a, b); },
                 {3, 4}, {4, 5}),
};

}  // namespace

TEST_P(OpList, HasTheSameResults) {
  check_ops(GetParam(), {});
}
INSTANTIATE_TEST_SUITE_P(Autodiff, OpList, ::testing::ValuesIn(everywhere()), test_name);

// Every op that ops.hpp declares begins the name of a case.
TEST(OpList, NamesEveryOp) {
  std::ifstream file(std::string(CARTAN_SOURCE_DIR) + "/include/cartan/autodiff/ops.hpp");
  ASSERT_TRUE(file);
  const std::regex declaration("^Array (\\w+)\\(.*");
  int found = 0;
  for (std::string line; std::getline(file, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, declaration)) continue;
    ++found;
    const std::string op = match[1];
    bool listed = false;
    for (const OpCase& c : op_list()) listed = listed || c.name == op || c.name.rfind(op + " ", 0) == 0;
    EXPECT_TRUE(listed) << op << " has no case in the list";
  }
  EXPECT_GE(found, 40);
}

}  // namespace ops
