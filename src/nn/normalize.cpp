// Normalisation of rows. With m, r = mean and 1/sqrt(variance + eps) of a row x of F elements and
// h = r (x - m), the Jacobian dh/dx = r (1 - 11^T/F - h h^T/F) is symmetric; so both the vector-Jacobian
// product and its derivative along the vector are B(x, g) = r (g - mean(g) - h mean(g h)), and
//   d/dx <c, B(x, g)> = -r^2 h (cov(c, g) - ab) - r (b B(x, g) + a B(x, c)) =: C(x, g, c),
// a = mean(g h), b = mean(c h), cov(c, g) = mean(c g) - mean(c) mean(g); C is symmetric in g and c.
// Each of the three is one pass over memory: a row stays in the first-level cache.
#include <cmath>

#include "autodiff/reads.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/nn/layers.hpp"
#include "core/dispatch.hpp"
#include "core/strands.hpp"

namespace cartan::nn {
namespace {

template <class Term>
double mean_of(Index n, Term term) {
  return sum_in_strands(n, term) / static_cast<double>(n);
}

struct Moments {
  double mean, r;
};

template <class T>
Moments moments(const T* x, Index n, double eps) {
  const double m = mean_of(n, [=](Index i) { return static_cast<double>(x[i]); });
  const double v = mean_of(n, [=](Index i) {
    const double d = static_cast<double>(x[i]) - m;
    return d * d;
  });
  return {m, 1 / std::sqrt(v + eps)};
}

// row(offset, F, T{}) for every row of an array like `like`; returns the array that it fills.
template <class Row>
Array over_rows(const Array& like, Row row) {
  Array out = Array::uninitialized(like.shape(), like.dtype());
  if (out.empty()) return out;
  const Index n = like.dim(-1), rows = like.size() / n;
  dispatch_real("normalize", like.dtype(), [&]<class T>(T) {
    T* y = out.mutable_data<T>();
    parallel_for(rows, std::max<Index>(1, 8192 / n), [&](Index begin, Index end) {
      for (Index k = begin; k < end; ++k) row(y + k * n, k * n, n);
    });
  });
  return out;
}

Array backward(const Array& x, const Array& g, double eps);
Array second(const Array& x, const Array& g, const Array& c, double eps);

class Normalize : public Primitive, public ReadsInputs {
 public:
  explicit Normalize(double eps) : eps_(eps) {}
  const char* name() const override { return "normalize"; }
  Arrays eval_cpu(const Arrays& in) const override {
    return {over_rows(in[0], [&]<class T>(T* y, Index offset, Index n) {
      const T* x = in[0].data<T>() + offset;
      const auto [m, r] = moments(x, n, eps_);
      for (Index i = 0; i < n; ++i) y[i] = static_cast<T>((static_cast<double>(x[i]) - m) * r);
    })};
  }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    return {backward(in[0], c, eps_)};
  }

 private:
  double eps_;
};

// B(x, g)
class NormalizeBackward : public Primitive, public ReadsInputs {
 public:
  explicit NormalizeBackward(double eps) : eps_(eps) {}
  const char* name() const override { return "normalize_backward"; }
  Arrays eval_cpu(const Arrays& in) const override {
    return {over_rows(in[0], [&]<class T>(T* y, Index offset, Index n) {
      const T *x = in[0].data<T>() + offset, *g = in[1].data<T>() + offset;
      const auto [m, r] = moments(x, n, eps_);
      auto h = [x, m = m, r = r](Index i) { return (static_cast<double>(x[i]) - m) * r; };
      const double mean_g = mean_of(n, [=](Index i) { return static_cast<double>(g[i]); });
      const double a = mean_of(n, [=](Index i) { return static_cast<double>(g[i]) * h(i); });
      for (Index i = 0; i < n; ++i)
        y[i] = static_cast<T>(r * (static_cast<double>(g[i]) - mean_g - h(i) * a));
    })};
  }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Array& c = cotangents[0];
    Arrays out(2);
    if (wanted[0]) out[0] = second(in[0], in[1], c, eps_);
    if (wanted[1]) out[1] = backward(in[0], c, eps_);
    return out;
  }

 private:
  double eps_;
};

// C(x, g, c)
class NormalizeSecond : public Primitive, public ReadsInputs {
 public:
  explicit NormalizeSecond(double eps) : eps_(eps) {}
  const char* name() const override { return "normalize_second"; }
  Arrays eval_cpu(const Arrays& in) const override {
    return {over_rows(in[0], [&]<class T>(T* y, Index offset, Index n) {
      const T *x = in[0].data<T>() + offset, *g = in[1].data<T>() + offset, *c = in[2].data<T>() + offset;
      const auto [m, r] = moments(x, n, eps_);
      auto d = [](T v) { return static_cast<double>(v); };
      auto h = [x, m = m, r = r](Index i) { return (static_cast<double>(x[i]) - m) * r; };
      const double mean_g = mean_of(n, [=](Index i) { return d(g[i]); });
      const double mean_c = mean_of(n, [=](Index i) { return d(c[i]); });
      const double a = mean_of(n, [=](Index i) { return d(g[i]) * h(i); });
      const double b = mean_of(n, [=](Index i) { return d(c[i]) * h(i); });
      const double cov = mean_of(n, [=](Index i) { return (d(g[i]) - mean_g) * (d(c[i]) - mean_c); });
      const double r2 = r * r, along = cov - 3 * a * b;
      for (Index i = 0; i < n; ++i)
        y[i] = static_cast<T>(-r2 * (h(i) * along + b * (d(g[i]) - mean_g) + a * (d(c[i]) - mean_c)));
    })};
  }
  // Third derivatives are rare: those of the same formula composed of ops.
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Array& c = cotangents[0];
    const bool again = recording();
    Arrays leaves, asked, out(3);
    {
      Recording on(true);
      for (std::size_t k = 0; k < 3; ++k) leaves.push_back(wanted[k] ? track(in[k]) : in[k]);
      for (std::size_t k = 0; k < 3; ++k)
        if (wanted[k]) asked.push_back(leaves[k]);
      const Array y = composed(leaves[0], leaves[1], leaves[2]);
      const Arrays found = gradients(y, asked, c, again);
      for (std::size_t k = 0, n = 0; k < 3; ++k)
        if (wanted[k]) out[k] = found[n++];
    }
    return out;
  }

 private:
  Array composed(const Array& x, const Array& g, const Array& c) const {
    auto centred = [](const Array& v) { return v - mean(v, -1, true); };
    const Array x0 = centred(x), g0 = centred(g), c0 = centred(c);
    const Array r = reciprocal(sqrt(mean(square(x0), -1, true) + eps_)), h = x0 * r;
    const Array a = mean(g0 * h, -1, true), b = mean(c0 * h, -1, true);
    return negative(square(r) * (h * (mean(g0 * c0, -1, true) - 3.0 * (a * b)) + b * g0 + a * c0));
  }
  double eps_;
};

Array backward(const Array& x, const Array& g, double eps) {
  return run(std::make_shared<NormalizeBackward>(eps), {x, g});
}
Array second(const Array& x, const Array& g, const Array& c, double eps) {
  return run(std::make_shared<NormalizeSecond>(eps), {x, g, c});
}

}  // namespace

Array normalize(const Array& x, double eps) {
  require(x.ndim() >= 1 && is_real(x.dtype()) && eps > 0, "[normalize] ", x.dtype(), " of shape ", x.shape(),
          " with eps ", eps, ": needs a real array of rank 1 or more and eps > 0");
  return run(std::make_shared<Normalize>(eps), {x});
}

}  // namespace cartan::nn
