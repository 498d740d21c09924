#include "cartan/autodiff/transforms.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <unordered_map>

#include "autodiff/last_gradients.hpp"
#include "autodiff/reads.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/update.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"

namespace cartan {
namespace {

class Identity : public Primitive, public ReadsNothing {
 public:
  const char* name() const override { return "identity"; }
  bool on_any_device() const override { return true; }
  Arrays eval_cpu(const Arrays& in) const override { return {in[0].with_node(nullptr)}; }
  Arrays vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& cotangent = cotangents[0];
    return {cotangent};
  }
};

thread_local int transform_depth = 0;
struct Depth {
  Depth() { ++transform_depth; }
  ~Depth() { --transform_depth; }
};

// Nodes between y and x (both included) in the order of computation.
std::vector<std::shared_ptr<Node>> tape(const Arrays& y, const Arrays& x,
                                        std::unordered_map<const Node*, std::size_t>& place) {
  std::uint64_t first = std::numeric_limits<std::uint64_t>::max();
  for (const Array& a : x) first = std::min(first, a.node()->number);
  std::unordered_map<const Node*, bool> depends;
  for (const Array& a : x) depends[a.node().get()] = true;

  std::vector<std::shared_ptr<Node>> nodes, stack;
  std::unordered_map<const Node*, char> seen;
  auto visit = [&](const std::shared_ptr<Node>& node) {
    if (node && node->number >= first && seen.emplace(node.get(), 1).second) {
      nodes.push_back(node);
      stack.push_back(node);
    }
  };
  for (const Array& a : y) visit(a.node());
  while (!stack.empty()) {
    const std::shared_ptr<Node> node = stack.back();
    stack.pop_back();
    if (node->primitive && node->inputs.empty())
      throw std::logic_error(text("[gradients] the tape of ", node->primitive->name(),
                                  " was given up by an earlier pass over it, as value_and_grad() does with "
                                  "that of its function"));
    for (const Array& input : node->inputs) visit(input.node());
  }
  std::sort(nodes.begin(), nodes.end(), [](const auto& a, const auto& b) { return a->number < b->number; });

  std::vector<std::shared_ptr<Node>> relevant;
  for (const auto& node : nodes) {
    bool hit = depends.count(node.get()) > 0;
    for (const Array& input : node->inputs) hit = hit || (input.node() && place.count(input.node().get()));
    if (!hit) continue;
    place[node.get()] = relevant.size();
    relevant.push_back(node);
  }
  return relevant;
}

}  // namespace

Array track(const Array& x) {
  if (x.tracked()) return run(std::make_shared<Identity>(), {x});
  return x.with_node(std::make_shared<Node>());
}

Array detach(const Array& x) {
  return x.with_node(nullptr);
}

namespace {

// What happens to the tape that is walked: it stays, it goes on (the walk is recorded), or nodes are given
// back as they are done with.
enum class Tape { stays, grows, goes };

// Gives back what a node keeps, at the end of its turn.
class Given {
 public:
  Given(Node& node, bool away) : node_(away && node.primitive ? &node : nullptr) {}
  ~Given() {
    if (!node_) return;
    node_->inputs.clear();
    node_->outputs.clear();
  }
  Given(const Given&) = delete;
  Given& operator=(const Given&) = delete;

