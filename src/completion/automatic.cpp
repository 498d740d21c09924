// The method that chooses: families, ranks and ridges by entries that they have not seen.
#include <algorithm>
#include <cmath>

#include "cartan/completion/low_rank.hpp"
#include "cartan/completion/splits.hpp"
#include "cartan/core/error.hpp"
#include "cartan/data/config.hpp"
#include "completion/methods.hpp"
#include "completion/statistics.hpp"

namespace cartan::completion {
namespace {

struct AutomaticOptions {
  std::int64_t largest_rank = 16;
  int folds = 5;
};
void describe(config::Fields& f, AutomaticOptions& o) {
  f("largest_rank", o.largest_rank, "that is tried").from(1).to(4096);
  f("folds", o.folds, "of cross-validation where fewer than 200 entries validate").from(2).to(100);
}

// One method with its options.
struct Candidate {
  std::string kind;
  std::vector<std::pair<std::string, config::Value>> options;

  std::unique_ptr<Method> make() const {
    std::unique_ptr<Method> m = make_method(kind);
    for (const auto& [name, value] : options) {
      config::Fields fields = m->fields();
      fields.find(name)->set(value);
    }
    return m;
  }
  std::string text_of() const {
    std::string out = kind;
    for (const auto& [name, value] : options)
      if (name != "restarts") out += text(", ", name, " ", config::to_text(value));
    return out;
  }
};

// A candidate with what it was worth.
struct Trial {
  Candidate candidate;
  std::vector<double> squares;     // of the errors at all entries that judge; empty: it cannot take the data
  std::unique_ptr<Method> fitted;  // to the training entries, or the last fold
  Summary summary;

  double sum() const {
    double s = squares.empty() ? INFINITY : 0;
    for (const double e : squares) s += e;
    return std::isnan(s) ? INFINITY : s;
  }
};

FitContext short_context(const FitContext& c) {  // no checkpoints: fits are short
  FitContext out;
  out.seed = c.seed, out.stop = c.stop;
  return out;
}

class Search {
 public:
  Search(const SparseTensor& train, const SparseTensor& validation, const AutomaticOptions& options,
         const FitContext& context)
      : options_(options), context_(context), train_(train), folded_(validation.size() < 200) {
    if (!folded_) {
      parts_.emplace_back(train, validation);
      return;
    }
    const int count = static_cast<int>(std::min<Index>(options.folds, train.size()));
    if (count < 2) return;
    for (const auto& part : folds(train, count, context.seed)) {
      std::vector<Index> rest;
      std::size_t next = 0;
      for (Index n = 0; n < train.size(); ++n)
        if (next < part.size() && part[next] == n)
          ++next;
        else
          rest.push_back(n);
      parts_.emplace_back(train.chosen(rest), train.chosen(part));
    }
  }

  /// The best one; the additive model unless the gain over it is more than two standard errors.
  Trial best() {
    Trial plain = tried({"additive", {}});
    Trial best = tried({"mean", {}});
    if (parts_.empty()) return plain;  // a single entry
    const bool large = train_.size() > 1000000;
    const Index most = large ? std::min<Index>(options_.largest_rank, 8) : options_.largest_rank;
    const auto all = [&](auto&& holds) {
      return std::all_of(train_.values().begin(), train_.values().end(), holds);
    };
    for (const double ridge : {0.01, 1.0}) family("additive-cp", most, {{"ridge", ridge}}, best);
    for (const double ridge : {1e-3, 0.1, 1.0}) family("cp", most, {{"ridge", ridge}}, best);
    if (!large)
      for (const double ridge : {1e-3, 0.1})
        family("tucker", std::min<Index>(most, 8), {{"ridge", ridge}}, best);
    if (all([](double y) { return y == 0 || y == 1; })) {
      for (const double ridge : {0.1, 1.0})
        family("cp", most, {{"ridge", ridge}, {"loss", std::string("bernoulli")}}, best);
    } else if (all([](double y) { return y >= 0 && y == std::floor(y); })) {
      for (const double ridge : {0.01, 1.0})
        family("cp", most, {{"ridge", ridge}, {"loss", std::string("poisson")}}, best);
    }
    if (best.squares.empty()) return plain;
    if (plain.squares.empty()) return best;
    double gain = 0, square = 0;
    for (std::size_t n = 0; n < plain.squares.size(); ++n) {
      const double g = plain.squares[n] - best.squares[n];
      gain += g, square += g * g;
    }
    const double variance = std::max(0.0, square - gain * gain / static_cast<double>(plain.squares.size()));
    return gain > 2 * std::sqrt(variance) ? std::move(best) : std::move(plain);
  }
  bool folded() const { return folded_; }
  int count() const { return count_; }

