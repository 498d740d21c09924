#include "data/extxyz_frame.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "cartan/core/error.hpp"
#include "data/extxyz_names.hpp"

namespace cartan::data {
namespace {

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

// A key with what it means, and the slip it may be. Keys repeat from frame to frame, hence the memory.
struct Meaning {
  Key key;
  std::string meant;
};
const Meaning& meaning_of(const std::string& key) {
  thread_local std::map<std::string, Meaning> known;
  if (known.size() > 4096) known.clear();
  const auto at = known.find(key);
  if (at != known.end()) return at->second;
  return known.emplace(key, Meaning{key_of(key), meant_key(key)}).first->second;
}

// Names of one letter, and what is no number, are labels by chance only.
bool could_be_label(const std::string& name, const HeaderValue& value) {
  if (name.size() > 2) return true;
  try {
    return header_numbers(name, value).size() == 1;
  } catch (const HeaderError&) {
    return false;
  }
}

struct Entry {
  const std::string* name;
  const HeaderValue* value;
};

// The entries of a frame by what they mean.
class Sorted {
 public:
  Sorted(const HeaderEntries& entries, const LabelKeys& keys) {
    for (const auto& [name, value] : entries) {
      const Key key = means(name, value, keys);
      if (key == Key::other || key == Key::forces)
        rest.push_back({&name, &value});
      else
        by_key_[key].push_back({&name, &value});
    }
  }
  const std::vector<Entry>& of(Key key) { return by_key_[key]; }
  std::vector<Entry> rest;

