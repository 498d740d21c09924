#include "completion/mostly_known.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "cartan/completion/low_rank.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "completion/known_tensors.hpp"
#include "completion/row_als.hpp"
#include "completion/statistics.hpp"
#include "worst.hpp"

using namespace cartan;
using namespace cartan::completion;
using cartan::testing::worst_of;
using completion::testing::expect_falling;
using completion::testing::observed;
using completion::testing::planted;
using completion::testing::rmse;

namespace {

// All places of the shape but a share of them, drawn evenly, and all of `hidden`.
SparseTensor most_of(const Shape& shape, double missing, std::uint64_t seed,
                     const std::function<bool(const std::vector<Index>&)>& hidden = {}) {
  Index size = 1;
  for (const Index n : shape) size *= n;
  const Random random(seed, 7);
  std::vector<std::vector<std::int32_t>> index(shape.size());
  std::vector<double> values;
  for (Index n = 0; n < size; ++n) {
    std::vector<Index> at(shape.size());
    Index rest = n;
    for (std::size_t k = shape.size(); k-- > 0;) at[k] = rest % shape[k], rest /= shape[k];
    if (random.uniform(static_cast<std::uint64_t>(n)) < missing || (hidden && hidden(at))) continue;
    for (std::size_t k = 0; k < shape.size(); ++k) index[k].push_back(static_cast<std::int32_t>(at[k]));
    values.push_back(random.normal(1000000 + static_cast<std::uint64_t>(n)));
  }
  return SparseTensor(shape, std::move(index), std::move(values));
}

double difference(const Parts& a, const Parts& b) {
  double worst = 0, largest = 0;
  for (std::size_t k = 0; k < a.data.size(); ++k)
    for (std::size_t i = 0; i < a.data[k].size(); ++i) {
      worst = worst_of(worst, std::abs(a.data[k][i] - b.data[k][i]));
      largest = worst_of(largest, std::abs(a.data[k][i]));
    }
  return largest == 0 ? worst : worst / largest;
}

// Sweeps entry by entry and by dense products are the same function, for every format, shape and penalty,
// with empty slices, and fibres of which little is known.
TEST(MostlyKnown, SweepsAreThoseOfTheEntries) {
  const auto slice = [](const std::vector<Index>& at) { return at[0] == 2; };
  const auto fibres = [](const std::vector<Index>& at) {
    return (at[0] == 1 && at.back() % 5 != 0) || (at.back() == 3 && at[0] != 4);
  };
  struct Case {
    Shape shape;
    double missing;
    std::function<bool(const std::vector<Index>&)> hidden;
  };
  const std::vector<Case> cases{{{9}, 0.2, {}},
                                {{7, 13}, 0.1, {}},
                                {{6, 21, 10}, 0.1, {}},
                                {{6, 21, 10}, 0, {}},
                                {{6, 5, 17}, 0.4, fibres},
                                {{17, 5, 6}, 0.3, slice},
                                {{5, 4, 9, 3}, 0.15, slice},
                                {{5, 4, 3, 9}, 0.5, fibres}};
  std::vector<Penalties> penalties(5);
  penalties[0].ridge = 1e-3;
  penalties[1].ridge = 0.1, penalties[1].lasso = 0.2;
  penalties[2].ridge = 0.01, penalties[2].nonnegative = true;
  penalties[3].ridge = 0.02;
  penalties[4].ridge = 0;
  const LossFunction loss;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    const SparseTensor x = most_of(cases[c].shape, cases[c].missing, c, cases[c].hidden);
    const auto size = static_cast<double>(x.size());
    for (std::size_t p = 0; p < penalties.size(); ++p) {
      Penalties penalty = penalties[p];
      if (p == 3) penalty.smooth.assign(cases[c].shape.size(), 0.7);
      std::vector<std::unique_ptr<Parts>> formats;
      for (const Index rank : {1, 3, 6})
        formats.push_back(std::make_unique<CanonicalParts>(cases[c].shape, rank));
      for (const Index rank : {1, 2, 3}) {
        std::vector<Index> ranks(cases[c].shape.size(), rank);
        if (rank > 1 && ranks.size() > 2) ranks.front() = 2;  // of two modes: singular equations
        formats.push_back(std::make_unique<TuckerParts>(cases[c].shape, ranks));
      }
      for (std::size_t f = 0; f < formats.size(); ++f) {
        if (p == 4 && (f == 2 || cases[c].hidden)) continue;  // singular equations amplify rounding
        SCOPED_TRACE(::testing::Message() << "case " << c << ", penalty " << p << ", format " << f);
        Parts& a = *formats[f];
        a.start(Random(31, f), penalty.nonnegative);
        const auto b = a.clone();
        RowAls entries(x, loss, penalty),
            dense(x, loss, penalty, std::make_unique<MostlyKnown>(x, square_of(x)));
        for (int sweep = 0; sweep < 2; ++sweep) {
          entries.sweep(a), dense.sweep(*b);
          EXPECT_LE(difference(a, *b), 1e-10);
          EXPECT_LE(std::abs(dense.loss(*b) - entries.loss(*b)), 1e-12 * size);
          EXPECT_LE(std::abs(dense.objective(*b) - entries.objective(a)), 1e-10 * size);
          entries.balance(a), dense.balance(*b);
        }
      }
    }
  }
}

