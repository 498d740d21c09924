#include "operator_run.hpp"

#include <algorithm>
#include <cartan/core/error.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/nn/run_folder.hpp>
#include <cmath>
#include <filesystem>

#include "operator_pictures.hpp"
#include "run_paths.hpp"

namespace cartan::app {

using operators::FieldSet;

void describe(config::Fields& f, OperatorData& o) {
  f("train", o.train, "fields to train on: our .h5, neuraloperator's .pt, PDEBench's and the_well's HDF5");
  f("validation", o.validation, "fields to validate on").optional("some of data.train are kept back");
  f("validation_fraction", o.validation_fraction, "part of data.train that is kept back; 0: no validation")
      .from(0)
      .below(1);
  f("tests", o.tests, "fields that the trained model is judged on");
  describe(f, o.sets);
}

void describe(config::Fields& f, OperatorRun& r) {
  f.section("data");
  describe(f, r.data);
  f.section("model");
  std::vector<std::pair<std::string, std::function<void()>>> kinds;
  for (const operators::OperatorKind& k : operators::operator_kinds())
    kinds.emplace_back(k.name, [&r, &k] { r.model = k.config(); });
  f.choice(
      "kind", [&r] { return std::string(r.model->kind()); }, std::move(kinds), "operator");
  r.model->describe(f);
  f("from", r.from, "a model whose operator, parameters and normalisers the run starts from")
      .optional("new parameters");
  f.section("loss");
  describe(f, r.loss);
  f.section("augment");
  describe(f, r.augment);
  f.section("growth");
  describe(f, r.growth);
  f.section("training");
  describe(f, r.training);
  f("threads", r.threads, "threads to use (0: OMP_NUM_THREADS or all cores)").from(0).to(4096).may_change();
  f.section("output");
  f("folder", r.out, "folder for the results, from the folder where the command runs");
}

OperatorRun read_operator_run(const std::string& path, const std::vector<Override>& overrides) {
  OperatorRun r;
  read_toml(path, described(r), overrides);
  require(!r.data.train.empty(), path, ": data.train names no file");
  locate(path, overrides, "data.train", r.data.train);
  locate(path, overrides, "data.validation", r.data.validation);
  for (std::string& test : r.data.tests) locate(path, overrides, "data.tests", test);
  locate(path, overrides, "model.from", r.from);
  require(!r.out.empty(), path, ": output.folder has no name; \".\" is the current folder");
  r.out = absolute(r.out);
  return r;
}

namespace {

// What runs again from anywhere.
std::string resolved(OperatorRun r) {
  for (std::string* file : {&r.data.train, &r.data.validation, &r.from}) *file = with_dollars(*file);
  for (std::string& test : r.data.tests) test = with_dollars(test);
  return to_toml(described(r));
}

std::string shape_text(const FieldSet& set) {
  return text(set.samples(), " samples, x ", to_string(set.x_shape()), ", y ", to_string(set.y_shape()));
}

}  // namespace

OperatorTraining train_operator(OperatorRun run, bool resume,
                                const std::function<void(const std::string&)>& say,
                                const ProgressCallback& progress, const StopFlag* stop) {
  FieldSet train = FieldSet::open(run.data.train, run.data.sets);
  if (!train.has_y()) throw FormatError(run.data.train, "y", "is missing: there is nothing to learn");
  std::vector<FieldSet> validation;
  if (!run.data.validation.empty()) {
    validation.push_back(FieldSet::open(run.data.validation, run.data.sets));
  } else if (run.data.validation_fraction > 0) {
    // Windows of one trajectory are kept back together.
    const Index w = train.windows(), n = train.samples() / w;
    const auto back = static_cast<Index>(std::llround(run.data.validation_fraction * static_cast<double>(n)));
    require(back<n, train.name(), ": ", n, w> 1 ? " trajectories" : " samples", ", and ", back,
            " of them wanted for validation");
    const std::vector<Index> order = Random(run.training.seed, 0x76616c6964).permutation(n);
    std::vector<Index> kept, held;
    for (Index k = 0; k < n; ++k)
      for (Index i = 0; i < w; ++i)
        (k < back ? held : kept).push_back(order[static_cast<std::size_t>(k)] * w + i);
    std::sort(kept.begin(), kept.end()), std::sort(held.begin(), held.end());
    if (back > 0) validation.push_back(train.part(held));
    train = train.part(kept);
  }
  std::vector<FieldSet> tests;
  operators::FieldSetOptions whole = run.data.sets;
  whole.first = whole.count = 0;
  for (const std::string& path : run.data.tests) tests.push_back(FieldSet::open(path, whole));

  const Index channels = train.y_shape()[0];
  require(channels % run.loss.rollout == 0, "[run] y has ", channels, " channels, which loss.rollout ",
          run.loss.rollout, " does not divide");
  run.model->in_channels = train.x_shape()[0];
  run.model->out_channels = channels / run.loss.rollout;
  require(run.from.empty() || run.growth.rule == "none",
          "[run] growth starts with few modes of new weights, and model.from has trained ones; give "
          "growth.rule = none");
  constexpr double copies = 6;  // weights, gradients, two of the optimiser, averages, the best
  operators::Model model =
      run.from.empty()
          ? operators::Model(operators::draw_operator(*run.model, run.training.seed, copies, stop))
          : operators::Model::open(run.from, run.model->dtype);
  if (!run.from.empty()) run.model = model.config().clone();
  run.text = run.training.config = resolved(run);
  if (model.input.identity() && run.from.empty()) operators::fit_normalizers(model, train, stop);

  operators::TaskOptions options;
  options.loss = run.loss, options.augment = run.augment, options.growth = run.growth;
  options.seed = run.training.seed;
  options.on_modes = [&](std::int64_t epoch, const std::vector<Index>& modes) {
    say(text(epoch < 0 ? "going on with" : text("epoch ", epoch + 1, ":"), " modes ",
             to_string(Shape(modes.begin(), modes.end()))));
  };
  operators::OperatorTask task(model, train, validation, options);

  OperatorTraining result;
  result.parameters = nn::count_parameters(model.parameters());
  result.train_samples = train.samples();
  say(text("training on ", run.data.train, ": ", shape_text(train),
           validation.empty() ? std::string() : text("; validation on ", validation[0].samples())));
  say(text(model.config().summary(), ": ", result.parameters, " parameters; ", threads(), " threads"));
  const nn::RunFolder folder(run.out);
  result.model = folder.model(), result.checkpoint = folder.checkpoint();
  result.history = folder.history(), result.curve = folder.learning_curve();
  if (resume) say_resumed(run.out, run, say);
  result.summary = nn::train(task, run.training, folder, resume, progress, stop);
  if (result.summary.epochs > 0)
    result.seconds_per_epoch = result.summary.seconds / static_cast<double>(result.summary.epochs);

  model.card["training_set"] = std::filesystem::path(run.data.train).filename().string();
  model.card["training_samples"] = std::int64_t{train.samples()};
  if (!train.x_channels().empty()) model.card["x_channels"] = train.x_channels();
  if (!train.y_channels().empty()) model.card["y_channels"] = train.y_channels();
  if (!validation.empty()) {
    result.validation = operators::evaluate(model, validation[0]);
    model.card["validation_rel_l2"] = result.validation->rel_l2;
    model.card["validation_rel_h1"] = result.validation->rel_h1;
  }
  for (std::size_t k = 0; k < tests.size(); ++k)
    result.tests.emplace_back(run.data.tests[k], operators::evaluate(model, tests[k]));
  model.save(result.model, run.text);
  if (!tests.empty() || !validation.empty()) {
    const FieldSet& shown = tests.empty() ? validation[0] : tests[0];
    result.pictures = draw_errors(model, shown, tests.empty() ? *result.validation : result.tests[0].second,
                                  folder.path() + "/");
  }
  return result;
}

}  // namespace cartan::app
