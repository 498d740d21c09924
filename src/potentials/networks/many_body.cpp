#include "potentials/networks/many_body.hpp"

#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/so3/symmetric_contraction.hpp"
#include "cartan/so3/vector_signal.hpp"

namespace cartan::potentials {
namespace {

Index rows(int degree) {
  return Index{degree + 1} * (degree + 1);
}

// All polynomials, by coupling coefficients.
class Contraction : public ManyBody {
 public:
  Contraction(const MaceConfig& c, const so3::Irreps& in, const so3::Irreps& out)
      : species_(static_cast<Index>(c.species.size())), contraction_(in, out, c.correlation) {}

  std::vector<Weight> weights() const override {
    Weight w{"contraction", {species_, contraction_.num_paths(), contraction_.channels()}, {}};
    for (const auto& block : contraction_.paths())
      w.deviation.insert(w.deviation.end(), block.count, 1 / static_cast<double>(block.count));
    return {w};
  }
  Array operator()(const Array& a, const Species& species, const std::vector<Array>& weights) const override {
    return contraction_(a, species.kind, weights[0]);
  }

 private:
  Index species_;
  so3::SymmetricContraction contraction_;
};

// Powers of functions on the sphere.
class Powers : public ManyBody {
 public:
  Powers(const MaceConfig& c, int l_out, const std::string& engine)
      : shape_{static_cast<Index>(c.species.size()), c.correlation, l_out + 1, c.channels},
        degree_(c.harmonics),
        product_(c.harmonics, c.correlation, l_out, plan(engine)) {}

  std::vector<Weight> weights() const override {
    // A function of unit coefficients has the mean square (l + 1)^2.
    std::vector<double> deviation;
    for (Index n = 0; n < shape_[1]; ++n)
      deviation.push_back(std::pow(degree_ + 1, -n) / static_cast<double>(shape_[1]));
    return {{"powers", shape_, deviation}};
  }
  Array operator()(const Array& a, const Species& species, const std::vector<Array>& weights) const override {
    return product_(a, weights[0], species.kind);
  }

 private:
  static PlanOptions plan(const std::string& engine) {
    PlanOptions options;
    options.engine = engine;
    return options;
  }
  Shape shape_;
  int degree_;
  so3::ManyBodyProduct product_;
};

// One factor after another: y_k = y_(k-1) a + {z_(k-1), a} and z_k = {y_(k-1), a} + z_(k-1) a, every product
// a sum of `rank` with weights by degree, which all elements share; elements weigh the orders. y are
// functions, z pseudo-functions (odd under reflections): two brackets give a function again, so odd paths
// take part.
class RankProducts : public ManyBody {
 public:
  RankProducts(const MaceConfig& c, int l_out)
      : species_(static_cast<Index>(c.species.size())),
        channels_(c.channels),
        rank_(c.rank),
        degree_(c.harmonics),
        order_(c.correlation),
        l_out_(l_out),
        product_(c.harmonics, c.harmonics, c.harmonics, {}, c.rank),
        bracket_(c.harmonics, c.harmonics, c.harmonics),
        last_product_(c.harmonics, c.harmonics, l_out, {}, c.rank),
        last_bracket_(c.harmonics, c.harmonics, l_out),
        low_degrees_(c.harmonics, 1, l_out) {}

  std::vector<Weight> weights() const override {
    std::vector<Weight> out;
    const double deviation = 1 / (std::sqrt(static_cast<double>(rank_)) * (degree_ + 1));
    for (const Step& s : steps())
      for (const char* side : {".first", ".second"})
        out.push_back({s.name() + side,
                       {1, rank_, degree_ + 1, channels_},
                       std::vector<double>(rank_, side[1] == 'f' ? deviation : 1.0)});
    out.push_back({"orders",
                   {species_, order_, l_out_ + 1, channels_},
                   std::vector<double>(order_, 1 / static_cast<double>(order_))});
    return out;
  }

  Array operator()(const Array& a, const Species& species, const std::vector<Array>& weights) const override {
    Array y = a, z, out = part(y, species, weights.back(), 0);
    std::size_t next = 0;
    for (int k = 2; k <= order_; ++k) {
      Array new_y, new_z;
      for (const Step& s : steps()) {
        if (s.order != k) continue;
        const so3::GauntWeights w{weights[next], weights[next + 1], {}};  // of all elements
        next += 2;
        const Array& from = s.from_functions ? y : z;
        const bool last = k == order_;
        const Array term = s.bracket ? (last ? last_bracket_ : bracket_)(from, a, w)
                                     : (last ? last_product_ : product_)(from, a, w);
        Array& to = s.from_functions != s.bracket ? new_y : new_z;
        to = to.empty() ? term : to + term;
      }
      y = new_y;
      z = new_z;
      out = out + part(y, species, weights.back(), k - 1);
    }
    return out;
  }

 private:
  struct Step {
    int order;
    bool from_functions, bracket;
    std::string name() const {
      return text("order", order, from_functions != bracket ? ".y" : ".z", bracket ? ".bracket" : ".product");
    }
  };
  // What the last order needs, and nothing that ends there. A bracket has no mean: the last one counts only
  // where more than scalars are asked for.
  std::vector<Step> steps() const {
    const int last_bracket = l_out_ > 0 ? order_ : order_ - 1;
    std::vector<Step> out;
    for (int k = 2; k <= order_; ++k) {
      out.push_back({k, true, false});
      if (k > 2 && k <= last_bracket) out.push_back({k, false, true});
      if (k >= last_bracket) continue;
      out.push_back({k, true, true});
      if (k > 2) out.push_back({k, false, false});
    }
    return out;
  }
  // The degrees of y that are asked for, weighted.
  Array part(const Array& y, const Species& species, const Array& orders, int k) const {
    const Array w = slice(orders, 1, k, k + 1);
    if (y.dim(1) > rows(l_out_) * channels_) return low_degrees_(y, w, species.kind);
    return so3::scale_degrees(y, l_out_, reshape(w, {-1, l_out_ + 1, channels_}), species.kind);
  }

  Index species_, channels_, rank_;
  int degree_, order_, l_out_;
  so3::GauntProduct product_;
  so3::BracketProduct bracket_;
  so3::GauntProduct last_product_;  // the last order, to the degree asked for
  so3::BracketProduct last_bracket_;
  so3::ManyBodyProduct low_degrees_;
};

}  // namespace

std::shared_ptr<const ManyBody> many_body(const MaceConfig& c, const so3::Irreps& in,
                                          const so3::Irreps& out) {
  if (c.product == "contraction") return std::make_shared<Contraction>(c, in, out);
  const int l_out = out.lmax();
  if (c.product == "gaunt_rank") return std::make_shared<RankProducts>(c, l_out);
  return std::make_shared<Powers>(c, l_out, c.product == "gaunt_fourier" ? "fourier" : "grid");
}

}  // namespace cartan::potentials