// Ranks whose quadratic forms make large tables are gone through matrix by matrix.
TEST(MostlyKnown, LargeRanksToo) {
  const Shape shape{32, 10, 33};
  const SparseTensor x = most_of(shape, 0.1, 4);
  const LossFunction loss;
  Penalties penalty;
  penalty.ridge = 1;
  TuckerParts a(shape, {2, 9, 9}), b = a;
  a.start(Random(6), false), b.start(Random(6), false);
  RowAls entries(x, loss, penalty), dense(x, loss, penalty, std::make_unique<MostlyKnown>(x, square_of(x)));
  entries.sweep(a), dense.sweep(b);
  EXPECT_LE(difference(a, b), 1e-10);
}

// What is solved first needs no start, unless a row's neighbours, bounds or a lasso have a say.
TEST(MostlyKnown, TheLongestModeNeedsNoStart) {
  const Shape shape{6, 21, 10};
  const SparseTensor x = most_of(shape, 0.1, 5);
  const LossFunction loss;
  for (int p = 0; p < 3; ++p) {
    Penalties penalty;
    penalty.ridge = 0.01;
    if (p == 1) penalty.nonnegative = true;
    if (p == 2) penalty.smooth.assign(3, 0.7);
    for (const bool products : {false, true}) {
      RowAls als(x, loss, penalty, products ? std::make_unique<MostlyKnown>(x, square_of(x)) : nullptr);
      ASSERT_EQ(als.memoryless(), p == 0);
      CanonicalParts a(shape, 3), b = a;
      a.start(Random(8), p == 1), b.start(Random(8), p == 1, longest(shape));
      EXPECT_EQ(b.data[1], std::vector<double>(63, 0.0));
      EXPECT_EQ(a.data[2], b.data[2]);
      als.sweep(a), als.sweep(b);
      EXPECT_EQ(a.data == b.data, p == 0) << "penalty " << p << ", dense " << products;
    }
  }
}

