#include "cartan/autodiff/edge_list.hpp"

#include "cartan/core/error.hpp"

namespace cartan {

EdgeList::EdgeList(std::vector<std::int32_t> senders, std::vector<std::int32_t> receivers, Index nodes)
    : EdgeList(std::move(senders), std::move(receivers), nodes, nodes) {}

EdgeList::EdgeList(std::vector<std::int32_t> senders, std::vector<std::int32_t> receivers, Index sender_nodes,
                   Index receiver_nodes) {
  require(senders.size() == receivers.size(), "[EdgeList] ", senders.size(), " senders and ",
          receivers.size(), " receivers: an edge has one of each");
  require(sender_nodes >= 0 && receiver_nodes >= 0, "[EdgeList] ", sender_nodes, " and ", receiver_nodes,
          " nodes: numbers of nodes are not negative");
  senders_ = Indices(std::move(senders), sender_nodes);
  receivers_ = Indices(std::move(receivers), receiver_nodes);
}

}  // namespace cartan
