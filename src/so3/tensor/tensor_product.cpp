#include "cartan/so3/tensor_product.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "so3/tensor/form.hpp"
#include "so3/tensor/state.hpp"

namespace cartan::so3 {
namespace {

constexpr const char* mode_names[] = {"uvw", "uvu", "uvv", "uuw", "uuu", "uvuv"};

// One sum or product of the coefficients' formula, from e3nn's TensorProduct.
std::vector<Index> shape_of(const Instruction& ins, Index mul1, Index mul2, Index mul3) {
  switch (ins.mode) {
    case Mode::uvw:
      return {mul1, mul2, mul3};
    case Mode::uuw:
      return {mul1, mul3};
    case Mode::uuu:
      return {mul1};
    default:
      return {mul1, mul2};
  }
}

double products(const Instruction& ins, Index mul1, Index mul2) {
  switch (ins.mode) {
    case Mode::uvw:
      return static_cast<double>(mul1) * static_cast<double>(mul2);
    case Mode::uvu:
      return static_cast<double>(mul2);
    case Mode::uvv:
    case Mode::uuw:
      return static_cast<double>(mul1);
    default:
      return 1;
  }
}

void check_instruction(std::size_t n, const Instruction& ins, const Irreps& in1, const Irreps& in2,
                       const Irreps& out) {
  require(ins.in1 < in1.size() && ins.in2 < in2.size() && ins.out < out.size(),
          "[tensor_product] instruction ", n, " names terms ", ins.in1, ", ", ins.in2, " and ", ins.out,
          " of ", in1, ", ", in2, " and ", out);
  const auto [mul1, ir1] = in1[ins.in1];
  const auto [mul2, ir2] = in2[ins.in2];
  const auto [mul3, ir3] = out[ins.out];
  require(ir1.p * ir2.p == ir3.p && std::abs(ir1.l - ir2.l) <= ir3.l && ir3.l <= ir1.l + ir2.l,
          "[tensor_product] instruction ", n, ": ", ir1, " x ", ir2, " holds no ", ir3);
  bool fits = true;
  switch (ins.mode) {
    case Mode::uvw:
      break;
    case Mode::uvu:
      fits = mul1 == mul3;
      break;
    case Mode::uvv:
      fits = mul2 == mul3;
      break;
    case Mode::uuw:
      fits = mul1 == mul2 && (ins.has_weight || mul3 == 1);
      break;
    case Mode::uuu:
      fits = mul1 == mul2 && mul2 == mul3;
      break;
    case Mode::uvuv:
      fits = mul1 * mul2 == mul3;
      break;
  }
  require(fits, "[tensor_product] instruction ", n, ": multiplicities ", mul1, ", ", mul2, " and ", mul3,
          " do not fit the mode ", name_of(ins.mode), ins.has_weight ? "" : " without weight");
  require(ins.has_weight || ins.mode != Mode::uvw, "[tensor_product] instruction ", n,
          ": mode uvw needs weights");
  require(ins.path_weight >= 0 && std::isfinite(ins.path_weight), "[tensor_product] instruction ", n,
          " has path weight ", ins.path_weight, ": it must not be negative");
}

void check_variance(const char* name, const std::vector<double>& variance, const Irreps& irreps) {
  require(variance.empty() || variance.size() == irreps.size(), "[tensor_product] ", name, " has ",
          variance.size(), " entries for ", irreps, ": one a term, or none");
  for (double v : variance)
    require(v >= 0 && std::isfinite(v), "[tensor_product] ", name, " holds ", v,
            ": variances are not negative");
}

std::vector<Path> make_paths(const Irreps& in1, const Irreps& in2, const Irreps& out,
                             const std::vector<Instruction>& instructions,
                             const TensorProductOptions& options) {
  check_variance("in1_variance", options.in1_variance, in1);
  check_variance("in2_variance", options.in2_variance, in2);
  check_variance("out_variance", options.out_variance, out);
  const auto at_or_one = [](const std::vector<double>& v, std::size_t k) { return v.empty() ? 1.0 : v[k]; };

  std::vector<double> elements(out.size(), 0), count(out.size(), 0);
  const auto weight_of = [&](const Instruction& ins) {
    return at_or_one(options.in1_variance, ins.in1) * at_or_one(options.in2_variance, ins.in2) *
           products(ins, in1[ins.in1].mul, in2[ins.in2].mul);
  };
  for (std::size_t n = 0; n < instructions.size(); ++n) {
    const Instruction& ins = instructions[n];
    check_instruction(n, ins, in1, in2, out);
    elements[ins.out] += weight_of(ins);
    count[ins.out] += 1;
  }

  std::vector<Path> paths;
  Index offset = 0;
  for (const Instruction& ins : instructions) {
    Path path;
    path.instruction = ins;
    path.shape = shape_of(ins, in1[ins.in1].mul, in2[ins.in2].mul, out[ins.out].mul);
    path.weight_offset = offset;
    if (ins.has_weight) offset = size_of(Shape{offset + size_of(path.shape)});
    double square = ins.path_weight * at_or_one(options.out_variance, ins.out);
    if (options.irrep_normalization == IrrepNormalization::component) square *= out[ins.out].ir.dim();
    if (options.irrep_normalization == IrrepNormalization::norm)
      square *= in1[ins.in1].ir.dim() * in2[ins.in2].ir.dim();
    double total = 1;
    if (options.path_normalization == PathNormalization::element) total = elements[ins.out];
    if (options.path_normalization == PathNormalization::path) total = weight_of(ins) * count[ins.out];
    if (total > 0) square /= total;
    path.coefficient = std::sqrt(square);
    paths.push_back(std::move(path));
  }
  return paths;
}

// Terms may be merged or cut only where that moves no coordinate.
void check_taken(const char* what, const Irreps& given, const Irreps& taken) {
  require(same_coordinates(given, taken), "[tensor_product] the ", what, " takes ", given, " as ", taken,
          ", whose coordinates lie elsewhere: give ", taken, " and bring features there with recut");
}

bool contains(const std::vector<Irrep>& list, Irrep ir) {
  return list.empty() || std::find(list.begin(), list.end(), ir) != list.end();
}

}  // namespace

const char* name_of(Mode mode) {
  return mode_names[static_cast<std::size_t>(mode)];
}

Mode mode_from_name(const std::string& name) {
  for (std::size_t k = 0; k < std::size(mode_names); ++k)
    if (name == mode_names[k]) return static_cast<Mode>(k);
  throw std::invalid_argument(text("[tensor_product] no mode '", name, "': uvw, uvu, uvv, uuw, uuu or uvuv"));
}

Index Path::weight_count() const noexcept {
  if (!instruction.has_weight) return 0;
  Index n = 1;
  for (Index extent : shape) n *= extent;
  return n;
}

TensorProduct::State::State(Irreps a, Irreps b, Irreps c, const std::vector<Instruction>& instructions,
                            TensorProductOptions o)
    : in1(std::move(a)), in2(std::move(b)), out(std::move(c)), options(std::move(o)) {
  paths = make_paths(in1, in2, out, instructions, options);
  form = std::make_shared<TensorForm>(in1, in2, out, paths);
  options.plan.validate();
  plan = choose({form->candidate(options.plan.batch)}, options.plan.engine);
  // The kernels read the weights of a uvu path channel by channel of x2.
  bool reorder = false;
  for (const Path& p : paths) {
    const bool turn =
        p.instruction.mode == Mode::uvu && p.weight_count() > 0 && p.shape[0] > 1 && p.shape[1] > 1;
    reorder = reorder || turn;
    const Index rows = turn ? p.shape[1] : 1, columns = p.weight_count() / rows;
    for (Index v = 0; v < rows; ++v)
      for (Index u = 0; u < columns; ++u) weight_order.push_back(p.weight_offset + u * rows + v);
  }
  if (!reorder) weight_order.clear();
}

TensorProduct::TensorProduct(Irreps in1, Irreps in2, Irreps out, const std::vector<Instruction>& instructions,
                             TensorProductOptions options)
    : state_(std::make_shared<const State>(std::move(in1), std::move(in2), std::move(out), instructions,
                                           std::move(options))) {}

TensorProduct TensorProduct::fully_connected(Irreps in1, Irreps in2, Irreps out,
                                             TensorProductOptions options) {
  std::vector<Instruction> list;
  for (std::size_t i = 0; i < in1.size(); ++i)
    for (std::size_t j = 0; j < in2.size(); ++j)
      for (std::size_t k = 0; k < out.size(); ++k)
        for (Irrep ir : in1[i].ir* in2[j].ir)
          if (ir == out[k].ir) list.push_back({i, j, k, Mode::uvw, true, 1});
  return {std::move(in1), std::move(in2), std::move(out), list, std::move(options)};
}

TensorProduct TensorProduct::full(const Irreps& in1, const Irreps& in2, const std::vector<Irrep>& filter_out,
                                  TensorProductOptions options) {
  Irreps a = in1.simplify(), b = in2.simplify();
  check_taken("full product", in1, a);
  check_taken("full product", in2, b);
  std::vector<MulIrrep> terms;
  std::vector<Instruction> list;
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < b.size(); ++j)
      for (Irrep ir : a[i].ir* b[j].ir)
        if (contains(filter_out, ir)) {
          list.push_back({i, j, terms.size(), Mode::uvuv, false, 1});
          terms.push_back({a[i].mul * b[j].mul, ir});
        }
  auto sorted = Irreps(std::move(terms)).sort();
  for (Instruction& ins : list) ins.out = sorted.permutation[ins.out];
  return {std::move(a), std::move(b), std::move(sorted.irreps), list, std::move(options)};
}

