#include "potentials/lattice.hpp"

#include <algorithm>
#include <cmath>

#include <cartan/core/error.hpp>
#include <cartan/potentials/neighbor_list.hpp>

namespace cartan::potentials {
namespace {

Vec3 scaled(const Vec3& a, double s) {
  return {a[0] * s, a[1] * s, a[2] * s};
}

void add_to(Vec3& a, const Vec3& b, double s) {
  for (std::size_t c = 0; c < 3; ++c) a[c] += s * b[c];
}

Vec3 unit_orthogonal(const Vec3& a) {
  const auto smallest = static_cast<std::size_t>(
      std::min_element(a.begin(), a.end(), [](double x, double y) { return std::abs(x) < std::abs(y); }) -
      a.begin());
  Vec3 e{};
  e[smallest] = 1;
  const Vec3 n = cross(a, e);
  return scaled(n, 1 / std::sqrt(dot(n, n)));
}

/// Minkowski reduction in up to three dimensions: subtract from a vector the multiples of the others that
/// make it shorter until nothing helps (Semaev 2001).
void reduce(Lattice& lattice) {
  const auto n = static_cast<std::size_t>(lattice.periodic);
  auto& a = lattice.axes;
  auto& u = lattice.to_cell;
  const auto lengths_ok = [&] {
    return std::all_of(a.begin(), a.begin() + lattice.periodic,
                       [](const Vec3& v) { return dot(v, v) >= overlap_distance * overlap_distance; });
  };
  for (int pass = 0; pass < 10000 && lengths_ok(); ++pass) {
    bool changed = false;
    for (std::size_t k = 0; k < n; ++k) {
      for (std::size_t l = 0; l < n; ++l) {
        if (k == l) continue;
        const double m = std::round(dot(a[k], a[l]) / dot(a[l], a[l]));
        if (m == 0) continue;
        Vec3 shorter = a[k];
        add_to(shorter, a[l], -m);
        if (!(dot(shorter, shorter) < dot(a[k], a[k]) * (1 - 1e-12))) continue;
        a[k] = shorter;
        add_to(u[k], u[l], -m);
        changed = true;
        if (!lengths_ok()) return;
      }
    }
    if (n == 3 && !changed) {
      std::size_t k = 0;
      for (std::size_t l = 1; l < 3; ++l)
        if (dot(a[l], a[l]) > dot(a[k], a[k])) k = l;
      const std::size_t l = (k + 1) % 3, m = (k + 2) % 3;
      for (const double x : {-1.0, 1.0}) {
        for (const double y : {-1.0, 1.0}) {
          Vec3 shorter = a[k];
          add_to(shorter, a[l], x);
          add_to(shorter, a[m], y);
          if (!(dot(shorter, shorter) < dot(a[k], a[k]) * (1 - 1e-12))) continue;
          a[k] = shorter;
          add_to(u[k], u[l], x);
          add_to(u[k], u[m], y);
          changed = true;
        }
      }
    }
    if (!changed) return;
  }
}

}  // namespace

Lattice reduced_lattice(const System& frame, const char* op) {
  Lattice lattice;
  for (std::size_t k = 0; k < 3; ++k) {
    if (!frame.pbc[k]) continue;
    const auto n = static_cast<std::size_t>(lattice.periodic++);
    for (std::size_t c = 0; c < 3; ++c) {
      lattice.axes[n][c] = frame.cell[3 * k + c];
      require(std::isfinite(frame.cell[3 * k + c]), "[", op, "] lattice vector ", k, " is not finite (",
              frame.cell[3 * k + c], "); check the cell");
    }
    lattice.to_cell[n][k] = 1;
  }
  reduce(lattice);
  for (int n = 0; n < lattice.periodic; ++n) {
    const Vec3& a = lattice.axes[static_cast<std::size_t>(n)];
    const double length = std::sqrt(dot(a, a));
    require(length >= overlap_distance, "[", op, "] the cell has no volume: ", lattice.periodic,
            " periodic directions, but whole-number combinations of their lattice vectors have length ",
            length, " Angstrom; give independent lattice vectors or switch pbc off");
    // Beyond this the whole-number combinations are not exact in float64.
    for (const double m : lattice.to_cell[static_cast<std::size_t>(n)])
      require(std::abs(m) < 1e9, "[", op,
              "] the cell is sheared by more than 1e9 lattice vectors; reduce it");
  }
  auto& a = lattice.axes;
  if (lattice.periodic == 0) a = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  if (lattice.periodic == 1) a[1] = unit_orthogonal(a[0]);
  if (lattice.periodic == 1 || lattice.periodic == 2) {
    const Vec3 normal = cross(a[0], a[1]);
    a[2] = scaled(normal, 1 / std::sqrt(dot(normal, normal)));
  }
  const double det = dot(a[0], cross(a[1], a[2]));
  for (std::size_t k = 0; k < 3; ++k) {
    lattice.reciprocal[k] = scaled(cross(a[(k + 1) % 3], a[(k + 2) % 3]), 1 / det);
    lattice.spacing[k] = 1 / std::sqrt(dot(lattice.reciprocal[k], lattice.reciprocal[k]));
  }
  return lattice;
}

}  // namespace cartan::potentials
