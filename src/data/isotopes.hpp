#pragma once
// Isotopes by the symbols that files give them.

#include <string_view>

namespace cartan::data {

/// "D", "T", "2H", "13C", "C-13", "H(2)", in any case of letters: atomic number and mass in amu. An isotope
/// that exists by its form but is not in the table has mass 0. False for anything else ("C13" is the
/// thirteenth carbon).
bool isotope(std::string_view word, int& number, double& mass);

}  // namespace cartan::data
