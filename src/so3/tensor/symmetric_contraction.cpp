// With f(w, x, y) = sum over samples of y . out(x, w) and its derivative T_k = D^k f / dx along v_1 .. v_k,
// the primitives are the derivatives of T_k by y, w or x. Each one's vjp is made of others: by a direction
// v_j, T_k gives the derivative of T_{k-1} by x, and the cotangent of a derivative by x is one more
// direction.
#include "cartan/so3/symmetric_contraction.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "so3/tensor/symmetric_program.hpp"

namespace cartan::so3 {
namespace {

using ProgramPtr = std::shared_ptr<const SymmetricContraction::Program>;

class Contraction : public Primitive {
 public:
  using Slot = ContractionSlot;
  // Inputs: w, x, y without that of the slot (x always), then the directions.
  Contraction(ProgramPtr program, Indices species, Slot slot, int directions)
      : program_(std::move(program)), species_(std::move(species)), slot_(slot), directions_(directions) {}
  const char* name() const override { return "symmetric_contraction"; }

  Arrays eval_cpu(const Arrays& in) const override {
    ContractionArguments a;
    std::size_t next = 0;
    if (slot_ != Slot::W) a.w = in[next++];
    a.x = in[next++];
    if (slot_ != Slot::Y) a.y = in[next++];
    for (int k = 0; k < directions_; ++k) a.v.push_back(in[next++]);
    return {contract(*program_, species_, slot_, a)};
  }

  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Array& c = cotangents[0];
    std::size_t next = 0;
    const std::size_t w_at = slot_ != Slot::W ? next++ : none, x_at = next++,
                      y_at = slot_ != Slot::Y ? next++ : none;
    const Array& x = in[x_at];
    const Array w = w_at == none ? c : in[w_at], y = y_at == none ? c : in[y_at];
    Arrays v(in.begin() + static_cast<std::ptrdiff_t>(next), in.end());
    // Where the slot is x, the cotangent is a direction more.
    Arrays all = v;
    if (slot_ == Slot::X) all.push_back(c);
    Arrays g(in.size());
    if (w_at != none && wanted[w_at]) g[w_at] = derivative(Slot::W, w, x, y, all);
    if (y_at != none && wanted[y_at]) g[y_at] = derivative(Slot::Y, w, x, y, all);
    if (wanted[x_at]) g[x_at] = derivative(Slot::X, w, x, y, all);
    for (std::size_t j = 0; j < v.size(); ++j) {
      if (!wanted[next + j]) continue;
      Arrays others = all;
      others.erase(others.begin() + static_cast<std::ptrdiff_t>(j));
      g[next + j] = derivative(Slot::X, w, x, y, others);
    }
    return g;
  }

 private:
  static constexpr std::size_t none = ~std::size_t{0};

  Array derivative(Slot slot, const Array& w, const Array& x, const Array& y, const Arrays& v) const {
    Arrays in;
    if (slot != Slot::W) in.push_back(w);
    in.push_back(x);
    if (slot != Slot::Y) in.push_back(y);
    in.insert(in.end(), v.begin(), v.end());
    return run(std::make_shared<Contraction>(program_, species_, slot, static_cast<int>(v.size())), in);
  }

  ProgramPtr program_;
  Indices species_;
  Slot slot_;
  int directions_;
};

// A measure of the time that the basis takes, about microseconds: monomials of every degree, by output
// coordinate.
double cost(const Irreps& in, const Irreps& out, int correlation) {
  const double d = static_cast<double>(in.dim() / in[0].mul),
               outputs = static_cast<double>(out.dim() / out[0].mul);
  constexpr double each[] = {1, 1, 1, 7, 30, 60, 120, 240};
  double monomials = 1, total = 0;
  for (int nu = 1; nu <= correlation; ++nu) {
    monomials *= (d + nu - 1) / nu;
    total += monomials * outputs * each[nu - 1];
  }
  return total;
}

}  // namespace

SymmetricContraction::SymmetricContraction(const Irreps& in, const Irreps& out, int correlation) {
  require(!in.empty() && !out.empty(), "[SymmetricContraction] irreps ", in, " and ", out,
          " must not be empty");
  const Index channels = in[0].mul;
  for (const Irreps* irreps : {&in, &out})
    for (const auto& t : *irreps)
      require(t.mul == channels && channels > 0, "[SymmetricContraction] ", *irreps,
              ": every term must have the same number of channels, here ", channels);
  require(correlation >= 1 && correlation <= 8, "[SymmetricContraction] correlation ", correlation,
          " is outside [1, 8]");
  require(cost(in, out, correlation) <= 2e7, "[SymmetricContraction] all polynomials of ", in,
          " up to degree ", correlation, " to ", out, " are too many to make; a smaller degree or irreps do");
  program_ = std::make_shared<const Program>(in, out, correlation);
}

