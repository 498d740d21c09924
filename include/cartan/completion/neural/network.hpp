#pragma once
/// Networks that predict an entry of a tensor from its indices. Every index of every mode has a row of one
/// table, its embedding; a network makes of the embeddings of an entry a last hidden layer h, and
///
///     f = <w, h> + b,  or max(0, <w, h> + b).
///
/// To add one: a struct of options with its name `kind` and `describe`, a class derived from EntryNetwork,
/// and its options in EntryNetworkOptions.

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <cartan/core/config.hpp>
#include <cartan/nn/layers.hpp>

namespace cartan::completion {

/// How products of matrices are computed in float32 networks.
enum class Products {
  f32,
  bf16  ///< factors rounded to bfloat16, sums in float32: twice as fast where the processor has it
};

/// Entries that go through a network together.
struct EntryBatch {
  std::vector<std::int32_t> index;  ///< (B, d), an entry a row
  Array kept;  ///< factors on the components of all embeddings (tensor dropout); empty: 1
  Index size(std::size_t order) const { return static_cast<Index>(index.size() / order); }
};

/// relu(x W^T + b), or without the rectifier; x (B, in). One pass over the result, derivatives of any order.
Array dense(const Array& x, const nn::Linear& layer, bool rectify, Products products = Products::f32);

class EntryNetwork {
 public:
  virtual ~EntryNetwork() = default;
  virtual const char* kind() const = 0;
  /// The last hidden layer (B, H).
  virtual Array hidden(const EntryBatch& batch) const = 0;
  /// f (B) of it.
  Array output(const Array& hidden) const;
  /// Whether the prediction of an entry needs that this index of a mode was trained; where it does not, the
  /// network gives for an index without entries what it learned of others.
  virtual bool needs_seen(int mode) const;
  /// Embeddings first, the head last.
  nn::ParameterRefs parameters();

  const Shape& shape() const { return shape_; }
  Index components() const { return table.dim(1); }  ///< of an embedding
  DType dtype() const { return table.dtype(); }
  bool rectified() const { return rectified_; }

  Array table;      ///< embeddings (sum of extents, F), those of mode 0 first
  nn::Linear head;  ///< H -> 1

 protected:
  EntryNetwork(Shape shape, Products products, bool rectified);
  /// Embeddings of the entries (B, d, F), after tensor dropout.
  Array embedded(const EntryBatch& batch) const;
  /// Rows of the table for indices of one mode; -1 gives zeros.
  Array embedded(int mode, const std::vector<std::int32_t>& index, const Array& kept) const;
  virtual void collect(nn::ParameterRefs& out) = 0;  ///< what lies between table and head
  Index rows() const { return first_row_.back(); }

  Products products_;

 private:
  Shape shape_;
  std::vector<Index> first_row_;  // of every mode, and the number of rows
  bool rectified_;
};

/// Embeddings one after the other through dense layers with rectifiers: the network of DAIN.
struct MlpOptions {
  static constexpr const char* kind = "mlp";
  std::int64_t width = 150;  ///< components of all embeddings together; a mode has width/order of them
  std::vector<std::int64_t> hidden{1024, 1024, 128};
};
void describe(config::Fields& f, MlpOptions& o);

/// Liu, Li, Tsang, Liu, "CoSTCo", KDD 2019. Of the d x rank matrix of embeddings of an entry, a convolution
/// over the modes, one over the components, a dense layer: all with `channels` channels and rectifiers.
struct CostcoOptions {
  static constexpr const char* kind = "costco";
  std::int64_t rank = 20;  ///< components of an embedding
  std::int64_t channels = 20;
};
void describe(config::Fields& f, CostcoOptions& o);

/// Wu, Shi, Dong, Huang, Chawla, "Neural tensor factorization", WSDM 2019. One mode is time: its embedding is
/// what an LSTM makes of the embeddings of the `window` steps before. With those of the other modes it goes
/// through dense layers with rectifiers. (No batch normalisation.)
struct NtfOptions {
  static constexpr const char* kind = "ntf";
  std::int64_t rank = 32;  ///< components of an embedding, and of the state of the LSTM
  std::vector<std::int64_t> hidden{64, 32, 16};
  std::int64_t time_mode = -1;  ///< -1: the last
  std::int64_t window = 5;
};
void describe(config::Fields& f, NtfOptions& o);

using EntryNetworkOptions = std::variant<MlpOptions, CostcoOptions, NtfOptions>;
/// The field `network`, which names the kind, and the fields of the kind that is chosen.
void describe(config::Fields& f, EntryNetworkOptions& options);

/// @param positive  values are not negative: CoSTCo then rectifies its output, as published
std::unique_ptr<EntryNetwork> make_network(const EntryNetworkOptions& options, const Shape& shape,
                                           DType dtype, nn::Init& init, Products products, bool positive);

}  // namespace cartan::completion
