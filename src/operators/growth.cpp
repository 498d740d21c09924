#include "operators/growth.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"

namespace cartan::operators {

void describe(config::Fields& f, GrowthOptions& o) {
  f("rule", o.rule,
    "when modes are added in training: at every decision, where the loss stands still, or where the "
    "outermost hold much of the weights")
      .one_of({"none", "epochs", "loss-gap", "explained"});
  f("start", o.start, "modes along each axis to start with; model.modes are those in the end")
      .from(1)
      .to(1 << 20);
  f("step", o.step, "modes an axis that are added at a time").from(1).to(1 << 20);
  f("every", o.every, "epochs from one decision to the next").from(1).to(1e9);
  f("loss_gap", o.loss_gap,
    "loss-gap: modes are added where the loss changes by no more than this part of it")
      .from(0);
  f("explained", o.explained,
    "explained: modes are added where all but the outermost hold less than this part of the squared weights")
      .above(0)
      .below(1);
}

std::vector<Index> start_growth(Model& model, const GrowthOptions& o) {
  config::validate("growth", o);
  if (o.rule == "none") {
    require(o.start.empty(), "[growth] start ", o.start,
            " without a rule; give rule = epochs, loss-gap or explained, or no start");
    return {};
  }
  auto* fno = dynamic_cast<Fno*>(&model.network());
  require(fno != nullptr, "[growth] the model is a ", model.network().kind(),
          "; modes are added to fno and tfno, give rule = none");
  const SpectralOptions& s = fno->config().spectral;
  require(!s.compat,
          "[growth] in a model with compat odd numbers of modes move weights to other frequencies; "
          "give compat = false, or rule = none");
  const std::vector<Index> most = s.modes;
  require(o.start.size() == most.size(), "[growth] start ", o.start, " for modes ", most,
          "; give the modes to start with along each axis");
  for (std::size_t a = 0; a < most.size(); ++a)
    require(o.start[a] <= most[a], "[growth] start ", o.start, " is above model.modes ", most);
  require(o.start != most, "[growth] start ", o.start, " are all of model.modes; nothing is left to add");
  fno->set_modes(o.start);
  fno->clear_unused();
  return most;
}

bool grow(Fno& fno, const std::vector<Index>& most, const GrowthOptions& o,
          const std::vector<nn::HistoryRow>& history) {
  const std::vector<Index> now = fno.config().spectral.modes;
  const std::size_t epochs = history.size();
  if (epochs == 0 || epochs % static_cast<std::size_t>(o.every) != 0 || now == most) return false;
  std::vector<bool> due(now.size(), true);
  if (o.rule == "loss-gap") {
    if (epochs < 2) return false;
    const double last = history[epochs - 1].train_loss, before = history[epochs - 2].train_loss;
    if (!(std::abs(last - before) <= o.loss_gap * std::abs(before))) return false;
  } else if (o.rule == "explained") {
    std::vector<Index> inner = now;
    for (Index& m : inner) m = std::max<Index>(1, m - o.step);
    const std::vector<double> beyond = fno.blocks().convolution().share_beyond(inner);
    for (std::size_t a = 0; a < due.size(); ++a) due[a] = beyond[a] > 1 - o.explained;
  }
  std::vector<Index> next = now;
  for (std::size_t a = 0; a < next.size(); ++a)
    if (due[a]) next[a] = std::min(most[a], next[a] + o.step);
  if (next == now) return false;
  fno.set_modes(next);
  return true;
}

void resume_growth(Fno& fno, const std::vector<Index>& most, const GrowthOptions& o,
                   const data::Group& group) {
  const auto it = group.attributes.find("modes");
  const auto* saved =
      it == group.attributes.end() ? nullptr : std::get_if<std::vector<std::int64_t>>(&it->second);
  bool fits = saved && saved->size() == most.size();
  for (std::size_t a = 0; fits && a < most.size(); ++a)
    fits = (*saved)[a] >= o.start[a] && (*saved)[a] <= most[a];
  if (!fits)
    throw FormatError(group.file(), "modes",
                      text("the checkpoint has ", it == group.attributes.end() ? "no" : "other",
                           " modes than from growth.start ", to_string(Shape(o.start)), " to model.modes ",
                           to_string(Shape(most))));
  fno.set_modes(*saved);
}

}  // namespace cartan::operators
