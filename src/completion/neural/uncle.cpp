#include "completion/neural/uncle.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/random.hpp"
#include "cartan/data/readers.hpp"

namespace cartan::completion {

void describe(config::Fields& f, UncleOptions& o) {
  f("rank", o.rank, "components of the intensity").from(1).to(4096);
  f("hidden", o.hidden, "widths of the hidden layers of the network of attributes").from(1).to(65536);
  f("epochs", o.epochs, "most rounds of both parts").from(1).may_change();
  f("sweeps", o.sweeps, "updates of all factors in a round").from(1).to(1000);
  f("batch_size", o.batch_size, "entries of a step of the network").from(1).to(1e6);
  f("learning_rate", o.learning_rate, "of Adam on the network").above(0);
  f("patience", o.patience, "end after as many rounds without a better validation (0: never)").from(0);
  f("attributes", o.attributes, "arrays of attributes with their modes: 0:sites.npy or 0,2:visits.npy");
  f("anchors", o.anchors, "file of entries that are counted in full").optional("none");
  f("recorded", o.recorded, "predict what would be recorded; false: what there is to record");
}

Attributes read_attributes(const std::string& text_) {
  const std::size_t colon = text_.find(':');
  Attributes out;
  bool fits = colon != std::string::npos && colon > 0 && colon + 1 < text_.size();
  if (fits)
    for (std::size_t at = 0; at <= colon && fits;) {
      const std::size_t end = std::min(colon, text_.find(',', at));
      const std::string word = text_.substr(at, end - at);
      fits = !word.empty() && word.size() < 4 && word.find_first_not_of("0123456789") == std::string::npos;
      if (fits) out.modes.push_back(std::stoi(word));
      fits = fits && (out.modes.size() < 2 || out.modes[out.modes.size() - 2] < out.modes.back());
      at = end + 1;
    }
  require(fits, "[uncle] attributes '", text_,
          "': expected rising numbers of modes from 0, a colon and a .npy file, as in 0:sites.npy or "
          "0,2:visits.npy");
  out.values = data::read_npy(text_.substr(colon + 1));
  return out;
}

namespace {

// The product over all modes but `left_out` of the rows of an entry, into w; lambda is the sum over its
// elements times the row of that mode.
struct Rows {
  explicit Rows(const std::vector<Array>& factors) : rank(factors.front().dim(1)) {
    for (const Array& u : factors) row.push_back(u.data<double>());
  }
  void others(const SparseTensor& x, Index n, int left_out, double* w) const {
    std::fill_n(w, rank, 1.0);
    for (int k = 0; k < x.order(); ++k) {
      if (k == left_out) continue;
      const double* u = row[static_cast<std::size_t>(k)] + x.index(k)[n] * rank;
      for (Index r = 0; r < rank; ++r) w[r] *= u[r];
    }
  }
  Index rank;
  std::vector<const double*> row;
};

constexpr double least = 1e-300;  // a factor that reached 0 stays there; its logarithm is not asked for

}  // namespace

std::vector<double> intensities(const SparseTensor& x, const std::vector<Array>& factors) {
  const Rows rows(factors);
  std::vector<double> out(static_cast<std::size_t>(x.size()));
  parallel_for(x.size(), 4096, [&](Index begin, Index end) {
    std::vector<double> w(static_cast<std::size_t>(rows.rank));
    for (Index n = begin; n < end; ++n) {
      rows.others(x, n, -1, w.data());
      out[static_cast<std::size_t>(n)] = std::accumulate(w.begin(), w.end(), 0.0);
    }
  });
  return out;
}

void update_factors(const SparseTensor& x, const std::vector<double>& p, std::vector<Array>& factors) {
  require(static_cast<Index>(p.size()) == x.size() && static_cast<int>(factors.size()) == x.order(),
          "[update_factors] ", p.size(), " probabilities and ", factors.size(), " factors for ", x.size(),
          " entries of order ", x.order());
  const double* y = x.values().data();
  std::vector<Index> begin;
  std::vector<Index> order(static_cast<std::size_t>(x.size()));
  for (int k = 0; k < x.order(); ++k) {
    // the entries of every slice, one after the other
    const std::vector<Index> counts = x.counts(k);
    begin.assign(counts.size() + 1, 0);
    std::partial_sum(counts.begin(), counts.end(), begin.begin() + 1);
    std::vector<Index> next(begin.begin(), begin.end() - 1);
    const std::int32_t* index = x.index(k).data();
    for (Index n = 0; n < x.size(); ++n)
      order[static_cast<std::size_t>(next[static_cast<std::size_t>(index[n])]++)] = n;

    Array& u = factors[static_cast<std::size_t>(k)];
    double* row = u.mutable_data<double>();
    const Rows rows(factors);
    const Index rank = rows.rank;
    parallel_for(u.dim(0), 16, [&](Index first, Index last) {
      std::vector<double> w(static_cast<std::size_t>(rank)), up(w), down(w);
      for (Index j = first; j < last; ++j) {
        std::fill(up.begin(), up.end(), 0.0);
        std::fill(down.begin(), down.end(), 0.0);
        for (Index e = begin[static_cast<std::size_t>(j)]; e < begin[static_cast<std::size_t>(j) + 1]; ++e) {
          const Index n = order[static_cast<std::size_t>(e)];
          rows.others(x, n, k, w.data());
          double lambda = 0;
          for (Index r = 0; r < rank; ++r) lambda += w[static_cast<std::size_t>(r)] * row[j * rank + r];
          const double ratio = y[n] > 0 ? y[n] / std::max(lambda, least) : 0;
          for (std::size_t r = 0; r < w.size(); ++r) {
            up[r] += ratio * w[r];
            down[r] += p[static_cast<std::size_t>(n)] * w[r];
          }
        }
        for (std::size_t r = 0; r < w.size(); ++r)
          if (down[r] > least) row[j * rank + static_cast<Index>(r)] *= up[r] / down[r];
      }
    });
  }
}

double negative_log_likelihood(const SparseTensor& x, const std::vector<double>& p,
                               const std::vector<Array>& factors) {
  std::vector<double> term = intensities(x, factors);
  for (std::size_t n = 0; n < term.size(); ++n) {
    const double mean = p[n] * term[n], y = x.values()[static_cast<Index>(n)];
    term[n] = y > 0 ? mean - y * std::log(std::max(mean, least)) : mean;
  }
  return deterministic_sum(term.data(), static_cast<Index>(term.size()));
}

// ---- the model

nn::ParameterRefs UncleModel::parameters() {
  nn::ParameterRefs out;
  for (std::size_t k = 0; k < factors.size(); ++k) out.push_back({text("factor.", k), &factors[k]});
  network.collect("network", out);
  return out;
}

Index attribute_count(const std::vector<Attributes>& attributes) {
  Index width = 0;
  for (const Attributes& a : attributes) width += a.values.dim(-1);
  return std::max<Index>(width, 1);  // one column of zeros without attributes
}

void check_attributes(const std::vector<Attributes>& attributes, const Shape& shape) {
  for (const Attributes& a : attributes) {
    Shape expected;
    for (const int k : a.modes) {
      require(k >= 0 && k < static_cast<int>(shape.size()), "[uncle] attributes of mode ", k,
              " of a tensor of ", shape.size(), " modes");
      expected.push_back(shape[static_cast<std::size_t>(k)]);
    }
    expected.push_back(a.values.ndim() > 0 ? a.values.dim(-1) : 0);
    require(
        !a.modes.empty() && is_real(a.values.dtype()) && a.values.shape() == expected && a.values.dim(-1) > 0,
        "[uncle] attributes are ", a.values.dtype(), " of shape ", a.values.shape(),
        ", expected real numbers of shape ", expected,
        ", the extents of their modes and the number of attributes");
    require(all_finite(a.values), "[uncle] an attribute is not finite; fill in what is missing");
  }
}

Array attribute_rows(const std::vector<Attributes>& attributes, const Array& indices) {
  const Index n = indices.dim(0), d = indices.dim(1), width = attribute_count(attributes);
  Array out = Array::zeros({n, width}, DType::f64);
  double* z = out.mutable_data<double>();
  const Index* i = indices.data<Index>();
  Index column = 0;
  for (const Attributes& a : attributes) {
    const Array values = a.values.as(DType::f64);
    const Index count = values.dim(-1);
    for (Index e = 0; e < n; ++e) {
      Index at = 0;
      for (std::size_t m = 0; m < a.modes.size(); ++m)
        at = at * values.dim(static_cast<int>(m)) + i[e * d + a.modes[m]];
      std::copy_n(values.data<double>() + at * count, count, z + e * width + column);
    }
    column += count;
  }
  return out;
}

Array UncleModel::inputs(const Array& indices) const {
  return (attribute_rows(attributes, indices) - centre) / spread;
}

Array UncleModel::intensity(const Array& indices) const {
  check_indices("uncle", indices, shape);
  const Index n = indices.dim(0), d = indices.dim(1), rank = factors.front().dim(1);
  Array out = Array::zeros({n}, DType::f64);
  double* y = out.mutable_data<double>();
  const Index* i = indices.data<Index>();
  for (Index e = 0; e < n; ++e)
    for (Index r = 0; r < rank; ++r) {
      double product = 1;
      for (Index k = 0; k < d; ++k)
        product *= factors[static_cast<std::size_t>(k)].data<double>()[i[e * d + k] * rank + r];
      y[e] += product;
    }
  return out;
}

Array UncleModel::detection(const Array& indices) const {
  check_indices("uncle", indices, shape);
  const Recording off(false);
  Array p = sigmoid(reshape(network(inputs(indices)), {-1}));
  if (anchors.empty()) return p;
  double* value = p.mutable_data<double>();
  // both are sorted by index where the indices are those of a SparseTensor; any others are looked up
  const Index d = indices.dim(1), count = anchors.size();
  for (Index n = 0; n < indices.dim(0); ++n) {
    const Index* at = indices.data<Index>() + n * d;
    const auto before = [&](Index a) {
      for (Index k = 0; k < d; ++k) {
        const Index j = anchors.index(static_cast<int>(k))[a];
        if (j != at[k]) return j < at[k];
      }
      return false;
    };
    Index low = 0, high = count;
    while (low < high) {
      const Index middle = (low + high) / 2;
      before(middle) ? low = middle + 1 : high = middle;
    }
    bool same = low < count;
    for (Index k = 0; same && k < d; ++k) same = anchors.index(static_cast<int>(k))[low] == at[k];
    if (same) value[n] = 1;
  }
  return p;
}

Array UncleModel::recorded(const Array& indices) const {
  return intensity(indices) * detection(indices);
}

void UncleModel::save(data::Group& group) const {
  require(!factors.empty(), "[uncle] nothing has been fitted or loaded");
  group.attributes["shape"] = shape;
  nn::save_parameters(const_cast<UncleModel*>(this)->parameters(), group["parameters"]);
  group.set("centre", centre, "", "attribute");
  group.set("spread", spread, "", "attribute");
  for (std::size_t a = 0; a < attributes.size(); ++a) {
    data::Group& g = group[text("attributes/", a)];
    g.attributes["modes"] = std::vector<std::int64_t>(attributes[a].modes.begin(), attributes[a].modes.end());
    g.set("values", attributes[a].values);
  }
  if (!anchors.empty()) anchors.save(group["anchors"]);
}

nn::Mlp attribute_network(const UncleOptions& o, Index width, nn::Init& init) {
  std::vector<Index> sizes{width};
  sizes.insert(sizes.end(), o.hidden.begin(), o.hidden.end());
  sizes.push_back(1);
  return nn::Mlp(sizes, DType::f64, init);
}

UncleModel UncleModel::load(const data::Group& group, const UncleOptions& options) {
  UncleModel m;
  m.shape = group.integers("shape");
  if (m.shape.empty() || std::any_of(m.shape.begin(), m.shape.end(), [](Index n) { return n < 1; }))
    throw FormatError(group.file(), "shape", text("is ", m.shape));
  for (std::size_t a = 0; group.has_group(text("attributes/", a)); ++a) {
    const data::Group& g = group.group(text("attributes/", a));
    Attributes read;
    for (const std::int64_t k : g.integers("modes")) read.modes.push_back(static_cast<int>(k));
    read.values = g.array("values");
    m.attributes.push_back(std::move(read));
  }
  try {
    check_attributes(m.attributes, m.shape);
  } catch (const std::invalid_argument& e) {
    throw FormatError(group.file(), "attributes", e.what());
  }
  const Index width = attribute_count(m.attributes);
  m.centre = group.array("centre", DType::f64, {width});
  m.spread = group.array("spread", DType::f64, {width});
  nn::Init blank = nn::Init::blank();
  for (const Index n : m.shape) m.factors.push_back(Array::zeros({n, options.rank}, DType::f64));
  m.network = attribute_network(options, width, blank);
  nn::load_parameters(m.parameters(), group.group("parameters"));
  if (group.has_group("anchors")) m.anchors = SparseTensor::load(group.group("anchors"));
  return m;
}

}  // namespace cartan::completion
