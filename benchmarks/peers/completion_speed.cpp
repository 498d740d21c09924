// One masked decomposition, timed inside one process as completion_peers.py times its peers:
//
//     g++ -O2 -std=c++20 completion_speed.cpp $(pkg-config --cflags --libs cartan) -o completion_speed
//     OMP_NUM_THREADS=1 ./completion_speed TRAIN.npy ALL.npy cp|tucker RANK RUNS [gaussian|poisson
//     [als|lbfgs]]
//
// with TOLERANCE and SEED of the environment. TRAIN has NaN where an entry is unknown, ALL where no one knows
// it. Prints processor seconds of the first fit and the median of RUNS more, iterations, and the RMSE of the
// entries that TRAIN lacks.
#include <algorithm>
#include <cartan/completion/low_rank.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

using namespace cartan;
using namespace cartan::completion;

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "usage: completion_speed TRAIN.npy ALL.npy cp|tucker RANK RUNS [LOSS [SOLVER]]\n");
    return 2;
  }
  const SparseTensor train = read_entries(argv[1]), all = read_entries(argv[2]);
  LowRankOptions o;
  o.ranks = {std::atoi(argv[4])}, o.ridge = 1e-5, o.max_iterations = 2000;
  if (const char* t = std::getenv("TOLERANCE")) o.tolerance = std::atof(t);
  if (const char* seed = std::getenv("SEED")) o.seed = static_cast<std::uint64_t>(std::atoll(seed));
  if (argc > 6 && std::string(argv[6]) == "poisson") o.loss = Loss::poisson;
  if (argc > 7 && std::string(argv[7]) == "lbfgs") o.solver = Solver::lbfgs;
  std::vector<double> seconds;
  Summary summary;
  Array y;
  for (int run = 0; run <= std::atoi(argv[5]); ++run) {
    const std::clock_t begin = std::clock();
    if (std::string(argv[3]) == "cp") {
      auto made = complete_canonical(train, {}, o);
      seconds.push_back(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
      summary = made.summary, y = made.tensor.full();
    } else {
      auto made = complete_tucker(train, {}, o);
      seconds.push_back(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
      summary = made.summary, y = made.tensor.full();
    }
  }
  const Array known = train.dense(NAN), truth = all.dense(NAN);
  double squares = 0;
  Index count = 0;
  for (Index n = 0; n < y.size(); ++n) {
    const double e = y.data<double>()[n] - truth.data<double>()[n];
    if (std::isnan(known.data<double>()[n]) && !std::isnan(e)) squares += e * e, ++count;
  }
  const double first = seconds[0];
  std::sort(seconds.begin() + 1, seconds.end());
  std::printf(
      "{\"first\": %.6f, \"median\": %.6f, \"iterations\": %d, \"rmse\": %.9g, \"train_rmse\": %.9g}\n",
      first, seconds[seconds.size() / 2], static_cast<int>(summary.iterations),
      std::sqrt(squares / static_cast<double>(count)), summary.train_rmse.back());
}
