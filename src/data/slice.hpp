#pragma once
// Which frames: "", "5", "-1", "0:100", "::2", "-10:", "::-1", as in Python.

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "cartan/core/error.hpp"

namespace cartan::data {

class Slice {
 public:
  /// Throws std::invalid_argument when the text is no slice.
  explicit Slice(const std::string& range) : text_(range) {
    std::string_view rest = range;
    std::optional<Index>* parts[] = {&start_, &stop_, &step_};
    for (int i = 0; !range.empty(); ++i) {
      const std::size_t colon = rest.find(':');
      const std::string_view word = rest.substr(0, colon);
      Index value = 0;
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
      const bool number = error == std::errc() && end == word.data() + word.size();
      check(i < 3 && (number || word.empty()));
      if (number) *parts[i] = value;
      if (colon == std::string_view::npos) {
        single_ = i == 0;
        break;
      }
      rest.remove_prefix(colon + 1);
    }
    check(step_ != Index{0});
  }

  bool all() const { return text_.empty(); }
  bool backwards() const { return step_.value_or(1) < 0; }

  /// The frames among `total`: first, first + step, ..., `count` of them.
  struct Range {
    Index first = 0, step = 1, count = 0;
  };
  /// Throws std::invalid_argument when a single frame is asked for that is not there.
  Range of(Index total) const {
    if (single_) {
      const Index i = *start_ < 0 ? *start_ + total : *start_;
      require(i >= 0 && i < total, "[read_frames] there is no frame ", *start_, " among ", total);
      return {i, 1, 1};
    }
    const Index step = step_.value_or(1), low = step > 0 ? 0 : -1, high = step > 0 ? total : total - 1;
    const auto bound = [&](const std::optional<Index>& given, Index otherwise) {
      if (!given) return otherwise;
      return std::clamp(*given < 0 ? *given + total : *given, low, high);
    };
    const Index first = bound(start_, step > 0 ? low : high), last = bound(stop_, step > 0 ? high : low);
    const Index length = step > 0 ? last - first : first - last;
    const Index stride = step > 0 ? step : step < -total ? total + 1 : -step;
    return {first, step > 0 ? step : -stride, length > 0 ? (length - 1) / stride + 1 : 0};
  }
  /// The same frames in ascending order.
  Range ascending(Index total) const {
    const Range r = of(total);
    ascending_ = r.step > 0 ? r : Range{r.first + (r.count - 1) * r.step, -r.step, r.count};
    return *ascending_;
  }
  /// The place in the file of the k-th frame that a reader hands on, after it asked ascending().
  Index place(Index k) const { return ascending_ ? ascending_->first + k * ascending_->step : k; }

 private:
  void check(bool good) const {
    require(good, "[read_frames] the range '", text_,
            "' is not of the form start:stop:step, e.g. 0:100, ::10, -1");
  }

  std::string text_;
  mutable std::optional<Range> ascending_;
  std::optional<Index> start_, stop_, step_;
  bool single_ = false;
};

}  // namespace cartan::data