TensorProduct TensorProduct::elementwise(const Irreps& in1, const Irreps& in2,
                                         const std::vector<Irrep>& filter_out, TensorProductOptions options) {
  const Irreps a = in1.simplify(), b = in2.simplify();
  require(a.num_irreps() == b.num_irreps(), "[tensor_product] elementwise product of ", in1, " and ", in2,
          ": ", a.num_irreps(), " channels against ", b.num_irreps());
  std::vector<MulIrrep> first, second, terms;
  std::vector<Instruction> list;
  Index left1 = 0, left2 = 0;  // channels of the terms i, j not yet used
  for (std::size_t i = 0, j = 0; i < a.size();) {
    if (left1 == 0) left1 = a[i].mul;
    if (left2 == 0) left2 = b[j].mul;
    const Index mul = std::min(left1, left2);
    first.push_back({mul, a[i].ir});
    second.push_back({mul, b[j].ir});
    for (Irrep ir : a[i].ir* b[j].ir)
      if (contains(filter_out, ir)) {
        list.push_back({first.size() - 1, first.size() - 1, terms.size(), Mode::uuu, false, 1});
        terms.push_back({mul, ir});
      }
    if ((left1 -= mul) == 0) ++i;
    if ((left2 -= mul) == 0) ++j;
  }
  check_taken("elementwise product", in1, first);
  check_taken("elementwise product", in2, second);
  return {std::move(first), std::move(second), std::move(terms), list, std::move(options)};
}

