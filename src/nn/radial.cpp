#include "cartan/nn/radial.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "autodiff/reads.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "nn/radial_series.hpp"

namespace cartan::nn {
namespace {

// The order-th derivative of a function of the distance; inputs (d, arrays of the function).
template <class Function>
class RadialSeries : public Primitive, public ReadsInputs {
 public:
  RadialSeries(Function function, int order) : function_(std::move(function)), order_(order) {
    require(order <= max_order, "[radial] derivatives go up to order ", max_order);
  }
  const char* name() const override { return "radial"; }

  Arrays eval_cpu(const Arrays& in) const override {
    Function function = function_;
    function.take(Arrays(in.begin() + 1, in.end()));
    Shape shape = in[0].shape();
    const Index k = function.count();
    if (!Function::scalar) shape.push_back(k);
    Array out = Array::uninitialized(shape, in[0].dtype());
    dispatch_real("radial", out.dtype(), [&]<class T>(T) {
      const T* d = in[0].data<T>();
      T* y = out.mutable_data<T>();
      parallel_for(in[0].size(), std::max<Index>(1, 4096 / k), [&](Index begin, Index end) {
        fill(function, d + begin, end - begin, order_, y + begin * k);
      });
    });
    return {out};
  }

  // By the distance alone: the arrays are constants here.
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    const Array slope = run(std::make_shared<RadialSeries>(function_, order_ + 1), in);
    Arrays g(in.size());
    g[0] = Function::scalar ? c * slope : sum(c * slope, -1);
    return g;
  }

 private:
  Function function_;
  int order_;
};

template <class Function>
Array radial(Function function, const Array& d, const Arrays& arrays = {}) {
  Arrays in{d};
  for (const Array& a : arrays) in.push_back(detach(a));
  return run(std::make_shared<RadialSeries<Function>>(std::move(function), 0), std::move(in));
}

void check(const char* op, const Array& d, double lower, double upper) {
  require(is_real(d.dtype()), "[", op, "] distances are ", d.dtype(), ", not real");
  require(lower >= 0 && upper > lower && std::isfinite(upper), "[", op, "] needs 0 <= lower < upper, got ",
          lower, " and ", upper);
}

constexpr const char* kind_names[] = {"expnorm", "gauss", "bessel"};

Array linspace(double first, double last, Index count) {
  std::vector<double> v(static_cast<std::size_t>(count));
  for (Index i = 0; i < count; ++i)
    v[static_cast<std::size_t>(i)] =
        first + (last - first) * static_cast<double>(i) / static_cast<double>(std::max<Index>(1, count - 1));
  return Array::from(v);
}

}  // namespace

Array cosine_cutoff(const Array& d, double lower, double upper) {
  check("cosine_cutoff", d, lower, upper);
  return radial(CosineCutoff{lower, upper}, d);
}

Array polynomial_cutoff(const Array& d, double upper, int p) {
  check("polynomial_cutoff", d, 0, upper);
  require(p >= 1, "[polynomial_cutoff] p is ", p, ", must be positive");
  return radial(PolynomialCutoff{upper, p}, d);
}

Array xplor_cutoff(const Array& d, double onset, double upper) {
  check("xplor_cutoff", d, onset, upper);
  return radial(XplorCutoff{onset, upper}, d);
}

RadialKind radial_kind(const std::string& name) {
  for (int k = 0; k < 3; ++k)
    if (name == kind_names[k]) return static_cast<RadialKind>(k);
  throw std::invalid_argument("[radial] unknown basis '" + name + "'; use expnorm, gauss or bessel");
}

const char* name_of(RadialKind kind) {
  return kind_names[static_cast<int>(kind)];
}

