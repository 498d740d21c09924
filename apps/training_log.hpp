#pragma once
// The log of a training: a line an epoch at first, then a line every few seconds.

#include <cartan/nn/trainer.hpp>
#include <chrono>
#include <functional>
#include <string>

namespace cartan::app {

/// Thins the lines of a log with time. The first row and the last are shown; between them a row is shown when
/// the time since the last line has passed 2 s and a fiftieth of the whole, the best one so far before it
/// when that was left out.
class TrainingLog {
 public:
  explicit TrainingLog(std::function<void(const std::string&)> say) : say_(std::move(say)) {}
  void add(const nn::HistoryRow& row, const nn::Metrics& metrics);
  void finish();  ///< shows what is left

 private:
  using Clock = std::chrono::steady_clock;
  void show(std::string& line);

  std::function<void(const std::string&)> say_;
  std::string best_, last_;  // not shown yet
  double lowest_ = 0;
  bool judged_ = false, started_ = false;
  Clock::time_point start_, shown_;
};

/// One epoch: "epoch 3  step 120  rate 0.001  loss 0.5  validation loss 0.3  E 12.1 meV  F 30 meV/A  5 s"
std::string log_line(const nn::HistoryRow& row, const nn::Metrics& metrics);

}  // namespace cartan::app