 private:
  Node* node_;
};

Arrays walk(const Arrays& y, const Arrays& x, const Arrays& cotangents, Tape after) {
  const bool create_graph = after == Tape::grows;
  require(cotangents.empty() || cotangents.size() == y.size(), "[gradients] ", y.size(), " outputs and ",
          cotangents.size(), " cotangents");
  for (const Array& a : x)
    require(a.tracked(), "[gradients] an argument of shape ", a.shape(), " is not tracked; use track()");

  std::unordered_map<const Node*, std::size_t> place;
  auto nodes = tape(y, x, place);
  // of every node's outputs; a leaf is its own output
  std::vector<Arrays> adjoint(nodes.size());
  std::vector<std::vector<char>> filled(nodes.size());
  for (std::size_t k = 0; k < nodes.size(); ++k) {
    const std::size_t outputs = std::max<std::size_t>(nodes[k]->outputs.size(), 1);
    adjoint[k].resize(outputs);
    filled[k].assign(outputs, 0);
  }
  Recording guard(create_graph);
  auto accumulate = [&](std::size_t k, int output, const Array& c) {
    const auto j = static_cast<std::size_t>(output);
    if (!filled[k][j])
      adjoint[k][j] = c;
    else if (create_graph)
      adjoint[k][j] = add(adjoint[k][j], c);
    else
      add_in_place(adjoint[k][j] = made(adjoint[k][j]), made(c));
    filled[k][j] = 1;
  };
  for (std::size_t k = 0; k < y.size(); ++k) {
    const Array c =
        cotangents.empty() ? Array::full(y[k].shape(), 1, y[k].dtype(), y[k].device()) : cotangents[k];
    require(c.shape() == y[k].shape() && c.dtype() == y[k].dtype(), "[gradients] the cotangent has shape ",
            c.shape(), " (", c.dtype(), "), the output ", y[k].shape(), " (", y[k].dtype(), ")");
    if (!y[k].node()) continue;
    if (auto it = place.find(y[k].node().get()); it != place.end()) accumulate(it->second, y[k].output(), c);
  }

  std::unordered_map<const Node*, char> asked;
  for (const Array& a : x) asked[a.node().get()] = 1;
  for (std::size_t k = nodes.size(); k-- > 0;) {
    Node& node = *nodes[k];
    const Given given(node, after == Tape::goes);
    if (!node.primitive || std::none_of(filled[k].begin(), filled[k].end(), [](char f) { return f; }))
      continue;
    std::vector<bool> wanted(node.inputs.size());
    std::vector<std::size_t> target(node.inputs.size());
    bool any = false;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const auto it = node.inputs[i].node() ? place.find(node.inputs[i].node().get()) : place.end();
      if ((wanted[i] = it != place.end())) target[i] = it->second, any = true;
    }
    if (!any) continue;
    Arrays outputs;
    for (std::size_t j = 0; j < node.outputs.size(); ++j)
      outputs.push_back(node.outputs[j].with_node(nodes[k], static_cast<int>(j)));
    for (Array& a : adjoint[k]) a = made(a);
    const Arrays in = inputs_of(node), c = node.primitive->vjp(in, outputs, adjoint[k], wanted);
    if (!asked.count(&node)) adjoint[k].clear();  // not needed again: free the memory early
    for (std::size_t i = 0; i < wanted.size(); ++i)
      if (wanted[i] && (!c[i].empty() || in[i].empty() || is_later(c[i])))  // empty: does not depend on it
        accumulate(target[i], in[i].output(), c[i]);
  }

  Arrays result;
  for (const Array& a : x) {
    const auto it = place.find(a.node().get());
    const auto j = static_cast<std::size_t>(a.output());
    result.push_back(it != place.end() && filled[it->second][j]
                         ? made(adjoint[it->second][j])
                         : Array::zeros(a.shape(), a.dtype(), a.device()));
  }
  return result;
}

}  // namespace

Arrays gradients(const Array& y, const Arrays& x, const Array& cotangent, bool create_graph) {
  return gradients(Arrays{y}, x, cotangent.empty() && !y.empty() ? Arrays{} : Arrays{cotangent},
                   create_graph);
}

Arrays gradients(const Arrays& y, const Arrays& x, const Arrays& cotangents, bool create_graph) {
  return walk(y, x, cotangents, create_graph ? Tape::grows : Tape::stays);
}

Arrays last_gradients(const Arrays& y, const Arrays& x, const Arrays& cotangents) {
  return walk(y, x, cotangents, Tape::goes);
}

