// Orthogonal steps of matrices: one matrix, one thread.
#include <algorithm>
#include <cmath>
#include <utility>

#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "core/gemm.hpp"
#include "core/workspace.hpp"
#include "nn/updates.hpp"

namespace cartan::nn {
namespace {

constexpr int steps = 5;
constexpr double first = 3.4445, third = -4.7750, fifth = 2.0315;  // the polynomial's coefficients

// A matrix of rows x columns, and polynomials of its smaller Gram matrix, G = X X^T or X^T X, on that side.
template <class T>
struct Sides {
  Index rows, columns;
  bool wide() const { return columns >= rows; }
  Index few() const { return std::min(rows, columns); }
  Index many() const { return std::max(rows, columns); }
  void gram(const Scratch<T>& x, Scratch<T>& g) const {
    const MatrixView<T> view{x.data(), columns};
    if (wide())
      gemm_serial<T>(rows, rows, columns, view, transposed(view), g.data(), rows);
    else
      gemm_serial<T>(columns, columns, rows, transposed(view), view, g.data(), columns);
  }
  // to = p x + beta to, or x p
  void apply(const Scratch<T>& p, const Scratch<T>& x, Scratch<T>& to, T beta) const {
    const MatrixView<T> view{x.data(), columns}, polynomial{p.data(), few()};
    if (wide())
      gemm_serial<T>(rows, columns, rows, polynomial, view, to.data(), columns, T(1), beta);
    else
      gemm_serial<T>(rows, columns, columns, view, polynomial, to.data(), columns, T(1), beta);
  }
  // c = a b of Gram matrices and their polynomials
  void product(const Scratch<T>& a, const Scratch<T>& b, Scratch<T>& c, T alpha = T(1), T beta = T(0)) const {
    const Index n = few();
    gemm_serial<T>(n, n, n, {a.data(), n}, {b.data(), n}, c.data(), n, alpha, beta);
  }
};

// X <- a X + (b G + c G^2) X
template <class T>
void iterate(Scratch<T>& x, const Sides<T>& sides) {
  const Index n = sides.few();
  Scratch<T> g(n * n), p(n * n), next(n * sides.many());
  for (int step = 0; step < steps; ++step) {
    sides.gram(x, g);
    std::copy(g.begin(), g.end(), p.begin());
    sides.product(g, g, p, T(fifth), T(third));
    std::copy(x.begin(), x.end(), next.begin());
    sides.apply(p, x, next, T(first));
    std::swap(x, next);
  }
}

// The same by steps of G alone: S = a + b G + c G^2, Q <- S Q, G <- S G S, and Q X at the end.
template <class T>
void iterate_gram(Scratch<T>& x, const Sides<T>& sides) {
  const Index n = sides.few();
  Scratch<T> g(n * n), s(n * n), q(n * n), other(n * n);
  sides.gram(x, g);
  for (int step = 0; step < steps; ++step) {
    std::copy(g.begin(), g.end(), s.begin());
    sides.product(g, g, s, T(fifth), T(third));
    for (Index i = 0; i < n; ++i) s[i * n + i] += T(first);
    if (step == 0) {
      std::copy(s.begin(), s.end(), q.begin());
    } else {
      sides.product(s, q, other);
      std::swap(q, other);
    }
    if (step + 1 == steps) break;
    sides.product(s, g, other);
    sides.product(other, s, g);
  }
  Scratch<T> result(n * sides.many());
  sides.apply(q, x, result, T(0));
  std::swap(x, result);
}

// sum of squares in float64, whatever the size of the values
template <class T>
double squares(const Scratch<T>& x) {
  constexpr Index lanes = 16;  // sums side by side, which the compiler keeps in vectors
  double part[lanes] = {};
  const Index whole = x.size() / lanes * lanes;
  for (Index i = 0; i < whole; i += lanes)
    for (Index k = 0; k < lanes; ++k) {
      const double value = x[i + k];
      part[k] += value * value;
    }
  double sum = 0;
  for (Index i = whole; i < x.size(); ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  for (const double value : part) sum += value;
  return sum;
}

// x (rows x columns) is replaced by U S' V^T of x = U S V^T, all of S' about 1. Zero stays.
template <class T>
void orthogonalize(Scratch<T>& x, Index rows, Index columns) {
  const double norm = std::sqrt(squares(x));
  if (norm == 0) return;
  const double inverse = 1 / norm;
  for (T& value : x) value = static_cast<T>(static_cast<double>(value) * inverse);
  const Sides<T> sides{rows, columns};
  // 20 few^2 (many + few / 2) multiplications, or 4 few^2 (many + 8.5 few)
  if (2 * sides.many() > 3 * sides.few())
    iterate_gram(x, sides);
  else
    iterate(x, sides);
}

template <class T>
struct Factors {
  T scale, momentum, keep, rate;
  bool nesterov;
};

template <class T>
void step(const Factors<T>& f, const Matrix& map, const T* g, T* p, T* m) {
  const Index size = map.rows * map.columns;
  Scratch<T> x(size);
  for (Index i = 0; i < size; ++i) {
    const T gradient = (1 - f.momentum) * f.scale * g[i];
    m[i] = f.momentum * m[i] + gradient;
    x[i] = f.nesterov ? f.momentum * m[i] + gradient : m[i];
  }
  orthogonalize(x, map.rows, map.columns);
  for (Index i = 0; i < size; ++i) p[i] = f.keep * p[i] - f.rate * x[i];
}

}  // namespace

void MuonUpdate::run_cpu(const std::vector<Array*>& written, const Arrays& gradients) const {
  struct Task {
    std::size_t tensor;
    Matrix map;
  };
  std::vector<Task> tasks;
  for (std::size_t k = 0; k < tensors.size(); ++k)
    for (const Matrix& map : tensors[k].maps) tasks.push_back({k, map});
  std::stable_sort(tasks.begin(), tasks.end(), [](const Task& a, const Task& b) {
    return a.map.rows * a.map.columns > b.map.rows * b.map.columns;
  });
  std::vector<void*> memory;
  for (Array* a : written) memory.push_back(a->mutable_raw());
  parallel_tasks(static_cast<Index>(tasks.size()), [&](Index n) {
    const Task& task = tasks[static_cast<std::size_t>(n)];
    const std::size_t k = task.tensor;
    const Tensor& tensor = tensors[k];
    const double longest = static_cast<double>(std::max(task.map.rows, task.map.columns));
    dispatch_real(name(), gradients[k].dtype(), [&]<class T>(T) {
      const Factors<T> factors{static_cast<T>(scale), static_cast<T>(momentum), static_cast<T>(tensor.keep),
                               static_cast<T>(tensor.rate * size * std::sqrt(longest)), nesterov};
      const Index at = task.map.offset;
      step(factors, task.map, gradients[k].data<T>() + at, static_cast<T*>(memory[k]) + at,
           static_cast<T*>(memory[tensors.size() + k]) + at);
    });
  });
}

}  // namespace cartan::nn
