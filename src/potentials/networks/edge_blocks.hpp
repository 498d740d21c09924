#pragma once
// Edges in the blocks that a limit of memory asks for, and sums of messages over them.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cartan/autodiff/checkpoint.hpp"
#include "cartan/nn/layers.hpp"
#include "cartan/nn/radial.hpp"
#include "cartan/potentials/graph.hpp"
#include "cartan/potentials/networks/so2_network.hpp"

namespace cartan::potentials {

/// Edges that arrive at some atoms, also as nodes: from the atoms at their two ends to them, and from them to
/// their receivers. Receivers are counted from the first of those atoms.
struct EdgeNodes {
  EdgeList edges;                                                 ///< from all atoms to those atoms
  EdgeList from_senders, from_receivers, on_edges, to_receivers;  ///< on_edges: every edge to itself
  Indices sender_kind, receiver_kind;  ///< the elements at the ends, rows among the network's
};

struct EdgeBlocks {
  std::vector<std::shared_ptr<const EdgeNodes>> parts;
  Indices rows;         ///< the graph's edges in the order of the blocks; of one block none, as they are
  Blocks edges, atoms;  ///< where those of each block begin
  std::size_t size() const { return parts.size(); }
};

/// Blocks that a graph keeps, with what they are for: networks of other elements and limits may see it too.
struct KeptBlocks {
  std::vector<int> numbers;
  Index most;
  std::shared_ptr<const EdgeBlocks> blocks;
};

/// One block with all edges in their order where there are at most `most`; otherwise blocks of whole atoms,
/// of at most so many edges unless one atom has more. An atom adds its edges in the same order whatever the
/// blocks are. The graph keeps those of the first network that sees it; for one of other elements or limits
/// they are made at every call.
std::shared_ptr<const EdgeBlocks> edge_blocks(const Graph& graph, const std::vector<int>& numbers,
                                              const char* network, Index most);

/// Edges that a block may have, for `kept` numbers an edge and layer on the tape of energies: all where the
/// layers fit into config.memory with their derivatives (another two times as much), otherwise so many that
/// those of one layer do with what passes (twice that), at most half of them: one block would keep
/// all layers.
Index edges_of_a_block(const SO2NetworkConfig& config, Index edges, double kept);

/// Numbers that the radial factors of convolutions of both ends of an edge keep, with their perceptron, whose
/// 14 arrays are of float64.
double kept_of_factors(const SO2NetworkConfig& config);

/// What edges are, of their vectors alone.
struct Edges {
  std::shared_ptr<const EdgeNodes> nodes;
  Array vectors;    ///< (edges, 3), from the receiver to the sender
  Array basis;      ///< (edges, K), of their length, in float64
  Array envelope;   ///< (edges, 1); empty: 1
  Array harmonics;  ///< (edges, (lmax + 1)^2), |Y_l| = 1
  Array frames;     ///< packed Wigner matrices
  Array constants;  ///< (receivers, (lmax + 1)^2): what a constant of m = 0 in every frame becomes there

  /// x times the envelope.
  Array limited(const Array& x) const;
};

enum class Frames { none, any_roll, rolled };

/// Functions of the distance are computed in float64: narrow Gaussians make much of its last digits.
struct EdgeGeometry {
  EdgeGeometry(const nn::RadialBasis& basis, double cutoff, int lmax, bool envelope, bool harmonics,
               bool constants, Frames frames);

  nn::RadialBasis basis;  // in float64
  double cutoff;
  int lmax;
  bool envelope, harmonics, constants;
  Frames frames;

  Edges operator()(std::shared_ptr<const EdgeNodes> nodes, const Array& vectors) const;
};

/// Sums over the edges of a graph, a layer at a time. In one block the layers share what edges are; in
/// several it is made again with the messages, in the forward and in the backward pass.
class EdgeSums {
 public:
  /// @param vectors  (edges, 3), from receivers to senders
  EdgeSums(const Graph& graph, std::shared_ptr<const EdgeBlocks> blocks, EdgeGeometry geometry,
           Array vectors);

  /// (owned, ...) each: message(layer, edges, senders, receivers), arrays (receivers, ...), of every block
  /// one after another.
  /// @param layer    names its parameters by collect(prefix, refs)
  /// @param x        (owned, ...) features, of which senders have those of all atoms; or empty
  /// @param message  a function of its arguments alone; it owns what it uses besides
  /// @param results  how many arrays it gives
  template <class Layer, class Message>
  Arrays operator()(const Layer& layer, const Array& x, const Message& message,
                    std::size_t results = 1) const {
    if (blocks_->size() == 1) return message(layer, whole_, spread(x), x);
    Layer named = layer;
    nn::ParameterRefs refs;
    named.collect("", refs);
    return in_blocks(
        nn::values_of(refs), x, results,
        [layer = std::make_shared<const Layer>(layer), message](
            const Arrays& parameters, const Edges& edges, const Array& senders, const Array& receivers) {
          Layer own = *layer;
          nn::ParameterRefs of_own;
          own.collect("", of_own);
          for (std::size_t k = 0; k < of_own.size(); ++k) *of_own[k].value = parameters[k];
          return message(own, edges, senders, receivers);
        });
  }

 private:
  using Block = std::function<Arrays(const Arrays& parameters, const Edges& edges, const Array& senders,
                                     const Array& receivers)>;
  Array spread(const Array& x) const;
  Arrays in_blocks(const Arrays& parameters, const Array& x, std::size_t results, const Block& block) const;

  const Graph& graph_;
  std::shared_ptr<const EdgeBlocks> blocks_;
  std::shared_ptr<const EdgeGeometry> geometry_;
  Array vectors_;
  Edges whole_;  // where there is one block
};

}  // namespace cartan::potentials
