#include "training_log.hpp"

#include <algorithm>
#include <cartan/core/error.hpp>
#include <cartan/nn/run_folder.hpp>
#include <iomanip>
#include <sstream>

#include "app.hpp"

namespace cartan::app {

std::string log_line(const nn::HistoryRow& row, const nn::Metrics& metrics) {
  std::ostringstream out;
  out << "epoch " << row.epoch << "  step " << row.step << std::setprecision(3) << "  rate "
      << row.learning_rate << "  loss " << row.train_loss;
  for (std::size_t k = 0; k < std::min(row.metrics.size(), metrics.size()); ++k)
    out << (k == 0 ? "  validation " : "  ") << nn::shown(metrics[k], row.metrics[k]);
  out << "  " << duration(row.seconds);
  return out.str();
}

void TrainingLog::show(std::string& line) {
  if (!line.empty()) say_(line);
  line.clear();
}

void TrainingLog::add(const nn::HistoryRow& row, const nn::Metrics& metrics) {
  const auto now = Clock::now();
  last_ = log_line(row, metrics);
  if (!row.metrics.empty() && (!judged_ || row.metrics[0] < lowest_)) {
    judged_ = true;
    lowest_ = row.metrics[0];
    best_ = last_;
  }
  if (!started_) start_ = now;
  const double whole = std::chrono::duration<double>(now - start_).count();
  if (started_ && std::chrono::duration<double>(now - shown_).count() < std::max(2.0, whole / 50)) return;
  started_ = true;
  finish();
  shown_ = now;
}

void TrainingLog::finish() {
  if (best_ == last_) best_.clear();
  show(best_);
  show(last_);
}

}  // namespace cartan::app
