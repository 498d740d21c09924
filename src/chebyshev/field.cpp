#include "chebyshev/field.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/chebyshev/electrostatics.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/random.hpp"
#include "cartan/core/units.hpp"
#include "chebyshev/cell_list.hpp"
#include "chebyshev/series.hpp"

namespace cartan::chebyshev {

struct ElectrostaticField::State {
  RangeSeparation plan;
  Array positions, charges;
  ChebyshevTucker long_range;
  CellList cells;
  std::vector<double> sorted_charges;

  /// Adds the short-range potential and gradient at points. `skip_self`: point i is charge i.
  void add_short_range(const double* points, Index n, double* value, double* gradient, bool skip_self) const;
};

ElectrostaticField::ElectrostaticField(RangeSeparation plan, const Array& positions, const Array& charges) {
  check_charges("ElectrostaticField", positions, charges, &plan.box());
  const auto same = coincident(positions);
  if (same[0] >= 0) {
    const double* p = positions.data<double>() + 3 * same[0];
    require(false, "[ElectrostaticField] charges ", same[0], " and ", same[1], " are at the same place (",
            p[0], ", ", p[1], ", ", p[2], "): their energy is infinite; merge them or leave one out");
  }
  CellList cells(positions.data<double>(), charges.size(), plan.cutoff());
  std::vector<double> sorted;
  for (Index i = 0; i < charges.size(); ++i) sorted.push_back(charges.data<double>()[cells.original(i)]);
  ChebyshevTucker smooth = plan.potential(plan.moments(positions, charges));
  state_ = std::make_shared<const State>(
      State{std::move(plan), positions, charges, std::move(smooth), std::move(cells), std::move(sorted)});
}

void ElectrostaticField::State::add_short_range(const double* points, Index n, double* value,
                                                double* gradient, bool skip_self) const {
  const double reach = plan.cutoff() * plan.cutoff();
  parallel_for(n, 16, [&](Index begin, Index end) {
    std::vector<double> square, charge, kernel, slope;
    std::array<std::vector<double>, 3> difference;
    for (Index i = begin; i < end; ++i) {
      const double* p = points + 3 * i;
      square.clear(), charge.clear();
      for (auto& d : difference) d.clear();
      bool infinite = false;
      double at_point = 0;
      cells.near(p, [&](Index first, Index last) {
        const double *x = cells.coordinate(0), *y = cells.coordinate(1), *z = cells.coordinate(2);
        for (Index s = first; s < last; ++s) {
          const double dx = p[0] - x[s], dy = p[1] - y[s], dz = p[2] - z[s], r2 = dx * dx + dy * dy + dz * dz;
          if (r2 >= reach) continue;
          if (r2 == 0) {
            if (!skip_self) infinite = true, at_point = sorted_charges[at(s)];
            continue;
          }
          square.push_back(r2);
          charge.push_back(sorted_charges[at(s)]);
          difference[0].push_back(dx), difference[1].push_back(dy), difference[2].push_back(dz);
        }
      });
      const Index found = static_cast<Index>(square.size());
      kernel.resize(square.size()), slope.resize(square.size());
      plan.short_range(square.data(), found, kernel.data(), gradient ? slope.data() : nullptr);
      double sum = 0, g[3] = {};
      for (std::size_t s = 0; s < square.size(); ++s) sum += charge[s] * kernel[s];
      if (gradient)
        for (std::size_t k = 0; k < 3; ++k)
          for (std::size_t s = 0; s < square.size(); ++s) g[k] += 2 * charge[s] * slope[s] * difference[k][s];
      if (infinite && at_point != 0) sum = at_point > 0 ? INFINITY : -INFINITY;
      value[i] += units::coulomb * sum;
      if (gradient)
        for (int k = 0; k < 3; ++k) gradient[3 * i + k] += units::coulomb * g[k];
    }
  });
}

const RangeSeparation& ElectrostaticField::plan() const {
  return state_->plan;
}
Index ElectrostaticField::size() const {
  return state_->charges.size();
}
const Array& ElectrostaticField::positions() const {
  return state_->positions;
}
const Array& ElectrostaticField::charges() const {
  return state_->charges;
}
const ChebyshevTucker& ElectrostaticField::long_range() const {
  return state_->long_range;
}

Array ElectrostaticField::potential(const Array& points, Beyond beyond) const {
  return evaluate(points, 0, beyond).value;
}

Jet ElectrostaticField::evaluate(const Array& points, int order, Beyond beyond) const {
  check_points("ElectrostaticField", points);
  require(order == 0 || order == 1, "[ElectrostaticField] derivatives of order ", order, "; expected 0 or 1");
  const Index n = points.dim(0);
  // Points beyond the box are set apart; for those of the box `nearest` changes nothing.
  std::vector<Index> far;
  std::vector<double> far_points;
  for (Index i = 0; i < n && beyond == Beyond::direct; ++i)
    if (const double* p = points.data<double>() + 3 * i; !plan().box().contains(p)) {
      far.push_back(i);
      far_points.insert(far_points.end(), p, p + 3);
    }
  Jet jet = long_range().evaluate(points, order, beyond == Beyond::error ? Outside::error : Outside::nearest);
  double* value = jet.value.mutable_data<double>();
  double* gradient = order == 1 ? jet.gradient.mutable_data<double>() : nullptr;
  state_->add_short_range(points.data<double>(), n, value, gradient, false);
  if (far.empty()) return jet;
  const Jet direct = direct_sum(plan().kernel(), positions(), charges(),
                                Array::from(far_points, {static_cast<Index>(far.size()), 3}), order);
  for (std::size_t k = 0; k < far.size(); ++k) {
    value[far[k]] = direct.value.data<double>()[k];
    for (int c = 0; c < 3 && gradient; ++c)
      gradient[3 * far[k] + c] = direct.gradient.data<double>()[3 * k + at(c)];
  }
  return jet;
}

ElectrostaticEnergy ElectrostaticField::energy() const {
  const Index n = size();
  const double *x = positions().data<double>(), *q = charges().data<double>();
  ElectrostaticEnergy e;
  Jet smooth = long_range().evaluate(positions(), 1);
  std::vector<double> local(at(n), 0.0), share(at(n));
  double *v = smooth.value.mutable_data<double>(), *g = smooth.gradient.mutable_data<double>();
  const double self = units::coulomb * plan().long_range_at_zero();
  for (Index i = 0; i < n; ++i) {
    v[i] -= self * q[i];
    share[at(i)] = 0.5 * q[i] * v[i];
  }
  e.long_range = deterministic_sum(share.data(), n);
  state_->add_short_range(x, n, local.data(), g, true);
  for (Index i = 0; i < n; ++i) {
    share[at(i)] = 0.5 * q[i] * local[at(i)];
    v[i] += local[at(i)];
    for (int k = 0; k < 3; ++k) g[3 * i + k] *= -q[i];
  }
  e.short_range = deterministic_sum(share.data(), n);
  e.energy = e.long_range + e.short_range;
  e.potential = smooth.value;
  e.forces = smooth.gradient;
  return e;
}

namespace {

// Random points of the box that keep 1 Angstrom from every charge; fewer where there is hardly any room.
Array comparison_points(const Array& positions, const Box& box, Index count, std::uint64_t seed) {
  constexpr double closest = 1;
  const CellList cells(positions.data<double>(), positions.dim(0), closest);
  const Random random(seed, 0x706f696e7473);
  std::vector<double> points;
  for (Index trial = 0; trial < 100 * count && static_cast<Index>(points.size()) < 3 * count; ++trial) {
    double p[3];
    for (int k = 0; k < 3; ++k)
      p[k] =
          box.low[at(k)] + 2 * box.half_width(k) * random.uniform(static_cast<std::uint64_t>(3 * trial + k));
    bool clear = true;
    cells.near(p, [&](Index begin, Index end) {
      for (Index s = begin; s < end; ++s) {
        const double dx = p[0] - cells.coordinate(0)[s], dy = p[1] - cells.coordinate(1)[s],
                     dz = p[2] - cells.coordinate(2)[s];
        clear = clear && dx * dx + dy * dy + dz * dz >= closest * closest;
      }
    });
    if (clear) points.insert(points.end(), p, p + 3);
  }
  return Array::from(points, {static_cast<Index>(points.size()) / 3, 3});
}

}  // namespace

FieldResult make_field(const Array& positions, const Array& charges, const FieldOptions& o) {
  constexpr int most_attempts = 5;
  check_charges("make_field", positions, charges);
  require(o.tolerance >= 1e-11 && o.tolerance <= 0.1, "[make_field] tolerance ", o.tolerance,
          "; expected from 1e-11 to 0.1");
  require(o.samples >= 1, "[make_field] ", o.samples, " points of comparison; expected at least 1");
  const Box box = o.box.dim() ? o.box : bounding_box(positions, o.margin);
  SeparationOptions s;
  s.kernel = o.kernel;
  s.cutoff = o.cutoff > 0 ? o.cutoff : balanced_cutoff(positions, box);
  s.tolerance = std::clamp(0.3 * o.tolerance, 1e-12, 0.1);
  const Array points = comparison_points(positions, box, o.samples, o.seed);
  require(points.dim(0) > 0,
          "[make_field] no point of the box is 1 Angstrom away from every charge: is the unit of "
          "length Angstrom?");
  const Array reference = direct_sum(o.kernel, positions, charges, points).value;
  const double* exact = reference.data<double>();
  double largest = 0, square = 0;
  for (Index i = 0; i < reference.size(); ++i) {
    largest = std::max(largest, std::abs(exact[i]));
    square += exact[i] * exact[i];
  }
  for (int attempt = 1;; ++attempt) {
    if (o.progress) o.progress({attempt - 1, 0, text("kernel to ", s.tolerance)});
    FieldResult result{
        ElectrostaticField(RangeSeparation(box, s), positions, charges), false, 0, 0, s.tolerance, attempt};
    const Array found = result.field.potential(points);
    double worst = 0, sum = 0;
    for (Index i = 0; i < found.size(); ++i) {
      const double e = found.data<double>()[i] - exact[i];
      worst = std::max(worst, std::abs(e));
      sum += e * e;
    }
    result.rel_error_max = largest > 0 ? worst / largest : worst;
    result.rel_error_l2 = square > 0 ? std::sqrt(sum / square) : std::sqrt(sum);
    result.converged = result.rel_error_max <= o.tolerance;
    if (result.converged || attempt == most_attempts || s.tolerance <= 1e-12 || (o.stop && *o.stop))
      return result;
    s.tolerance =
        std::max(1e-12, s.tolerance * std::clamp(0.4 * o.tolerance / result.rel_error_max, 1e-3, 0.3));
  }
}

}  // namespace cartan::chebyshev