RadialBasis::RadialBasis(const RadialOptions& o, DType dtype) : options(o) {
  const Index least = o.kind == RadialKind::bessel ? 1 : 2;
  require(o.count >= least, "[RadialBasis] ", o.count, " functions, at least ", least, " are needed");
  require(is_real(dtype), "[RadialBasis] type ", dtype, " is not real");
  require(o.lower >= 0 && o.upper > o.lower && std::isfinite(o.upper),
          "[RadialBasis] needs 0 <= lower < upper, got ", o.lower, " and ", o.upper);
  const double count = static_cast<double>(o.count);
  if (o.kind == RadialKind::expnorm) {
    const double s = std::exp(o.lower - o.upper), width = 2 / count * (1 - s);
    centers = linspace(s, 1, o.count).as(dtype);
    widths = Array::full({o.count}, 1 / (width * width), dtype);
  } else if (o.kind == RadialKind::gauss) {
    const double step = (o.upper - o.lower) / (count - 1);
    centers = linspace(o.lower, o.upper, o.count).as(dtype);
    widths = Array::scalar(-0.5 / (step * step), dtype);
  } else {
    require(o.lower == 0, "[RadialBasis] the Bessel basis starts at 0, not at ", o.lower);
    require(o.envelope >= 0, "[RadialBasis] envelope ", o.envelope, " must not be negative");
    require(o.onset >= 0 && o.onset < o.upper && (o.onset == 0 || o.envelope == 0),
            "[RadialBasis] a cutoff from ", o.onset, " to ", o.upper,
            " must start before it ends, and needs envelope 0, not ", o.envelope);
    require(!o.endless || (o.onset == 0 && o.envelope == 0), "[RadialBasis] is endless, with a cutoff");
    const double w = std::numbers::pi / o.upper;
    centers = linspace(w, count * w, o.count).as(dtype);
  }
}

Array RadialBasis::operator()(const Array& d) const {
  require(d.ndim() == 1 && d.dtype() == centers.dtype(), "[RadialBasis] distances are ", d.dtype(),
          " of shape ", d.shape(), ", expected ", centers.dtype(), " of rank 1");
  const double lower = options.lower, upper = options.upper,
               end = options.endless ? std::numeric_limits<double>::infinity() : upper;
  if (options.kind == RadialKind::bessel && !centers.tracked())
    return radial(Bessel{upper, end, options.envelope, options.onset, {}}, d, {centers});
  const bool expnorm = options.kind == RadialKind::expnorm;
  if (!centers.tracked() && !widths.tracked())
    return expnorm ? radial(ExpNorm{lower, upper, {}, {}}, d, {centers, widths})
                   : radial(Gauss{}, d, {centers, widths});
  const Array column = reshape(d, {-1, 1});
  if (options.kind == RadialKind::bessel) {
    const Array cut = options.onset > 0      ? xplor_cutoff(column, options.onset, upper)
                      : options.envelope > 0 ? polynomial_cutoff(column, upper, options.envelope)
                                             : less(column, Array::scalar(end, d.dtype(), d.device()));
    return scale(cut / column, std::sqrt(2 / upper)) * sin(column * centers);
  }
  if (!expnorm) return exp(widths * square(column - centers));
  const Array u = exp((5 / (upper - lower)) * (lower - column));
  return cosine_cutoff(column, 0, upper) * exp(negative(widths * square(u - centers)));
}

void RadialBasis::collect(const std::string& prefix, ParameterRefs& out) {
  if (options.trainable) list(prefix, out);
}

void RadialBasis::collect_buffers(const std::string& prefix, ParameterRefs& out) {
  if (!options.trainable) list(prefix, out);
}

void RadialBasis::list(const std::string& prefix, ParameterRefs& out) {
  constexpr const char* names[3][2] = {{".means", ".betas"}, {".offset", ".coeff"}, {".frequencies", ""}};
  const auto& name = names[static_cast<int>(options.kind)];
  out.push_back({prefix + name[0], &centers});
  if (!widths.empty()) out.push_back({prefix + name[1], &widths});
}

}  // namespace cartan::nn
