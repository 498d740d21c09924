#pragma once
/// Equations with random data: what makes the samples (x, y) that an operator learns, from the reference
/// solvers.

#include <memory>
#include <string>
#include <vector>

#include <cartan/core/config.hpp>
#include <cartan/core/progress.hpp>
#include <cartan/core/random.hpp>

namespace cartan::operators {

/// An equation with its numbers. Set them through describe(), then call prepare() once; after that draw() may
/// be called from several threads.
class Equation {
 public:
  virtual ~Equation() = default;
  virtual void describe(config::Fields& fields) = 0;
  /// Checks the numbers and plans the solver; throws std::invalid_argument.
  virtual void prepare() = 0;

  /// (channels, n1, ..., nd), after prepare().
  virtual Shape x_shape() const = 0;
  virtual Shape y_shape() const = 0;
  virtual std::vector<std::string> x_channels() const = 0;  ///< what each is: "u at 0"
  virtual std::vector<std::string> y_channels() const = 0;
  virtual bool periodic() const { return true; }
  virtual std::string formula() const = 0;
  /// Frames of one quantity in a row, as channels of x and then of y: the data of a rollout.
  virtual bool frames() const { return false; }

  /// One sample, a function of `random` alone. False where the solver lost it: the step is too long.
  [[nodiscard]] virtual bool draw(const Random& random, double* x, double* y) const = 0;
};
inline void describe(config::Fields& f, Equation& equation) {
  equation.describe(f);
}

/// An equation by name, with the numbers of a publication or of ourselves.
struct EquationKind {
  const char* name;
  const char* help;
  std::unique_ptr<Equation> (*make)();
};
const std::vector<EquationKind>& equation_kinds();
/// Throws std::invalid_argument, with the nearest name, for one that is not there.
std::unique_ptr<Equation> make_equation(const std::string& name);

struct GenerateOptions {
  Index samples = 100;
  std::uint64_t seed = 1;
  Index first = 0;               ///< number of the first sample: sets with other numbers are others
  DType precision = DType::f32;  ///< of the file
};
void describe(config::Fields& f, GenerateOptions& options);

struct [[nodiscard]] GenerateSummary {
  Index samples = 0;    ///< in the file
  Index lost = -1;      ///< number of the sample that the solver lost; -1: none
  std::string message;  ///< what happened, where one was lost
  bool complete() const { return lost < 0; }
};

/// Writes samples first .. first + samples - 1 to a file of format "cartan-fields": datasets x and y
/// (samples, channels, n1, ..., nd), attributes of the equation in /equation. Samples are made side by side
/// and are the same for any number of threads; sample k is that of any other file with its seed and number.
/// What was made is durable after every few samples: with `resume` a file that was interrupted goes on.
/// Where a solver loses a sample (its values are not finite any more) the ones before it stay in PATH.part
/// and the summary names it. Throws IoError; FormatError when a file to go on with has other options;
/// std::invalid_argument; Stopped when `stop` is set, after writing what is done.
GenerateSummary generate(const std::string& name, Equation& equation, const GenerateOptions& options,
                         const std::string& path, bool resume = false, const ProgressCallback& progress = {},
                         const StopFlag* stop = nullptr);

}  // namespace cartan::operators
