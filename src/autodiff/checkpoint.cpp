#include "cartan/autodiff/checkpoint.hpp"

#include "cartan/core/error.hpp"

namespace cartan {
namespace {

class Checkpoint : public Primitive {
 public:
  explicit Checkpoint(Function f) : f_(std::move(f)) {}
  const char* name() const override { return "checkpoint"; }
  bool on_any_device() const override { return true; }  // f is made of ops

  // Recording is on so that an array that f has beside its arguments shows in what follows from it; of
  // arguments that are not tracked nothing is recorded.
  Arrays eval_cpu(const Arrays& in) const override {
    Arrays x;
    for (const Array& a : in) x.push_back(detach(a));
    Recording on(true);
    Arrays y = f_(x);
    for (const Array& a : y)
      require(!a.tracked(), "[checkpoint] a result of shape ", a.shape(),
              " depends on a tracked array that is not among the arguments: pass it as one");
    return y;
  }

  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    std::vector<std::size_t> given;
    Arrays x = in;
    for (std::size_t j = 0; j < cotangents.size(); ++j)
      if (!cotangents[j].empty()) given.push_back(j), x.push_back(cotangents[j]);
    const Arrays found = run_all(std::make_shared<Checkpoint>([f = f_, given, wanted](const Arrays& all) {
                                   return pulled_back(f, all, given, wanted);
                                 }),
                                 x);
    Arrays g(in.size());
    std::size_t next = 0;
    for (std::size_t k = 0; k < in.size(); ++k)
      if (wanted[k]) g[k] = found[next++];
    return g;
  }

 private:
  // The derivatives by the arguments that are wanted, from arguments and the cotangents of `given` results.
  static Arrays pulled_back(const Function& f, const Arrays& all, const std::vector<std::size_t>& given,
                            const std::vector<bool>& wanted) {
    bool again = false;  // is this itself differentiated?
    for (const Array& a : all) again |= a.tracked();
    Arrays x(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(wanted.size())), by;
    for (std::size_t k = 0; k < x.size(); ++k)
      if (wanted[k]) by.push_back(x[k] = track(x[k]));
    const Arrays y = f(x);
    Arrays results;
    for (const std::size_t j : given) results.push_back(y[j]);
    return gradients(results, by, Arrays(all.begin() + static_cast<std::ptrdiff_t>(wanted.size()), all.end()),
                     again);
  }

  Function f_;
};

}  // namespace

Arrays checkpoint(Function f, const Arrays& x) {
  return run_all(std::make_shared<Checkpoint>(std::move(f)), x);
}

}  // namespace cartan