namespace {

// Whether y was also computed from tracked arrays other than x: then the derivative depends on them.
bool depends_on_others(const Arrays& y, const Arrays& x) {
  std::unordered_map<const Node*, char> seen;
  for (const Array& a : x) seen[a.node().get()] = 1;
  std::vector<const Node*> stack;
  for (const Array& a : y) stack.push_back(a.node().get());
  while (!stack.empty()) {
    const Node* node = stack.back();
    stack.pop_back();
    if (!node || !seen.emplace(node, 1).second) continue;
    if (!node->primitive) return true;
    for (const Array& input : node->inputs) stack.push_back(input.node().get());
  }
  return false;
}

// f evaluated on tracers of x, and whether the derivative itself is differentiated by somebody outside.
struct Traced {
  Traced(const Function& f, const Arrays& x) : recorded(recording()), outer(recorded && transform_depth > 1) {
    for (const Array& a : x) {
      outer = outer || (recorded && a.tracked());
      tracers.push_back(track(recorded ? a : detach(a)));  // where recording is off, nobody outside asks
    }
    Recording on(true);
    y = f(tracers);
    outer = outer || (recorded && depends_on_others(y, tracers));
  }
  bool recorded, outer;
  Arrays tracers, y;
};

Arrays without_tape(Arrays a, bool outer) {
  if (!outer)
    for (Array& v : a) v = detach(v);
  return a;
}

}  // namespace

std::pair<Arrays, Arrays> vjp(const Function& f, const Arrays& x, const Arrays& cotangents) {
  Depth depth;
  const Traced traced(f, x);
  bool outer = traced.outer;
  for (const Array& c : cotangents) outer = outer || (traced.recorded && c.tracked());
  return {without_tape(traced.y, outer),
          outer ? gradients(traced.y, traced.tracers, cotangents, true)
                : without_tape(last_gradients(traced.y, traced.tracers, cotangents), outer)};
}

std::pair<Arrays, Arrays> jvp(const Function& f, const Arrays& x, const Arrays& tangents) {
  Depth depth;
  const Traced traced(f, x);
  bool outer = traced.outer;
  for (const Array& t : tangents) outer = outer || (traced.recorded && t.tracked());
  Arrays u;
  for (const Array& a : traced.y) u.push_back(track(Array::zeros(a.shape(), a.dtype(), a.device())));
  const Arrays g = gradients(traced.y, traced.tracers, u, true);  // linear in u
  return {without_tape(traced.y, outer),
          outer ? gradients(g, u, tangents, true) : without_tape(last_gradients(g, u, tangents), outer)};
}

Function grad(const ScalarFunction& f) {
  return [f](const Arrays& x) { return value_and_grad(f, x).second; };
}

std::pair<Array, Arrays> value_and_grad(const ScalarFunction& f, const Arrays& x) {
  auto [y, g] = vjp(
      [&](const Arrays& t) {
        Array value = f(t);
        require(value.size() == 1, "[grad] the function's result has shape ", value.shape(),
                ", not one element");
        return Arrays{value};
      },
      x, {});
  return {y[0], std::move(g)};
}

GradientReport check_gradients(const ScalarFunction& f, const Arrays& x, double step, Index samples) {
  GradientReport report;
  const Arrays analytic = value_and_grad(f, x).second;
  for (std::size_t k = 0; k < x.size(); ++k) {
    require(x[k].dtype() == DType::f64, "[check_gradients] argument ", k, " is ", x[k].dtype(),
            ", not float64");
    const double* g = analytic[k].data<double>();
    double largest = 1e-6;
    for (Index i = 0; i < x[k].size(); ++i) largest = std::max(largest, std::abs(g[i]));
    const Index count = samples > 0 ? std::min(samples, x[k].size()) : x[k].size();
    for (Index s = 0; s < count; ++s) {
      const Index i = s * x[k].size() / count;
      auto value_at = [&](double delta) {
        Arrays moved = x;
        for (Array& a : moved) a = detach(a);
        moved[k].mutable_data<double>()[i] += delta;
        Recording off(false);
        return f(moved).item();
      };
      const double numeric =
          (8 * (value_at(step) - value_at(-step)) - (value_at(2 * step) - value_at(-2 * step))) / (12 * step);
      const double error = std::abs(g[i] - numeric) / largest;
      if (!std::isfinite(error)) report.finite = false;
      if (!(error <= report.max_error)) {
        report = {std::isfinite(error) ? error : std::numeric_limits<double>::infinity(),
                  static_cast<int>(k),
                  i,
                  g[i],
                  numeric,
                  report.finite};
      }
    }
  }
  return report;
}

}  // namespace cartan
