#include "data/figure_axis.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>

namespace cartan::data {
namespace {

std::string superscript(int n) {
  static const char* const digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string out = n < 0 ? "⁻" : "";
  for (const char c : std::to_string(std::abs(n))) out += digits[c - '0'];
  return out;
}

std::string fixed(double value, int decimals) {
  char buffer[400];
  std::snprintf(buffer, sizeof buffer, "%.*f", decimals, value);
  const std::string_view digits = buffer;
  if (digits[0] != '-') return buffer;
  const std::string size(digits.substr(1));
  return digits.find_first_not_of("-0.") == std::string_view::npos ? size : "−" + size;
}

// The smallest of 1, 2, 5 times a power of ten that is not below x.
double round_step(double x) {
  const double power = std::pow(10.0, std::floor(std::log10(x)));
  for (const double m : {1.0, 2.0, 5.0})
    if (m * power >= x * (1 - 1e-9)) return m * power;
  return 10 * power;
}

void linear_ticks(Axis& axis, int count) {
  const double step = round_step((axis.high - axis.low) / count);
  const double largest = std::max(std::abs(axis.low), std::abs(axis.high));
  int exponent = 0;
  if (largest >= 1e5 || largest < 1e-2) exponent = static_cast<int>(std::floor(std::log10(largest)));
  // A narrow range far from zero keeps its digits: a factor would not shorten them.
  if (exponent > 0 && step < largest * 1e-5) exponent = 0;
  const double unit = std::pow(10.0, exponent);
  const int decimals = std::clamp(static_cast<int>(-std::floor(std::log10(step / unit) + 1e-9)), 0, 15);
  if (exponent != 0) axis.factor = "×10" + superscript(exponent);
  const double first = std::ceil(axis.low / step - 1e-9), last = std::floor(axis.high / step + 1e-9);
  for (double k = first; k <= last && axis.ticks.size() < 100; ++k)
    axis.ticks.push_back({k * step, fixed(k * step / unit, decimals)});
}

void log_ticks(Axis& axis, int count) {
  const int first = static_cast<int>(std::floor(std::log10(axis.low) + 1e-9));
  const int last = static_cast<int>(std::ceil(std::log10(axis.high) - 1e-9));
  const int stride = std::max(1, (last - first + count - 1) / count);
  const bool few = std::log10(axis.high) - std::log10(axis.low) < 2.2;  // then 2 and 5 have labels too
  for (int e = first; e <= last; ++e)
    for (int m = 1; m <= 9; ++m) {
      const double value = m * std::pow(10.0, e);
      if (value < axis.low * (1 - 1e-9) || value > axis.high * (1 + 1e-9)) continue;
      std::string label;
      if (m == 1 ? e % stride == 0 : few && (m == 2 || m == 5)) {
        if (few && e >= -3 && e <= 3)
          label = fixed(value, std::max(0, -e));
        else
          label = (m == 1 ? std::string() : std::to_string(m) + "×") + "10" + superscript(e);
      }
      if (m == 1 || (stride == 1 && last - first <= 8)) axis.ticks.push_back({value, label});
    }
}

}  // namespace

double Axis::place(double value) const {
  return log ? (std::log(value) - std::log(low)) / (std::log(high) - std::log(low))
             : (value - low) / (high - low);
}

bool Axis::shows(double value) const {
  return std::isfinite(value) && !(log && value <= 0);
}

Axis make_axis(double low, double high, bool log, int count) {
  Axis axis;
  axis.log = log;
  if (!(low <= high)) low = high = log ? 1 : 0;  // nothing to show
  // Ranges that a double can hardly tell apart, or not hold, are widened or cut.
  if (log) {
    low = std::clamp(low, 1e-280, 1e280);
    high = std::clamp(high, 1e-280, 1e280);
    const double room =
        high > low * 1.0001 ? std::exp(0.04 * (std::log(high) - std::log(low))) : std::sqrt(10.0);
    axis.low = low / room;
    axis.high = high * room;
    log_ticks(axis, count);
    if (std::count_if(axis.ticks.begin(), axis.ticks.end(), [](const Tick& t) { return !t.label.empty(); }) >=
        2)
      return axis;
    axis.ticks.clear();  // less than a decade without a round number: ticks as on a linear axis
    linear_ticks(axis, count);
    return axis;
  }
  low = std::clamp(low, -1e300, 1e300);
  high = std::clamp(high, -1e300, 1e300);
  if (std::max(std::abs(low), std::abs(high)) < 1e-290) low = high = 0;
  const double smallest = std::max(std::abs(low), std::abs(high)) * 1e-12;
  const double room = high - low > smallest ? 0.04 * (high - low) : low != 0 ? 0.5 * std::abs(low) : 1;
  axis.low = low - room;
  axis.high = high + room;
  linear_ticks(axis, count);
  return axis;
}

std::string escape_xml(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (static_cast<unsigned char>(c) >= 32)
      out += c;
    else
      out += ' ';
  }
  return out;
}

double text_width(const std::string& text) {
  double width = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) == 0x80) continue;  // not the first byte of a UTF-8 character
    const bool narrow = c == 'i' || c == 'l' || c == 'j' || c == 't' || c == 'f' || c == '.' || c == ',' ||
                        c == ' ' || c == '1';
    const bool wide = c == 'm' || c == 'w' || (c >= 'A' && c <= 'Z');
    width += narrow ? (c == '1' ? 0.6 : 0.36) : wide ? 0.74 : 0.6;
  }
  return width;
}

}  // namespace cartan::data