// A core whose normal matrix is not formed: products with it are sums over the known entries.
TEST(MostlyKnown, LargeCoresToo) {
  const Shape shape{14, 12, 16};
  const SparseTensor x = most_of(shape, 0.1, 3);
  TuckerParts a(shape, {7, 8, 9});
  a.start(Random(1), false);
  const Index p = a.width.back();
  std::vector<double> v(static_cast<std::size_t>(p)), product(v.size()), expected(v.size(), 0.0), z(v.size()),
      work(v.size());
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = Random(2).normal(i);
  MostlyKnown dense(x, square_of(x));
  dense.core_product(a, v.data(), product.data());
  const Columns c = columns_of(x);
  for (Index n = 0; n < x.size(); ++n) {
    a.design(3, c, n, z.data(), work.data());
    double m = 0;
    for (std::size_t i = 0; i < v.size(); ++i) m += z[i] * v[i];
    for (std::size_t i = 0; i < v.size(); ++i) expected[i] += m * z[i];
  }
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    worst = worst_of(worst, std::abs(product[i] - expected[i]));
    largest = worst_of(largest, std::abs(expected[i]));
  }
  EXPECT_LE(worst, 1e-12 * largest);

  LowRankOptions o;
  o.ranks = {7, 8, 9}, o.ridge = 0.1, o.max_iterations = 3, o.tolerance = 0, o.scouts = 1;
  o.engine = Engine::entries;
  const auto entries = complete_tucker(x, {}, o);
  o.engine = Engine::dense;
  const auto products = complete_tucker(x, {}, o);
  for (std::size_t k = 0; k < 3; ++k)  // conjugate gradients lose digits on the way
    EXPECT_LE(std::abs(products.summary.objective[k] / entries.summary.objective[k] - 1), 1e-3);
  expect_falling(products.summary.objective);
}

// Cores too wide for a normal matrix heed penalties entry by entry alone.
TEST(MostlyKnown, LargeCoresWithPenaltiesGoEntryByEntry) {
  const Shape shape{20, 20, 20};
  const SparseTensor x = observed(most_of(shape, 0, 1), planted(shape, 3, 4));
  LowRankOptions nonnegative;
  nonnegative.ranks = {8}, nonnegative.max_iterations = 2, nonnegative.scouts = 1;
  LowRankOptions lasso = nonnegative;
  nonnegative.nonnegative = true, lasso.lasso = 2;
  for (LowRankOptions o : {nonnegative, lasso}) {
    SCOPED_TRACE(o.nonnegative ? "non-negative" : "lasso");
    const auto fit = complete_tucker(x, {}, o);
    Index zeros = 0, negative = 0;
    for (const double v : fit.tensor.core.to_vector<double>()) zeros += v == 0, negative += v < 0;
    EXPECT_GT(zeros, 0) << "coordinates in turn end at zeros";
    EXPECT_TRUE(!o.nonnegative || negative == 0) << negative;
    o.engine = Engine::entries;
    EXPECT_EQ(complete_tucker(x, {}, o).summary.objective, fit.summary.objective);
    o.engine = Engine::dense;
    try {
      complete_tucker(x, {}, o);
      ADD_FAILURE() << "was taken";
    } catch (const std::invalid_argument& e) {
      EXPECT_NE(std::string(e.what()).find("512"), std::string::npos) << e.what();
    }
    o.ranks = {7};  // 343: the matrix is formed
    EXPECT_NO_THROW(complete_tucker(x, {}, o));
  }
}

// What is missing may be far larger than what is known: sums of the known entries keep their digits.
TEST(MostlyKnown, LargeMissingRowsTakeNoDigits) {
  const Shape shape{4, 5, 9};
  const SparseTensor x = most_of(shape, 0, 1, [](const std::vector<Index>& at) {
    return (at[0] == 2 && at[2] == 8) || (at[0] == 1 && at[2] == 3);
  });
  const Columns c = columns_of(x);
  std::vector<std::unique_ptr<Parts>> formats;
  formats.push_back(std::make_unique<CanonicalParts>(shape, 2));
  formats.push_back(std::make_unique<TuckerParts>(shape, std::vector<Index>{2, 3, 2}));
  for (const auto& parts : formats) {
    parts->start(Random(5), false);
    for (Index n = 0; n < 9; ++n) parts->row(2, n)[0] = n == 8 ? 1e9 : 1;
    parts->row(0, 1)[0] = 1e9;
    MostlyKnown dense(x, square_of(x));
    for (int k = 0; k < parts->count(); ++k) {
      std::vector<double> g, b;
      dense.normal(*parts, k, g, b);
      const Index p = parts->width[static_cast<std::size_t>(k)], h = p * (p + 1) / 2;
      std::vector<double> expected(g.size(), 0.0), z(static_cast<std::size_t>(p)),
          work(static_cast<std::size_t>(parts->work_size()) + 1);
      for (Index n = 0; n < x.size(); ++n) {
        parts->design(k, c, n, z.data(), work.data());
        double* to = expected.data() + parts->row_of(k, c, n) * h;
        for (Index i = 0; i < p; ++i)
          for (Index j = 0; j <= i; ++j)
            *to++ += z[static_cast<std::size_t>(i)] * z[static_cast<std::size_t>(j)];
      }
      for (Index row = 0; row < parts->rows(k); ++row) {
        const double *is = g.data() + row * h, *should = expected.data() + row * h;
        const auto own = [&](Index i) { return should[i * (i + 1) / 2 + i]; };
        double worst = 0;
        for (Index i = 0; i < p; ++i)
          for (Index j = 0; j <= i; ++j) {
            const Index at = i * (i + 1) / 2 + j;
            worst = worst_of(worst, std::abs(is[at] - should[at]) / std::sqrt(own(i) * own(j)));
          }
        EXPECT_LE(worst, 1e-10) << "row " << row << " of part " << k;
      }
    }
  }
}

