#include <algorithm>
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/completion/neural/network.hpp"
#include "cartan/core/error.hpp"

namespace cartan::completion {

void describe(config::Fields& f, MlpOptions& o) {
  f("width", o.width, "components of the embeddings of all modes together").from(1).to(65536);
  f("hidden", o.hidden, "widths of the hidden layers").from(1).to(65536);
}
void describe(config::Fields& f, CostcoOptions& o) {
  f("rank", o.rank, "components of an embedding").from(1).to(4096);
  f("channels", o.channels, "channels of the convolutions").from(1).to(4096);
}
void describe(config::Fields& f, NtfOptions& o) {
  f("rank", o.rank, "components of an embedding").from(1).to(4096);
  f("hidden", o.hidden, "widths of the hidden layers").from(1).to(65536);
  f("time_mode", o.time_mode, "the mode that is time, counted from 0 (-1: the last)").from(-1).to(62);
  f("window", o.window, "steps of time before an entry that the LSTM sees").from(1).to(1000);
}

EntryNetwork::EntryNetwork(Shape shape, Products products, bool rectified)
    : products_(products), shape_(std::move(shape)), first_row_{0}, rectified_(rectified) {
  require(!shape_.empty(), "[EntryNetwork] a tensor without modes");
  for (const Index n : shape_) first_row_.push_back(first_row_.back() + n);
}

bool EntryNetwork::needs_seen(int) const {
  return true;
}

nn::ParameterRefs EntryNetwork::parameters() {
  nn::ParameterRefs out{{"table", &table}};
  collect(out);
  head.collect("head", out);
  return out;
}

Array EntryNetwork::output(const Array& hidden) const {
  return reshape(dense(hidden, head, rectified_, Products::f32), {-1});
}

Array EntryNetwork::embedded(const EntryBatch& batch) const {
  const std::size_t d = shape_.size();
  std::vector<std::int32_t> rows(batch.index.size());
  for (std::size_t p = 0; p < rows.size(); ++p)
    rows[p] = batch.index[p] + static_cast<std::int32_t>(first_row_[p % d]);
  const Array e = reshape(gather(table, Indices(std::move(rows), this->rows())),
                          {batch.size(d), static_cast<Index>(d), components()});
  return batch.kept.empty() ? e : e * batch.kept;
}

Array EntryNetwork::embedded(int mode, const std::vector<std::int32_t>& index, const Array& kept) const {
  const auto k = static_cast<std::size_t>(mode);
  std::vector<std::int32_t> rows(index.size());
  bool all = true;
  for (std::size_t p = 0; p < rows.size(); ++p) all = all && index[p] >= 0;
  for (std::size_t p = 0; p < rows.size(); ++p)
    rows[p] = std::max(index[p], std::int32_t{0}) + static_cast<std::int32_t>(first_row_[k]);
  Array e = gather(table, Indices(std::move(rows), this->rows()));
  if (!all) {
    std::vector<double> mask(index.size());
    std::transform(index.begin(), index.end(), mask.begin(),
                   [](std::int32_t i) { return i >= 0 ? 1.0 : 0.0; });
    e = e * Array::from(mask, {static_cast<Index>(index.size()), 1}).as(dtype());
  }
  return kept.empty() ? e : e * kept;
}

namespace {

Index row_count(const Shape& shape) {
  Index rows = 0;
  for (const Index n : shape) rows += n;
  require(rows < Index{1} << 31, "[make_network] the modes have ", rows,
          " indices together, at most 2^31 - 1");
  return rows;
}

class MlpNetwork final : public EntryNetwork {
 public:
  MlpNetwork(const MlpOptions& o, const Shape& shape, DType dtype, nn::Init& init, Products products)
      : EntryNetwork(shape, products, false) {
    const Index d = static_cast<Index>(shape.size()), each = o.width / d;
    require(each >= 1, "[mlp] width ", o.width, " for ", d, " modes leaves no component for each; make it ",
            d, " or more");
    require(!o.hidden.empty(), "[mlp] hidden is empty; name one width or more");
    table = init.normal({row_count(shape), each}, dtype);
    Index in = each * d;
    for (const Index out : o.hidden) {
      layers_.emplace_back(in, out, true, dtype, init);
      in = out;
    }
    head = nn::Linear(in, 1, true, dtype, init);
  }
  const char* kind() const override { return MlpOptions::kind; }
  Array hidden(const EntryBatch& batch) const override {
    Array x = embedded(batch);
    x = reshape(x, {x.dim(0), x.dim(1) * x.dim(2)});
    for (const nn::Linear& layer : layers_) x = dense(x, layer, true, products_);
    return x;
  }

