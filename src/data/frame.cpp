#include "cartan/data/frame.hpp"

#include <cmath>

#include "cartan/core/error.hpp"

namespace cartan::data {
namespace {

struct Element {
  const char* symbol;
  double mass;
};

// IUPAC 2021 standard atomic weights, abridged to five digits; for elements without one, the mass number of
// the isotope that the IUPAC table of 2022 lists.
constexpr Element elements[] = {
    {"H", 1.008},   {"He", 4.0026}, {"Li", 6.94},   {"Be", 9.0122}, {"B", 10.81},   {"C", 12.011},
    {"N", 14.007},  {"O", 15.999},  {"F", 18.998},  {"Ne", 20.180}, {"Na", 22.990}, {"Mg", 24.305},
    {"Al", 26.982}, {"Si", 28.085}, {"P", 30.974},  {"S", 32.06},   {"Cl", 35.45},  {"Ar", 39.95},
    {"K", 39.098},  {"Ca", 40.078}, {"Sc", 44.956}, {"Ti", 47.867}, {"V", 50.942},  {"Cr", 51.996},
    {"Mn", 54.938}, {"Fe", 55.845}, {"Co", 58.933}, {"Ni", 58.693}, {"Cu", 63.546}, {"Zn", 65.38},
    {"Ga", 69.723}, {"Ge", 72.630}, {"As", 74.922}, {"Se", 78.971}, {"Br", 79.904}, {"Kr", 83.798},
    {"Rb", 85.468}, {"Sr", 87.62},  {"Y", 88.906},  {"Zr", 91.224}, {"Nb", 92.906}, {"Mo", 95.95},
    {"Tc", 97},     {"Ru", 101.07}, {"Rh", 102.91}, {"Pd", 106.42}, {"Ag", 107.87}, {"Cd", 112.41},
    {"In", 114.82}, {"Sn", 118.71}, {"Sb", 121.76}, {"Te", 127.60}, {"I", 126.90},  {"Xe", 131.29},
    {"Cs", 132.91}, {"Ba", 137.33}, {"La", 138.91}, {"Ce", 140.12}, {"Pr", 140.91}, {"Nd", 144.24},
    {"Pm", 145},    {"Sm", 150.36}, {"Eu", 151.96}, {"Gd", 157.25}, {"Tb", 158.93}, {"Dy", 162.50},
    {"Ho", 164.93}, {"Er", 167.26}, {"Tm", 168.93}, {"Yb", 173.05}, {"Lu", 174.97}, {"Hf", 178.49},
    {"Ta", 180.95}, {"W", 183.84},  {"Re", 186.21}, {"Os", 190.23}, {"Ir", 192.22}, {"Pt", 195.08},
    {"Au", 196.97}, {"Hg", 200.59}, {"Tl", 204.38}, {"Pb", 207.2},  {"Bi", 208.98}, {"Po", 209},
    {"At", 210},    {"Rn", 222},    {"Fr", 223},    {"Ra", 226},    {"Ac", 227},    {"Th", 232.04},
    {"Pa", 231.04}, {"U", 238.03},  {"Np", 237},    {"Pu", 244},    {"Am", 243},    {"Cm", 247},
    {"Bk", 247},    {"Cf", 251},    {"Es", 252},    {"Fm", 257},    {"Md", 258},    {"No", 259},
    {"Lr", 262},    {"Rf", 267},    {"Db", 268},    {"Sg", 269},    {"Bh", 270},    {"Hs", 269},
    {"Mt", 277},    {"Ds", 281},    {"Rg", 282},    {"Cn", 285},    {"Nh", 286},    {"Fl", 290},
    {"Mc", 290},    {"Lv", 293},    {"Ts", 294},    {"Og", 294}};
constexpr int element_count = static_cast<int>(std::size(elements));
static_assert(element_count == 118);

// A symbol as an index: capital letter, then nothing or a small letter; -1 for anything else.
constexpr int symbol_code(const char* s, std::size_t n) {
  if (n < 1 || n > 2 || s[0] < 'A' || s[0] > 'Z') return -1;
  if (n == 1) return (s[0] - 'A') * 27;
  if (s[1] < 'a' || s[1] > 'z') return -1;
  return (s[0] - 'A') * 27 + (s[1] - 'a' + 1);
}

constexpr std::array<std::uint8_t, 26 * 27> make_numbers() {
  std::array<std::uint8_t, 26 * 27> numbers{};
  for (int z = 1; z <= element_count; ++z) {
    const char* s = elements[z - 1].symbol;
    numbers[static_cast<std::size_t>(symbol_code(s, s[1] ? 2 : 1))] = static_cast<std::uint8_t>(z);
  }
  return numbers;
}
constexpr auto numbers_by_code = make_numbers();

void check_number(const char* op, int number) {
  require(number >= 1 && number <= element_count, "[", op, "] there is no element of atomic number ", number,
          "; they go from 1 to ", element_count);
}

}  // namespace

double Frame::volume() const {
  const auto& a = cell;
  return std::abs(a[0] * (a[4] * a[8] - a[5] * a[7]) - a[1] * (a[3] * a[8] - a[5] * a[6]) +
                  a[2] * (a[3] * a[7] - a[4] * a[6]));
}

const std::string& element_symbol(int number) {
  static const auto symbols = [] {
    std::array<std::string, element_count> s;
    for (std::size_t i = 0; i < s.size(); ++i) s[i] = elements[i].symbol;
    return s;
  }();
  check_number("element_symbol", number);
  return symbols[static_cast<std::size_t>(number - 1)];
}

int element_number(const std::string& symbol) {
  const int code = symbol_code(symbol.data(), symbol.size());
  return code < 0 ? 0 : numbers_by_code[static_cast<std::size_t>(code)];
}

double element_mass(int number) {
  check_number("element_mass", number);
  return elements[number - 1].mass;
}

}  // namespace cartan::data
