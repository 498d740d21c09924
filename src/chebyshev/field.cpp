#include "chebyshev/field.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "autodiff/refuse_tracked.hpp"
#include "cartan/chebyshev/electrostatics.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/random.hpp"
#include "cartan/core/units.hpp"
#include "chebyshev/cell_list.hpp"
#include "chebyshev/series.hpp"
#include "chebyshev/short_range.hpp"

namespace cartan::chebyshev {

struct ElectrostaticField::State {
  ShortRange short_range;
  Array positions, charges;
  ChebyshevTucker long_range;
  std::optional<RangeSeparation> plan;  // none: rounded or loaded
  CellList cells;
  std::vector<double> sorted_charges;

  State(ShortRange s, const Array& x, const Array& q, ChebyshevTucker smooth,
        std::optional<RangeSeparation> its_plan = {})
      : short_range(std::move(s)),
        positions(x),
        charges(q),
        long_range(std::move(smooth)),
        plan(std::move(its_plan)),
        cells(x.data<double>(), q.size(), short_range.outer()) {
    for (Index i = 0; i < q.size(); ++i) sorted_charges.push_back(q.data<double>()[cells.original(i)]);
  }

  /// Adds the short-range potential and gradient at points. `skip_self`: point i is charge i.
  void add_short_range(const double* points, Index n, double* value, double* gradient, bool skip_self) const;
};

ElectrostaticField::ElectrostaticField(const RangeSeparation& plan, const Array& positions,
                                       const Array& charges, const Array& moments) {
  const auto same = coincident(positions);
  if (same[0] >= 0) {
    const double* p = positions.data<double>() + 3 * same[0];
    require(false, "[ElectrostaticField] charges ", same[0], " and ", same[1], " are at the same place (",
            p[0], ", ", p[1], ", ", p[2], "): their energy is infinite; merge them or leave one out");
  }
  ShortRange near(plan.kernel(), plan.long_range(), plan.inner(), plan.cutoff());
  state_ = std::make_shared<const State>(std::move(near), positions, charges, plan.potential(moments), plan);
}

ElectrostaticField::ElectrostaticField(RangeSeparation plan, const Array& positions, const Array& charges)
    : ElectrostaticField(plan, positions, charges, plan.moments(positions, charges)) {}

ElectrostaticField::ElectrostaticField(RangeSeparation plan, const Array& motif, const Array& charges,
                                       const Lattice& lattice)
    : ElectrostaticField(plan, lattice.positions(motif), lattice.charges(charges),
                         plan.lattice_moments(motif, charges, lattice.spacing, lattice.counts)) {}

Array Lattice::positions(const Array& motif) const {
  check_points("Lattice", motif);
  for (std::size_t k = 0; k < 3; ++k)
    require(counts[k] >= 1 && counts[k] <= (1 << 20) && std::isfinite(spacing[k]), "[Lattice] ", counts[k],
            " cells of width ", spacing[k], " in direction ", k, "; expected at least one, finite");
  const Index n = motif.dim(0);
  Array all = Array::uninitialized({copies() * n, 3}, DType::f64);
  double* to = all.mutable_data<double>();
  for (Index i = 0; i < counts[0]; ++i)
    for (Index j = 0; j < counts[1]; ++j)
      for (Index k = 0; k < counts[2]; ++k)
        for (Index a = 0; a < n; ++a, to += 3) {
          const double* from = motif.data<double>() + 3 * a;
          to[0] = from[0] + static_cast<double>(i) * spacing[0];
          to[1] = from[1] + static_cast<double>(j) * spacing[1];
          to[2] = from[2] + static_cast<double>(k) * spacing[2];
        }
  return all;
}

Array Lattice::charges(const Array& motif) const {
  refuse_tracked("Lattice", motif);
  const std::vector<double> one = motif.to_vector<double>();
  std::vector<double> all;
  for (Index copy = 0; copy < copies(); ++copy) all.insert(all.end(), one.begin(), one.end());
  return Array::from(all);
}

void ElectrostaticField::State::add_short_range(const double* points, Index n, double* value,
                                                double* gradient, bool skip_self) const {
  const double reach = short_range.outer() * short_range.outer();
  parallel_for(n, 16, [&](Index begin, Index end) {
    std::vector<Index> hits;
    std::vector<double> square, kernel, slope;
    for (Index i = begin; i < end; ++i) {
      const double* p = points + 3 * i;
      const double *x = cells.coordinate(0), *y = cells.coordinate(1), *z = cells.coordinate(2);
      Index found = 0;
      cells.near(p, [&](Index first, Index last) {
        if (static_cast<Index>(hits.size()) < found + last - first) {
          hits.resize(2 * (found + last - first));
          square.resize(hits.size());
        }
        for (Index s = first; s < last; ++s) {  // without branches: a miss is overwritten
          const double dx = p[0] - x[s], dy = p[1] - y[s], dz = p[2] - z[s];
          const double r2 = dx * dx + dy * dy + dz * dz;
          hits[found] = s;
          square[found] = r2;
          found += r2 < reach;
        }
      });
      double at_point = 0;  // a charge at the very point
      for (Index k = 0; k < found; ++k)
        if (square[k] == 0) {
          if (!skip_self) at_point = sorted_charges[hits[k]];
          hits[k] = hits[--found];
          square[k] = square[found];
          --k;
        }
      kernel.resize(square.size()), slope.resize(square.size());
      short_range.evaluate(square.data(), found, kernel.data(), gradient ? slope.data() : nullptr);
      double sum = 0, g[3] = {};
      for (Index k = 0; k < found; ++k) {
        const Index s = hits[k];
        const double q = sorted_charges[s];
        sum += q * kernel[k];
        if (!gradient) continue;
        const double f = 2 * q * slope[k];
        g[0] += f * (p[0] - x[s]), g[1] += f * (p[1] - y[s]), g[2] += f * (p[2] - z[s]);
      }
      if (at_point != 0) sum = at_point > 0 ? INFINITY : -INFINITY;
      value[i] += units::coulomb * sum;
      if (gradient)
        for (int k = 0; k < 3; ++k) gradient[3 * i + k] += units::coulomb * g[k];
    }
  });
}

const Box& ElectrostaticField::box() const {
  return state_->long_range.box();
}
const RadialKernel& ElectrostaticField::kernel() const {
  return state_->short_range.kernel();
}
double ElectrostaticField::cutoff() const {
  return state_->short_range.outer();
}
bool ElectrostaticField::is_rounded() const {
  return !state_->plan;
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

ElectrostaticField ElectrostaticField::rounded(double tolerance) const {
  return ElectrostaticField(std::make_shared<const State>(state_->short_range, positions(), charges(),
                                                          round(long_range(), tolerance).tensor));
}

void ElectrostaticField::save(data::Group& group) const {
  const ShortRange& s = state_->short_range;
  group.attributes["kernel"] = std::string(name_of(s.kernel().kind));
  group.attributes["screening_per_ang"] = s.kernel().screening;
  group.attributes["inner_ang"] = s.inner();
  group.attributes["cutoff_ang"] = s.outer();
  group.set("gaussian_rate", Array::from(s.long_range().rate), "1/Angstrom", "term");
  group.set("gaussian_weight", Array::from(s.long_range().weight),
            s.kernel().kind == Kernel::slater ? "" : "1/Angstrom", "term");
  group.set("position", positions(), "Angstrom", "charge, xyz");
  group.set("charge", charges(), "e", "charge");
  long_range().save(group["long_range"]);
}

ElectrostaticField ElectrostaticField::load(const data::Group& group) {
  const auto fail = [&](const std::string& what) { throw FormatError(group.file(), "", what); };
  RadialKernel kernel;
  GaussianSum gaussians;
  const Array q = group.array("charge", DType::f64, {-1}),
              x = group.array("position", DType::f64, {q.size(), 3});
  gaussians.rate = group.array("gaussian_rate", DType::f64, {-1}).to_vector<double>();
  gaussians.weight = group.array("gaussian_weight", DType::f64, {gaussians.size()}).to_vector<double>();
  const double inner = group.number("inner_ang");
  const double outer = group.number("cutoff_ang");
  kernel.screening = group.number("screening_per_ang");
  ChebyshevTucker smooth = ChebyshevTucker::load(group.group("long_range"));
  try {
    kernel.kind = kernel_from_name(group.string("kernel"));
    kernel.check("ElectrostaticField");
    check_charges("ElectrostaticField", x, q);
  } catch (const std::invalid_argument& error) {
    fail(error.what());
  }
  if (smooth.dim() != 3 || smooth.dtype() != DType::f64)
    fail("the long-range part is no function of 3 variables");
  if (!(0 < inner && inner < outer && std::isfinite(outer)))
    fail(text("the cutoffs ", inner, " and ", outer, " are in no order"));
  if (gaussians.size() == 0) fail("there are no Gaussians");
  if (!all_finite(group.array("gaussian_rate")) || !all_finite(group.array("gaussian_weight")))
    fail("the Gaussians are not finite");
  return ElectrostaticField(
      std::make_shared<const State>(ShortRange(kernel, gaussians, inner, outer), x, q, std::move(smooth)));
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
    if (const double* p = points.data<double>() + 3 * i; !box().contains(p)) {
      far.push_back(i);
      far_points.insert(far_points.end(), p, p + 3);
    }
  Jet jet = long_range().evaluate(points, order, beyond == Beyond::error ? Outside::error : Outside::nearest);
  double* value = jet.value.mutable_data<double>();
  double* gradient = order == 1 ? jet.gradient.mutable_data<double>() : nullptr;
  state_->add_short_range(points.data<double>(), n, value, gradient, false);
  if (far.empty()) return jet;
  const Jet direct = direct_sum(kernel(), positions(), charges(),
                                Array::from(far_points, {static_cast<Index>(far.size()), 3}), order);
  for (std::size_t k = 0; k < far.size(); ++k) {
    value[far[k]] = direct.value.data<double>()[k];
    for (int c = 0; c < 3 && gradient; ++c)
      gradient[3 * far[k] + c] = direct.gradient.data<double>()[3 * k + c];
  }
  return jet;
}

ElectrostaticEnergy ElectrostaticField::energy() const {
  require(!is_rounded(),
          "[ElectrostaticField] a field that is rounded or loaded has no energy whose derivatives "
          "are the forces; make one from the charges");
  const Index n = size();
  const double *x = positions().data<double>(), *q = charges().data<double>();
  ElectrostaticEnergy e;
  Jet smooth = long_range().evaluate(positions(), 1);
  std::vector<double> local(n, 0.0), share(n);
  double *v = smooth.value.mutable_data<double>(), *g = smooth.gradient.mutable_data<double>();
  // Of the charge itself, as truncated as the rest: a single charge has no energy.
  const Jet self = state_->plan->self_interaction(positions());
  for (Index i = 0; i < n; ++i) {
    v[i] -= q[i] * self.value.data<double>()[i];
    share[i] = 0.5 * q[i] * v[i];
    for (int k = 0; k < 3; ++k) g[3 * i + k] -= 0.5 * q[i] * self.gradient.data<double>()[3 * i + k];
  }
  e.long_range = deterministic_sum(share.data(), n);
  state_->add_short_range(x, n, local.data(), g, true);
  for (Index i = 0; i < n; ++i) {
    share[i] = 0.5 * q[i] * local[i];
    v[i] += local[i];
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
      p[k] = box.low[k] + 2 * box.half_width(k) * random.uniform(static_cast<std::uint64_t>(3 * trial + k));
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

namespace {

// The least distance of two charges, within [low, high].
double nearest_distance(const Array& positions, double low, double high) {
  const double* x = positions.data<double>();
  for (double reach = 2 * low;; reach *= 2) {
    reach = std::min(reach, high);
    const CellList cells(x, positions.dim(0), reach);
    double square = high * high;
    for (Index i = 0; i < positions.dim(0); ++i)
      cells.near(x + 3 * i, [&](Index begin, Index end) {
        for (Index s = begin; s < end; ++s) {
          const double dx = cells.coordinate(0)[s] - x[3 * i], dy = cells.coordinate(1)[s] - x[3 * i + 1],
                       dz = cells.coordinate(2)[s] - x[3 * i + 2];
          if (cells.original(s) != i) square = std::min(square, dx * dx + dy * dy + dz * dz);
        }
      });
    if (square <= reach * reach || reach >= high) return std::clamp(std::sqrt(square), low, high);
  }
}

}  // namespace

FieldErrors compare_with_direct(const ElectrostaticField& field, Index samples, std::uint64_t seed) {
  require(samples >= 1, "[compare_with_direct] ", samples, " points; expected at least 1");
  const Array points = comparison_points(field.positions(), field.box(), samples, seed);
  require(points.dim(0) > 0,
          "[compare_with_direct] no point of the box is 1 Angstrom away from every charge: is the "
          "unit of length Angstrom?");
  const Array exact = direct_sum(field.kernel(), field.positions(), field.charges(), points).value,
              found = field.potential(points);
  double worst = 0, sum = 0, largest = 0, square = 0;
  for (Index i = 0; i < exact.size(); ++i) largest = std::max(largest, std::abs(exact.data<double>()[i]));
  if (largest == 0) largest = 1;  // no charges but zeros
  for (Index i = 0; i < found.size(); ++i) {
    const double v = exact.data<double>()[i] / largest, e = std::abs(found.data<double>()[i] / largest - v);
    if (!(e <= worst)) worst = e;
    sum += e * e;
    square += v * v;
  }
  return {worst, std::sqrt(sum / std::max(square, 1e-300))};
}

void describe(config::Fields& f, FieldOptions& o) {
  constexpr double farthest = 1e9;
  f("tolerance", o.tolerance,
    "largest error of the potential relative to its largest value, 1 A and more from every charge")
      .from(1e-11)
      .to(0.1);
  f("cutoff", o.cutoff, "reach of the short-range part (0: least work)").from(0).to(farthest).unit("A");
  f("margin", o.margin, "room around the charges").from(0).to(farthest).unit("A");
  f("samples", o.samples, "random points of comparison with the direct sum").from(1).to(1e7);
  f("seed", o.seed, "seed of random points");
}

FieldResult make_field(const Array& motif, const Array& motif_charges, const FieldOptions& o) {
  constexpr int most_attempts = 5;
  check_charges("make_field", motif, motif_charges);
  const Array positions = o.lattice.positions(motif), charges = o.lattice.charges(motif_charges);
  config::validate("make_field", o);
  require(o.cutoff == 0 || o.cutoff >= 1e-3, "[make_field] cutoff ", o.cutoff,
          " A; expected 0 (least work), or 0.001 and more");
  const Box box = o.box.dim() ? o.box : bounding_box(positions, o.margin);
  SeparationOptions s;
  s.kernel = o.kernel;
  s.cutoff = o.cutoff > 0 ? o.cutoff : balanced_cutoff(positions, box);
  s.tolerance = 0.3 * o.tolerance;
  if (o.kernel.kind != Kernel::newton && o.kernel.screening > 0) {
    // What matters is relative to the kernel at the distance of neighbours (at 1 Angstrom, where the
    // comparison begins, if they are closer), not at the cutoff. Where it has become small enough it may end.
    const double near = nearest_distance(positions, 1, std::max(s.cutoff, 1.0)),
                 allowed = s.tolerance / std::sqrt(static_cast<double>(charges.size())) * o.kernel(near);
    if (o.cutoff <= 0)
      s.cutoff = std::min(s.cutoff, (1 + switch_width) * (near + (std::log(o.kernel(near) / allowed) + 1e-3) /
                                                                     o.kernel.screening));
    if (o.kernel(s.cutoff / (1 + switch_width)) <= allowed)
      s.tolerance = 1;
    else
      s.tolerance = std::clamp(allowed / o.kernel(s.cutoff), s.tolerance, 0.1);
  }
  s.tolerance = std::max(1e-12, s.tolerance);
  for (int attempt = 1;; ++attempt) {
    if (o.progress) o.progress({attempt - 1, 0, text("kernel to ", s.tolerance)});
    FieldResult result{ElectrostaticField(RangeSeparation(box, s), motif, motif_charges, o.lattice),
                       false,
                       {},
                       s.tolerance,
                       attempt};
    result.errors = compare_with_direct(result.field, o.samples, o.seed);
    result.converged = result.errors.rel_max <= o.tolerance;
    if (result.converged || attempt == most_attempts || s.tolerance <= 1e-12 || (o.stop && *o.stop))
      return result;
    s.tolerance = std::clamp(s.tolerance * std::clamp(0.4 * o.tolerance / result.errors.rel_max, 1e-3, 0.3),
                             1e-12, 0.1);
  }
}

}  // namespace cartan::chebyshev
