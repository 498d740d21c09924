#include "cartan/operators/equation.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/data/config.hpp"
#include "cartan/data/hdf5.hpp"
#include "core/workspace.hpp"
#include "operators/solvers/equations.hpp"

namespace cartan::operators {

const std::vector<EquationKind>& equation_kinds() {
  static const std::vector<EquationKind> kinds{
      {"burgers", "Burgers' equation, 1D: the initial state to that at time 1 (FNO paper)", make_burgers},
      {"darcy", "Darcy flow, 2D: a coefficient of two values to the pressure (FNO paper)", make_darcy},
      {"darcy-small", "the same on 17 x 17 nodes", make_darcy_small},
      {"navier-stokes", "vorticity, 2D, viscosity 1e-3, to time 50: 10 frames to the next 40 (FNO paper)",
       make_navier_stokes_3},
      {"navier-stokes-1e-4", "the same, viscosity 1e-4, to time 30", make_navier_stokes_4},
      {"navier-stokes-1e-5", "the same, viscosity 1e-5, to time 20", make_navier_stokes_5},
      {"kolmogorov", "vorticity, 2D, Reynolds number 500, driven by -4 cos(4 x2): frames to frames",
       make_kolmogorov},
      {"ns-forcing",
       "vorticity, 2D, Reynolds number 500, at rest first: a random force to the state at time 5",
       make_ns_forcing},
      {"kuramoto-sivashinsky", "Kuramoto-Sivashinsky equation, 1D, in its chaos: frames to frames",
       make_kuramoto_sivashinsky},
      {"wave", "waves, 2D, in a random medium: initial displacement and speed to the displacement later",
       make_wave},
      {"reaction-diffusion", "Gray-Scott reaction, 2D: both substances to those later",
       make_reaction_diffusion},
  };
  return kinds;
}

std::unique_ptr<Equation> make_equation(const std::string& name) {
  std::vector<std::string> known;
  std::string list;
  for (const EquationKind& k : equation_kinds()) {
    if (name == k.name) return k.make();
    known.emplace_back(k.name);
    list += (list.empty() ? "" : ", ") + known.back();
  }
  const std::string near = config::nearest(name, known);
  throw std::invalid_argument(text("[make_equation] there is no equation '", name, "'; ",
                                   near.empty() ? "there are " + list : "perhaps '" + near + "' is meant"));
}

Steps::Steps(double time, double step)
    : count(static_cast<Index>(std::max(1.0, std::ceil(time / step * (1 - 1e-12))))),
      length(time / static_cast<double>(count)) {}

void thin(const double* fine, int axes, Index points, Index refine, double* out) {
  const Index n = points * refine, rows = axes == 1 ? 1 : points;
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < points; ++j) out[i * points + j] = fine[i * refine * n + j * refine];
}

void describe(config::Fields& f, GridOptions& o) {
  f("points", o.points, "points along an axis").from(4).to(1 << 16);
  f("refine", o.refine, "the solver's grid is so many times finer").from(1).to(64);
}

void describe(config::Fields& f, GenerateOptions& o) {
  f("samples", o.samples, "number of samples").from(1).to(1e9).may_change();
  f("seed", o.seed, "of the random fields");
  f("first", o.first, "number of the first sample; other numbers are other samples").from(0).to(1e12);
  f("precision", o.precision, "of the numbers in the file");
}

