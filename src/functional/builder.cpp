#include "functional/builder.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "autodiff/refuse_tracked.hpp"
#include "cartan/core/error.hpp"

namespace cartan::functional {

std::vector<double> Builder::scaled(const Mode& mode, const Array& x, int column) {
  refuse_tracked("Model", x);
  const Array a = x.as(DType::f64);
  const Index n = a.dim(0), k = a.dim(1);
  std::vector<double> out(static_cast<std::size_t>(n));
  const double last = static_cast<double>(mode.categories.size()) - 1;
  for (Index i = 0; i < n; ++i) {
    double v = a.data<double>()[i * k + column];
    require(std::isfinite(v), "[Model] row ", i, ": ", mode.name, " is ", v, "; coordinates must be finite");
    if (mode.kind == ModeKind::categorical)
      require(v == std::floor(v) && v >= 0 && v <= std::max(last, 0.0) + (mode.categories.empty() ? 1e9 : 1),
              "[Model] row ", i, ": ", mode.name, " is ", v, "; expected the number of a category, 0 to ",
              last);
    v = (v - mode.shift) / mode.scale;
    if (mode.kind == ModeKind::periodic) {
      v -= std::floor(v);
      if (v >= 1) v = 0;
    }
    out[static_cast<std::size_t>(i)] = v;
  }
  return out;
}

Targets standardised(const Array& y, std::vector<Warp> warp) {
  const Index n = y.dim(0), m = y.ndim() == 2 ? y.dim(1) : 1;
  const Array values = y.as(DType::f64);
  Targets t{std::vector<double>(static_cast<std::size_t>(m), 0.0),
            std::vector<double>(static_cast<std::size_t>(m), 1.0), std::move(warp)};
  for (Index j = 0; j < m; ++j) {
    const auto g = static_cast<std::size_t>(j);
    double count = 0, sum = 0, square = 0;
    for (Index i = 0; i < n; ++i) {
      const double v = values.data<double>()[i * m + j];
      if (!std::isnan(v)) count += 1, sum += t.forward(g, v);
    }
    t.offset[g] = sum / count;
    for (Index i = 0; i < n; ++i) {
      const double v = values.data<double>()[i * m + j];
      if (!std::isnan(v)) square += std::pow(t.forward(g, v), 2);
    }
    t.scale[g] = square > 0 ? std::sqrt(square / count) : std::max(1e-12, std::abs(t.offset[g]));
  }
  return t;
}

namespace {

// The values that are there, by rows, as they are fitted.
std::vector<double> values_of(const Array& y, const Targets& targets) {
  const Array given = y.as(DType::f64);
  const double* values = given.data<double>();
  const Index outputs = static_cast<Index>(targets.offset.size());
  std::vector<double> flat;
  flat.reserve(static_cast<std::size_t>(given.size()));
  for (Index e = 0; e < given.size(); ++e)
    if (!std::isnan(values[e]))
      flat.push_back(targets.forward(static_cast<std::size_t>(e % outputs), values[e]));
  return flat;
}

}  // namespace

Prepared Builder::prepare(const std::vector<Mode>& modes, const Array& x, const Array& y,
                          const Targets& targets) {
  Prepared p;
  const Index n = x.dim(0), outputs = static_cast<Index>(targets.offset.size());
  const Array values_ = y.as(DType::f64);
  const double* values = values_.data<double>();
  std::vector<std::vector<std::int32_t>> index(modes.size() + (outputs > 1 ? 1 : 0));
  require(values_.size() < (Index{1} << 31), "[fit] ", values_.size(),
          " values; at most 2^31 - 1 are supported");
  std::vector<std::int32_t> rows;  // of x
  for (Index i = 0; i < n; ++i)
    for (Index m = 0; m < outputs; ++m) {
      if (std::isnan(values[i * outputs + m])) continue;
      rows.push_back(static_cast<std::int32_t>(i));
      if (outputs > 1) p.group.push_back(static_cast<std::int32_t>(m));
    }
  std::vector<Index> sizes;
  for (std::size_t k = 0; k < modes.size(); ++k) {
    const std::vector<double> all = scaled(modes[k], x, static_cast<int>(k));
    std::vector<double> unique;
    unique.reserve(rows.size());
    for (const std::int32_t i : rows) unique.push_back(all[static_cast<std::size_t>(i)]);
    std::sort(unique.begin(), unique.end());
    unique.erase(std::unique(unique.begin(), unique.end()), unique.end());
    unique.shrink_to_fit();
    index[k].reserve(rows.size());
    for (const std::int32_t i : rows)
      index[k].push_back(static_cast<std::int32_t>(
          std::lower_bound(unique.begin(), unique.end(), all[static_cast<std::size_t>(i)]) - unique.begin()));
    sizes.push_back(static_cast<Index>(unique.size()));
    p.coordinates.push_back(std::move(unique));
  }
  if (outputs > 1) {
    index.back() = p.group;
    std::vector<double> numbers(static_cast<std::size_t>(outputs));
    std::iota(numbers.begin(), numbers.end(), 0.0);
    p.coordinates.push_back(numbers);
    sizes.push_back(outputs);
  }
  p.entries = std::make_shared<const Entries>(std::move(index), std::move(sizes), values_of(y, targets));
  return p;
}

Prepared Builder::prepare(const Prepared& same, const Array& y, const Targets& targets) {
  Prepared p = same;
  p.entries = std::make_shared<const Entries>(same.entries->with(values_of(y, targets)));
  return p;
}

namespace {

LatentFunctions functions_of(const Variational::Mode& m) {
  const Index n = static_cast<Index>(m.coordinates.size()), c = static_cast<Index>(m.active.size());
  if (c == 0) return {};
  std::vector<double> w = m.precision, e = m.shift;
  for (std::size_t j = 0; j < m.base_precision.size(); ++j) w[j] += m.base_precision[j];
  for (std::size_t j = 0; j < m.base_shift.size(); ++j) e[j] += m.base_shift[j];
  return {m.kernels, Array::from(m.coordinates), Array::from(w, {n, c, c}), Array::from(e, {n, c})};
}

}  // namespace

Model Builder::model(const Variational& v, const std::vector<Mode>& modes, std::vector<std::string> outputs,
                     Targets targets) {
  Model m;
  m.modes_ = modes;
  m.outputs_ = std::move(outputs);
  for (const Component& c : v.components()) {
    Model::Term t;
    for (std::size_t k = 0; k < c.active.size(); ++k)
      if (c.active[k]) t.modes.push_back(static_cast<std::int64_t>(k));
    t.output = c.output;
    m.terms_.push_back(t);
  }
  for (int k = 0; k < v.modes(); ++k) m.functions_.push_back(functions_of(v.mode(k)));
  for (std::size_t g = 0; g < targets.offset.size(); ++g) targets.offset[g] += v.offset() * targets.scale[g];
  m.offset_ = std::move(targets.offset), m.scale_ = std::move(targets.scale);
  m.warp_ = std::move(targets.warp);
  m.shape_ = v.shape(), m.rate_ = v.rate();
  m.nu_ = m.predictive_nu_ = v.student() ? v.nu() : 0;
  return m;
}

Model Builder::with_core(const std::vector<Mode>& modes, std::vector<std::string> outputs, Targets targets,
                         Array mean, Array covariance, std::vector<LatentFunctions> functions, double shape,
                         double rate) {
  Model m;
  m.modes_ = modes, m.outputs_ = std::move(outputs);
  m.offset_ = std::move(targets.offset), m.scale_ = std::move(targets.scale);
  m.core_mean_ = std::move(mean), m.core_covariance_ = std::move(covariance);
  m.functions_ = std::move(functions);
  m.shape_ = {shape}, m.rate_ = {rate};
  return m;
}

// The messages of the model become a prior at the coordinates of the old and the new data.
Variational Builder::resume(const Model& m, const Prepared& p) {
  const std::size_t modes = m.functions_.size(), c = m.terms_.size();
  std::vector<Component> components;
  for (const Model::Term& t : m.terms_) {
    Component x;
    x.active.assign(modes, false);
    for (const std::int64_t k : t.modes) x.active[static_cast<std::size_t>(k)] = true;
    x.output = static_cast<int>(t.output);
    components.push_back(x);
  }
  std::vector<std::vector<double>> coordinates;
  std::vector<std::vector<std::int32_t>> index(modes);
  std::vector<Index> sizes;
  std::vector<std::vector<Kernel>> kernels(modes, std::vector<Kernel>(c));
  std::vector<Base> base(modes);
  for (std::size_t k = 0; k < modes; ++k) {
    const LatentFunctions& f = m.functions_[k];
    std::vector<double> all = p.coordinates[k], old;
    if (f.functions()) old = f.coordinates().to_vector<double>();
    all.insert(all.end(), old.begin(), old.end());
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    const auto place = [&](double x) {
      return static_cast<std::size_t>(std::lower_bound(all.begin(), all.end(), x) - all.begin());
    };
    std::vector<std::int32_t> moved;
    for (const double x : p.coordinates[k]) moved.push_back(static_cast<std::int32_t>(place(x)));
    for (Index e = 0; e < p.entries->size(); ++e)
      index[k].push_back(moved[static_cast<std::size_t>(p.entries->index(static_cast<int>(k), e))]);
    const auto ca = static_cast<std::size_t>(f.functions());
    base[k].precision.assign(all.size() * ca * ca, 0.0), base[k].shift.assign(all.size() * ca, 0.0);
    for (std::size_t i = 0; i < old.size(); ++i) {
      std::copy_n(f.precision().data<double>() + i * ca * ca, ca * ca,
                  base[k].precision.begin() + static_cast<std::ptrdiff_t>(place(old[i]) * ca * ca));
      std::copy_n(f.shift().data<double>() + i * ca, ca,
                  base[k].shift.begin() + static_cast<std::ptrdiff_t>(place(old[i]) * ca));
    }
    std::size_t a = 0;
    for (std::size_t t = 0; t < c; ++t)
      if (components[t].active[k]) kernels[k][t] = f.kernels()[a++];
    sizes.push_back(static_cast<Index>(all.size()));
    coordinates.push_back(std::move(all));
  }
  VariationalOptions o;
  o.student = m.nu_ > 0, o.learn = false;
  o.prior_shape = m.shape_[0], o.prior_rate = m.rate_[0];  // what is known of the noise is its prior
  auto entries = std::make_shared<const Entries>(std::move(index), std::move(sizes), p.entries->values());
  Variational v(entries, std::move(coordinates), std::move(components), kernels, p.group, o);
  v.set_noise(m.shape_, m.rate_, m.nu_, 0);
  for (std::size_t k = 0; k < modes; ++k)
    if (m.functions_[k].functions()) v.set_base(static_cast<int>(k), std::move(base[k]));
  return v;
}

Model Builder::updated(const Model& m, const Variational& v) {
  Model out = m;
  for (int k = 0; k < v.modes(); ++k) out.functions_[static_cast<std::size_t>(k)] = functions_of(v.mode(k));
  out.shape_ = v.shape(), out.rate_ = v.rate();
  return out;
}

}  // namespace cartan::functional