// The loss of terms that are large and cancel is that of the entries.
TEST(MostlyKnown, LossOfCancellingTerms) {
  const Shape shape{6, 7, 11};
  const SparseTensor x = most_of(shape, 0.1, 2);
  CanonicalParts parts(shape, 2);
  parts.start(Random(3), false);
  for (int k = 0; k < 3; ++k)
    for (Index i = 0; i < shape[static_cast<std::size_t>(k)]; ++i) {
      double* u = parts.row(k, i);
      const double w = u[1];
      if (k == 0)
        u[0] *= 1e8, u[1] = w - u[0];
      else
        u[1] = u[0];
    }
  const LossFunction loss;
  const Penalties none;
  MostlyKnown dense(x, square_of(x));
  std::vector<double> g, b;
  dense.normal(parts, 0, g, b);  // the fibres now hold products with the long factor
  const double expected = RowAls(x, loss, none).loss(parts);
  EXPECT_NEAR(dense.square(parts), expected, 1e-6 * expected);
}

// The whole fit, with both engines and any number of threads.
TEST(MostlyKnown, FitsAreThoseOfTheEntries) {
  const Shape shape{30, 41, 25};
  const SparseTensor x = observed(most_of(shape, 0.1, 5), planted(shape, 3, 6), 0.1);
  LowRankOptions o;
  o.ranks = {3}, o.ridge = 1e-4, o.max_iterations = 6, o.tolerance = 1e-8;
  o.engine = Engine::entries;
  const auto cp = complete_canonical(x, {}, o);
  const auto tucker = complete_tucker(x, {}, o);
  o.engine = Engine::dense;
  const auto dense_cp = complete_canonical(x, {}, o);
  const auto dense_tucker = complete_tucker(x, {}, o);
  const auto same = [&](const Summary& a, const Summary& b) {
    ASSERT_EQ(a.objective.size(), b.objective.size());
    for (std::size_t k = 0; k < a.objective.size(); ++k)
      EXPECT_LE(std::abs(a.objective[k] / b.objective[k] - 1), 1e-10) << k;
    EXPECT_LE(std::abs(a.train_rmse.back() / b.train_rmse.back() - 1), 1e-10);
    expect_falling(b.objective);
    EXPECT_NE(b.message.find("missing entries"), std::string::npos) << b.message;
  };
  same(cp.summary, dense_cp.summary);
  same(tucker.summary, dense_tucker.summary);
  EXPECT_LE(rmse(x, dense_cp.tensor.at(x.index_array())), 0.11);
  o.engine = Engine::automatic;
  const int before = threads();
  for (const int count : {1, 3}) {
    set_threads(count);
    const auto again = complete_tucker(x, {}, o);
    EXPECT_EQ(again.summary.objective, dense_tucker.summary.objective) << "chosen by itself, the same bits";
  }
  set_threads(before);
}