namespace {

template <class T>
void store(const std::vector<double>& from, Array& to) {
  std::transform(from.begin(), from.end(), to.mutable_data<T>(), [](double v) { return static_cast<T>(v); });
}

Shape with_samples(Index samples, const Shape& shape) {
  Shape out{samples};
  out.insert(out.end(), shape.begin(), shape.end());
  return out;
}

// What the file says of its equation, or throws where it says something else already.
void describe_file(data::Hdf5Appender& file, const std::string& path, const std::string& name,
                   Equation& equation, const GenerateOptions& options) {
  data::Group group;
  data::save_fields(group, config::fields_of(equation));
  data::Attributes& all = group.attributes;
  all["name"] = name;
  all["formula"] = equation.formula();
  all["x_channels"] = equation.x_channels();
  all["y_channels"] = equation.y_channels();
  all["periodic"] = std::int64_t{equation.periodic()};
  all["frames"] = std::int64_t{equation.frames()};
  all["seed"] = static_cast<std::int64_t>(options.seed);
  all["first"] = std::int64_t{options.first};
  all["precision"] = std::string(name_of(options.precision));
  for (const auto& [key, value] : all) {
    const std::optional<data::Attribute> before = file.attribute("equation", key);
    if (before && *before != value)
      throw FormatError(
          path, "/equation",
          text("its ", key, " is another one; give the options it was begun with, or another file"));
    if (!before) file.set_attribute("equation", key, value);
  }
}

}  // namespace

GenerateSummary generate(const std::string& name, Equation& equation, const GenerateOptions& options,
                         const std::string& path, bool resume, const ProgressCallback& progress,
                         const StopFlag* stop) {
  config::validate("generate", options);
  equation.prepare();
  const Shape x_shape = equation.x_shape(), y_shape = equation.y_shape();
  const Index x_size = size_of(x_shape), y_size = size_of(y_shape);
  const std::string axes = std::string("sample, channel") + (x_shape.size() > 2 ? ", x1, x2" : ", x1");

  data::Hdf5Appender file(path, {"cartan-fields", 1, "", ""}, resume);
  describe_file(file, path, name, equation, options);
  Index done = std::min(file.rows("x"), file.rows("y"));
  if (done > options.samples)
    throw FormatError(path, "/x", text("has ", done, " samples already, more than ", options.samples));
  for (const char* dataset : {"x", "y"})
    if (file.rows(dataset) > done) file.truncate(dataset, done);

  // A block is written at a time; it is large enough to keep every thread busy, and small enough to lose
  // little.
  const Index most_bytes = Index{64} << 20;
  const Index block =
      std::clamp<Index>(most_bytes / (8 * (x_size + y_size)), 1, 4 * std::max<Index>(threads(), 4));
  while (done < options.samples) {
    stop_if_set(stop);
    const Index n = std::min(block, options.samples - done);
    std::vector<double> x(static_cast<std::size_t>(n * x_size)), y(static_cast<std::size_t>(n * y_size));
    std::vector<char> lost(static_cast<std::size_t>(n), 0), skipped = lost;
    parallel_for(n, 1, [&](Index begin, Index end) {
      for (Index k = begin; k < end; ++k) {
        if (stop && stop->load(std::memory_order_relaxed)) {
          skipped[static_cast<std::size_t>(k)] = 1;
          continue;
        }
        const auto number = static_cast<std::uint64_t>(options.first + done + k);
        lost[static_cast<std::size_t>(k)] =
            !equation.draw(Random(options.seed, number), x.data() + k * x_size, y.data() + k * y_size);
      }
    });
    const Index all = std::find(skipped.begin(), skipped.end(), 1) - skipped.begin(),
                whole = std::find(lost.begin(), lost.begin() + all, 1) - lost.begin();
    x.resize(static_cast<std::size_t>(whole * x_size)), y.resize(static_cast<std::size_t>(whole * y_size));
    if (whole > 0) {
      Array xs = Array::uninitialized(with_samples(whole, x_shape), options.precision),
            ys = Array::uninitialized(with_samples(whole, y_shape), options.precision);
      if (options.precision == DType::f32) {
        store<float>(x, xs), store<float>(y, ys);
      } else {
        store<double>(x, xs), store<double>(y, ys);
      }
      file.append("x", xs, "", axes);
      file.append("y", ys, "", axes);
      file.flush();
      done += whole;
    }
    if (progress) progress({done, options.samples, ""});
    if (whole < all) {
      const Index number = options.first + done;
      return {done, number,
              text("the solver of ", name, " lost sample ", number,
                   ": its values are not finite any more; make the step smaller")};
    }
  }
  file.close();
  return {done, -1, {}};
}

}  // namespace cartan::operators
