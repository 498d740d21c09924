#pragma once
/// Units of Cartan: eV, Angstrom, fs, amu, K, elementary charge. CODATA 2018.

namespace cartan::units {

inline constexpr double hartree = 27.211386245988;          ///< eV
inline constexpr double bohr = 0.529177210903;              ///< Angstrom
inline constexpr double kcal_per_mol = 0.0433641042418009;  ///< eV (thermochemical calorie)
inline constexpr double kj_per_mol = 0.010364269652680505;  ///< eV
inline constexpr double boltzmann = 8.617333262e-5;         ///< eV/K
inline constexpr double gigapascal = 0.006241509074460763;  ///< eV/Angstrom^3
inline constexpr double bar = 6.241509074460763e-7;         ///< eV/Angstrom^3
/// amu Angstrom^2 / fs^2 in eV: kinetic energy = 1/2 m v^2 * mass_velocity2.
inline constexpr double mass_velocity2 = 103.642696562;
/// e^2/(4 pi eps0) in eV Angstrom.
inline constexpr double coulomb = 14.3996454784255;

}  // namespace cartan::units
