#include "cartan/autodiff/checkpoint.hpp"

#include <algorithm>

#include "autodiff/last_gradients.hpp"
#include "autodiff/multilinear.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/update.hpp"
#include "cartan/core/error.hpp"

namespace cartan {
namespace {

Array block_of(const Array& a, const Blocks& blocks, std::size_t k) {
  return blocks.empty() ? a : slice(a, 0, blocks[k], blocks[k + 1]);
}

// The derivative of such a function is one too: of the arguments and of the cotangents, which have the blocks
// of the results; its results have the blocks of the arguments.
class Checkpoint : public Primitive, public ReadsInputs {
 public:
  Checkpoint(BlockFunction f, std::size_t count, std::vector<Blocks> of_x, std::vector<Blocks> of_results)
      : f_(std::move(f)), count_(count), of_x_(std::move(of_x)), of_results_(std::move(of_results)) {}
  const char* name() const override { return "checkpoint"; }
  bool on_any_device() const override { return true; }  // f is made of ops

  // Recording is on so that an array that f has beside its arguments shows in what follows from it; of
  // arguments that are not tracked nothing is recorded.
  Arrays eval_cpu(const Arrays& in) const override {
    std::vector<Arrays> parts;
    for (std::size_t k = 0; k < count_; ++k) {
      Arrays x;
      for (std::size_t i = 0; i < in.size(); ++i) x.push_back(detach(block_of(detach(in[i]), of_x_[i], k)));
      Recording on(true);
      const Arrays y = f_(k, x);
      if (k == 0) parts.resize(y.size());
      require(y.size() == parts.size() && (of_results_.empty() || y.size() == of_results_.size()),
              "[checkpoint] ", y.size(), " results of block ", k, ", not ",
              of_results_.empty() ? parts.size() : of_results_.size());
      for (std::size_t j = 0; j < y.size(); ++j) {
        require(!y[j].tracked(), "[checkpoint] a result of shape ", y[j].shape(),
                " depends on a tracked array that is not among the arguments: pass it as one");
        const Blocks rows = result_blocks(j);
        require(rows.empty() || (y[j].ndim() >= 1 && y[j].dim(0) == rows[k + 1] - rows[k]),
                "[checkpoint_blocks] result ", j, " of block ", k, " has shape ", y[j].shape(), ", not ",
                rows.empty() ? Index{0} : rows[k + 1] - rows[k], " rows");
        if (!rows.empty() || parts[j].empty())
          parts[j].push_back(y[j]);
        else
          add_in_place(parts[j][0], y[j]);
      }
    }
    Arrays out;
    for (const Arrays& p : parts) out.push_back(p.size() == 1 ? p[0] : concatenate(p, 0));
    return out;
  }

  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    std::vector<std::size_t> given;
    Arrays x = in;
    std::vector<Blocks> of_x = of_x_, of_results;
    for (std::size_t j = 0; j < cotangents.size(); ++j)
      if (!cotangents[j].empty())
        given.push_back(j), x.push_back(cotangents[j]), of_x.push_back(result_blocks(j));
    for (std::size_t i = 0; i < in.size(); ++i)
      if (wanted[i]) of_results.push_back(of_x_[i]);
    const Arrays found = run_all(std::make_shared<Checkpoint>(
                                     [f = f_, given, wanted](std::size_t k, const Arrays& all) {
                                       return pulled_back(f, k, all, given, wanted);
                                     },
                                     count_, std::move(of_x), std::move(of_results)),
                                 x);
    return at_wanted(found, wanted);
  }

 private:
  Blocks result_blocks(std::size_t j) const { return of_results_.empty() ? Blocks{} : of_results_[j]; }

  // The derivatives by the arguments that are wanted, from arguments and the cotangents of `given` results.
  static Arrays pulled_back(const BlockFunction& f, std::size_t block, const Arrays& all,
                            const std::vector<std::size_t>& given, const std::vector<bool>& wanted) {
    bool again = false;  // is this itself differentiated?
    for (const Array& a : all) again |= a.tracked();
    const auto arguments = static_cast<std::ptrdiff_t>(wanted.size());
    Arrays x(all.begin(), all.begin() + arguments), by;
    for (std::size_t i = 0; i < x.size(); ++i)
      if (wanted[i]) by.push_back(x[i] = track(x[i]));
    const Arrays y = f(block, x);
    Arrays results;
    for (const std::size_t j : given) results.push_back(y[j]);
    const Arrays cotangents(all.begin() + arguments, all.end());
    return again ? gradients(results, by, cotangents, true) : last_gradients(results, by, cotangents);
  }

  BlockFunction f_;
  std::size_t count_;
  std::vector<Blocks> of_x_, of_results_;  // of_results_ empty: all are wholes
};

}  // namespace

Arrays checkpoint(Function f, const Arrays& x) {
  return run_all(
      std::make_shared<Checkpoint>([f = std::move(f)](std::size_t, const Arrays& a) { return f(a); },
                                   std::size_t{1}, std::vector<Blocks>(x.size()), std::vector<Blocks>{}),
      x);
}

Arrays checkpoint_blocks(BlockFunction f, std::size_t count, const Arrays& x, std::vector<Blocks> of_x,
                         std::vector<Blocks> of_results) {
  require(count >= 1, "[checkpoint_blocks] ", count, " blocks: at least 1");
  require(of_x.size() == x.size(), "[checkpoint_blocks] blocks of ", of_x.size(), " arguments for ",
          x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Blocks& b = of_x[i];
    require(b.empty() || (b.size() == count + 1 && b.front() == 0 && std::is_sorted(b.begin(), b.end()) &&
                          x[i].ndim() >= 1 && b.back() == x[i].dim(0)),
            "[checkpoint_blocks] argument ", i, " of shape ", x[i].shape(), " has blocks that end at ",
            b.empty() ? Index{0} : b.back(), ", ", b.size(), " borders: they must be ", count + 1,
            ", ascending from 0 to its first extent");
  }
  for (const Blocks& b : of_results)
    require(b.empty() || b.size() == count + 1, "[checkpoint_blocks] a result has ", b.size(),
            " borders of blocks, not ", count + 1);
  return run_all(std::make_shared<Checkpoint>(std::move(f), count, std::move(of_x), std::move(of_results)),
                 x);
}

}  // namespace cartan
