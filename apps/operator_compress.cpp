// cartan operator compress MODEL.h5 --tolerance|--size: smaller spectral weights, and what that costs.

#include <cartan/autodiff/ops.hpp>
#include <cartan/core/error.hpp>
#include <cartan/core/random.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/operators/compress.hpp>
#include <cartan/operators/fno.hpp>

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app.hpp"
#include "config_flags.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

struct Options {
  operators::CompressOptions compress;
  std::string model, out, probe;
  Index samples = 8;
  bool json = false, force = false;
};

// Noise in the units of the model, on twice as many points as there are modes.
Array noise(const operators::Model& model, Index samples) {
  const auto* fno = dynamic_cast<const operators::FnoConfig*>(&model.config());
  require(fno != nullptr, "[compress] the model is a ", model.network().kind(),
          "; fno and tfno have spectral weights");
  Shape shape{samples, fno->in_channels};
  for (const Index m : fno->spectral.modes) shape.push_back(2 * m);
  const Array re = model.input.restore(random_normal(shape, DType::f32, Random(1, 1)));
  return fno->complex_fields() ? make_complex(re, random_normal(shape, DType::f32, Random(1, 2))) : re;
}

void run_compress(const Options& o) {
  refuse_existing({o.out}, o.force);
  const operators::Model model = operators::Model::open(o.model);
  Array probe;
  if (o.probe.empty()) {
    probe = noise(model, o.samples);
  } else {
    const data::Hdf5File file(o.probe);
    if (!file.has("x")) throw FormatError(o.probe, "x", "there is no such dataset; fields are read from x");
    probe = file.read_rows("x", 0, std::min(o.samples, file.shape("x").at(0)));
  }
  operators::CompressedModel c = operators::compress(model, o.compress, probe);
  require(c.parameters_after < c.parameters_before, "[compress] ranks ", to_string(Shape(c.layers[0].ranks)),
          " take ", c.parameters_after, " parameters, no fewer than the ", c.parameters_before,
          " there are; give a larger --tolerance or a smaller --size");
  c.model.card["compressed"] = text("from ", c.parameters_before, " to ", c.parameters_after,
                                    " parameters; output changed by ", c.measured);
  c.model.save(o.out);
  if (o.json) {
    nlohmann::ordered_json j{{"model", o.out},
                             {"parameters_before", c.parameters_before},
                             {"parameters", c.parameters_after},
                             {"predicted_rel_l2", c.predicted},
                             {"measured_rel_l2", c.measured}};
    for (const auto& layer : c.layers)
      j["layers"].push_back(
          {{"ranks", layer.ranks},
           {"weight_error", layer.weight_error},
           {"compression", static_cast<double>(layer.before) / static_cast<double>(layer.after)}});
    std::cout << j.dump(2) << "\n";
    return;
  }
  for (std::size_t l = 0; l < c.layers.size(); ++l)
    std::cout << "layer " << l << "  ranks " << to_string(Shape(c.layers[l].ranks))
              << "  error of the weights " << c.layers[l].weight_error << "  numbers " << c.layers[l].before
              << " -> " << c.layers[l].after << "\n";
  std::cout << "parameters  " << c.parameters_before << " -> " << c.parameters_after << "\n"
            << "change of the output, relative L2  predicted " << c.predicted << "  measured " << c.measured
            << " on " << (o.probe.empty() ? "noise" : o.probe) << "\n"
            << "written " << o.out << "\n";
}

}  // namespace

void add_operator_compress(CLI::App& group) {
  CLI::App* verb = group.add_subcommand("compress", "Truncate the spectral weights of a trained FNO or TFNO");
  auto o = std::make_shared<Options>();
  verb->add_option("model", o->model, "Model file")->required();
  verb->add_option("--out", o->out, "Model file to write")->required();
  add_field_options(verb, config::fields_of(o->compress));
  verb->add_option("--probe", o->probe, "HDF5 file with fields x to measure the loss with (default: noise)");
  verb->add_option("--samples", o->samples, "of them at most")->check(CLI::Range(1, 100000));
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_example(verb, "cartan operator compress model.h5 --tolerance 0.05 --out small.h5");
  verb->callback([o] { run_compress(*o); });
}

}  // namespace cartan::app