TensorProduct TensorProduct::channelwise(const Irreps& in1, const Irreps& in2, const Irreps& target,
                                         bool instructions_by_output, TensorProductOptions options) {
  std::vector<MulIrrep> terms;
  std::vector<Instruction> list;
  for (std::size_t i = 0; i < in1.size(); ++i)
    for (std::size_t j = 0; j < in2.size(); ++j)
      for (Irrep ir : in1[i].ir* in2[j].ir)
        if (std::any_of(target.begin(), target.end(), [&](const MulIrrep& t) { return t.ir == ir; })) {
          list.push_back({i, j, terms.size(), Mode::uvu, true, 1});
          terms.push_back({in1[i].mul, ir});
        }
  auto sorted = Irreps(std::move(terms)).sort();
  for (Instruction& ins : list) ins.out = sorted.permutation[ins.out];
  if (instructions_by_output)
    std::stable_sort(list.begin(), list.end(),
                     [](const Instruction& p, const Instruction& q) { return p.out < q.out; });
  return {in1, in2, std::move(sorted.irreps), list, std::move(options)};
}

Array TensorProduct::State::kernel_weights(const char* op, const Array& weights, const Array& like) const {
  const Index count = form->weight_numel;
  if (weights.ndim() == 1 && weights.empty() && count == 0)
    return Array::zeros({0}, like.dtype(), like.device());
  require(weights.ndim() >= 1 && weights.dim(-1) == count, "[", op, "] weights ", weights.shape(),
          ": the last axis must have ", count);
  return weight_order.empty() ? weights : take_last(weights, weight_order);
}

