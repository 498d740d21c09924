#pragma once
// One list of op tests for every device and both precisions. A test program adds its cases to the list,
//
//   const AddOps trigonometric{{"sin", [](const Arrays& x) { return Arrays{sin(x[0])}; }, {normal({3, 4})}}};
//
// and everything else follows: values, first and second derivatives against differences on the host, in
// float32 against float64, and on every other device against the host.

#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <set>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"

namespace ops {

using namespace cartan;

struct OpCase {
  std::string name;         // the op, then what is special about the case
  Function f;               // real outputs, on the device of x
  Arrays x;                 // float64
  bool differences = true;  // against differences; false: f rounds them away, or is too large
};

inline std::vector<OpCase>& op_list() {
  static std::vector<OpCase> list;
  return list;
}

struct AddOps {
  AddOps(std::initializer_list<OpCase> cases) { op_list().insert(op_list().end(), cases); }
};

inline Array normal(const Shape& shape, std::uint64_t stream = 1) {
  return random_normal(shape, DType::f64, Random(11, stream));
}
// In [0.3, ...), where log, sqrt and division are smooth.
inline Array positive(const Shape& shape, std::uint64_t stream = 1) {
  return shift(square(normal(shape, stream)), 0.3);
}

inline Array weighted(const Arrays& y, std::uint64_t stream) {
  Array total;
  for (std::size_t k = 0; k < y.size(); ++k) {
    const Array u = normal(y[k].shape(), stream + k).as(y[k].dtype()).to(y[k].device());
    const Array part = sum(y[k] * u);
    total = k == 0 ? part : total + part;
  }
  return total;
}

// Outputs, df = d<f, u>/dx and d<df, w>/dx, brought to the host.
inline Arrays results(const OpCase& op, Device device, DType dtype) {
  Arrays x;
  for (const Array& a : op.x) x.push_back(track(a.as(dtype).to(device)));
  const Arrays y = op.f(x);
  const Arrays first = gradients(weighted(y, 100), x, {}, true);
  const Arrays second = gradients(weighted(first, 200), x);
  Arrays out;
  for (const Arrays& list : {y, first, second})
    for (const Array& a : list) {
      EXPECT_EQ(a.device(), device) << op.name;
      out.push_back(detach(a).to(Device::cpu));
    }
  return out;
}

inline double largest(const Array& a) {
  double most = 0;
  for (double v : a.to_vector<double>()) most = std::isnan(v) ? v : std::max(most, std::abs(v));
  return most;
}

inline void expect_close(const Arrays& found, const Arrays& expected, double tolerance,
                         const std::string& name) {
  ASSERT_EQ(found.size(), expected.size()) << name;
  for (std::size_t k = 0; k < found.size(); ++k) {
    ASSERT_EQ(found[k].shape(), expected[k].shape()) << name;
    const Array a = found[k].as(DType::f64), b = expected[k].as(DType::f64);
    EXPECT_LE(largest(a - b), tolerance * (1 + largest(b))) << name << ", result " << k;
  }
}

inline void check_differences(const OpCase& op) {
  const auto value = [&](const Arrays& x) { return weighted(op.f(x), 100); };
  const auto slope = [&](const Arrays& x) { return weighted(grad(value)(x), 200); };
  for (const auto& [order, f] :
       {std::pair{"first", ScalarFunction(value)}, {"second", ScalarFunction(slope)}}) {
    const GradientReport r = check_gradients(f, op.x, 1e-3, 12);
    EXPECT_LE(r.max_error, 1e-7) << op.name << ", " << order << " derivative, argument " << r.argument
                                 << " element " << r.element << ": " << r.analytic << " against "
                                 << r.numeric;
  }
}

// What the error "[name] has no CUDA kernel" names; empty for other errors.
inline std::string missing_kernel(const DeviceError& error) {
  const std::string what = error.what();
  const auto end = what.find("] has no CUDA kernel");
  return what.rfind('[', 0) == 0 && end != std::string::npos ? what.substr(1, end - 1) : "";
}

struct Where {
  Device device;
  DType dtype;
};
inline std::ostream& operator<<(std::ostream& out, const Where& w) {
  return out << w.device << ' ' << w.dtype;
}
inline std::vector<Where> everywhere() {
  std::vector<Device> devices{Device::cpu, Device::debug};
  if (cuda_available()) devices.push_back(Device::cuda());
  std::vector<Where> out;
  for (Device device : devices)
    for (DType dtype : {DType::f32, DType::f64}) out.push_back({device, dtype});
  return out;
}

// @param without_kernel  primitives that have no CUDA kernel yet
inline void check_ops(const Where& w, const std::set<std::string>& without_kernel) {
  ASSERT_FALSE(op_list().empty());
  int checked = 0;
  std::set<std::string> missing;
  for (const OpCase& op : op_list()) {
    SCOPED_TRACE(op.name);
    if (w.device == Device::cpu && w.dtype == DType::f64) {
      if (op.differences) check_differences(op);
      ++checked;
      continue;
    }
    const Arrays host = results(op, Device::cpu, w.device == Device::cpu ? DType::f64 : w.dtype);
    try {
      const Arrays found = results(op, w.device, w.dtype);
      if (w.device == Device::debug) {
        for (std::size_t k = 0; k < host.size(); ++k)
          EXPECT_TRUE(identical(found[k], host[k])) << op.name << ", result " << k;
      } else {
        expect_close(found, host, w.dtype == DType::f64 ? 1e-12 : 3e-5, op.name);
      }
      ++checked;
    } catch (const DeviceError& error) {
      const std::string kernel = missing_kernel(error);
      EXPECT_TRUE(w.device.kind == Device::Kind::cuda && without_kernel.count(kernel)) << error.what();
      missing.insert(kernel);
    }
  }
  std::cout << "op list on " << w << ": " << checked << " of " << op_list().size() << " cases";
  for (const std::string& kernel : missing)
    std::cout << (kernel == *missing.begin() ? "; without kernel: " : ", ") << kernel;
  std::cout << '\n';
}

class OpList : public ::testing::TestWithParam<Where> {};

inline std::string test_name(const ::testing::TestParamInfo<Where>& info) {
  const Device d = info.param.device;
  return std::string(d == Device::cpu     ? "cpu_"
                     : d == Device::debug ? "debug_"
                                          : "cuda_") +
         name_of(info.param.dtype);
}

}  // namespace ops
