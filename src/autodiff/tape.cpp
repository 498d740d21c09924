#include <atomic>

#include "autodiff/placement.hpp"
#include "autodiff/reads.hpp"
#include "cartan/autodiff/primitive.hpp"

namespace cartan {
namespace {
std::atomic<std::uint64_t> node_count{0};
thread_local bool recording_on = true;
thread_local std::vector<std::shared_ptr<Node>>* dying = nullptr;

Arrays computed(const Primitive& primitive, const Arrays& inputs) {
  Placement place(primitive.name());
  for (const Array& a : inputs) place.add(a);
  if (primitive.on_any_device()) return primitive.eval_cpu(inputs);
  const Device device = place.device();
  switch (device.kind) {
    case Device::Kind::cpu:
      return primitive.eval_cpu(inputs);
    case Device::Kind::cuda:
      return primitive.eval_cuda(inputs);
    case Device::Kind::debug:
      return copies_on(device, primitive.eval_cpu(copies_on(Device::cpu, inputs)));
  }
  throw std::invalid_argument("[run] unknown device");
}

bool is_remade(const Array& a) {
  return a.node() && dynamic_cast<const Remade*>(a.node()->primitive.get());
}

// In place of what its derivative does not read, or can have made again, a node keeps links alone.
void forget_unread(Node& node) {
  const auto* reads = dynamic_cast<const Reads*>(node.primitive.get());
  if (!reads) return;
  for (std::size_t k = 0; k < node.inputs.size(); ++k)
    if (!reads->reads_input(k) || is_remade(node.inputs[k]))
      node.inputs[k] = Array().with_node(node.inputs[k].node(), node.inputs[k].output());
  for (std::size_t k = 0; k < node.outputs.size(); ++k)
    if (!reads->reads_output(k)) node.outputs[k] = Array();
}
}  // namespace

Node::Node(std::shared_ptr<const Primitive> p, Arrays in, Arrays out)
    : number(node_count.fetch_add(1, std::memory_order_relaxed)),
      primitive(std::move(p)),
      inputs(std::move(in)),
      outputs(std::move(out)) {}

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

namespace {

Array remade(const Array& a) {
  const std::shared_ptr<Node> from = a.node();
  return computed(*from->primitive, inputs_of(*from))[static_cast<std::size_t>(a.output())].with_node(
      from, a.output());
}

}  // namespace

Arrays inputs_of(const Node& node) {
  Arrays in = node.inputs;
  const auto* reads = dynamic_cast<const Reads*>(node.primitive.get());
  for (std::size_t k = 0; reads && k < in.size(); ++k)
    if (in[k].empty() && reads->reads_input(k) && is_remade(in[k])) in[k] = remade(in[k]);
  return in;
}

Array later(std::shared_ptr<const Primitive> primitive, Arrays inputs) {
  for (Array& a : inputs)
    if (is_remade(a))  // a copy of its node, which the walk may have given back by then
      a = Array().with_node(std::make_shared<Node>(a.node()->primitive, a.node()->inputs), a.output());
  return Array().with_node(std::make_shared<Node>(std::move(primitive), std::move(inputs)));
}
// The node of an array that was computed has outputs.
bool is_later(const Array& a) {
  return a.empty() && a.node() && a.node()->outputs.empty() && !a.node()->inputs.empty();
}
Array made(const Array& a) {
  if (!is_later(a)) return a;
  Arrays in = a.node()->inputs;
  for (Array& x : in)
    if (is_remade(x)) x = remade(x);
  return computed(*a.node()->primitive, in)[0];
}

bool recording() noexcept {
  return recording_on;
}
Recording::Recording(bool on) noexcept : before_(recording_on) {
  recording_on = on;
}
Recording::~Recording() {
  recording_on = before_;
}

Arrays Primitive::eval_cuda(const Arrays&) const {
  throw DeviceError(text("[", name(), "] has no CUDA kernel; bring its arguments to the CPU with to()"));
}

Arrays record(std::shared_ptr<const Primitive> primitive, Arrays inputs, Arrays outputs) {
  bool tracked = false;
  if (recording_on)
    for (const Array& input : inputs) tracked |= input.tracked();
  if (!tracked) return outputs;
  const auto node = std::make_shared<Node>(std::move(primitive), std::move(inputs), outputs);
  for (std::size_t k = 0; k < outputs.size(); ++k)
    outputs[k] = node->outputs[k].with_node(node, static_cast<int>(k));
  forget_unread(*node);
  return outputs;
}

Arrays run_all(std::shared_ptr<const Primitive> primitive, Arrays inputs) {
  Arrays outputs = computed(*primitive, inputs);
  return record(std::move(primitive), std::move(inputs), std::move(outputs));
}

Array run(std::shared_ptr<const Primitive> primitive, Arrays inputs) {
  return std::move(run_all(std::move(primitive), std::move(inputs))[0]);
}

}  // namespace cartan
