#include "cartan/completion/sparse.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "completion/sorting.hpp"

namespace cartan::completion {

struct SparseTensor::State {
  Shape shape;
  std::vector<std::vector<std::int32_t>> index;
  std::vector<double> values;
};

const char* name_of(Duplicates d) {
  return d == Duplicates::refuse ? "refuse" : d == Duplicates::sum ? "sum" : "average";
}

namespace {

using Columns = std::vector<std::vector<std::int32_t>>;

std::string place(const Columns& index, std::size_t n) {
  std::vector<Index> at;
  for (const auto& column : index) at.push_back(column[n]);
  return to_string(at);
}

// Sorted columns: equal neighbours become one.
void merge_duplicates(Columns& index, std::vector<double>& values, Duplicates how) {
  const std::size_t n = values.size();
  const auto same = [&](std::size_t a, std::size_t b) {
    for (const auto& column : index)
      if (column[a] != column[b]) return false;
    return true;
  };
  std::size_t kept = 0;
  for (std::size_t begin = 0, end; begin < n; begin = end) {
    double sum = values[begin];
    for (end = begin + 1; end < n && same(begin, end); ++end) sum += values[end];
    if (end - begin > 1 && how == Duplicates::refuse)
      require(false, "[SparseTensor] entry ", place(index, begin), " is there ", end - begin,
              " times (indices from 0); the sum or the average of duplicates makes one of them");
    if (kept != begin || end - begin > 1) {
      for (auto& column : index) column[kept] = column[begin];
      values[kept] = how == Duplicates::average ? sum / static_cast<double>(end - begin) : sum;
      if (!std::isfinite(values[kept]))
        require(false, "[SparseTensor] the values of entry ", place(index, begin), " overflow");
    }
    ++kept;
  }
  if (kept == n) return;
  for (auto& column : index) column.resize(kept);
  values.resize(kept);
}

Columns columns_of(const Shape& shape, const Array& indices, const Array& values) {
  const Index d = static_cast<Index>(shape.size());
  require(indices.ndim() == 2 && indices.dim(1) == d &&
              (indices.dtype() == DType::i64 || indices.dtype() == DType::i32),
          "[SparseTensor] indices are ", indices.dtype(), " of shape ", indices.shape(),
          ", expected int32 or int64 (N, ", d, ")");
  require(values.ndim() == 1 && values.size() == indices.dim(0) && !is_complex(values.dtype()),
          "[SparseTensor] values are ", values.dtype(), " of shape ", values.shape(), " for ", indices.dim(0),
          " indices; expected a list of real numbers");
  const std::vector<Index> all = indices.to_vector<Index>();
  Columns out(shape.size());
  for (std::size_t k = 0; k < shape.size(); ++k) {
    out[k].resize(static_cast<std::size_t>(indices.dim(0)));
    for (std::size_t n = 0; n < out[k].size(); ++n) {
      const Index i = all[n * shape.size() + k];
      require(i >= 0 && i < shape[k], "[SparseTensor] index ", i, " of mode ", k, " in row ", n,
              " is not in [0, ", shape[k], ")");
      out[k][n] = static_cast<std::int32_t>(i);
    }
  }
  return out;
}

}  // namespace

SparseTensor::SparseTensor() : state_(std::make_shared<State>()) {}

SparseTensor::SparseTensor(Shape shape, const Array& indices, const Array& values, Duplicates duplicates)
    : SparseTensor(shape, columns_of(shape, indices, values), values.to_vector<double>(), duplicates) {}

SparseTensor::SparseTensor(Shape shape, Columns index, std::vector<double> values, Duplicates duplicates) {
  require(!shape.empty() && shape.size() <= 64, "[SparseTensor] ", shape.size(), " modes; expected 1 to 64");
  require(index.size() == shape.size(), "[SparseTensor] ", index.size(), " lists of indices for ",
          shape.size(), " modes");
  for (std::size_t k = 0; k < shape.size(); ++k) {
    require(shape[k] >= 1 && shape[k] <= INT32_MAX, "[SparseTensor] extent ", shape[k], " of mode ", k,
            "; expected 1 to ", INT32_MAX);
    require(index[k].size() == values.size(), "[SparseTensor] ", index[k].size(), " indices of mode ", k,
            " for ", values.size(), " values");
    for (std::size_t n = 0; n < values.size(); ++n)
      require(index[k][n] >= 0 && index[k][n] < shape[k], "[SparseTensor] index ", index[k][n], " of mode ",
              k, " in row ", n, " is not in [0, ", shape[k], ")");
  }
  for (std::size_t n = 0; n < values.size(); ++n)
    if (!std::isfinite(values[n]))
      require(false, "[SparseTensor] the value of entry ", place(index, n), " is ", values[n],
              "; leave entries that are missing out");
  sort_entries(shape, {}, index, values);
  merge_duplicates(index, values, duplicates);
  state_ = std::make_shared<State>(State{std::move(shape), std::move(index), std::move(values)});
}

SparseTensor SparseTensor::from_dense(const Array& x, const Array& mask) {
  require(x.ndim() >= 1 && !x.empty() && !is_complex(x.dtype()), "[from_dense] ", x.dtype(), " of shape ",
          x.shape(), "; expected a tensor of real numbers");
  require(mask.empty() || mask.shape() == x.shape(), "[from_dense] a mask of shape ", mask.shape(),
          " for a tensor of shape ", x.shape());
  const std::vector<double> all = x.to_vector<double>(),
                            known = mask.empty() ? std::vector<double>() : mask.to_vector<double>();
  State s;
  s.shape = x.shape();
  s.index.resize(s.shape.size());
  for (const Index extent : s.shape)
    require(extent <= INT32_MAX, "[from_dense] extent ", extent, "; at most ", INT32_MAX);
  std::vector<std::int32_t> at(s.shape.size(), 0);
  for (std::size_t n = 0; n < all.size(); ++n) {
    if (!std::isnan(all[n]) && (known.empty() || known[n] != 0)) {
      require(std::isfinite(all[n]), "[from_dense] an entry is ", all[n], "; NaN marks missing ones");
      for (std::size_t k = 0; k < at.size(); ++k) s.index[k].push_back(at[k]);
      s.values.push_back(all[n]);
    }
    for (std::size_t k = at.size(); k-- > 0 && ++at[k] == s.shape[k];) at[k] = 0;
  }
  return SparseTensor(std::make_shared<State>(std::move(s)));
}

Index SparseTensor::size() const {
  return static_cast<Index>(state_->values.size());
}
const Shape& SparseTensor::shape() const {
  return state_->shape;
}
Span<const std::int32_t> SparseTensor::index(int mode) const {
  require(mode >= 0 && mode < order(), "[SparseTensor] mode ", mode, " of ", order());
  return state_->index[static_cast<std::size_t>(mode)];
}
Span<const double> SparseTensor::values() const {
  return state_->values;
}

Array SparseTensor::index_array() const {
  const Index n = size(), d = order();
  Array out = Array::uninitialized({n, d}, DType::i64);
  Index* to = out.mutable_data<Index>();
  for (Index k = 0; k < d; ++k) {
    const std::int32_t* column = index(static_cast<int>(k)).data();
    for (Index e = 0; e < n; ++e) to[e * d + k] = column[e];
  }
  return out;
}
Array SparseTensor::value_array() const {
  return Array::from(state_->values);
}

std::vector<Index> SparseTensor::counts(int mode) const {
  std::vector<Index> out(static_cast<std::size_t>(shape()[static_cast<std::size_t>(mode)]), 0);
  for (const std::int32_t i : index(mode)) ++out[static_cast<std::size_t>(i)];
  return out;
}

SparseTensor SparseTensor::chosen(const std::vector<Index>& entries) const {
  State s;
  s.shape = shape();
  s.index.resize(s.shape.size());
  for (std::size_t e = 0; e < entries.size(); ++e)
    require(entries[e] >= 0 && entries[e] < size() && (e == 0 || entries[e - 1] < entries[e]),
            "[chosen] number ", entries[e], " at place ", e, "; expected rising numbers in [0, ", size(),
            ")");
  for (std::size_t k = 0; k < s.index.size(); ++k)
    for (const Index e : entries) s.index[k].push_back(state_->index[k][static_cast<std::size_t>(e)]);
  for (const Index e : entries) s.values.push_back(state_->values[static_cast<std::size_t>(e)]);
  return SparseTensor(std::make_shared<State>(std::move(s)));
}

SparseTensor SparseTensor::with_values(std::vector<double> values) const {
  require(static_cast<Index>(values.size()) == size(), "[with_values] ", values.size(), " values for ",
          size(), " entries");
  for (const double v : values) require(std::isfinite(v), "[with_values] a value is ", v);
  return SparseTensor(std::make_shared<State>(State{shape(), state_->index, std::move(values)}));
}

SparseTensor SparseTensor::joined(const SparseTensor& other, Duplicates duplicates) const {
  if (order() == 0) return other;
  if (other.order() == 0) return *this;
  require(order() == other.order(), "[joined] tensors of order ", order(), " and ", other.order());
  Shape shape;
  Columns index = state_->index;
  std::vector<double> values = state_->values;
  for (std::size_t k = 0; k < index.size(); ++k) {
    shape.push_back(std::max(state_->shape[k], other.state_->shape[k]));
    index[k].insert(index[k].end(), other.state_->index[k].begin(), other.state_->index[k].end());
  }
  values.insert(values.end(), other.state_->values.begin(), other.state_->values.end());
  return SparseTensor(std::move(shape), std::move(index), std::move(values), duplicates);
}

SparseTensor SparseTensor::resized(Shape to) const {
  require(to.size() == shape().size(), "[resized] to order ", to.size(), " from ", order());
  for (std::size_t k = 0; k < to.size(); ++k)
    require(to[k] >= shape()[k] && to[k] <= INT32_MAX, "[resized] mode ", k, " from ", shape()[k], " to ",
            to[k]);
  return SparseTensor(std::make_shared<State>(State{std::move(to), state_->index, state_->values}));
}

Array SparseTensor::dense(double missing) const {
  Array out = Array::full(shape(), missing, DType::f64);
  double* to = out.mutable_data<double>();
  for (Index e = 0; e < size(); ++e) {
    Index at = 0;
    for (std::size_t k = 0; k < shape().size(); ++k)
      at = at * shape()[k] + state_->index[k][static_cast<std::size_t>(e)];
    to[at] = state_->values[static_cast<std::size_t>(e)];
  }
  return out;
}

}  // namespace cartan::completion
