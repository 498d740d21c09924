#include "cartan/linalg/tensor_ring.hpp"

#include <cmath>

#include "core/gemm.hpp"
#include "linalg/format.hpp"

namespace cartan::linalg {

Shape TensorRing::shape() const {
  Shape s;
  for (const Array& c : cores) s.push_back(c.dim(1));
  return s;
}

std::vector<Index> TensorRing::ranks() const {
  std::vector<Index> r;
  for (const Array& c : cores) r.push_back(c.dim(0));
  return r;
}

void TensorRing::check(const char* caller) const {
  require(!cores.empty(), "[", caller, "] a tensor ring needs a core");
  for (const Array& c : cores) check_part(caller, "a core", c, dtype(), 3);
  for (std::size_t k = 0; k < cores.size(); ++k)
    require(cores[k].dim(2) == cores[(k + 1) % cores.size()].dim(0), "[", caller, "] core ", k, " of shape ",
            cores[k].shape(), " does not fit the next one, ", cores[(k + 1) % cores.size()].shape());
}

Array TensorRing::full() const {
  check("full");
  const Shape s = shape();
  const Index n = size_of(s), d = order();
  if (n == 0) return Array::zeros(s, dtype());
  Array indices = Array::uninitialized({n, d}, DType::i64);
  Index* to = indices.mutable_data<Index>();
  for (Index e = 0; e < n; ++e) {
    Index rest = e;
    for (Index k = d; k-- > 0;) {
      const Index extent = s[static_cast<std::size_t>(k)];
      to[e * d + k] = rest % extent, rest /= extent;
    }
  }
  return at(indices).reshaped(s);
}

double TensorRing::at(const std::vector<Index>& index) const {
  return entry_at(*this, index);
}

Array TensorRing::at(const Array& indices) const {
  check("at");
  Array out;
  dispatch_real("at", dtype(), [&]<class T>(T) {
    std::vector<const T*> c;
    for (const Array& a : cores) c.push_back(a.data<T>());
    const Index first = cores[0].dim(0);
    out = entries("at", indices, shape(), dtype(), [&](const Index* index) {
      thread_local std::vector<double> m, next;  // the product so far, r_0 x r_k
      const Index q = cores[0].dim(2);
      m.resize(static_cast<std::size_t>(first * q));
      for (Index a = 0; a < first; ++a)
        for (Index b = 0; b < q; ++b)
          m[static_cast<std::size_t>(a * q + b)] =
              static_cast<double>(c[0][(a * cores[0].dim(1) + index[0]) * q + b]);
      for (std::size_t k = 1; k < cores.size(); ++k) {
        const Index n = cores[k].dim(1), before = cores[k].dim(0), after = cores[k].dim(2);
        next.assign(static_cast<std::size_t>(first * after), 0.0);
        for (Index a = 0; a < first; ++a)
          for (Index p = 0; p < before; ++p) {
            const double v = m[static_cast<std::size_t>(a * before + p)];
            const T* from = c[k] + (p * n + index[k]) * after;
            for (Index b = 0; b < after; ++b)
              next[static_cast<std::size_t>(a * after + b)] += v * static_cast<double>(from[b]);
          }
        m.swap(next);
      }
      double trace = 0;
      for (Index a = 0; a < first; ++a) trace += m[static_cast<std::size_t>(a * first + a)];
      return trace;
    });
  });
  return out;
}

void TensorRing::save(data::Group& group) const {
  check("save");
  group.attributes["kind"] = std::string("tensor ring");
  for (int k = 0; k < order(); ++k)
    group.set(numbered("cores", k), cores[static_cast<std::size_t>(k)], "", "rank index rank");
}

TensorRing TensorRing::load(const data::Group& group) {
  load_kind(group, "tensor ring");
  TensorRing x;
  const int d = load_count(group, "cores");
  const DType dtype = load_type(group, "cores/0");
  for (int k = 0; k < d; ++k) x.cores.push_back(load_part(group, numbered("cores", k), dtype, {-1, -1, -1}));
  return checked_format(group, std::move(x));
}

TensorRing operator*(double a, const TensorRing& x) {
  x.check("scale");
  require(std::isfinite(a), "[scale] the factor ", a, " is not finite");
  TensorRing y = x;
  dispatch_real("scale", x.dtype(), [&]<class T>(T) {
    T* p = y.cores[0].mutable_data<T>();
    for (Index i = 0; i < y.cores[0].size(); ++i) p[i] = static_cast<T>(a * static_cast<double>(p[i]));
  });
  return y;
}

}  // namespace cartan::linalg