 private:
  // Ranks 1, 2, 4, .. while they pay.
  void family(const char* kind, Index most, std::vector<std::pair<std::string, config::Value>> others,
              Trial& best) {
    if (train_.size() <= 100000) others.emplace_back("restarts", std::int64_t{2});
    double least = INFINITY;
    int worse = 0;
    const bool core = kind == std::string("tucker");
    for (Index rank = 1; rank <= most && worse < 2; rank *= 2) {
      if (core && rank > 1 && std::pow(static_cast<double>(rank), train_.order()) > 512) break;
      Candidate c{kind, others};
      c.options.emplace_back("ranks", std::vector<std::int64_t>{rank});
      Trial t = tried(c);
      const double sum = t.sum();
      worse = sum < 0.99 * least ? 0 : worse + 1;
      least = std::min(least, sum);
      if (sum < best.sum()) best = std::move(t);
    }
  }

  Trial tried(const Candidate& c) {
    Trial t;
    t.candidate = c;
    ++count_;
    if (context_.progress) context_.progress({count_, 0, c.text_of()});
    for (const auto& [fit, judge] : parts_) {
      stop_if_set(context_.stop);
      t.fitted = c.make();
      try {
        t.summary = t.fitted->fit(fit, folded_ ? SparseTensor{} : judge, short_context(context_));
        const Array mean = t.fitted->predict(judge.index_array()).mean;
        for (Index n = 0; n < judge.size(); ++n)
          t.squares.push_back(std::pow(judge.values()[n] - mean.data<double>()[n], 2));
      } catch (const std::invalid_argument&) {  // such as one mode, where a method needs two
        t.squares.clear();
        break;
      }
    }
    return t;
  }

  const AutomaticOptions& options_;
  const FitContext& context_;
  const SparseTensor& train_;
  bool folded_;
  int count_ = 0;
  std::vector<std::pair<SparseTensor, SparseTensor>> parts_;  // to fit, to judge
};

class AutomaticMethod final : public Method {
 public:
  const char* kind() const override { return "auto"; }
  config::Fields fields() override { return config::fields_of(options_); }

  Summary fit(const SparseTensor& train, const SparseTensor& validation, const FitContext& c) override {
    config::validate("auto", options_);
    check_fit("auto", train, validation);
    // few validation entries: they are folded in with the others, and the choice is fitted to all of them
    const bool few = validation.size() < 200;
    const SparseTensor all = few && !validation.empty() ? train.joined(validation) : train;
    Search search(all, few ? SparseTensor{} : validation, options_, c);
    Trial best = search.best();
    Summary s = std::move(best.summary);
    chosen_ = std::move(best.fitted);
    if (search.folded()) {
      chosen_ = best.candidate.make();
      s = chosen_->fit(all, {}, short_context(c));
    }
    s.message = text(best.candidate.text_of(), " of ", search.count(), " candidates");
    return s;
  }

  Prediction predict(const Array& indices) const override {
    require(chosen_ != nullptr, "[auto] nothing has been fitted or loaded");
    return chosen_->predict(indices);
  }
  void save(data::Group& group) const override {
    require(chosen_ != nullptr, "[auto] nothing has been fitted or loaded");
    group.attributes["method"] = std::string(chosen_->kind());
    data::save_fields(group["options"], chosen_->fields());
    chosen_->save(group["state"]);
  }
  void load(const data::Group& group) override {
    std::unique_ptr<Method> chosen;
    try {
      chosen = make_method(group.string("method"));
    } catch (const std::invalid_argument& e) {
      throw FormatError(group.file(), "method", e.what());
    }
    if (std::string(chosen->kind()) == kind()) throw FormatError(group.file(), "method", "chooses itself");
    data::load_fields(group.group("options"), chosen->fields());
    chosen->load(group.group("state"));
    chosen_ = std::move(chosen);
  }
  std::vector<std::pair<std::string, data::Figure>> figures() const override {
    return chosen_ ? chosen_->figures() : std::vector<std::pair<std::string, data::Figure>>{};
  }

 private:
  AutomaticOptions options_;
  std::unique_ptr<Method> chosen_;
};

}  // namespace

std::unique_ptr<Method> make_auto() {
  return std::make_unique<AutomaticMethod>();
}

}  // namespace cartan::completion
