#pragma once
// What the verbs of the command share.

#include <cartan/core/progress.hpp>

#include <CLI/CLI.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace cartan::app {

/// What the command returns. A fault of the program itself is 70.
enum ExitCode : int {
  done = 0,
  not_reached = 1,    // not converged, target missed
  usage = 2,          // std::invalid_argument, wrong options
  bad_file = 3,       // FormatError
  input_output = 4,   // IoError
  no_device = 5,      // DeviceError
  interrupted = 130,  // after writing a checkpoint
  internal = 70
};

/// State of this run.
struct Context {
  StopFlag stop{false};  ///< set by Ctrl-C and SIGTERM; a second Ctrl-C ends the process at once
  int threads = 0;       ///< of --threads; 0 when it was not given
  int exit_code = done;  ///< a verb sets it where it ends neither well nor with an exception
};
Context& context();

/// Thrown by a verb that stopped because `context().stop` is set.
struct Interrupted {};
inline void stop_if_asked() {
  if (context().stop) throw Interrupted();
}

/// Adds `--threads N`, which takes effect when it is parsed.
void add_threads_option(CLI::App* verb);
/// Adds `--json`.
void add_json_option(CLI::App* verb, bool& json);
/// Adds `--force`.
void add_force_option(CLI::App* verb, bool& force);
/// The example below the verb's help. It must run as printed, from the root of the source tree.
void add_example(CLI::App* verb, const std::string& command);

/// Throws std::invalid_argument when one of the files exists and may not be replaced.
void refuse_existing(const std::vector<std::string>& paths, bool force);
/// Throws std::invalid_argument where two of the files that a command writes are the same; (name, path),
/// empty paths are none.
void refuse_same(const std::vector<std::pair<std::string, std::string>>& files);

/// Shows how a task goes on standard error: a bar that moves on a terminal, no wider than that, otherwise a
/// line of at most 80 characters every ten seconds. Units done, rate, time left and the message of the task.
class ProgressBar {
 public:
  explicit ProgressBar(std::string task);
  ~ProgressBar() { finish(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void operator()(const Progress& progress);
  /// Leaves the cursor at the start of an empty line.
  void finish();
  /// For functions of the library; the bar must live longer.
  ProgressCallback callback() {
    return [this](const Progress& progress) { (*this)(progress); };
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::string task_;
  bool terminal_;
  bool shown_ = false;
  std::int64_t first_ = -1;  // units done at the first report
  Clock::time_point start_, last_;
};

/// "1 h 5 min", "12 s"
std::string duration(double seconds);

}  // namespace cartan::app
