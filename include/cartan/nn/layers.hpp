#pragma once
/// Layers: plain classes with public arrays, a const call operator made of autodiff ops, and
/// `collect(prefix, out)`, which lists their parameters under the names that torch gives them.

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <cartan/autodiff/ops.hpp>
#include <cartan/core/progress.hpp>
#include <cartan/core/random.hpp>
#include <cartan/data/group.hpp>

namespace cartan::nn {

/// A linear map among the elements of an array: rows x columns, row-major, from `offset` on.
struct Matrix {
  Index offset, rows, columns;
};

struct NamedParameter {
  std::string name;
  Array* value;
  std::vector<Matrix> maps = {};  ///< that it is made of; empty: itself, if it is one; (m, n, 1) is
};
/// The parameters of a model, in a fixed order. The pointers stay good as long as the model is not moved.
using ParameterRefs = std::vector<NamedParameter>;

/// The same to look at.
struct ConstNamedParameter {
  std::string name;
  const Array* value;
};
using ConstParameterRefs = std::vector<ConstNamedParameter>;
ConstParameterRefs as_const(const ParameterRefs& parameters);

/// Hands out one random stream per tensor, so that the n-th tensor of a model depends on seed and n alone.
/// With `draw` off tensors are zeros: for a model that is about to be loaded. With `fill` off they hold
/// anything, and their memory is asked for but not touched: to count what a model needs.
/// Throws std::invalid_argument before the tensors have more than `most` bytes, Stopped when `stop` is set.
struct Init {
  std::uint64_t seed = 0;
  std::uint64_t next = 0;
  bool draw = true;
  bool fill = true;
  double bytes = 0;  ///< of the tensors so far
  double most = std::numeric_limits<double>::infinity();
  bool full = false;  ///< a tensor was refused for `most`
  const StopFlag* stop = nullptr;
  Random stream() { return Random(seed, next++); }
  /// The next tensor: uniform in [low, high).
  Array uniform(const Shape& shape, double low, double high, DType dtype);
  /// The next tensor: of mean 0 and variance 1.
  Array normal(const Shape& shape, DType dtype);
  static Init blank() { return {0, 0, false}; }

 private:
  void count(const Shape& shape, DType dtype);
};

enum class WeightInit {
  kaiming,  ///< weight and bias uniform in +-1/sqrt(in): torch's nn.Linear
  xavier,   ///< weight uniform in +-sqrt(6/(in + out)), bias zero
};

/// y = x W^T + b. x (..., in) -> (..., out); parameters weight (out, in) and, unless left out, bias (out).
class Linear {
 public:
  Linear() = default;
  Linear(Index in, Index out, bool with_bias, DType dtype, Init& init, WeightInit kind = WeightInit::kaiming);
  Array operator()(const Array& x) const { return linear(x, weight, bias); }
  void collect(const std::string& prefix, ParameterRefs& out);

  Array weight, bias;
};

/// Rows of a table: n indices -> (n, features). Parameter weight (count, features), drawn from N(0, 1).
class Embedding {
 public:
  Embedding() = default;
  Embedding(Index count, Index features, DType dtype, Init& init);
  Array operator()(const Indices& rows) const { return gather(weight, rows); }
  void collect(const std::string& prefix, ParameterRefs& out);

  Array weight;
};

/// (x - mean)/sqrt(variance + eps) over the last axis, with the biased variance. x (..., F) of rank 1 or
/// more. A primitive of its own: one pass over memory forward, one backward, one for the second derivative.
Array normalize(const Array& x, double eps = 1e-5);

/// normalize(x) * weight + bias, parameters weight (F) = 1 and bias (F) = 0.
class LayerNorm {
 public:
  LayerNorm() = default;
  LayerNorm(Index features, DType dtype, double epsilon = 1e-5);
  Array operator()(const Array& x) const { return normalize(x, eps) * weight + bias; }
  void collect(const std::string& prefix, ParameterRefs& out);

  Array weight, bias;
  double eps = 1e-5;
};

/// Linear layers with SiLU between them: sizes {in, hidden..., out}. Named as a torch Sequential, in which
/// every second entry is the activation: prefix.0.weight, prefix.0.bias, prefix.2.weight, ...
class Mlp {
 public:
  Mlp() = default;
  Mlp(const std::vector<Index>& sizes, DType dtype, Init& init, WeightInit kind = WeightInit::kaiming);
  Array operator()(const Array& x) const;
  void collect(const std::string& prefix, ParameterRefs& out);

  std::vector<Linear> layers;
};

/// Makes every parameter a leaf of the tape: value = track(detach(value)).
void track_parameters(const ParameterRefs& parameters);
void detach_parameters(const ParameterRefs& parameters);
/// The values as they are, tracked or not.
Arrays values_of(const ParameterRefs& parameters);
/// Number of elements of all parameters.
Index count_parameters(const ConstParameterRefs& parameters);
inline Index count_parameters(const ParameterRefs& parameters) {
  return count_parameters(as_const(parameters));
}

/// One array per parameter, under its name, into `group`.
/// Throws std::invalid_argument when two parameters have the same name.
void save_parameters(const ConstParameterRefs& parameters, data::Group& group);
inline void save_parameters(const ParameterRefs& parameters, data::Group& group) {
  save_parameters(as_const(parameters), group);
}

/// Reads what save_parameters wrote. Nothing is changed unless everything fits: throws FormatError naming
/// the arrays that are missing, that no parameter asks for, or whose type or shape differs.
/// @param convert  accept the other precision (float32/float64, complex64/complex128) and convert
void load_parameters(const ParameterRefs& parameters, const data::Group& group, bool convert = false);

}  // namespace cartan::nn
