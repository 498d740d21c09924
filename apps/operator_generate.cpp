// cartan operator generate EQUATION: samples of an equation, by its reference solver.

#include <cartan/core/error.hpp>
#include <cartan/operators/equation.hpp>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>

#include "app.hpp"
#include "config_flags.hpp"
#include "json_text.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

struct Options {
  std::string name;
  std::unique_ptr<operators::Equation> equation;
  operators::GenerateOptions generate;
  std::string out;
  bool resume = false, json = false, force = false;
};

void run(Options& o) {
  if (!o.resume) refuse_existing({o.out}, o.force);
  ProgressBar bar("samples");
  const auto start = std::chrono::steady_clock::now();
  operators::GenerateSummary made;
  try {
    made = operators::generate(o.name, *o.equation, o.generate, o.out, o.resume, bar.callback(),
                               &context().stop);
  } catch (const Stopped&) {
    bar.finish();
    std::cerr << "what was made is kept in " << o.out << ".part; go on with --resume\n";
    throw Interrupted();
  }
  bar.finish();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const std::string file = made.complete() ? o.out : o.out + ".part";
  if (!made.complete()) {
    context().exit_code = not_reached;
    std::cerr << made.message << "; " << made.samples << " samples before it are in " << file << "\n";
  }
  if (o.json) {
    std::cout << json_text(nlohmann::json{{"equation", o.name},
                                          {"samples", made.samples},
                                          {"status", made.complete() ? "complete" : made.message},
                                          {"x_shape", o.equation->x_shape()},
                                          {"y_shape", o.equation->y_shape()},
                                          {"seconds", seconds},
                                          {"file", file}})
              << "\n";
    return;
  }
  if (!made.complete()) return;
  std::cout << o.equation->formula() << "\n"
            << o.out << ": " << o.generate.samples << " samples, x " << to_string(o.equation->x_shape())
            << ", y " << to_string(o.equation->y_shape()) << ", " << duration(seconds) << "\n";
}

}  // namespace

void add_operator_generate(CLI::App& group) {
  CLI::App* verb = group.add_subcommand("generate", "Make samples of an equation with random data");
  verb->require_subcommand(1);
  for (const operators::EquationKind& kind : operators::equation_kinds()) {
    CLI::App* equation = verb->add_subcommand(kind.name, kind.help);
    auto o = std::make_shared<Options>();
    o->name = kind.name;
    o->equation = kind.make();
    equation->add_option("--out", o->out, "File to write (HDF5): datasets x and y")->required();
    add_field_options(equation, config::fields_of(o->generate));
    add_field_options(equation, config::fields_of(*o->equation));
    equation->add_flag("--resume", o->resume,
                       "Go on with a file that was interrupted, or add samples to one");
    add_force_option(equation, o->force);
    add_json_option(equation, o->json);
    add_threads_option(equation);
    add_example(equation,
                text("cartan operator generate ", kind.name, " --samples 4 --out ", kind.name, ".h5"));
    equation->callback([o] { run(*o); });
  }
  add_example(verb, "cartan operator generate darcy-small --samples 100 --out darcy.h5");
}

}  // namespace cartan::app
