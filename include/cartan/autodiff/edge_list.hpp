#pragma once
/// The directed edges of a graph: the one list that all edge operations take.

#include <cstdint>
#include <vector>

#include <cartan/autodiff/indices.hpp>

namespace cartan {

/// A directed graph. Cheap to copy; edges by receiver and by sender are sorted once.
class EdgeList {
 public:
  EdgeList() = default;
  /// @param senders, receivers  one a edge, in [0, nodes); throws std::invalid_argument otherwise
  EdgeList(std::vector<std::int32_t> senders, std::vector<std::int32_t> receivers, Index nodes);
  /// Senders and receivers of different sets, such as atoms with ghosts and atoms without.
  EdgeList(std::vector<std::int32_t> senders, std::vector<std::int32_t> receivers, Index sender_nodes,
           Index receiver_nodes);

  Index size() const { return senders_.size(); }
  Index sender_nodes() const { return senders_.extent(); }
  Index receiver_nodes() const { return receivers_.extent(); }
  const Indices& senders() const { return senders_; }
  const Indices& receivers() const { return receivers_; }

 private:
  Indices senders_, receivers_;
};

}  // namespace cartan
