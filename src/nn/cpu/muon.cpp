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

// c = a b of rows x rows matrices
template <class T>
void product(Index rows, const Scratch<T>& a, const Scratch<T>& b, Scratch<T>& c) {
  gemm_serial<T>(rows, rows, rows, {a.data(), rows}, {b.data(), rows}, c.data(), rows);
}

// X <- a X + b G X + c G^2 X with G = X X^T
template <class T>
void iterate(Scratch<T>& x, Index rows, Index columns) {
  Scratch<T> g(rows * rows), b(rows * rows), next(rows * columns);
  for (int step = 0; step < steps; ++step) {
    const MatrixView<T> view{x.data(), columns}, gram{g.data(), rows};
    gemm_serial<T>(rows, rows, columns, view, transposed(view), g.data(), rows);
    std::copy(g.begin(), g.end(), b.begin());
    gemm_serial<T>(rows, rows, rows, gram, gram, b.data(), rows, T(fifth), T(third));
    std::copy(x.begin(), x.end(), next.begin());
    gemm_serial<T>(rows, columns, rows, {b.data(), rows}, view, next.data(), columns, T(1), T(first));
    std::swap(x, next);
  }
}

// The same with steps of G alone: S = a + b G + c G^2, G <- S G S, Q <- S Q, and Q X at the end.
template <class T>
void iterate_gram(Scratch<T>& x, Index rows, Index columns) {
  Scratch<T> g(rows * rows), s(rows * rows), q(rows * rows), other(rows * rows);
  const MatrixView<T> view{x.data(), columns};
  gemm_serial<T>(rows, rows, columns, view, transposed(view), g.data(), rows);
  for (int step = 0; step < steps; ++step) {
    std::copy(g.begin(), g.end(), s.begin());
    gemm_serial<T>(rows, rows, rows, {g.data(), rows}, {g.data(), rows}, s.data(), rows, T(fifth), T(third));
    for (Index i = 0; i < rows; ++i) s[i * rows + i] += T(first);
    if (step == 0) {
      std::copy(s.begin(), s.end(), q.begin());
    } else {
      product(rows, s, q, other);
      std::swap(q, other);
    }
    if (step + 1 == steps) break;
    product(rows, s, g, other);
    product(rows, other, s, g);
  }
  Scratch<T> result(rows * columns);
  gemm_serial<T>(rows, columns, rows, {q.data(), rows}, view, result.data(), columns);
  std::swap(x, result);
}

// x (rows x columns, rows <= columns) is replaced by U S' V^T of x = U S V^T, all of S' about 1. Zero stays.
template <class T>
void orthogonalize(Scratch<T>& x, Index rows, Index columns) {
  double norm = 0;
  for (const T value : x) norm += static_cast<double>(value) * static_cast<double>(value);
  norm = std::sqrt(norm);
  if (norm == 0) return;
  for (T& value : x) value = static_cast<T>(static_cast<double>(value) / norm);
  // 20 rows^2 (columns + rows / 2) multiplications, or 4 rows^2 (columns + 8.5 rows)
  if (2 * columns > 3 * rows)
    iterate_gram(x, rows, columns);
  else
    iterate(x, rows, columns);
}

template <class T>
struct Factors {
  T scale, momentum, keep, rate;
  bool nesterov;
};

template <class T>
void step(const Factors<T>& f, const Matrix& map, const T* g, T* p, T* m) {
  const bool wide = map.columns >= map.rows;
  const Index rows = std::min(map.rows, map.columns), columns = std::max(map.rows, map.columns);
  const Index down = wide ? columns : 1, along = wide ? 1 : rows;  // of rows x columns in memory
  Scratch<T> x(rows * columns);
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) {
      const Index at = i * down + j * along;
      const T gradient = (1 - f.momentum) * f.scale * g[at];
      m[at] = f.momentum * m[at] + gradient;
      x[i * columns + j] = f.nesterov ? f.momentum * m[at] + gradient : m[at];
    }
  orthogonalize(x, rows, columns);
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) {
      const Index at = i * down + j * along;
      p[at] = f.keep * p[at] - f.rate * x[i * columns + j];
    }
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
