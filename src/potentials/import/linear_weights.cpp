#include <cmath>
#include <map>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "potentials/import/importer.hpp"

namespace cartan::potentials {
namespace {

// Rows or columns of the matrix of each irrep: where a term's begin, and how many there are.
struct Side {
  std::vector<Index> begin;
  std::vector<std::pair<so3::Irrep, Index>> total;  // in the order of the terms

  explicit Side(const so3::Irreps& irreps) {
    for (const so3::MulIrrep& term : irreps) {
      Index& count = of(term.ir);
      begin.push_back(count);
      count += term.mul;
    }
  }
  Index& of(so3::Irrep ir) {
    for (auto& [irrep, count] : total)
      if (irrep == ir) return count;
    return total.emplace_back(ir, 0).second;
  }
};

}  // namespace

double silu_ratio() {
  return e3nn_silu / so3::second_moment_factor([](const Array& x) { return silu(x); });
}

double tanh_ratio() {
  return e3nn_tanh / so3::second_moment_factor([](const Array& x) { return tanh(x); });
}

void set_parameter(const nn::ParameterRefs& parameters, const std::string& name, const Weights& values) {
  for (const nn::NamedParameter& p : parameters) {
    if (p.name != name) continue;
    require(p.value->size() == static_cast<Index>(values.size()), name, " has ", p.value->size(),
            " numbers, the file ", values.size());
    *p.value = Array::from<double>(values, p.value->shape());
    return;
  }
  require(false, "the network has no parameter ", name);
}

Weights linear_weights(const so3::Linear& to, const Weights& from, const LinearMap& how) {
  Side rows(to.irreps_in()), columns(to.irreps_out());
  struct Matrix {
    Index offset = 0, rows = 0, columns = 0;
  };
  std::vector<std::pair<so3::Irrep, Matrix>> matrices;
  Index size = 0;
  for (const auto& [ir, count] : rows.total) {
    const Index width = columns.of(ir);
    if (width == 0) continue;
    matrices.push_back({ir, {size, count, width}});
    size += count * how.maps * width;
  }
  const Index extra = how.extra_rows * columns.of({0, 1});
  require(static_cast<Index>(from.size()) == size + extra, from.size(), " weights, ", size + extra,
          " are needed for ", to.irreps_in().text(), " to ", to.irreps_out().text());

  Weights out(static_cast<std::size_t>(to.weight_numel()));
  for (const auto& path : to.paths()) {
    const so3::MulIrrep &a = to.irreps_in()[path.in], &b = to.irreps_out()[path.out];
    const Matrix* m = nullptr;
    for (const auto& [ir, matrix] : matrices)
      if (ir == a.ir) m = &matrix;
    const Index fan_in = m->rows * how.maps + (a.ir == so3::Irrep{0, 1} ? how.extra_rows : 0);
    const double factor = (a.ir == so3::Irrep{0, -1} ? how.odd : how.factor) /
                          (std::sqrt(static_cast<double>(fan_in)) * path.factor);
    for (Index u = 0; u < a.mul; ++u)
      for (Index w = 0; w < b.mul; ++w)
        out[path.offset + u * b.mul + w] =
            factor * from[m->offset + ((rows.begin[path.in] + u) * how.maps + how.map) * m->columns +
                          columns.begin[path.out] + w];
  }
  return out;
}

}  // namespace cartan::potentials
