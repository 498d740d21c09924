// How well completion does on tensors that are known.
//
//   completion phase OUT.svg [OTHER.csv]    the share of 20 x 20 x 20 tensors of rank 3 that are recovered
//   (error below 1 %), by samples; OTHER.csv: a curve of benchmarks/peers/completion_phase.py beside them
//   completion ranks                        how often the stability of non-negative components tells
//   the planted rank, 4 to 10
//
//   c++ -O2 -std=c++17 -Iinclude benchmarks/accuracy/completion.cpp -Lbuild/release -lcartan
//   -Wl,-rpath,$PWD/build/release -o completion
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include <cartan/completion/low_rank.hpp>
#include <cartan/completion/select.hpp>
#include <cartan/completion/splits.hpp>
#include <cartan/core/random.hpp>
#include <cartan/data/figure.hpp>

using namespace cartan;
using namespace cartan::completion;

namespace {

linalg::Canonical planted(Index n, Index rank, std::uint64_t seed, bool positive) {
  linalg::Canonical x{Array::full({rank}, 1, DType::f64), {}};
  for (std::uint64_t k = 0; k < 3; ++k)
    x.factors.push_back(positive ? random_uniform({n, rank}, 0, 1, DType::f64, Random(seed, k))
                                 : random_normal({n, rank}, DType::f64, Random(seed, k)));
  return x;
}

void phase(const char* path, const char* other) {
  const Index n = 20, rank = 3;
  const int trials = 10;
  data::Figure figure;
  figure.title = "Recovery of 20 x 20 x 20 tensors of rank 3", figure.x_label = "share of entries known";
  figure.y_label = "share recovered";
  figure.note =
      "10 tensors a point, error of all entries below 1 %; 171 numbers make such a tensor, 2 % of its "
      "entries";
  std::printf("share,als,als_8_starts,ccd,lbfgs_8_starts\n");
  figure.series = {{"als, one start", {}, {}},
                   {"als, 8 starts", {}, {}},
                   {"ccd, one start", {}, {}},
                   {"lbfgs, 8 starts", {}, {}}};
  for (const double share : {0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3}) {
    double won[4] = {0, 0, 0, 0};
    for (int trial = 0; trial < trials; ++trial) {
      const linalg::Canonical truth = planted(n, rank, 100 + static_cast<std::uint64_t>(trial), false);
      const SparseTensor all = SparseTensor::from_dense(truth.full());
      const Split parts = split(all, {0, 1 - share, static_cast<std::uint64_t>(trial)});
      for (int way = 0; way < 4; ++way) {
        LowRankOptions o;
        o.ranks = {rank}, o.ridge = 1e-4, o.max_iterations = 500, o.tolerance = 1e-9;
        o.solver = way == 2 ? Solver::ccd : way == 3 ? Solver::lbfgs : Solver::als;
        o.restarts = way % 2 ? 8 : 1;
        if (way == 3) o.max_iterations = 100;  // of five steps each
        const auto made = complete_canonical(parts.train, parts.validation, o);
        const Array y = made.tensor.at(all.index_array());
        double e = 0, s = 0;
        for (Index k = 0; k < all.size(); ++k)
          e += std::pow(y.data<double>()[k] - all.values()[k], 2), s += std::pow(all.values()[k], 2);
        won[way] += std::sqrt(e / s) < 0.01 ? 1.0 / trials : 0;
      }
    }
    for (int way = 0; way < 4; ++way) {
      figure.series[static_cast<std::size_t>(way)].x.push_back(share);
      figure.series[static_cast<std::size_t>(way)].y.push_back(won[way]);
    }
    std::printf("%g,%g,%g,%g,%g\n", share, won[0], won[1], won[2], won[3]);
    std::fflush(stdout);
  }
  if (other) {
    std::ifstream file(other);
    std::string head, line;
    std::getline(file, head);
    data::Series s;
    s.name = head.substr(head.find(',') + 1);
    while (std::getline(file, line)) {
      s.x.push_back(std::stod(line));
      s.y.push_back(std::stod(line.substr(line.find(',') + 1)));
    }
    figure.series.push_back(s);
  }
  figure.save(path);
}

void ranks() {
  int right = 0;
  const Index planted_ranks[] = {4, 5, 6, 7, 8, 9, 10, 4, 7, 10};
  for (int set = 0; set < 10; ++set) {
    const Index rank = planted_ranks[set];
    linalg::Canonical truth = planted(24, rank, 200 + static_cast<std::uint64_t>(set), true);
    for (Array& a : truth.factors) {  // components that share few indices, and noise of 1 %
      double* p = a.mutable_data<double>();
      for (Index i = 0; i < a.size(); ++i) p[i] = p[i] < 0.5 ? 0.02 * p[i] : p[i];
    }
    Array x = truth.full();
    double* p = x.mutable_data<double>();
    for (Index i = 0; i < x.size(); ++i)
      p[i] *= 1 + 0.01 * Random(300, static_cast<std::uint64_t>(set)).normal(static_cast<std::uint64_t>(i));
    StabilityOptions o;
    o.runs = 8;
    std::vector<Index> tried;
    for (Index r = std::max<Index>(2, rank - 2); r <= rank + 2; ++r) tried.push_back(r);
    const RankChoice choice = stable_nonnegative_rank(SparseTensor::from_dense(x), tried, o);
    right += choice.rank == rank;
    std::printf("planted %d found %d:", static_cast<int>(rank), static_cast<int>(choice.rank));
    for (const RankScore& s : choice.scores)
      std::printf(" %d %.2f (%.4f)", static_cast<int>(s.rank), s.silhouette, s.error);
    std::printf("\n");
    std::fflush(stdout);
  }
  std::printf("%d of 10\n", right);
}

}  // namespace

int main(int argc, char** argv) {
  if ((argc == 3 || argc == 4) && !std::strcmp(argv[1], "phase"))
    return phase(argv[2], argc == 4 ? argv[3] : nullptr), 0;
  if (argc == 2 && !std::strcmp(argv[1], "ranks")) return ranks(), 0;
  return 2;
}
