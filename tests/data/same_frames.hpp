#pragma once
// Frames that must be equal.

#include <gtest/gtest.h>

#include <cstring>

#include "cartan/data/frame.hpp"

namespace cartan::testing {

using data::Frame;
using data::InfoValue;

inline bool same(const InfoValue& a, const InfoValue& b) {
  if (a.index() != b.index()) return false;
  if (const auto* x = std::get_if<Array>(&a)) return identical(*x, std::get<Array>(b));
  if (const auto* x = std::get_if<double>(&a)) return std::memcmp(x, &std::get<double>(b), sizeof *x) == 0;
  if (const auto* x = std::get_if<std::int64_t>(&a)) return *x == std::get<std::int64_t>(b);
  if (const auto* x = std::get_if<bool>(&a)) return *x == std::get<bool>(b);
  return std::get<std::string>(a) == std::get<std::string>(b);
}

/// Every field, infos and arrays bit by bit.
inline void expect_same(const Frame& a, const Frame& b) {
  EXPECT_EQ(a.numbers, b.numbers);
  EXPECT_EQ(a.positions, b.positions);
  EXPECT_EQ(a.cell, b.cell);
  EXPECT_EQ(a.pbc, b.pbc);
  EXPECT_EQ(a.charge, b.charge);
  EXPECT_EQ(a.energy, b.energy);
  EXPECT_EQ(a.forces, b.forces);
  EXPECT_EQ(a.stress, b.stress);
  EXPECT_EQ(a.velocities, b.velocities);
  EXPECT_EQ(a.labels, b.labels);
  ASSERT_EQ(a.info.size(), b.info.size());
  for (const auto& [name, value] : a.info)
    EXPECT_TRUE(b.info.count(name) && same(value, b.info.at(name))) << "info " << name;
  ASSERT_EQ(a.arrays.size(), b.arrays.size());
  for (const auto& [name, value] : a.arrays)
    EXPECT_TRUE(b.arrays.count(name) && identical(value, b.arrays.at(name))) << "array " << name;
}

}  // namespace cartan::testing
