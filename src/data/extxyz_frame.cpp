#include "data/extxyz_frame.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "data/extxyz.hpp"

namespace cartan::data {
namespace {

// The entries, with those already used marked.
class Entries {
 public:
  explicit Entries(const HeaderEntries& entries) : entries_(entries), used_(entries.size()) {}

  const HeaderValue* take(const char* key) {
    for (std::size_t i = 0; i < entries_.size(); ++i)
      if (entries_[i].first == key) {
        used_[i] = true;
        return &entries_[i].second;
      }
    return nullptr;
  }
  // The first of several names that is there.
  template <std::size_t N>
  const HeaderValue* take(const char* const (&keys)[N], std::string& found) {
    for (const char* key : keys)
      if (const HeaderValue* value = take(key)) {
        found = key;
        return value;
      }
    return nullptr;
  }
  template <class F>
  void for_rest(F&& f) const {
    for (std::size_t i = 0; i < entries_.size(); ++i)
      if (!used_[i]) f(entries_[i].first, entries_[i].second);
  }

 private:
  const HeaderEntries& entries_;
  std::vector<bool> used_;
};

double one_number(const std::string& key, const HeaderValue& value) {
  const auto numbers = header_numbers(key, value);
  if (numbers.size() != 1) throw HeaderError(text(key, ": expected one number, found ", numbers.size()));
  return numbers[0];
}

// Nine numbers, or six in Voigt's order xx yy zz yz xz xy.
std::array<double, 9> symmetric_tensor(const std::string& key, const HeaderValue& value) {
  const auto v = header_numbers(key, value);
  if (v.size() == 6) return {v[0], v[5], v[4], v[5], v[1], v[3], v[4], v[3], v[2]};
  if (v.size() != 9) throw HeaderError(text(key, ": expected 9 or 6 numbers, found ", v.size()));
  double largest = 0;
  for (const double x : v) largest = std::max(largest, std::abs(x));
  std::array<double, 9> t{};
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) {
      const double a = v[3 * i + j], b = v[3 * j + i];
      if (std::abs(a - b) > 1e-3 * largest)
        throw HeaderError(
            text(key, ": expected a symmetric tensor, found ", a, " and ", b, " across the diagonal"));
      t[3 * i + j] = a == b ? a : 0.5 * (a + b);
    }
  return t;
}

void read_cell(Entries& entries, Frame& frame) {
  if (const HeaderValue* lattice = entries.take("Lattice")) {
    const auto v = header_numbers("Lattice", *lattice);
    if (v.size() == 3)
      frame.cell = {v[0], 0, 0, 0, v[1], 0, 0, 0, v[2]};
    else if (v.size() == 9)
      std::copy(v.begin(), v.end(), frame.cell.begin());
    else
      throw HeaderError(text("Lattice: expected 9 or 3 numbers, found ", v.size()));
    const bool any = std::any_of(v.begin(), v.end(), [](double x) { return x != 0; });
    frame.pbc = {any, any, any};
  }
  if (const HeaderValue* pbc = entries.take("pbc")) {
    const auto v = header_bools("pbc", *pbc);
    if (v.size() != 1 && v.size() != 3)
      throw HeaderError(text("pbc: expected 3 truth values, found ", v.size()));
    for (std::size_t k = 0; k < 3; ++k) frame.pbc[k] = v.size() == 1 ? v[0] : v[k];
  }
  for (std::size_t k = 0; k < 3; ++k)
    if (frame.pbc[k] && frame.cell[3 * k] == 0 && frame.cell[3 * k + 1] == 0 && frame.cell[3 * k + 2] == 0)
      throw HeaderError(text("pbc: periodic along lattice vector ", k, ", which is zero or not given"));
}

}  // namespace

void apply_entries(const HeaderEntries& list, Frame& frame) {
  Entries entries(list);
  std::string name;
  entries.take("Properties");
  read_cell(entries, frame);
  if (const HeaderValue* energy = entries.take(energy_names, name)) frame.energy = one_number(name, *energy);
  if (const HeaderValue* charge = entries.take(charge_names, name)) frame.charge = one_number(name, *charge);
  if (const HeaderValue* stress = entries.take(stress_names, name)) {
    frame.stress = symmetric_tensor(name, *stress);
  } else if (const double volume = frame.volume(); volume > 0) {
    if (const HeaderValue* virial = entries.take(virial_names, name)) {
      frame.stress = symmetric_tensor(name, *virial);
      for (double& x : *frame.stress) x /= -volume;
    }
  }
  entries.for_rest(
      [&](const std::string& key, const HeaderValue& value) { frame.info[key] = info_value(value); });
}

}  // namespace cartan::data
