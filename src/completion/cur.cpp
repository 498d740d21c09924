// CUR of tensors: indices and fibres chosen from a Tucker model, what is left by least squares.
#include "cartan/completion/cur.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "cartan/completion/low_rank.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
#include "cartan/linalg/hosvd.hpp"
#include "cartan/linalg/modes.hpp"
#include "completion/row_als.hpp"
#include "completion/statistics.hpp"
#include "linalg/matrix.hpp"

namespace cartan::completion {

using linalg::Matrix;

void describe(config::Fields& f, CurOptions& o) {
  f("ranks", o.ranks, "indices or fibres of a mode: one number for all, or each").from(1).to(4096);
  f("selection", o.selection, {{"deim", CurSelection::deim}, {"leverage", CurSelection::leverage}},
    "how they are chosen");
  f("form", o.form, {{"fibres", CurForm::fibres}, {"indices", CurForm::indices}},
    "what is data: the factors, or the core");
  f("ridge", o.ridge, "weight of the squares of all parts, for values of root mean square 1").from(0);
  f("max_iterations", o.max_iterations, "of the completion, at most").from(1);
  f("tolerance", o.tolerance, "converged when the objective falls by less, relative to it").from(0);
  f("patience", o.patience, "iterations without a better validation error before the end").from(1);
  f("restarts", o.restarts, "random starts of the completion, of which the best is kept").from(1).to(1000);
  f("seed", o.seed, "of random starts and draws");
}

namespace {

constexpr std::size_t most_crossings = 100000;

// Products in one order of sums, wherever the numbers lie in memory: the choice of a fibre hangs on them.
Matrix times(const Matrix& a, const Matrix& b) {
  Matrix c(a.rows, b.cols);
  for (Index i = 0; i < a.rows; ++i)
    for (Index k = 0; k < a.cols; ++k)
      for (Index j = 0; j < b.cols; ++j) c(i, j) += a(i, k) * b(k, j);
  return c;
}

// x x_mode m, m (p, n).
Array along(const Array& x, int mode, const Matrix& m) {
  Shape shape = x.shape();
  Index left = 1, right = 1;
  for (int k = 0; k < x.ndim(); ++k) (k < mode ? left : right) *= k == mode ? 1 : x.dim(k);
  const Index n = x.dim(mode);
  shape[static_cast<std::size_t>(mode)] = m.rows;
  Array out = Array::zeros(shape, DType::f64);
  const double* from = x.data<double>();
  double* to = out.mutable_data<double>();
  for (Index l = 0; l < left; ++l)
    for (Index a = 0; a < m.rows; ++a)
      for (Index i = 0; i < n; ++i)
        for (Index r = 0; r < right; ++r)
          to[(l * m.rows + a) * right + r] += m(a, i) * from[(l * n + i) * right + r];
  return out;
}

Matrix unfolded(const Array& x, int mode) {
  return linalg::matrix_of(linalg::unfold(x, mode));
}

// The same tensor with the singular vectors of the unfoldings as factors, but for directions that are zero to
// rounding.
linalg::Tucker reduced(const linalg::Tucker& given) {
  linalg::Tucker x;
  x.core = given.core.as(DType::f64);
  std::vector<Matrix> u;
  for (int k = 0; k < given.order(); ++k) {
    const linalg::QR f =
        linalg::qr(linalg::matrix_of(given.factors[static_cast<std::size_t>(k)].as(DType::f64)));
    u.push_back(f.q);
    x.core = along(x.core, k, f.r);
  }
  for (int k = 0; k < given.order(); ++k) {
    const linalg::SVD f = linalg::svd(unfolded(x.core, k));
    Index rank = 1;
    while (rank < static_cast<Index>(f.s.size()) && f.s[static_cast<std::size_t>(rank)] > 1e-9 * f.s[0])
      ++rank;
    const Matrix w = linalg::first_columns(f.u, rank);
    x.core = along(x.core, k, linalg::transposed(w));
    x.factors.push_back(linalg::array_of(times(u[static_cast<std::size_t>(k)], w), DType::f64));
  }
  return x;
}

// The rows of u (n x r, columns by importance) that deim picks, in order; rows that are not `there` never.
std::vector<Index> deim(const Matrix& u, const std::vector<bool>& there) {
  std::vector<Index> chosen;
  Matrix rest = u;  // column j without what the rows chosen so far make of the columns before it
  for (Index j = 0; j < u.cols; ++j) {
    Index best = -1;
    for (Index i = 0; i < u.rows; ++i)
      if (there[static_cast<std::size_t>(i)] && (best < 0 || std::abs(rest(i, j)) > std::abs(rest(best, j))))
        best = i;
    if (best < 0 || std::abs(rest(best, j)) < 1e-10) break;
    chosen.push_back(best);
    const double pivot = rest(best, j);
    for (Index l = j + 1; l < u.cols; ++l) {
      const double by = rest(best, l) / pivot;
      for (Index i = 0; i < u.rows; ++i) rest(i, l) -= by * rest(i, j);
    }
  }
  return chosen;
}

// `count` rows drawn without return, by weights (Efraimidis, Spirakis 2006).
std::vector<Index> drawn(const std::vector<double>& weight, Index count, const Random& random) {
  std::vector<std::pair<double, Index>> keys;
  for (std::size_t i = 0; i < weight.size(); ++i)
    if (weight[i] > 0)
      keys.emplace_back(-std::log(std::max(random.uniform(i), 1e-300)) / weight[i], static_cast<Index>(i));
  std::sort(keys.begin(), keys.end());
  std::vector<Index> out;
  for (std::size_t k = 0; k < keys.size() && static_cast<Index>(k) < count; ++k)
    out.push_back(keys[k].second);
  return out;
}

Matrix rows_of(const Matrix& a, const std::vector<Index>& rows) {
  Matrix out(static_cast<Index>(rows.size()), a.cols);
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::copy_n(a.row(rows[i]), a.cols, out.row(static_cast<Index>(i)));
  return out;
}

// b with b a ~ 1 (a: more rows than columns or as many), singular values below 1e-10 of the largest left out.
Matrix pseudo_inverse(const Matrix& a) {
  const linalg::SVD f = linalg::svd(a);
  Matrix v = f.v;
  std::vector<double> inverse;
  for (const double s : f.s) inverse.push_back(s > 1e-10 * f.s[0] && s > 0 ? 1 / s : 0);
  linalg::scale_columns(v, inverse);
  return times(v, linalg::transposed(f.u));
}

// Fibres of mode k that could be columns: where chosen indices of the other modes cross, and, where entries
// are missing, those with the most known ones. Every candidate is a multi-index with -1 in mode k.
std::vector<std::vector<Index>> candidates(const SparseTensor& x, int mode,
                                           const std::vector<std::vector<Index>>& chosen, Index rank) {
  const std::size_t d = chosen.size(), k = static_cast<std::size_t>(mode);
  std::vector<std::vector<Index>> out;
  std::vector<std::size_t> at(d, 0);
  for (bool more = true; more && out.size() < most_crossings;) {
    std::vector<Index> fibre(d, -1);
    for (std::size_t j = 0; j < d; ++j)
      if (j != k) fibre[j] = chosen[j][at[j]];
    out.push_back(std::move(fibre));
    more = false;
    for (std::size_t j = d; j-- > 0 && !more;) {
      if (j == k) continue;
      more = ++at[j] < chosen[j].size();
      if (!more) at[j] = 0;
    }
  }
  if (x.size() == size_of(x.shape())) return out;
  double places = 1;
  for (std::size_t j = 0; j < d; ++j) places *= j == k ? 1 : static_cast<double>(x.shape()[j]);
  if (places > 1e18) return out;
  std::vector<std::int64_t> keys(static_cast<std::size_t>(x.size()), 0);
  for (std::size_t j = 0; j < d; ++j) {
    if (j == k) continue;
    const auto index = x.index(static_cast<int>(j));
    for (Index n = 0; n < x.size(); ++n)
      keys[static_cast<std::size_t>(n)] = keys[static_cast<std::size_t>(n)] * x.shape()[j] + index[n];
  }
  std::sort(keys.begin(), keys.end());
  std::vector<std::pair<Index, std::int64_t>> order;  // (minus entries, fibre)
  for (std::size_t n = 0; n < keys.size();) {
    std::size_t end = n;
    while (end < keys.size() && keys[end] == keys[n]) ++end;
    order.emplace_back(-static_cast<Index>(end - n), keys[n]);
    n = end;
  }
  const std::size_t most =
      std::min(order.size(), std::max<std::size_t>(200, static_cast<std::size_t>(20 * rank)));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most), order.end());
  for (std::size_t i = 0; i < most; ++i) {
    std::vector<Index> fibre(d, -1);
    std::int64_t rest = order[i].second;
    for (std::size_t j = d; j-- > 0;)
      if (j != k) fibre[j] = rest % x.shape()[j], rest /= x.shape()[j];
    out.push_back(std::move(fibre));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

// Columns of b chosen for the volume of what they span (QR with pivots), each one's size times `weight`.
std::vector<Index> pivots(Matrix b, const std::vector<double>& weight, Index count) {
  std::vector<Index> chosen;
  double first = 0;
  while (static_cast<Index>(chosen.size()) < count) {
    Index best = -1;
    double largest = 0, size = 0;
    for (Index j = 0; j < b.cols; ++j) {
      double q = 0;
      for (Index i = 0; i < b.rows; ++i) q += b(i, j) * b(i, j);
      if (q * weight[static_cast<std::size_t>(j)] > largest)
        best = j, largest = q * weight[static_cast<std::size_t>(j)], size = q;
    }
    if (chosen.empty()) first = size;
    if (best < 0 || !(size > 1e-16 * first)) break;
    chosen.push_back(best);
    std::vector<double> v(static_cast<std::size_t>(b.rows));
    for (Index i = 0; i < b.rows; ++i) v[static_cast<std::size_t>(i)] = b(i, best) / std::sqrt(size);
    for (Index j = 0; j < b.cols; ++j) {
      double along = 0;
      for (Index i = 0; i < b.rows; ++i) along += v[static_cast<std::size_t>(i)] * b(i, j);
      for (Index i = 0; i < b.rows; ++i) b(i, j) -= along * v[static_cast<std::size_t>(i)];
    }
  }
  return chosen;
}

// The number of the entry, or -1.
Index find(const SparseTensor& x, const std::vector<Index>& at) {
  Index low = 0, high = x.size();
  const auto order = [&](Index n) {
    for (int k = 0; k < x.order(); ++k) {
      const Index i = x.index(k)[n], want = at[static_cast<std::size_t>(k)];
      if (i != want) return i < want ? -1 : 1;
    }
    return 0;
  };
  while (low < high) {
    const Index middle = (low + high) / 2;
    const int o = order(middle);
    if (o == 0) return middle;
    o < 0 ? low = middle + 1 : high = middle;
  }
  return -1;
}

// What is known of the entries, the model elsewhere; `known` counts.
std::vector<double> values_at(const SparseTensor& x, const linalg::Tucker& model,
                              const std::vector<std::vector<Index>>& places, std::vector<bool>& known) {
  const Index n = static_cast<Index>(places.size()), d = x.order();
  Array at = Array::uninitialized({n, d}, DType::i64);
  for (Index e = 0; e < n; ++e)
    std::copy_n(places[static_cast<std::size_t>(e)].data(), d, at.mutable_data<Index>() + e * d);
  std::vector<double> out = model.at(at).to_vector<double>();
  known.assign(places.size(), false);
  for (std::size_t e = 0; e < places.size(); ++e) {
    const Index found = find(x, places[e]);
    if (found < 0) continue;
    known[e] = true;
    out[e] = x.values()[found];
  }
  return out;
}

std::vector<std::vector<bool>> seen(const SparseTensor& x) {
  std::vector<std::vector<bool>> out;
  for (int k = 0; k < x.order(); ++k) {
    out.emplace_back();
    for (const Index c : x.counts(k)) out.back().push_back(c > 0);
  }
  return out;
}

// The core of least squares for orthonormal columns: exactly where all entries are known.
Array best_core(const SparseTensor& x, const std::vector<Matrix>& q, double ridge) {
  std::vector<Index> ranks;
  for (const Matrix& m : q) ranks.push_back(m.cols);
  if (x.size() == size_of(x.shape())) {
    Array core = x.dense(0);
    for (std::size_t k = 0; k < q.size(); ++k)
      core = along(core, static_cast<int>(k), linalg::transposed(q[k]));
    return core;
  }
  // rows of size one on the average, values of root mean square one
  const double rms = std::max(std::sqrt(square_of(x) / static_cast<double>(x.size())), 1e-300);
  std::vector<double> y(x.values().begin(), x.values().end());
  for (double& v : y) v /= rms;
  const SparseTensor scaled = x.with_values(std::move(y));
  TuckerParts parts(x.shape(), ranks);
  double scale = rms;
  for (std::size_t k = 0; k < q.size(); ++k) {
    const double by = std::sqrt(static_cast<double>(q[k].rows) / static_cast<double>(q[k].cols));
    scale *= by;
    for (std::size_t i = 0; i < q[k].data.size(); ++i) parts.data[k][i] = by * q[k].data[i];
  }
  const LossFunction loss;
  Penalties penalties;
  penalties.ridge = ridge;
  RowAls(scaled, loss, penalties).core(parts);
  Array core = Array::from(parts.data.back(), ranks);
  double* p = core.mutable_data<double>();
  for (Index i = 0; i < core.size(); ++i) p[i] *= scale;
  return core;
}

// Factors and core of form fibres.
void take_fibres(const SparseTensor& x, const linalg::Tucker& model, const std::vector<Matrix>& u,
                 const CurOptions& o, Cur& out) {
  const int d = x.order();
  const auto there = seen(x);
  std::vector<Matrix> q, inverse;
  for (int mode = 0; mode < d; ++mode) {
    const auto k = static_cast<std::size_t>(mode);
    const Index extent = x.shape()[k], rank = u[k].cols;
    const auto fibres = candidates(x, mode, out.indices, rank);
    // column j: the coordinates in u of fibre j of the model
    Matrix b(rank, static_cast<Index>(fibres.size()));
    for (std::size_t f = 0; f < fibres.size(); ++f) {
      Array column = model.core;
      for (int j = 0; j < d; ++j) {
        const auto other = static_cast<std::size_t>(j);
        if (j != mode) column = along(column, j, rows_of(u[other], {fibres[f][other]}));
      }
      for (Index i = 0; i < rank; ++i) b(i, static_cast<Index>(f)) = column.data<double>()[i];
    }
    const double whole = static_cast<double>(std::count(there[k].begin(), there[k].end(), true));
    std::vector<double> share;
    for (const auto& fibre : fibres) {
      double count = 0;
      std::vector<Index> at = fibre;
      for (Index i = 0; i < extent; ++i)
        at[k] = i, count += there[k][static_cast<std::size_t>(i)] && find(x, at) >= 0;
      share.push_back(count / std::max(whole, 1.0));
    }
    std::vector<double> weight;
    for (std::size_t f = 0; f < fibres.size(); ++f) {
      double size = 0;
      for (Index i = 0; i < rank; ++i) size += std::pow(b(i, static_cast<Index>(f)), 2);
      const double have = share[f] + 1e-3;
      weight.push_back(o.selection == CurSelection::deim ? have * have : size * have * have);
    }
    std::vector<Index> chosen =
        o.selection == CurSelection::deim
            ? pivots(b, weight, rank)
            : drawn(weight, rank, Random(o.seed, 7000 + static_cast<std::uint64_t>(mode)));
    if (chosen.empty()) chosen.push_back(0);  // a model of zeros
    const Index r = static_cast<Index>(chosen.size());
    Matrix c(extent, r);
    Array list = Array::uninitialized({r, d}, DType::i64);
    out.known.emplace_back();
    for (Index j = 0; j < r; ++j) {
      const auto& fibre = fibres[static_cast<std::size_t>(chosen[static_cast<std::size_t>(j)])];
      std::copy_n(fibre.data(), d, list.mutable_data<Index>() + j * d);
      out.known.back().push_back(share[static_cast<std::size_t>(chosen[static_cast<std::size_t>(j)])]);
      std::vector<std::vector<Index>> places(static_cast<std::size_t>(extent), fibre);
      for (Index i = 0; i < extent; ++i) places[static_cast<std::size_t>(i)][k] = i;
      std::vector<bool> known;
      const std::vector<double> column = values_at(x, model, places, known);
      for (Index i = 0; i < extent; ++i) c(i, j) = column[static_cast<std::size_t>(i)];
    }
    out.fibres.push_back(std::move(list));
    out.tensor.factors.push_back(linalg::array_of(c, DType::f64));
    const linalg::SVD f = linalg::svd(c);  // c = q diag(s) v^T: where fibres nearly coincide, the rest is cut
    Index full = 1;
    while (full < static_cast<Index>(f.s.size()) && f.s[static_cast<std::size_t>(full)] > 1e-10 * f.s[0])
      ++full;
    q.push_back(linalg::first_columns(f.u, full));
    Matrix v = linalg::first_columns(f.v, full);
    std::vector<double> s;
    for (Index i = 0; i < full; ++i) s.push_back(f.s[0] > 0 ? 1 / f.s[static_cast<std::size_t>(i)] : 0);
    linalg::scale_columns(v, s);
    inverse.push_back(std::move(v));
  }
  out.tensor.core = best_core(x, q, o.ridge);
  for (int k = 0; k < d; ++k)
    out.tensor.core = along(out.tensor.core, k, inverse[static_cast<std::size_t>(k)]);
}

// Factors and core of form indices.
void take_crossing(const SparseTensor& x, const linalg::Tucker& model, const std::vector<Matrix>& u,
                   Cur& out) {
  const std::size_t d = u.size();
  Shape ranks;
  for (std::size_t k = 0; k < d; ++k) {
    const Matrix w = times(u[k], pseudo_inverse(rows_of(u[k], out.indices[k])));
    out.tensor.factors.push_back(linalg::array_of(w, DType::f64));
    ranks.push_back(static_cast<Index>(out.indices[k].size()));
  }
  std::vector<std::vector<Index>> places;
  for (Index e = 0, n = size_of(ranks); e < n; ++e) {
    std::vector<Index> at(d);
    Index rest = e;
    for (std::size_t k = d; k-- > 0;)
      at[k] = out.indices[k][static_cast<std::size_t>(rest % ranks[k])], rest /= ranks[k];
    places.push_back(std::move(at));
  }
  std::vector<bool> known;
  out.tensor.core = Array::from(values_at(x, model, places, known), ranks);
  const double share =
      static_cast<double>(std::count(known.begin(), known.end(), true)) / static_cast<double>(known.size());
  out.known.assign(1, {share});
}

}  // namespace

Fitted<Cur> cur(const SparseTensor& x, const linalg::Tucker& given, const CurOptions& o) {
  config::validate("cur", o);
  require(!x.empty(), "[cur] there is no entry");
  given.check("cur");
  require(given.shape() == x.shape(), "[cur] a model of shape ", given.shape(), " for a tensor of shape ",
          x.shape());
  const linalg::Tucker model = reduced(given);
  Fitted<Cur> made;
  Cur& out = made.tensor;
  const auto there = seen(x);
  std::vector<Matrix> u;
  for (int mode = 0; mode < x.order(); ++mode) {
    const auto k = static_cast<std::size_t>(mode);
    u.push_back(linalg::matrix_of(model.factors[k]));
    const Matrix& m = u.back();
    if (o.selection == CurSelection::deim) {
      out.indices.push_back(deim(m, there[k]));
    } else {
      std::vector<double> score(static_cast<std::size_t>(m.rows), 0.0);
      for (Index i = 0; i < m.rows; ++i)
        for (Index r = 0; r < m.cols; ++r)
          if (there[k][static_cast<std::size_t>(i)]) score[static_cast<std::size_t>(i)] += m(i, r) * m(i, r);
      out.indices.push_back(drawn(score, m.cols, Random(o.seed, 6000 + static_cast<std::uint64_t>(mode))));
    }
    if (out.indices.back().empty())  // a model of zeros
      out.indices.back().push_back(std::find(there[k].begin(), there[k].end(), true) - there[k].begin());
  }
  if (o.form == CurForm::fibres)
    take_fibres(x, model, u, o, out);
  else
    take_crossing(x, model, u, out);
  const Array mean = out.tensor.at(x.index_array());
  Summary& s = made.summary;
  s.method = "cur";
  s.ranks = out.tensor.ranks();
  const double error = rmse_of(x, mean), whole = square_of(x);
  s.train_rmse = {error};
  s.objective = {error * error * static_cast<double>(x.size())};
  s.relative_error = whole > 0 ? error * std::sqrt(static_cast<double>(x.size()) / whole) : 0;
  double least = 1;
  for (const auto& list : out.known)
    for (const double v : list) least = std::min(least, v);
  s.message = text(o.form == CurForm::fibres ? "fibres" : "core", " known to ", std::round(100 * least), " %",
                   o.form == CurForm::fibres ? " at least" : "");
  return made;
}

Fitted<Cur> complete_cur(const SparseTensor& train, const SparseTensor& validation, const CurOptions& options,
                         const FitContext& context) {
  config::validate("complete_cur", options);
  check_fit("complete_cur", train, validation);
  require(train.order() >= 2, "[complete_cur] a tensor of order ", train.order(), "; it takes two modes");
  const auto begin = std::chrono::steady_clock::now();
  CurOptions o = options;
  if (context.seed) o.seed = context.seed;
  std::vector<Index> ranks(o.ranks.begin(), o.ranks.end());
  if (ranks.size() == 1) ranks.assign(train.shape().size(), ranks[0]);
  require(ranks.size() == train.shape().size(), "[complete_cur] ", ranks.size(), " ranks for ", train.order(),
          " modes; give one or each");
  for (std::size_t k = 0; k < ranks.size(); ++k) ranks[k] = std::min(ranks[k], train.shape()[k]);
  Summary completion;
  linalg::Tucker model;
  if (train.size() == size_of(train.shape())) {
    linalg::HosvdOptions h;
    h.ranks = ranks, h.seed = o.seed;
    model = linalg::st_hosvd(train.dense(0), h).tensor;
  } else {
    LowRankOptions l;
    l.ranks.assign(ranks.begin(), ranks.end());
    l.ridge = o.ridge, l.max_iterations = o.max_iterations, l.tolerance = o.tolerance;
    l.patience = o.patience, l.restarts = o.restarts, l.seed = o.seed;
    Fitted<linalg::Tucker> fitted = complete_tucker(train, validation, l, context);
    model = std::move(fitted.tensor), completion = std::move(fitted.summary);
  }
  Fitted<Cur> made = cur(train, model, o);
  made.summary.iterations = completion.iterations, made.summary.converged = completion.converged;
  if (!validation.empty())
    made.summary.validation_rmse = {rmse_of(validation, made.tensor.tensor.at(validation.index_array()))};
  made.summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return made;
}

void Cur::save(data::Group& group) const {
  tensor.save(group["tensor"]);
  for (std::size_t k = 0; k < indices.size(); ++k)
    group.set(text("indices/", k), Array::from(indices[k]), "", "choice");
  for (std::size_t k = 0; k < fibres.size(); ++k) group.set(text("fibres/", k), fibres[k], "", "fibre mode");
  for (std::size_t k = 0; k < known.size(); ++k)
    group.set(text("known/", k), Array::from(known[k]), "", "fibre");
}

Cur Cur::load(const data::Group& group) {
  Cur out;
  out.tensor = linalg::Tucker::load(group.group("tensor"));
  const Shape shape = out.tensor.shape();
  const auto d = static_cast<Index>(shape.size());
  for (Index k = 0; k < d; ++k) {
    out.indices.push_back(group.array(text("indices/", k), DType::i64, {-1}).to_vector<Index>());
    for (const Index i : out.indices.back())
      if (i < 0 || i >= shape[static_cast<std::size_t>(k)])
        throw FormatError(group.file(), text("indices/", k), text("holds ", i, " for the shape ", shape));
    if (group.has(text("fibres/", k)))
      out.fibres.push_back(group.array(text("fibres/", k), DType::i64, {-1, d}));
  }
  for (Index k = 0; group.has(text("known/", k)); ++k)
    out.known.push_back(group.array(text("known/", k), DType::f64, {-1}).to_vector<double>());
  return out;
}

}  // namespace cartan::completion
