// Models in files.

#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/functional/model.hpp"

namespace cartan::functional {

void Model::save(data::Group& group) const {
  require(modes() > 0, "[Model] there is no model to save");
  std::vector<std::string> names;
  for (std::size_t k = 0; k < functions_.size(); ++k) {
    data::Group& g = group[text("modes/", k)];
    if (k < modes_.size()) {
      const Mode& m = modes_[k];
      g.attributes["name"] = m.name;
      g.attributes["kind"] = std::string(name_of(m.kind));
      g.attributes["period"] = m.period;
      g.attributes["kernel"] = m.kernel;
      g.attributes["shift"] = m.shift;
      g.attributes["scale"] = m.scale;
      if (!m.categories.empty()) g.attributes["categories"] = m.categories;
    }
    if (functions_[k].functions()) functions_[k].save(g["functions"]);
  }
  group.attributes["modes"] = static_cast<std::int64_t>(modes_.size());
  group.attributes["outputs"] = outputs_;
  group.attributes["terms"] = static_cast<std::int64_t>(terms_.size());
  for (std::size_t t = 0; t < terms_.size(); ++t) {
    data::Group& g = group[text("terms/", t)];
    g.attributes["modes"] = terms_[t].modes;
    g.attributes["output"] = terms_[t].output;
  }
  group.attributes["offset"] = offset_;
  group.attributes["scale"] = scale_;
  if (!warp_.empty()) {
    std::vector<double> numbers;
    for (const Warp& w : warp_) numbers.insert(numbers.end(), {double(w.side), w.origin, w.low, w.high});
    group.attributes["warp"] = numbers;
  }
  group.attributes["noise_shape"] = shape_;
  group.attributes["noise_rate"] = rate_;
  group.attributes["degrees_of_freedom"] = nu_;
  group.attributes["noise_law"] = law_.coefficient;
  group.attributes["noise_law_range"] = std::vector<double>{law_.centre, law_.spread, law_.low, law_.high};
  group.attributes["predictive_degrees_of_freedom"] = predictive_nu_;
  if (!conformal_.empty()) group.set("conformal", Array::from(conformal_), "", "score");
  if (has_core()) {
    group.set("core", core_mean_);
    group.set("core_covariance", core_covariance_);
  }
}

Model Model::load(const data::Group& group) {
  Model m;
  const auto bad = [&](const std::string& object, const std::string& what) -> FormatError {
    return {group.file(), object, what};
  };
  const std::int64_t modes = group.integer("modes"), terms = group.integer("terms");
  m.outputs_ = group.strings("outputs");
  if (modes < 1 || modes > 30) throw bad("modes", text("is ", modes, "; expected 1 to 30"));
  if (terms < 0 || terms > 64) throw bad("terms", text("is ", terms, "; expected 0 to 64"));
  if (m.outputs_.empty()) throw bad("outputs", "there is none");
  const std::int64_t all = modes + (m.outputs_.size() > 1 ? 1 : 0);
  for (std::int64_t k = 0; k < all; ++k) {
    const data::Group& g = group.group(text("modes/", k));
    if (k < modes) {
      Mode x;
      x.name = g.string("name");
      const std::string& kind = g.string("kind");
      x.kind = kind == "periodic"      ? ModeKind::periodic
               : kind == "categorical" ? ModeKind::categorical
                                       : ModeKind::continuous;
      if (kind != name_of(x.kind)) throw bad(text("modes/", k), "unknown kind '" + kind + "'");
      x.period = g.number("period"), x.kernel = g.string("kernel");
      x.shift = g.number("shift"), x.scale = g.number("scale");
      if (!(x.scale > 0) || !std::isfinite(x.shift))
        throw bad(text("modes/", k), "its scale is not positive");
      if (g.attributes.count("categories")) x.categories = g.strings("categories");
      m.modes_.push_back(x);
    }
    m.functions_.push_back(g.has_group("functions") ? LatentFunctions::load(g.group("functions"))
                                                    : LatentFunctions());
  }
  for (std::int64_t t = 0; t < terms; ++t) {
    const data::Group& g = group.group(text("terms/", t));
    Term x{g.integers("modes"), g.integer("output")};
    for (const std::int64_t k : x.modes)
      if (k < 0 || k >= all) throw bad(text("terms/", t), text("has a mode ", k, " of ", all));
    m.terms_.push_back(x);
  }
  m.offset_ = group.numbers("offset"), m.scale_ = group.numbers("scale");
  m.shape_ = group.numbers("noise_shape"), m.rate_ = group.numbers("noise_rate");
  m.nu_ = group.number("degrees_of_freedom");
  m.predictive_nu_ = group.number("predictive_degrees_of_freedom");
  m.law_.coefficient = group.numbers("noise_law");
  const std::vector<double>& range = group.numbers("noise_law_range");
  if (m.law_.coefficient.size() != 3 || range.size() != 4 || !(range[1] > 0) || !(m.nu_ >= 0) ||
      !(m.predictive_nu_ >= 0))
    throw bad("noise_law", "is not the law of a noise");
  m.law_.centre = range[0], m.law_.spread = range[1], m.law_.low = range[2], m.law_.high = range[3];
  if (m.offset_.size() != m.outputs_.size() || m.scale_.size() != m.outputs_.size() || m.shape_.empty() ||
      m.shape_.size() != m.rate_.size())
    throw bad("scale", "numbers of outputs do not agree");
  if (group.attributes.count("warp")) {
    const std::vector<double>& w = group.numbers("warp");
    if (w.size() != 4 * m.outputs_.size()) throw bad("warp", "numbers of outputs do not agree");
    for (std::size_t g = 0; g < w.size(); g += 4) {
      const Warp x{static_cast<int>(std::clamp(w[g], -1.0, 1.0)), w[g + 1], w[g + 2], w[g + 3]};
      if (static_cast<double>(x.side) != w[g] ||
          (x.side != 0 && !(x.low <= x.high && (x.side > 0 ? x.origin < x.low : x.high < x.origin))))
        throw bad("warp", "is no scale of a target");
      m.warp_.push_back(x);
    }
  }
  for (const auto* list : {&m.scale_, &m.shape_, &m.rate_})
    for (const double v : *list)
      if (!(v > 0) || !std::isfinite(v)) throw bad("scale", "a scale is not positive");
  if (group.has("conformal")) m.conformal_ = group.array("conformal", DType::f64, {-1}).to_vector<double>();
  if (group.has("core")) {
    m.core_mean_ = group.array("core");
    const Index r = m.core_mean_.size();
    m.core_covariance_ = group.array("core_covariance", DType::f64, {r, r});
    if (m.core_mean_.ndim() != static_cast<int>(modes)) throw bad("core", "another number of modes");
  }
  for (std::int64_t k = 0; k < all; ++k) {
    const auto expected = m.has_core() ? static_cast<std::size_t>(m.core_mean_.dim(static_cast<int>(k)))
                                       : m.active(static_cast<int>(k)).size();
    if (static_cast<std::size_t>(m.functions_[static_cast<std::size_t>(k)].functions()) != expected)
      throw bad(text("modes/", k), text("has ", m.functions_[static_cast<std::size_t>(k)].functions(),
                                        " functions; expected ", expected));
  }
  return m;
}

}  // namespace cartan::functional
