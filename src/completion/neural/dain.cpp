#include "cartan/completion/neural/dain.hpp"

#include <cmath>
#include <limits>

#include "cartan/completion/splits.hpp"
#include "cartan/core/error.hpp"

namespace cartan::completion {
namespace {

// The second network and the draws have other numbers than the first, for every seed.
constexpr std::uint64_t second_seed = std::uint64_t{1} << 40;
constexpr std::uint64_t drawing_seed = std::uint64_t{1} << 41;

ProgressCallback numbered(const ProgressCallback& progress, const std::string& which) {
  if (!progress) return {};
  return [progress, which](const Progress& p) { progress({p.done, p.total, which + ": " + p.message}); };
}

}  // namespace

void describe(config::Fields& f, DainOptions& o) {
  describe(f, o.network);
  describe(f, o.training);
  f("augmentation", o.augmentation,
    {{"influence", Augmentation::influence}, {"random", Augmentation::random}, {"none", Augmentation::none}},
    "how indices of new entries are drawn");
  f("amount", o.amount, "new entries for each training entry").from(0).to(100);
}

DainFit fit_dain(const SparseTensor& train, const SparseTensor& validation, const DainOptions& options,
                 const NeuralContext& context) {
  config::validate("fit_dain", options);
  check_fit("fit_dain", train, validation);
  if (validation.empty()) {
    require(
        options.training.validation > 0,
        "[fit_dain] there are no validation entries, and validation is 0; influence is that on their error");
    const Split parts = split(train, {0, options.training.validation, context.seed});
    require(!parts.test.empty(), "[fit_dain] ", train.size(),
            " entries leave none for validation at a share of ", options.training.validation);
    return fit_dain(parts.train, parts.test, options, context);
  }
  DainFit out;
  out.train = train;
  const Index count = static_cast<Index>(options.amount * static_cast<double>(train.size()));
  const bool augment = options.augmentation != Augmentation::none && count > 0;

  NeuralContext first = context;
  if (augment && !context.checkpoint.empty()) first.checkpoint += ".embedding";
  if (augment) first.progress = numbered(context.progress, "first training");
  nn::Init none = nn::Init::blank();
  none.fill = false;
  const Index hidden = make_network(options.network, train.shape(), options.training.dtype, none,
                                    options.training.products, false)
                           ->head.weight.dim(1);
  CellInfluence influence(augment ? train.size() : 0, augment ? hidden : 0);
  if (augment) first.influence = &influence;
  NeuralFit embedded = fit_neural(train, validation, options.network, options.training, first);
  out.first = std::move(embedded.summary);
  out.first_rmse = embedded.validation_rmse;
  out.second_rmse = std::numeric_limits<double>::quiet_NaN();
  out.model = std::move(embedded.model);
  if (!augment) return out;

  out.influence = influence.kept();
  double largest = 0;
  for (const double v : out.influence) largest = std::max(largest, std::abs(v));
  out.importance = options.augmentation == Augmentation::random ? even_importance(train)
                                                                : entity_importance(train, out.influence);
  if (largest > 0)
    for (double& v : out.influence) v /= largest;
  out.added = draw_entries(out.importance, count, context.seed + drawing_seed);

  NeuralContext second = context;
  second.progress = numbered(context.progress, "second training");
  second.seed += second_seed;
  second.more_indices = out.added;
  second.more_values = out.model.predict(out.added);
  const Additive additive = std::move(out.model.additive);
  second.additive = &additive;
  NeuralFit again = fit_neural(train, validation, options.network, options.training, second);
  out.second = std::move(again.summary);
  out.second_rmse = again.validation_rmse;
  out.model = std::move(again.model);
  return out;
}

}  // namespace cartan::completion