 private:
  void collect(nn::ParameterRefs& out) override {
    for (std::size_t k = 0; k < layers_.size(); ++k) layers_[k].collect(text("layers.", k), out);
  }
  std::vector<nn::Linear> layers_;
};

class CostcoNetwork final : public EntryNetwork {
 public:
  CostcoNetwork(const CostcoOptions& o, const Shape& shape, DType dtype, nn::Init& init, Products products,
                bool positive)
      : EntryNetwork(shape, products, positive) {
    const Index d = static_cast<Index>(shape.size());
    // As the published code has it: embeddings within +-0.05, weights of Glorot, biases 0.
    table = init.uniform({row_count(shape), o.rank}, -0.05, 0.05, dtype);
    modes_ = nn::Linear(d, o.channels, true, dtype, init, nn::WeightInit::xavier);
    ranks_ = nn::Linear(o.rank * o.channels, o.channels, true, dtype, init, nn::WeightInit::xavier);
    mixed_ = nn::Linear(o.channels, o.channels, true, dtype, init, nn::WeightInit::xavier);
    head = nn::Linear(o.channels, 1, true, dtype, init, nn::WeightInit::xavier);
  }
  const char* kind() const override { return CostcoOptions::kind; }
  Array hidden(const EntryBatch& batch) const override {
    const Array x = permute(embedded(batch), {0, 2, 1});  // (B, rank, d)
    const Array y = dense(reshape(x, {-1, x.dim(2)}), modes_, true, products_);
    return dense(dense(reshape(y, {x.dim(0), x.dim(1) * y.dim(1)}), ranks_, true, products_), mixed_, true,
                 products_);
  }

 private:
  void collect(nn::ParameterRefs& out) override {
    modes_.collect("modes", out);
    ranks_.collect("components", out);
    mixed_.collect("mixed", out);
  }
  nn::Linear modes_, ranks_, mixed_;
};

class NtfNetwork final : public EntryNetwork {
 public:
  NtfNetwork(const NtfOptions& o, const Shape& shape, DType dtype, nn::Init& init, Products products)
      : EntryNetwork(shape, products, false), window_(o.window) {
    const Index d = static_cast<Index>(shape.size()), rank = o.rank;
    require(o.time_mode < d, "[ntf] time_mode ", o.time_mode, " of a tensor of ", d, " modes");
    require(!o.hidden.empty(), "[ntf] hidden is empty; name one width or more");
    time_ = static_cast<int>(o.time_mode < 0 ? d - 1 : o.time_mode);
    table = init.normal({row_count(shape), rank}, dtype);
    input_ = nn::Linear(rank, 4 * rank, true, dtype, init);
    state_ = nn::Linear(rank, 4 * rank, true, dtype, init);
    Index in = rank * d;
    for (const Index out : o.hidden) {
      layers_.emplace_back(in, out, true, dtype, init);
      in = out;
    }
    head = nn::Linear(in, 1, true, dtype, init);
  }
  const char* kind() const override { return NtfOptions::kind; }
  bool needs_seen(int mode) const override { return mode != time_; }