Index SymmetricContraction::channels() const {
  return program_->channels;
}
Index SymmetricContraction::num_paths() const {
  return program_->num_paths;
}
Index SymmetricContraction::num_monomials() const {
  return static_cast<Index>(program_->first_path.size()) - 1;
}
const std::vector<SymmetricContraction::Paths>& SymmetricContraction::paths() const {
  return program_->paths;
}

Array SymmetricContraction::operator()(const Array& x, const Indices& species, const Array& weight) const {
  const Irreps& in = program_->in;
  require(x.ndim() == 2 && x.dim(1) == in.dim() && is_real(x.dtype()), "[SymmetricContraction] x ", x.shape(),
          " (", x.dtype(), ") must be (n, ", in.dim(), ") of float32 or float64");
  require(species.size() == x.dim(0), "[SymmetricContraction] ", species.size(), " species for ", x.dim(0),
          " samples");
  require(weight.shape() == Shape({species.extent(), num_paths(), channels()}) && weight.dtype() == x.dtype(),
          "[SymmetricContraction] weight ", weight.shape(), " (", weight.dtype(), ") must be (",
          species.extent(), ", ", num_paths(), ", ", channels(), ") of ", x.dtype());
  return run(std::make_shared<Contraction>(program_, species, ContractionSlot::Y, 0), {weight, x});
}

Array SymmetricContraction::change_of_basis(std::size_t out, int nu, const Array& u) const {
  const Program& p = *program_;
  const auto block = std::find_if(p.paths.begin(), p.paths.end(),
                                  [&](const Paths& b) { return b.out == out && b.nu == nu; });
  require(block != p.paths.end(), "[change_of_basis] there is no output term ", out, " of degree ", nu);
  const Index d = p.in.dim() / p.channels, components = p.out[out].ir.dim();
  Shape shape(nu, d);
  if (components > 1) shape.insert(shape.begin(), components);
  require(u.ndim() >= 1, "[change_of_basis] u has no axes");
  const Index columns = u.dim(-1);
  shape.push_back(columns);
  require(u.shape() == shape, "[change_of_basis] u ", u.shape(), " must be ", shape);

  const Array values = u.as(DType::f64);
  const double* from = values.data<double>();
  const SymmetricBasis basis = symmetric_basis(p.in, p.out[out].ir, nu);
  Array matrix = Array::zeros({block->count, columns}, DType::f64);
  double* to = matrix.mutable_data<double>();
  std::vector<double> size(columns, 0.0), seen(columns, 0.0);  // squared norms of the symmetric part
  const Index tuples = static_cast<Index>(std::pow(d, nu) + 0.5);
  for (Index m = 0; m < components; ++m) {
    std::map<Monomial, std::vector<double>> symmetric;  // sums over all orders
    for (Index tuple = 0; tuple < tuples; ++tuple) {
      Monomial monomial(nu);
      Index rest = tuple;
      for (int k = nu - 1; k >= 0; --k, rest /= d) monomial[k] = static_cast<int>(rest % d);
      std::sort(monomial.begin(), monomial.end());
      auto& sums = symmetric[monomial];
      sums.resize(columns, 0.0);
      for (Index q = 0; q < columns; ++q) sums[q] += from[(m * tuples + tuple) * columns + q];
    }
    for (const auto& [monomial, sums] : symmetric) {
      const double n = orders(monomial);
      for (Index q = 0; q < columns; ++q) size[q] += sums[q] * sums[q] / n;
      const auto it = basis.values.find(monomial);
      if (it == basis.values.end() || it->second[m].empty()) continue;
      for (Index path = 0; path < block->count; ++path)
        for (Index q = 0; q < columns; ++q)
          to[path * columns + q] += it->second[m][path] / n * sums[q] / static_cast<double>(components);
    }
  }
  for (Index path = 0; path < block->count; ++path)
    for (Index q = 0; q < columns; ++q) {
      const double v = to[path * columns + q];
      seen[q] += static_cast<double>(components) * v * v;
    }
  for (Index q = 0; q < columns; ++q)
    require(std::abs(size[q] - seen[q]) <= 1e-5 * (1 + size[q]), "[change_of_basis] path ", q,
            " of u is no equivariant tensor: of its squared norm ", size[q], " the basis has ", seen[q]);
  return matrix;
}

}  // namespace cartan::so3
