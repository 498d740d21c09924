#include <atomic>

#include "cartan/autodiff/primitive.hpp"

namespace cartan {
namespace {
std::atomic<std::uint64_t> node_count{0};
thread_local bool record = true;
thread_local std::vector<std::shared_ptr<Node>>* dying = nullptr;
}  // namespace

Node::Node(std::shared_ptr<const Primitive> p, Arrays in, Array v)
    : number(node_count.fetch_add(1, std::memory_order_relaxed)),
      primitive(std::move(p)),
      inputs(std::move(in)),
      value(std::move(v)) {}

// The nodes below are handed to one loop at the top of the chain instead of being destroyed in turn.
Node::~Node() {
  if (inputs.empty()) return;
  if (dying) {
    for (Array& input : inputs)
      if (input.node().use_count() == 1) dying->push_back(input.node());
    inputs.clear();
    return;
  }
  std::vector<std::shared_ptr<Node>> pending;
  dying = &pending;
  for (Array& input : inputs)
    if (input.node().use_count() == 1) pending.push_back(input.node());
  inputs.clear();
  while (!pending.empty()) {
    std::shared_ptr<Node> next = std::move(pending.back());
    pending.pop_back();
    next.reset();
  }
  dying = nullptr;
}

bool recording() noexcept {
  return record;
}
Recording::Recording(bool on) noexcept : before_(record) {
  record = on;
}
Recording::~Recording() {
  record = before_;
}

Array evaluate(std::shared_ptr<const Primitive> primitive, Arrays inputs) {
  Array out = primitive->eval_cpu(inputs);
  bool tracked = false;
  if (record)
    for (const Array& input : inputs) tracked |= input.tracked();
  if (!tracked) return out;
  auto node = std::make_shared<Node>(std::move(primitive), std::move(inputs), out);
  return out.with_node(std::move(node));
}

}  // namespace cartan