Array TensorProduct::operator()(const Array& x1, const Array& x2, const Array& weights) const {
  const State& s = *state_;
  require(x1.ndim() >= 1 && x1.dim(-1) == s.in1.dim(), "[tensor_product] x1 ", x1.shape(), " for ", s.in1,
          ": the last axis must have ", s.in1.dim());
  require(x2.ndim() >= 1 && x2.dim(-1) == s.in2.dim(), "[tensor_product] x2 ", x2.shape(), " for ", s.in2,
          ": the last axis must have ", s.in2.dim());
  Array w = s.kernel_weights("tensor_product", weights, x1);
  require(x1.dtype() == x2.dtype() && x2.dtype() == w.dtype(), "[tensor_product] types ", x1.dtype(), ", ",
          x2.dtype(), " and ", w.dtype(), " differ");

  // The leading axes of all, broadcast.
  Shape batch;
  for (const Array* a : {&x1, &x2, static_cast<const Array*>(&w)}) {
    const std::size_t n = static_cast<std::size_t>(a->ndim()) - 1;
    if (n > batch.size()) batch.insert(batch.begin(), n - batch.size(), 1);
    for (std::size_t k = 0; k < n; ++k) {
      Index& extent = batch[batch.size() - n + k];
      const Index own = a->shape()[k];
      require(own == extent || own == 1 || extent == 1, "[tensor_product] leading axes of x1 ", x1.shape(),
              ", x2 ", x2.shape(), " and weights ", w.shape(), " do not broadcast");
      if (extent == 1) extent = own;
    }
  }
  const Index samples = size_of(batch);
  const auto rows = [&](const Array& a, Index last) {
    Shape shape = batch;
    shape.push_back(last);
    return reshape(a.shape() == shape ? a : broadcast_to(a, shape), {samples, last});
  };
  if (w.ndim() > 1) w = rows(w, w.dim(-1));
  const Array out = tensor_form(s.form, nullptr, nullptr, rows(x1, s.in1.dim()), rows(x2, s.in2.dim()), w);
  batch.push_back(s.out.dim());
  return reshape(out, batch);
}

const Irreps& TensorProduct::irreps_in1() const noexcept {
  return state_->in1;
}
const Irreps& TensorProduct::irreps_in2() const noexcept {
  return state_->in2;
}
const Irreps& TensorProduct::irreps_out() const noexcept {
  return state_->out;
}
const TensorProductOptions& TensorProduct::options() const noexcept {
  return state_->options;
}
const std::vector<Path>& TensorProduct::paths() const noexcept {
  return state_->paths;
}
Index TensorProduct::weight_numel() const noexcept {
  return state_->form->weight_numel;
}
const Plan& TensorProduct::plan() const noexcept {
  return state_->plan;
}

}  // namespace cartan::so3
