// Gates in one pass. With s = sigmoid(g) and f the factor, for degrees above 0
//
//   y_m = f s x_m,   <c, dy> by x_m: f s c_m,  by g: f s' t,  by f: s t,   t = sum_m c_m x_m,
//
// and what these three are along a_m, a, b, a function h = f s w + a f s' t + b s t with w = sum_m a_m c_m,
// is differentiated once more. The scalars have g = x: y = f q, q = x s, h = a f q' c + b q c.
#include "potentials/networks/gate.hpp"

#include <Eigen/Core>

#include "autodiff/multilinear.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/so3/layers.hpp"
#include "core/dispatch.hpp"
#include "core/simd.hpp"
#include "core/workspace.hpp"
#include "potentials/networks/edge_layers.hpp"

namespace cartan::potentials {
namespace {

struct Gates {
  int lmax, mmax;  // orders |m| <= mmax
  Index channels;
  Index orders(int l) const { return 2 * std::min(l, mmax) + 1; }
  Index functions() const {
    Index rows = 0;
    for (int l = 0; l <= lmax; ++l) rows += orders(l);
    return rows * channels;
  }
  Index width() const { return functions() + Index{lmax} * channels; }

  // body(row, s) for every row: s (lmax + 1, channels) the sigmoids of x_0 and of the gates.
  template <class T, class Body>
  void each_row(const Array& v, Body&& body) const {
    const T* values = v.data<T>();
    parallel_for(v.dim(0), std::max<Index>(1, 16384 / width()), [&](Index begin, Index end) {
      Scratch<T> memory(Index{lmax + 1} * channels);
      using Values = Eigen::Array<T, Eigen::Dynamic, 1>;
      const auto sigmoid = [](const T* x, Index n, T* s) {
        Eigen::Map<Values>(s, n) = (1 + (-Eigen::Map<const Values>(x, n)).exp()).inverse();
      };
      for (Index r = begin; r < end; ++r) {
        const T* row = values + r * width();
        sigmoid(row, channels, memory.data());
        sigmoid(row + functions(), Index{lmax} * channels, memory.data() + channels);
        body(r, memory.data());
      }
    });
  }
  // one(V{}, u) for every strip of channels of degree 0, body(V{}, at, orders, k, gate) of the others: the
  // place of the first order and their number, that of the sigmoid and that of the gate.
  template <class T, class One, class Body>
  void each_strip(One&& one, Body&& body) const {
    for_strips<T>(channels, one);
    const Index gates = functions();
    Index first = channels;
    for (int l = 1; l <= lmax; first += orders(l++) * channels)
      for_strips<T>(channels, [&]<class V>(V zero, Index u) {
        body(zero, first + u, orders(l), l * channels + u, gates + (l - 1) * channels + u);
      });
  }
};

template <class T, class V>
double sum_of(const V& v) {
  if constexpr (sizeof(V) == sizeof(T))
    return static_cast<double>(v);
  else
    return static_cast<double>(horizontal_sum<T>(v));
}

class Gate : public Primitive, public ReadsInputs, public Remade {
 public:
  explicit Gate(Gates gates) : g_(gates) {}
  const char* name() const override { return "gate"; }
  Arrays eval_cpu(const Arrays& in) const override {
    Array out = Array::uninitialized({in[0].dim(0), g_.functions()}, in[0].dtype());
    dispatch_real(name(), out.dtype(), [&]<class T>(T) {
      const T *v = in[0].data<T>(), *factor = in.size() > 1 ? in[1].data<T>() : nullptr;
      T* y = out.mutable_data<T>();
      g_.each_row<T>(in[0], [&](Index r, const T* s) {
        const T* x = v + r * g_.width();
        T* to = y + r * g_.functions();
        const T f = factor ? factor[r] : T(1);
        g_.each_strip<T>([&]<class V>(V, Index u) { store(to + u, V(load<V>(s + u) * f * load<V>(x + u))); },
                         [&]<class V>(V, Index at, Index orders, Index k, Index) {
                           const V c = load<V>(s + k) * f;
                           for (Index m = 0; m < orders; ++m, at += g_.channels)
                             store(to + at, V(c * load<V>(x + at)));
                         });
      });
    });
    return {out};
  }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  Gates g_;
};

// The same by ops.
Array by_ops(const Gates& g, const Array& v, const Array& factor) {
  const Array x = columns(v, 0, g.functions());
  const Array gates =
      sigmoid(concatenate({columns(v, 0, g.channels), columns(v, g.functions(), g.width())}, 1));
  return so3::irrep_scale(x, factor.empty() ? gates : gates * factor,
                          so3::in_frames(polar_features(g.lmax, g.channels), g.mmax));
}

// Gate's derivatives by its inputs, of these and a cotangent.
class GateBackward : public Primitive, public ReadsInputs, public Remade {
 public:
  explicit GateBackward(Gates gates) : g_(gates) {}
  const char* name() const override { return "gate_backward"; }
  Arrays eval_cpu(const Arrays& in) const override {
    const bool limited = in.size() > 2;
    Arrays out{Array::uninitialized(in[0].shape(), in[0].dtype())};
    if (limited) out.push_back(Array::uninitialized(in[1].shape(), in[1].dtype()));
    dispatch_real(name(), out[0].dtype(), [&]<class T>(T) {
      const T *v = in[0].data<T>(), *factor = limited ? in[1].data<T>() : nullptr, *c = in.back().data<T>();
      T *by_v = out[0].mutable_data<T>(), *by_f = limited ? out[1].mutable_data<T>() : nullptr;
      g_.each_row<T>(in[0], [&](Index r, const T* s) {
        const T *x = v + r * g_.width(), *cr = c + r * g_.functions();
        T* to = by_v + r * g_.width();
        const T f = factor ? factor[r] : T(1);
        double along_f = 0;
        g_.each_strip<T>(
            [&]<class V>(V, Index u) {
              const V sig = load<V>(s + u), xu = load<V>(x + u), cu = load<V>(cr + u);
              store(to + u, V(f * cu * (sig + xu * (sig - sig * sig))));
              along_f += sum_of<T>(V(cu * xu * sig));
            },
            [&]<class V>(V, Index at, Index orders, Index k, Index gate) {
              const V sig = load<V>(s + k), fs = sig * f;
              V t{};
              for (Index m = 0; m < orders; ++m, at += g_.channels) {
                const V cm = load<V>(cr + at);
                t += cm * load<V>(x + at);
                store(to + at, V(cm * fs));
              }
              store(to + gate, V(f * t * (sig - sig * sig)));
              along_f += sum_of<T>(V(sig * t));
            });
        if (by_f) by_f[r] = static_cast<T>(along_f);
      });
    });
    return out;
  }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  Gates g_;
};

// GateBackward's by its inputs, given cotangents of its outputs (those that there are).
class GateAgain : public LastDerivatives {
 public:
  GateAgain(Gates gates, bool limited, bool by_v, bool by_f)
      : g_(gates), limited_(limited), by_v_(by_v), by_f_(by_f) {}
  const char* name() const override { return "gate_again"; }
  Arrays eval_cpu(const Arrays& in) const override {
    const std::size_t count = limited_ ? 3 : 2;
    Arrays out;
    for (std::size_t k = 0; k < count; ++k) out.push_back(Array::uninitialized(in[k].shape(), in[k].dtype()));
    dispatch_real(name(), out[0].dtype(), [&]<class T>(T) {
      const T *v = in[0].data<T>(), *factor = limited_ ? in[1].data<T>() : nullptr,
              *c = in[count - 1].data<T>(), *a_v = by_v_ ? in[count].data<T>() : nullptr,
              *a_f = by_f_ ? in.back().data<T>() : nullptr;
      T *of_v = out[0].mutable_data<T>(), *of_f = limited_ ? out[1].mutable_data<T>() : nullptr,
        *of_c = out.back().mutable_data<T>();
      g_.each_row<T>(in[0], [&](Index r, const T* s) {
        const T *x = v + r * g_.width(), *cr = c + r * g_.functions(), *ar = a_v + (a_v ? r * g_.width() : 0);
        T *to = of_v + r * g_.width(), *to_c = of_c + r * g_.functions();
        const T f = factor ? factor[r] : T(1), b = a_f ? a_f[r] : T(0);
        double along_f = 0;
        g_.each_strip<T>(
            [&]<class V>(V zero, Index u) {
              const V sig = load<V>(s + u), xu = load<V>(x + u), cu = load<V>(cr + u);
              const V a = ar ? load<V>(ar + u) : zero;
              const V s1 = sig - sig * sig, q1 = sig + xu * s1, q2 = s1 * (T(2) + xu * (T(1) - T(2) * sig));
              store(to + u, V(cu * (f * a * q2 + b * q1)));
              store(to_c + u, V(f * a * q1 + b * xu * sig));
              along_f += sum_of<T>(V(a * cu * q1));
            },
            [&]<class V>(V zero, Index at, Index orders, Index k, Index gate) {
              const V sig = load<V>(s + k), s1 = sig - sig * sig, s2 = s1 * (T(1) - T(2) * sig);
              const V a = ar ? load<V>(ar + gate) : zero, cross = f * a * s1 + b * sig, fs = f * sig;
              V t{}, w{};
              for (Index m = 0; m < orders; ++m, at += g_.channels) {
                const V xm = load<V>(x + at), cm = load<V>(cr + at), am = ar ? load<V>(ar + at) : zero;
                t += cm * xm;
                w += am * cm;
                store(to + at, V(cm * cross));
                store(to_c + at, V(am * fs + xm * cross));
              }
              store(to + gate, V(s1 * (f * w + b * t) + f * a * s2 * t));
              along_f += sum_of<T>(V(sig * w + a * s1 * t));
            });
        if (of_f) of_f[r] = static_cast<T>(along_f);
      });
    });
    return out;
  }