  Array hidden(const EntryBatch& batch) const override {
    const std::size_t d = shape().size();
    const Index n = batch.size(d);
    Arrays parts;
    for (int k = 0; k < static_cast<int>(d); ++k) {
      std::vector<std::int32_t> index(static_cast<std::size_t>(n));
      for (std::size_t e = 0; e < index.size(); ++e)
        index[e] = batch.index[e * d + static_cast<std::size_t>(k)];
      parts.push_back(k == time_ ? recurrent(index, batch.kept) : embedded(k, index, batch.kept));
    }
    Array x = concatenate(parts, 1);
    for (const nn::Linear& layer : layers_) x = dense(x, layer, true, products_);
    return x;
  }

 private:
  // The state after the steps before t: once for every t of the batch.
  Array recurrent(const std::vector<std::int32_t>& times, const Array& kept) const {
    std::vector<std::int32_t> distinct = times;
    std::sort(distinct.begin(), distinct.end());
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    const Index n = static_cast<Index>(distinct.size()), rank = components();
    Array h = Array::zeros({n, rank}, dtype()), c = h;
    for (std::int32_t back = static_cast<std::int32_t>(window_); back >= 1; --back) {
      std::vector<std::int32_t> at = distinct;
      for (std::int32_t& t : at) t = std::max(t - back, std::int32_t{-1});
      const Array gates =
          dense(embedded(time_, at, kept), input_, false, products_) + dense(h, state_, false, products_);
      const auto gate = [&](Index g) { return slice(gates, 1, g * rank, (g + 1) * rank); };
      // in the order of torch: input, forget, cell, output
      c = sigmoid(gate(1)) * c + sigmoid(gate(0)) * tanh(gate(2));
      h = sigmoid(gate(3)) * tanh(c);
    }
    std::vector<std::int32_t> place(times.size());
    for (std::size_t e = 0; e < place.size(); ++e)
      place[e] = static_cast<std::int32_t>(std::lower_bound(distinct.begin(), distinct.end(), times[e]) -
                                           distinct.begin());
    return gather(h, Indices(std::move(place), n));
  }
  void collect(nn::ParameterRefs& out) override {
    input_.collect("lstm.input", out);
    state_.collect("lstm.state", out);
    for (std::size_t k = 0; k < layers_.size(); ++k) layers_[k].collect(text("layers.", k), out);
  }
  int time_ = 0;
  Index window_;
  nn::Linear input_, state_;
  std::vector<nn::Linear> layers_;
};

std::string kind_of(const EntryNetworkOptions& options) {
  return std::visit([](const auto& o) { return std::string(o.kind); }, options);
}

std::unique_ptr<EntryNetwork> make(const MlpOptions& o, const Shape& s, DType t, nn::Init& i, Products p,
                                   bool) {
  return std::make_unique<MlpNetwork>(o, s, t, i, p);
}
std::unique_ptr<EntryNetwork> make(const CostcoOptions& o, const Shape& s, DType t, nn::Init& i, Products p,
                                   bool positive) {
  return std::make_unique<CostcoNetwork>(o, s, t, i, p, positive);
}
std::unique_ptr<EntryNetwork> make(const NtfOptions& o, const Shape& s, DType t, nn::Init& i, Products p,
                                   bool) {
  return std::make_unique<NtfNetwork>(o, s, t, i, p);
}

}  // namespace

void describe(config::Fields& f, EntryNetworkOptions& options) {
  std::vector<std::pair<std::string, std::function<void()>>> kinds;
  for (const EntryNetworkOptions& kind :
       {EntryNetworkOptions(MlpOptions{}), EntryNetworkOptions(CostcoOptions{}),
        EntryNetworkOptions(NtfOptions{})})
    kinds.emplace_back(kind_of(kind), [&options, kind] { options = kind; });
  f.choice(
      "network", [&options] { return kind_of(options); }, std::move(kinds),
      "what predicts an entry from the embeddings of its indices");
  std::visit([&](auto& o) { describe(f, o); }, options);
}

std::unique_ptr<EntryNetwork> make_network(const EntryNetworkOptions& options, const Shape& shape,
                                           DType dtype, nn::Init& init, Products products, bool positive) {
  return std::visit(
      [&](const auto& o) {
        config::validate(o.kind, o);
        return make(o, shape, dtype, init, products, positive);
      },
      options);
}

}  // namespace cartan::completion