 private:
  static Key means(const std::string& name, const HeaderValue& value, const LabelKeys& keys) {
    if (!keys.energy.empty() && name == keys.energy) return Key::energy;
    if (!keys.stress.empty() && name == keys.stress) return Key::stress;
    if (!keys.virial.empty() && name == keys.virial) return Key::virial;
    if (name == keys.forces) return Key::other;
    const Meaning& m = meaning_of(name);
    if (!m.meant.empty())
      throw HeaderError("the key " + name + " is not known; " + m.meant +
                        " is meant? Correct it, or give it a name that is not so near");
    const bool label = m.key == Key::energy || m.key == Key::stress || m.key == Key::virial;
    return label && !could_be_label(name, value) ? Key::other : m.key;
  }
  std::map<Key, std::vector<Entry>> by_key_;
};

// Entries that a key of the options rules out are passed over, and said to be.
std::vector<Entry> chosen(const std::vector<Entry>& entries, bool restricted, const std::string& key,
                          Frame& frame) {
  if (!restricted) return entries;
  std::vector<Entry> out;
  for (const Entry& e : entries)
    if (*e.name == key)
      out.push_back(e);
    else
      frame.unused.push_back({*e.name, "the options take the label under another name", false});
  return out;
}

// The value on which all entries agree.
template <class Value, class Read, class Same>
std::optional<Value> agreed(const std::vector<Entry>& entries, const char* option, const Read& read,
                            const Same& same) {
  std::optional<Value> out;
  for (const Entry& e : entries) {
    const Value value = read(*e.name, *e.value);
    if (out && !same(*out, value))
      throw HeaderError(text(*entries[0].name, " (", entries[0].value->text, ") and ", *e.name, " (",
                             e.value->text, ") contradict each other", option));
    if (!out) out = value;
  }
  return out;
}

bool same_number(double a, double b) {
  return std::abs(a - b) <= 1e-6 + 1e-9 * std::abs(a);
}
double largest_of(const std::array<double, 9>& a) {
  double out = 0;
  for (const double x : a) out = std::max(out, std::abs(x));
  return out;
}
bool same_tensor(const std::array<double, 9>& a, const std::array<double, 9>& b, double least) {
  const double bound = least + 1e-3 * std::max(largest_of(a), largest_of(b));
  for (std::size_t k = 0; k < 9; ++k)
    if (!(std::abs(a[k] - b[k]) <= bound)) return false;
  return true;
}

std::array<double, 9> cell_of(const std::string& key, const HeaderValue& value) {
  const auto v = header_numbers(key, value);
  if (v.size() == 3) return {v[0], 0, 0, 0, v[1], 0, 0, 0, v[2]};
  if (v.size() != 9) throw HeaderError(text(key, ": expected 9 or 3 numbers, found ", v.size()));
  std::array<double, 9> cell{};
  std::copy(v.begin(), v.end(), cell.begin());
  return cell;
}

std::array<bool, 3> periodic_of(const std::string& key, const HeaderValue& value) {
  const auto v = header_bools(key, value);
  if (v.size() == 1) return {v[0], v[0], v[0]};
  if (v.size() != 3) throw HeaderError(text(key, ": expected 3 truth values, found ", v.size()));
  return {v[0], v[1], v[2]};
}

void read_cell(Sorted& entries, Frame& frame) {
  const auto equal = [](const auto& a, const auto& b) { return a == b; };
  if (const auto cell =
          agreed<std::array<double, 9>>(entries.of(Key::lattice), "; keep one of them", cell_of, equal)) {
    frame.cell = *cell;
    const bool any = largest_of(*cell) != 0;
    frame.pbc = {any, any, any};
  }
  if (const auto pbc =
          agreed<std::array<bool, 3>>(entries.of(Key::periodic), "; keep one of them", periodic_of, equal))
    frame.pbc = *pbc;
  for (std::size_t k = 0; k < 3; ++k)
    if (frame.pbc[k] && frame.cell[3 * k] == 0 && frame.cell[3 * k + 1] == 0 && frame.cell[3 * k + 2] == 0)
      throw HeaderError(text("pbc: periodic along lattice vector ", k, ", which is zero or not given"));
}

void read_energy(Sorted& entries, const LabelKeys& keys, Frame& frame) {
  constexpr const char* option = "; --energy-key (data.energy_key) says which is meant";
  const auto given = chosen(entries.of(Key::energy), !keys.energy.empty(), keys.energy, frame);
  frame.energy = agreed<double>(given, option, one_number, same_number);
  if (!keys.energy.empty()) {
    chosen(entries.of(Key::free_energy), true, keys.energy, frame);
    return;
  }
  // ASE writes both: the energy without smearing, and the free energy that belongs to the forces.
  const auto free_energy = agreed<double>(entries.of(Key::free_energy), option, one_number, same_number);
  if (!frame.energy) {
    frame.energy = free_energy;
    return;
  }
  for (const Entry& e : entries.of(Key::free_energy)) {
    frame.info[*e.name] = info_value(*e.value);
    if (!same_number(*frame.energy, *free_energy))
      frame.unused.push_back({*e.name, "a free energy beside the energy, which is taken", true});
  }
}

void read_stress(Sorted& entries, const LabelKeys& keys, Frame& frame) {
  constexpr const char* option = "; --stress-key or --virial-key says which is meant";
  const bool restricted = !keys.stress.empty() || !keys.virial.empty();
  const auto stresses = chosen(entries.of(Key::stress), restricted, keys.stress, frame);
  const auto virials = chosen(entries.of(Key::virial), restricted, keys.virial, frame);
  const auto equal = [](const auto& a, const auto& b) { return same_tensor(a, b, 1e-8); };
  frame.stress = agreed<std::array<double, 9>>(stresses, option, symmetric_tensor, equal);
  const auto virial = agreed<std::array<double, 9>>(virials, option, symmetric_tensor, equal);
  if (!virial) return;
  const double volume = frame.volume();
  if (!(volume > 0)) {
    for (const Entry& e : virials) {
      frame.info[*e.name] = info_value(*e.value);
      frame.unused.push_back({*e.name, "a virial; without a cell of some volume it is no stress", true});
    }
    return;
  }
  std::array<double, 9> from_virial = *virial;
  for (double& x : from_virial) x /= -volume;
  if (frame.stress && !same_tensor(*frame.stress, from_virial, 1e-7)) {
    std::size_t k = 0;
    for (std::size_t i = 0; i < 9; ++i)
      if (std::abs((*frame.stress)[i] - from_virial[i]) > std::abs((*frame.stress)[k] - from_virial[k]))
        k = i;
    static constexpr const char* names[] = {"xx", "xy", "xz", "yx", "yy", "yz", "zx", "zy", "zz"};
    throw HeaderError(text(*stresses[0].name, " and ", *virials[0].name,
                           " contradict each other: the stress ", names[k], " is ", (*frame.stress)[k],
                           " eV/A^3, -virial/volume ", from_virial[k], " (virial = -volume stress)", option));
  }
  if (!frame.stress) frame.stress = from_virial;
}

}  // namespace

void apply_entries(const HeaderEntries& list, const LabelKeys& keys, Frame& frame) {
  Sorted entries(list, keys);
  read_cell(entries, frame);
  read_energy(entries, keys, frame);
  read_stress(entries, keys, frame);
  if (const auto charge =
          agreed<double>(entries.of(Key::charge), "; keep one of them", one_number, same_number))
    frame.charge = *charge;
  for (const Entry& e : entries.rest) {
    frame.info[*e.name] = info_value(*e.value);
    if (e.value->kind != HeaderValue::flag && key_of(*e.name) == Key::forces)
      frame.unused.push_back({*e.name, "forces are read as a column of Properties, forces:R:3", true});
  }
}

}  // namespace cartan::data