 private:
  Gates g_;
  bool limited_, by_v_, by_f_;
};

Arrays Gate::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents, const std::vector<bool>&) const {
  Arrays all = in;
  all.push_back(cotangents[0]);
  return run_all(std::make_shared<GateBackward>(g_), all);
}

Arrays GateBackward::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                         const std::vector<bool>& wanted) const {
  if (!recording()) {
    Arrays all = in;
    for (const Array& a : cotangents)
      if (!a.empty() || in[0].empty()) all.push_back(a);
    return run_all(std::make_shared<GateAgain>(g_, in.size() > 2, !cotangents[0].empty(),
                                               in.size() > 2 && !cotangents[1].empty()),
                   all);
  }
  // Third derivatives are rare: those of the same function of ops.
  Arrays leaves, asked, out(in.size()), arguments, given, along;
  for (std::size_t k = 0; k < in.size(); ++k) leaves.push_back(track(in[k]));
  for (std::size_t k = 0; k < in.size(); ++k)
    if (wanted[k]) asked.push_back(leaves[k]);
  arguments.assign(leaves.begin(), leaves.end() - 1);
  const Array y = by_ops(g_, leaves[0], in.size() > 2 ? leaves[1] : Array());
  const Arrays first = gradients({y}, arguments, {leaves.back()}, true);
  for (std::size_t k = 0; k < first.size(); ++k)
    if (!cotangents[k].empty()) given.push_back(first[k]), along.push_back(cotangents[k]);
  const Arrays found = gradients(given, asked, along, true);
  for (std::size_t k = 0, n = 0; k < in.size(); ++k)
    if (wanted[k]) out[k] = found[n++];
  return out;
}

}  // namespace

Array gated(const Array& v, const Array& factor, int lmax, int mmax, Index channels) {
  const Gates gates{lmax, mmax, channels};
  require(lmax >= 0 && mmax >= 0 && channels >= 1 && v.ndim() == 2 && v.dim(1) == gates.width() &&
              is_real(v.dtype()),
          "[gate] ", v.dtype(), " of shape ", v.shape(), " for degrees up to ", lmax, ", orders up to ", mmax,
          " of ", channels, " channels: it must be real, (n, ", gates.width(),
          "), functions and then their gates");
  require(factor.empty() || (factor.shape() == Shape({v.dim(0), 1}) && factor.dtype() == v.dtype()),
          "[gate] a factor ", factor.dtype(), " of shape ", factor.shape(), " for ", v.dim(0), " rows of ",
          v.dtype(), ": it must be of the same type, (", v.dim(0), ", 1)");
  Arrays in{v};
  if (!factor.empty()) in.push_back(factor);
  return run(std::make_shared<Gate>(gates), in);
}

}  // namespace cartan::potentials
