#include "cartan/so3/gaunt.hpp"

#include <algorithm>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "so3/gaunt/form.hpp"
#include "so3/gaunt/plan.hpp"
#include "so3/tables/degrees.hpp"

namespace cartan::so3 {

SphereForm gaunt_form(int l1, int l2, int l3, const FormWeights& weights, bool bracket) {
  SphereForm form{{l1, l2, l3}, 0, {}, {}, {}};
  int rank = 1;
  std::array<int, 3> slot{-1, -1, -1};
  for (std::size_t k = 0; k < 3; ++k)
    if (weights[k] != nullptr) {
      slot[k] = form.weights++;
      form.rows.push_back(static_cast<int>(weights[k]->dim(1)));
      form.weight_degree.push_back(form.degree[k]);
      rank = std::max(rank, form.rows.back());
    }
  for (int r = 0; r < rank; ++r) {
    SphereTerm t{1, {}, bracket};
    for (int k = 0; k < 3; ++k) {
      const int s = slot[static_cast<std::size_t>(k)];
      const int row = s < 0 || form.rows[static_cast<std::size_t>(s)] == 1 ? 0 : r;
      t.factors.push_back({k, s, row, 1});
    }
    // the result first, so that a bracket is < z {x, y} >
    std::rotate(t.factors.begin(), t.factors.begin() + 2, t.factors.end());
    form.terms.push_back(std::move(t));
  }
  return form;
}

Index channels_of(const char* op, const Array& x, int l) {
  check_degrees(op, {l});
  const Index rows = (l + 1) * (l + 1);
  require(x.ndim() >= 1 && x.dim(-1) % rows == 0, "[", op, "] features ", x.shape(), " of degree ", l,
          ": the last axis must be a multiple of ", rows);
  require(is_real(x.dtype()), "[", op, "] features are float32 or float64, not ", x.dtype());
  return x.dim(-1) / rows;
}

Array form_weights(const char* op, const Array& w, int l, Index samples, Index channels, DType dtype,
                   const Indices& kind) {
  if (w.empty()) return w;
  const bool by_kind = kind.extent() > 0;
  require(!by_kind || kind.size() == samples, "[", op, "] kinds of ", kind.size(), " samples for ", samples);
  const Index first = by_kind ? kind.extent() : samples;
  require(w.dtype() == dtype, "[", op, "] weights of ", w.dtype(), " for features of ", dtype);
  Shape s = w.shape();
  if (s.size() == 1) s.insert(s.begin(), 1);
  if (s.size() == 2) s.push_back(1);
  if (s.size() == 3) s.insert(s.begin(), 1);
  require(s.size() == 4 && s[2] == l + 1 && (s[3] == 1 || s[3] == channels) && (s[0] == 1 || s[0] == first),
          "[", op, "] weights ", w.shape(), " for ", first, by_kind ? " kinds of samples" : " samples",
          ", degree ", l, ", ", channels, " channels: they must be (", l + 1, "), (R, ", l + 1, "), (R, ",
          l + 1, ", ", channels, ") or (", first, ", R, ", l + 1, ", ", channels, ")");
  return s == w.shape() ? w : reshape(w, s);
}

Array evaluate_gaunt(const char* op, int l1, int l2, int l3, bool bracket, Engine engine, const Array& x,
                     const Array& y, const GauntWeights& weights) {
  const Index channels = channels_of(op, x, l1);
  require(channels_of(op, y, l2) == channels && x.ndim() == y.ndim() && x.dtype() == y.dtype() &&
              std::equal(x.shape().begin(), x.shape().end() - 1, y.shape().begin()),
          "[", op, "] x ", x.shape(), " of degree ", l1, " and y ", y.shape(), " of degree ", l2,
          " must have the same leading axes, channels and type");
  const Index samples = x.size() / std::max<Index>(x.dim(-1), 1);
  const auto weights_of = [&](const Array& w, int l) {
    return form_weights(op, w, l, samples, channels, x.dtype(), weights.kind);
  };
  const std::array<Array, 3> w{weights_of(weights.first, l1), weights_of(weights.second, l2),
                               weights_of(weights.out, l3)};
  Arrays inputs{x, y};
  FormWeights given{};
  Index rank = 1;
  for (std::size_t k = 0; k < 3; ++k)
    if (!w[k].empty()) {
      const Index r = w[k].dim(1);
      require(r == 1 || rank == 1 || r == rank, "[", op, "] weights of rank ", rank, " and ", r,
              ": ranks must be equal, or 1");
      rank = std::max(rank, r);
      given[k] = &w[k];
      inputs.push_back(w[k]);
    }
  const SphereForm form = gaunt_form(l1, l2, l3, given, bracket);
  return run(std::make_shared<FormDerivative>(form, 2, engine, SampleKinds{weights.kind, form.weights}),
             std::move(inputs));
}

GauntProduct::GauntProduct(int l1, int l2, int l3, const PlanOptions& options, int rank)
    : l1_(l1), l2_(l2), l3_(l3) {
  check_degrees("gaunt", {l1, l2, l3});
  require(rank >= 1, "[gaunt] rank ", rank, " must be positive");
  const Array w = Array::zeros({1, rank, 1, 1}, DType::f32);  // its rows count
  const FormWeights weights = rank > 1 ? FormWeights{&w, &w, &w} : FormWeights{};
  plan_ = plan_form(gaunt_form(l1, l2, l3, weights, false), 2, options);
}

Array GauntProduct::operator()(const Array& x, const Array& y, const GauntWeights& weights) const {
  return evaluate_gaunt("gaunt", l1_, l2_, l3_, false, engine_of(plan_.engine), x, y, weights);
}

namespace {

// < z (w[n - 1] o z) x^n >, summed over the orders
SphereForm many_body_form(int l, int nu, int l_out, bool weighted) {
  SphereForm form{{l, l_out}, weighted ? 1 : 0, {}, {}, {}};
  if (weighted) {
    form.rows = {nu};
    form.weight_degree = {l_out};
  }
  for (int n = 1; n <= nu; ++n)
    form.terms.push_back({1, {{0, -1, 0, n}, {1, weighted ? 0 : -1, weighted ? n - 1 : 0, 1}}, false});
  return form;
}

}  // namespace

ManyBodyProduct::ManyBodyProduct(int l, int nu, int l_out, const PlanOptions& options)
    : l_(l), nu_(nu), l_out_(l_out) {
  check_degrees("many_body", {l, l_out});
  require(nu >= 1 && Index{nu} * std::max(l, 1) <= largest_degree, "[many_body] order ", nu, " of degree ", l,
          ": the order is positive, the degree of the power at most ", largest_degree);
  plan_ = plan_form(many_body_form(l, nu, l_out, true), 1, options);
}

Array ManyBodyProduct::operator()(const Array& x, const Array& weights, const Indices& kind) const {
  const Index channels = channels_of("many_body", x, l_), samples = x.size() / std::max<Index>(x.dim(-1), 1);
  const Array w = form_weights("many_body", weights, l_out_, samples, channels, x.dtype(), kind);
  require(w.empty() || w.dim(1) == nu_, "[many_body] weights ", weights.shape(), ": there must be ", nu_,
          " rows, one an order");
  Arrays inputs{x};
  if (!w.empty()) inputs.push_back(w);
  const SphereForm form = many_body_form(l_, nu_, l_out_, !w.empty());
  return run(
      std::make_shared<FormDerivative>(form, 1, engine_of(plan_.engine), SampleKinds{kind, form.weights}),
      inputs);
}

Array ManyBodyProduct::product(const Arrays& factors) const {
  require(static_cast<int>(factors.size()) == nu_, "[many_body] ", factors.size(), " factors, planned for ",
          nu_);
  SphereForm form{{}, 0, {}, {}, {{1, {}, false}}};
  for (const Array& x : factors) {
    channels_of("many_body", x, l_);
    require(x.shape() == factors[0].shape() && x.dtype() == factors[0].dtype(), "[many_body] factors ",
            factors[0].shape(), " and ", x.shape(), " must have the same shape and type");
    form.terms[0].factors.push_back({form.arrays(), -1, 0, 1});
    form.degree.push_back(l_);
  }
  form.terms[0].factors.push_back({form.arrays(), -1, 0, 1});
  form.degree.push_back(l_out_);
  return run(std::make_shared<FormDerivative>(form, form.arrays() - 1, engine_of(plan_.engine)), factors);
}

}  // namespace cartan::so3
