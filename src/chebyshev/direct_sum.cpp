// The plain sums, and what is asked of charges before any sum.
#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "autodiff/refuse_tracked.hpp"
#include "cartan/chebyshev/electrostatics.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/units.hpp"
#include "chebyshev/cell_list.hpp"
#include "chebyshev/field.hpp"
#include "chebyshev/series.hpp"

namespace cartan::chebyshev {

void check_points(const char* caller, const Array& points) {
  refuse_tracked(caller, points);
  require(points.ndim() == 2 && points.dim(1) == 3 && points.dtype() == DType::f64, "[", caller,
          "] points of shape ", points.shape(), " in ", points.dtype(), "; expected (N, 3) in float64");
  const double* x = points.data<double>();
  for (Index i = 0; i < points.size(); ++i)
    require(std::isfinite(x[i]), "[", caller, "] coordinate ", i % 3, " of point ", i / 3, " is ", x[i],
            "; expected a finite number");
}

void check_charges(const char* caller, const Array& positions, const Array& charges, const Box* box) {
  check_points(caller, positions);
  refuse_tracked(caller, charges);
  const Index n = positions.dim(0);
  require(charges.ndim() == 1 && charges.dim(0) == n && charges.dtype() == DType::f64, "[", caller,
          "] charges of shape ", charges.shape(), " in ", charges.dtype(), " at ", n,
          " positions; expected as many, in float64");
  require(n > 0, "[", caller, "] there are no charges");
  constexpr double largest = 1e100;  // products of charges and their sums must not overflow
  for (Index i = 0; i < n; ++i) {
    require(std::abs(charges.data<double>()[i]) <= largest, "[", caller, "] charge ", i, " is ",
            charges.data<double>()[i], "; expected a finite number of at most ", largest, " in size");
    const double* p = positions.data<double>() + 3 * i;
    require(!box || box->contains(p), "[", caller, "] charge ", i, " at (", p[0], ", ", p[1], ", ", p[2],
            ") lies outside of the box (", box ? box->low[0] : 0, ", ", box ? box->low[1] : 0, ", ",
            box ? box->low[2] : 0, ") .. (", box ? box->high[0] : 0, ", ", box ? box->high[1] : 0, ", ",
            box ? box->high[2] : 0, "); choose a box that holds all charges");
  }
}

// Flops of the long-range part for a charge and (box/cutoff)^3, over those of the short-range part: measured.
constexpr double work_ratio = 6;

std::array<Index, 2> coincident(const Array& positions) {
  constexpr double closest = 1e-6;
  check_points("coincident", positions);
  const double* x = positions.data<double>();
  const CellList cells(x, positions.dim(0), closest);
  for (Index i = 0; i < positions.dim(0); ++i) {
    const double* p = x + 3 * i;
    Index other = -1;
    cells.near(p, [&](Index begin, Index end) {
      for (Index s = begin; s < end; ++s) {
        const double dx = cells.coordinate(0)[s] - p[0], dy = cells.coordinate(1)[s] - p[1],
                     dz = cells.coordinate(2)[s] - p[2];
        const Index j = cells.original(s);
        if (j > i && dx * dx + dy * dy + dz * dz < closest * closest && (other < 0 || j < other)) other = j;
      }
    });
    if (other >= 0) return {i, other};
  }
  return {-1, -1};
}

Box bounding_box(const Array& positions, double margin) {
  check_points("bounding_box", positions);
  require(positions.dim(0) > 0, "[bounding_box] there are no positions");
  require(margin >= 0 && std::isfinite(margin), "[bounding_box] margin ", margin, "; expected 0 or more");
  Box box{std::vector<double>(3, INFINITY), std::vector<double>(3, -INFINITY)};
  for (Index i = 0; i < positions.size(); ++i) {
    const double x = positions.data<double>()[i];
    box.low[i % 3] = std::min(box.low[i % 3], x - margin);
    box.high[i % 3] = std::max(box.high[i % 3], x + margin);
  }
  box.check("bounding_box");
  return box;
}

double balanced_cutoff(const Array& positions, const Box& box) {
  box.check("balanced_cutoff");
  check_points("balanced_cutoff", positions);
  require(box.dim() == 3, "[balanced_cutoff] a box of ", box.dim(), " variables; expected 3");
  const Index n = std::max<Index>(positions.dim(0), 1);
  // Flat and thin boxes count as a little thick, else they would seem infinitely dense.
  double longest = 0, volume = 1, diagonal = 0, sides[3];
  for (int k = 0; k < 3; ++k) longest = std::max(longest, 2 * box.half_width(k));
  for (int k = 0; k < 3; ++k) {
    sides[k] = std::max(2 * box.half_width(k), 0.1 * longest);
    volume *= sides[k];
    diagonal += 4 * box.half_width(k) * box.half_width(k);
  }
  // The part of the volume that is occupied: cells that would hold 4 charges each if these were even.
  const double edge = std::cbrt(4 * volume / static_cast<double>(n));
  std::unordered_set<std::int64_t> occupied;
  for (Index i = 0; i < positions.dim(0); ++i) {
    std::int64_t cell = 0;
    for (int k = 0; k < 3; ++k)
      cell = (cell << 21) +
             std::clamp<std::int64_t>(
                 static_cast<std::int64_t>((positions.data<double>()[3 * i + k] - box.low[k]) / edge), 0,
                 (1 << 21) - 1);
    occupied.insert(cell);
  }
  const double filled = std::min(volume, edge * edge * edge * static_cast<double>(occupied.size()));
  return std::min(std::pow(work_ratio * volume * filled / static_cast<double>(n), 1.0 / 6),
                  std::sqrt(diagonal));
}

namespace {

constexpr Index strip = 256;

// Sums for one point: potential and gradient, without the Coulomb constant.
struct Sums {
  double value = 0, gradient[3] = {};
};

template <bool with_gradient>
Sums sum_at(const RadialKernel& kernel, const std::array<std::vector<double>, 3>& x, const double* charges,
            Index n, const double* p) {
  using Strip = Eigen::Array<double, Eigen::Dynamic, 1, 0, strip, 1>;
  using View = Eigen::Map<const Eigen::ArrayXd>;
  Sums total;
  for (Index first = 0; first < n; first += strip) {
    const Index count = std::min(strip, n - first);
    const Strip dx = p[0] - View(x[0].data() + first, count), dy = p[1] - View(x[1].data() + first, count),
                dz = p[2] - View(x[2].data() + first, count);
    const Strip square = dx * dx + dy * dy + dz * dz;
    const Strip inverse = (square > 0).select(square.sqrt().inverse(), 0.0);  // itself is left out
    const View q(charges + first, count);
    Strip k;
    switch (kernel.kind) {
      case Kernel::newton:
        k = q * inverse;
        break;
      case Kernel::yukawa:
        k = q * (-kernel.screening * square * inverse).exp() * inverse;
        break;
      case Kernel::slater:
        k = (square > 0).select(q * (-kernel.screening * square * inverse).exp(), 0.0);
        break;
    }
    total.value += k.sum();
    if constexpr (with_gradient) {
      Strip slope;  // of the kernel by r, over r
      switch (kernel.kind) {
        case Kernel::newton:
          slope = -k * inverse * inverse;
          break;
        case Kernel::yukawa:
          slope = -k * (kernel.screening + inverse) * inverse;
          break;
        case Kernel::slater:
          slope = -kernel.screening * k * inverse;
          break;
      }
      total.gradient[0] += (slope * dx).sum();
      total.gradient[1] += (slope * dy).sum();
      total.gradient[2] += (slope * dz).sum();
    }
  }
  return total;
}

}  // namespace

Jet direct_sum(const RadialKernel& kernel, const Array& positions, const Array& charges, const Array& points,
               int order) {
  kernel.check("direct_sum");
  check_charges("direct_sum", positions, charges);
  check_points("direct_sum", points);
  require(order == 0 || order == 1, "[direct_sum] derivatives of order ", order, "; expected 0 or 1");
  const Index n = charges.size(), count = points.dim(0);
  std::array<std::vector<double>, 3> x;
  for (Index i = 0; i < 3 * n; ++i) x[i % 3].push_back(positions.data<double>()[i]);
  Jet jet;
  jet.value = Array::uninitialized({count}, DType::f64);
  double *value = jet.value.mutable_data<double>(), *gradient = nullptr;
  if (order == 1) {
    jet.gradient = Array::uninitialized({count, 3}, DType::f64);
    gradient = jet.gradient.mutable_data<double>();
  }
  const double *p = points.data<double>(), *q = charges.data<double>();
  parallel_for(count, 8, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Sums s =
          gradient ? sum_at<true>(kernel, x, q, n, p + 3 * i) : sum_at<false>(kernel, x, q, n, p + 3 * i);
      value[i] = units::coulomb * s.value;
      if (gradient)
        for (int k = 0; k < 3; ++k) gradient[3 * i + k] = units::coulomb * s.gradient[k];
    }
  });
  return jet;
}

ElectrostaticEnergy direct_energy(const RadialKernel& kernel, const Array& positions, const Array& charges) {
  ElectrostaticEnergy e;
  const Jet jet = direct_sum(kernel, positions, charges, positions, 1);
  e.potential = jet.value;
  e.forces = jet.gradient;
  double* f = e.forces.mutable_data<double>();
  const double *q = charges.data<double>(), *v = e.potential.data<double>();
  std::vector<double> share;
  for (Index i = 0; i < charges.size(); ++i) {
    share.push_back(0.5 * q[i] * v[i]);
    for (int k = 0; k < 3; ++k) f[3 * i + k] *= -q[i];
  }
  e.energy = e.short_range = deterministic_sum(share.data(), charges.size());
  return e;
}

}  // namespace cartan::chebyshev
