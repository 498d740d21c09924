#pragma once
/// What fit, eval, predict and compare know of a completion method, and the table of those there are.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <cartan/completion/sparse.hpp>
#include <cartan/core/config.hpp>
#include <cartan/core/progress.hpp>
#include <cartan/data/figure.hpp>
#include <cartan/data/group.hpp>
#include <cartan/linalg/report.hpp>

namespace cartan::completion {

/// How a fit went: the report of a decomposition with its course. `relative_error` is the norm of the
/// residual of the entries that it was fitted to over their norm.
struct Summary : linalg::Report {
  std::vector<double> objective;        ///< what is minimised, after every iteration (of the best start)
  std::vector<double> train_rmse;       ///< after every iteration, where the method computes it
  std::vector<double> validation_rmse;  ///< the same, where there are validation entries
  double seconds = 0;
  std::string message;  ///< one line on how it ended
};

/// A tensor in some format with how it was fitted.
template <class Format>
struct Fitted {
  Format tensor;
  Summary summary;
};

struct Prediction {
  Array mean;       ///< (N) float64
  Array deviation;  ///< (N) standard deviations of an entry; empty for a method that knows none
};

/// What every fit is given beside the entries.
struct FitContext {
  std::uint64_t seed = 0;
  ProgressCallback progress;
  const StopFlag* stop = nullptr;  ///< looked at between iterations; throws Stopped
  std::string checkpoint;          ///< path for methods that train for long; "": none
  bool resume = false;             ///< goes on from that checkpoint
};

/// A way to predict the entries that are not known from those that are. Only listed entries count.
class Method {
 public:
  virtual ~Method() = default;
  /// Its name in the table, files and flags.
  virtual const char* kind() const = 0;
  /// Its options, bound to it: files and flags walk over them.
  virtual config::Fields fields() = 0;
  /// Fits to `train`; `validation`, of the same shape and perhaps empty, may choose when to stop and what to
  /// keep. Deterministic in (entries, options, seed), for any number of threads. Throws std::invalid_argument
  /// for data that the method cannot take (counts that are not whole, ...), saying what.
  virtual Summary fit(const SparseTensor& train, const SparseTensor& validation,
                      const FitContext& context = {}) = 0;
  /// At the rows of indices (N, d) int64, after fit() or load(). Indices are within the shape.
  virtual Prediction predict(const Array& indices) const = 0;
  /// What fit() found; options are saved by the caller.
  virtual void save(data::Group& group) const = 0;
  virtual void load(const data::Group& group) = 0;  ///< with the options set; throws FormatError
  /// Indices of every mode that are worth a name, the most important first: those that the others are made of
  /// (CUR), those that the error depends on most (DAIN). Empty where the method tells none.
  virtual std::vector<std::vector<Index>> notable() const { return {}; }
  /// Pictures worth looking at, with short names for files ("factors_0").
  virtual std::vector<std::pair<std::string, data::Figure>> figures() const { return {}; }
};

struct MethodKind {
  std::string name;
  std::string help;  ///< one line
  std::function<std::unique_ptr<Method>()> make;
  bool counts = false;  ///< takes whole numbers from 0 on alone
};
/// All of them, baselines first (src/completion/methods.cpp).
const std::vector<MethodKind>& method_kinds();
/// Throws std::invalid_argument that names the nearest one.
std::unique_ptr<Method> make_method(const std::string& name);

/// Throws std::invalid_argument "[caller] .." unless there are entries to train on and `validation` is empty
/// or of the same shape.
void check_fit(const char* caller, const SparseTensor& train, const SparseTensor& validation);
/// The same for indices (N, d) int64 within the shape.
void check_indices(const char* caller, const Array& indices, const Shape& shape);

}  // namespace cartan::completion
