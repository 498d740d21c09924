#include "app.hpp"

#include <cartan/core/error.hpp>
#include <cartan/core/parallel.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>

namespace cartan::app {

Context& context() {
  static Context instance;
  return instance;
}

void add_threads_option(CLI::App* verb) {
  verb->add_option_function<int>(
          "--threads", [](int count) { set_threads(context().threads = count); },
          "Threads to use (default: OMP_NUM_THREADS or all cores)")
      ->check(CLI::Range(1, 4096).description(""))
      ->type_name("N");
}

void add_json_option(CLI::App* verb, bool& json) {
  verb->add_flag("--json", json, "Print one JSON object on standard output");
}

void add_force_option(CLI::App* verb, bool& force) {
  verb->add_flag("--force", force, "Replace files that exist");
}

void add_example(CLI::App* verb, const std::string& command) {
  verb->footer("Example:\n  " + command);
}

void refuse_existing(const std::vector<std::string>& paths, bool force) {
  for (const std::string& path : paths) {
    std::error_code ignored;
    require(force || !std::filesystem::exists(path, ignored), path, " exists; --force replaces it");
  }
}

void refuse_same(const std::vector<std::pair<std::string, std::string>>& files) {
  std::map<std::string, std::string> seen;
  for (const auto& [name, path] : files) {
    if (path.empty()) continue;
    std::error_code ignored;
    const auto full = std::filesystem::weakly_canonical(std::filesystem::absolute(path), ignored).string();
    const auto [other, fresh] = seen.emplace(full.empty() ? path : full, name);
    require(fresh, other->second, " and ", name, " are both ", path);
  }
}

std::string duration(double seconds) {
  const auto s = static_cast<long long>(std::llround(std::max(0.0, std::min(seconds, 1e9))));
  if (s < 60) return text(s, " s");
  if (s < 3600) return text(s / 60, " min ", s % 60, " s");
  if (s < 86400) return text(s / 3600, " h ", s % 3600 / 60, " min");
  return text(s / 86400, " d ", s % 86400 / 3600, " h");
}

namespace {

// Columns of a line on standard error: one less than the terminal has, so that the cursor stays on it.
std::size_t columns(bool terminal) {
  winsize size{};
  if (terminal && ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1) return size.ws_col - 1u;
  return 80;
}

// Cut between characters of UTF-8.
std::string first_columns(const std::string& line, std::size_t columns) {
  std::size_t seen = 0, k = 0;
  for (; k < line.size(); ++k)
    if ((static_cast<unsigned char>(line[k]) & 0xC0) != 0x80 && seen++ == columns) break;
  return line.substr(0, k);
}

}  // namespace

ProgressBar::ProgressBar(std::string task)
    : task_(std::move(task)), terminal_(::isatty(STDERR_FILENO) != 0), start_(Clock::now()), last_(start_) {
  const char* kind = std::getenv("TERM");
  if (kind && std::string(kind) == "dumb") terminal_ = false;
}

void ProgressBar::operator()(const Progress& progress) {
  const auto now = Clock::now();
  if (first_ < 0) {  // the rate counts from the first report: work that is resumed does not start at 0
    first_ = progress.done;
    start_ = now;
  }
  const bool complete = progress.total > 0 && progress.done >= progress.total;
  if (std::chrono::duration<double>(now - last_).count() < (terminal_ ? 0.1 : 10) && !(complete && terminal_))
    return;
  last_ = now;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const double rate = elapsed > 0 ? static_cast<double>(progress.done - first_) / elapsed : 0;

  std::string line = task_ + " ";
  if (progress.total > 0) {
    const double part = static_cast<double>(progress.done) / static_cast<double>(progress.total);
    if (terminal_) {
      const int filled = static_cast<int>(20 * std::min(1.0, std::max(0.0, part)));
      line += "[" + std::string(static_cast<std::size_t>(filled), '=') +
              std::string(static_cast<std::size_t>(20 - filled), ' ') + "] ";
    }
    line += text(progress.done, "/", progress.total);
  } else {
    line += text(progress.done);
  }
  char words[64];
  if (rate > 0) {
    std::snprintf(words, sizeof words, "  %.3g/s", rate);
    line += words;
  }
  if (progress.total > progress.done && rate > 0)
    line += "  " + duration(static_cast<double>(progress.total - progress.done) / rate) + " left";
  if (!progress.message.empty()) line += "  " + progress.message;
  line = first_columns(line, columns(terminal_));
  std::fprintf(stderr, terminal_ ? "\r%s\033[K" : "%s\n", line.c_str());
  std::fflush(stderr);
  shown_ = true;
}

void ProgressBar::finish() {
  if (shown_ && terminal_) std::fprintf(stderr, "\r\033[K");
  shown_ = false;
}

}  // namespace cartan::app
