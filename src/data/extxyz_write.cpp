#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/core/units.hpp"
#include "cartan/data/readers.hpp"
#include "data/atomic_file.hpp"
#include "data/extxyz.hpp"
#include "data/extxyz_names.hpp"

namespace cartan::data {
namespace {

// One column of the atom lines.
struct Output {
  std::string name;
  char type = 'R';
  Index width = 3;
  const double* reals = nullptr;
  const Array* array = nullptr;
  const std::vector<std::string>* texts = nullptr;
};

template <std::size_t N>
void check_size(const char (&what)[N], std::size_t found, std::size_t expected, Index frame) {
  require(found == expected, "[write_extxyz] frame ", frame, ": ", what, " has ", found, " values, expected ",
          expected);
}

void check_finite(const char* what, const double* x, std::size_t n, Index frame) {
  for (std::size_t i = 0; i < n; ++i)
    require(std::isfinite(x[i]), "[write_extxyz] frame ", frame, ": ", what, " ", i, " is ", x[i],
            ", not finite");
}

// Names that the writer uses itself, or that would come back as something else.
void check_name(const std::string& name, Index frame) {
  bool good = !name.empty() && name.find_first_of(": \t\r\n\"'=\\") == std::string::npos;
  for (const char* reserved : {"species", "z", "pos", "forces", "momenta"})
    good = good && lower(name) != reserved;
  require(good, "[write_extxyz] frame ", frame, ": a column cannot be called '", name, "'; rename it");
}

// The momenta that ASE reads, amu Angstrom / (Angstrom sqrt(amu/eV)), which give the same velocities again to
// a unit in the last place.
std::vector<double> momenta_of(const Frame& frame) {
  const double factor = std::sqrt(units::mass_velocity2);
  const auto masses = frame.arrays.find("masses");
  const bool own = masses != frame.arrays.end() && masses->second.size() == frame.size();
  const std::vector<double> given =
      own ? masses->second.as(DType::f64).to_vector<double>() : std::vector<double>();
  std::vector<double> out(frame.velocities);
  for (std::size_t k = 0; k < out.size() && k / 3 < frame.numbers.size(); ++k)
    out[k] *= (own ? given[k / 3] : element_mass(frame.numbers[k / 3])) * factor;
  return out;
}

std::vector<Output> columns_of(const Frame& frame, const std::vector<double>& momenta, Index index) {
  const std::size_t n = frame.numbers.size();
  std::vector<Output> columns;
  const auto vectors = [&](const char* name, const std::vector<double>& values) {
    require(values.size() == 3 * n, "[write_extxyz] frame ", index, ": ", name, " has ", values.size(),
            " values, expected ", 3 * n);
    check_finite(name, values.data(), values.size(), index);
    Output column;
    column.name = name;
    column.reals = values.data();
    columns.push_back(column);
  };
  vectors("pos", frame.positions);
  if (!frame.velocities.empty()) vectors("momenta", momenta);
  if (!frame.forces.empty()) vectors("forces", frame.forces);
  for (const auto& [name, array] : frame.arrays) {
    check_name(name, index);
    require(array.ndim() >= 1 && array.dim(0) == static_cast<Index>(n) && !array.empty() &&
                !is_complex(array.dtype()),
            "[write_extxyz] frame ", index, ": column ", name, " of shape ", to_string(array.shape()),
            " and type ", array.dtype(), " does not hold real values of ", n, " atoms");
    Output column;
    column.name = name;
    column.type = is_real(array.dtype()) ? 'R' : array.dtype() == DType::u8 ? 'L' : 'I';
    column.width = array.size() / static_cast<Index>(n);
    column.array = &array;
    columns.push_back(column);
  }
  for (const auto& [name, texts] : frame.labels) {
    check_name(name, index);
    check_size("a column of texts", texts.size(), n, index);
    Output column;
    column.name = name;
    column.type = 'S';
    column.width = 1;
    column.texts = &texts;
    columns.push_back(column);
  }
  return columns;
}

void append_value(std::string& out, const Array& a, Index i) {
  switch (a.dtype()) {
    case DType::f32:
      return append_real(out, static_cast<double>(a.data<float>()[i]), false);
    case DType::f64:
      return append_real(out, a.data<double>()[i], false);
    case DType::i32:
      out += std::to_string(a.data<std::int32_t>()[i]);
      return;
    case DType::i64:
      out += std::to_string(a.data<std::int64_t>()[i]);
      return;
    default:
      out += a.data<std::uint8_t>()[i] ? 'T' : 'F';
  }
}

void append_atom(std::string& out, const Frame& frame, const std::vector<Output>& columns, Index atom) {
  out += element_symbol(frame.numbers[static_cast<std::size_t>(atom)]);
  for (const Output& c : columns) {
    for (Index k = atom * c.width; k < (atom + 1) * c.width; ++k) {
      out += ' ';
      if (c.reals)
        append_real(out, c.reals[k], false);
      else if (c.array)
        append_value(out, *c.array, k);
      else {
        const std::string& word = (*c.texts)[static_cast<std::size_t>(k)];
        const bool bare = !word.empty() && word.find_first_of(" \t\n\r\"\\") == std::string::npos;
        out += bare ? word : quote(word);
      }
    }
  }
  out += '\n';
}

void append_tensor(std::string& out, const char* key, const std::array<double, 9>& t) {
  out += key;
  for (std::size_t k = 0; k < 9; ++k) {
    out += k ? ' ' : '"';
    append_real(out, t[k], true);
  }
  out += "\" ";
}

}  // namespace

void format_extxyz(std::string& out, const Frame& frame, Index index) {
  const std::vector<double> momenta = momenta_of(frame);
  const auto columns = columns_of(frame, momenta, index);
  require(!frame.numbers.empty(), "[write_extxyz] frame ", index, " has no atoms");
  check_finite("lattice component", frame.cell.data(), 9, index);
  check_finite("charge", &frame.charge, 1, index);
  if (frame.energy) check_finite("energy", &*frame.energy, 1, index);
  if (frame.stress) check_finite("stress component", frame.stress->data(), 9, index);

  out += std::to_string(frame.size());
  out += '\n';
  bool cell = false;
  for (const double x : frame.cell) cell = cell || x != 0;
  if (cell) append_tensor(out, "Lattice=", frame.cell);
  out += "Properties=species:S:1";
  for (const Output& c : columns) out += ":" + c.name + ":" + c.type + ":" + std::to_string(c.width);
  if (frame.energy) {
    out += " energy=";
    append_real(out, *frame.energy, true);
  }
  out += ' ';
  if (frame.stress) append_tensor(out, "stress=", *frame.stress);
  if (frame.charge != 0) {
    out += "charge=";
    append_real(out, frame.charge, true);
    out += ' ';
  }
  for (const auto& [key, value] : frame.info) {
    const Key meaning = key_of(key);
    bool free = meaning != Key::lattice && meaning != Key::properties && meaning != Key::periodic &&
                lower(key) != "charge";
    if (frame.energy) free = free && lower(key) != "energy";
    if (frame.stress) free = free && lower(key) != "stress";
    require(free, "[write_extxyz] frame ", index, ": an info key cannot be called '", key, "'; rename it");
    out += format_entry(key, value);
    out += ' ';
  }
  out += "pbc=\"";
  for (std::size_t k = 0; k < 3; ++k) {
    if (k) out += ' ';
    out += frame.pbc[k] ? 'T' : 'F';
  }
  out += "\"\n";
  for (Index atom = 0; atom < frame.size(); ++atom) append_atom(out, frame, columns, atom);
}

void write_extxyz(const std::string& path, const std::vector<Frame>& frames) {
  AtomicFile file(path);
  std::string buffer;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    format_extxyz(buffer, frames[i], frames[i].index >= 0 ? frames[i].index : static_cast<Index>(i));
    if (buffer.size() < (1 << 20) && i + 1 < frames.size()) continue;
    file.write(buffer.data(), buffer.size());
    buffer.clear();
  }
  file.commit();
}

}  // namespace cartan::data