// Loops over fibres go in several blocks here, and of a wide CP through a product of matrices.
TEST(MostlyKnown, LargerFitsAreThoseOfTheEntriesForAnyNumberOfThreads) {
  const Shape shape{60, 60, 52};
  const SparseTensor x = observed(most_of(shape, 0.1, 5), planted(shape, 3, 6), 0.1);
  struct Case {
    bool tucker;
    Index rank;
  };
  const int before = threads();
  for (const Case& c : {Case{false, 5}, Case{false, 17}, Case{true, 5}}) {
    SCOPED_TRACE(text(c.tucker ? "Tucker" : "CP", " of rank ", c.rank));
    LowRankOptions o;
    o.ranks = {c.rank}, o.ridge = 1e-2, o.max_iterations = 2, o.tolerance = 0, o.scouts = 1;
    const auto fit = [&] {
      return c.tucker ? complete_tucker(x, {}, o).summary : complete_canonical(x, {}, o).summary;
    };
    o.engine = Engine::entries;
    const Summary entries = fit();
    EXPECT_NE(entries.message.find("engine entries"), std::string::npos) << entries.message;
    o.engine = Engine::dense;
    const Summary dense = fit();
    EXPECT_NE(dense.message.find("engine dense"), std::string::npos) << dense.message;
    ASSERT_EQ(dense.objective.size(), 2u);
    for (std::size_t k = 0; k < 2; ++k)
      EXPECT_LE(std::abs(dense.objective[k] / entries.objective[k] - 1), 1e-10) << k;
    for (const int count : {1, 2, 3}) {
      set_threads(count);
      const Summary again = fit();
      EXPECT_EQ(again.objective, dense.objective) << count << " threads";
      EXPECT_EQ(again.train_rmse, dense.train_rmse) << count << " threads";
    }
    set_threads(before);
  }
}

TEST(MostlyKnown, IsChosenWhereItPays) {
  const Shape shape{30, 30, 30};
  const CanonicalParts few(shape, 3);
  EXPECT_EQ(MostlyKnown::plan(most_of(shape, 0.1, 1), few, "").engine, "dense");
  EXPECT_EQ(MostlyKnown::plan(most_of(shape, 0.97, 1), few, "").engine, "entries");
  const Plan plan = MostlyKnown::plan(most_of(shape, 0.97, 1), few, "entries");
  ASSERT_EQ(plan.candidates.size(), 2u);
  EXPECT_EQ(plan.candidates[1].why_not, "too few entries are known");
  EXPECT_THROW(MostlyKnown::plan(most_of(shape, 0.97, 1), few, "dense"), std::invalid_argument);
  EXPECT_EQ(MostlyKnown::plan(most_of(shape, 0.1, 1), TrainParts(shape, {2, 2}), "").engine, "entries");
  LowRankOptions o;
  o.engine = Engine::dense, o.loss = Loss::huber;
  EXPECT_THROW(complete_canonical(most_of(shape, 0.1, 1), {}, o), std::invalid_argument);
}

// From few entries the best of several short runs finds what one start often does not.
TEST(MostlyKnown, ScoutsFindMoreFromFewEntries) {
  const Shape shape{20, 20, 20};
  int found = 0, alone = 0;
  for (std::uint64_t trial = 0; trial < 6; ++trial) {
    const auto truth = planted(shape, 3, 100 + trial);
    const SparseTensor x = observed(most_of(shape, 0.84, trial), truth),
                       all = observed(most_of(shape, 0, 1), truth);
    LowRankOptions o;
    o.ranks = {3}, o.ridge = 1e-4, o.max_iterations = 300, o.tolerance = 1e-9;
    const auto finds = [&] {
      return rmse(all, complete_canonical(x, {}, o).tensor.at(all.index_array())) < 0.01 * std::sqrt(3.0);
    };
    found += finds();
    o.scouts = 1;
    alone += finds();
  }
  EXPECT_GE(found, 5);
  EXPECT_LT(alone, found);
}

}  // namespace
