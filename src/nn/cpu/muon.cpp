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

// x (rows x columns, rows <= columns) is replaced by U S' V^T of x = U S V^T, all of S' about 1. Zero stays.
template <class T>
void orthogonalize(Scratch<T>& x, Index rows, Index columns) {
  double norm = 0;
  for (const T value : x) norm += static_cast<double>(value) * static_cast<double>(value);
  norm = std::sqrt(norm);
  if (norm == 0) return;
  for (T& value : x) value = static_cast<T>(static_cast<double>(value) / norm);
  Scratch<T> a(rows * rows), b(rows * rows), next(rows * columns);
  for (int step = 0; step < 5; ++step) {
    const MatrixView<T> view{x.data(), columns}, gram{a.data(), rows};
    gemm_serial<T>(rows, rows, columns, view, transposed(view), a.data(), rows);
    std::copy(a.begin(), a.end(), b.begin());
    gemm_serial<T>(rows, rows, rows, gram, gram, b.data(), rows, T(2.0315), T(-4.7750));
    std::copy(x.begin(), x.end(), next.begin());
    gemm_serial<T>(rows, columns, rows, {b.data(), rows}, view, next.data(), columns, T(1), T(3.4445));
    std::swap(x, next);
  }
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
