#include "cartan/linalg/slabs.hpp"

#include <algorithm>
#include <cmath>

#include "autodiff/refuse_tracked.hpp"
#include "core/dispatch.hpp"
#include "linalg/basis.hpp"
#include "linalg/hosvd.hpp"
#include "linalg/scaling.hpp"

namespace cartan::linalg {
namespace {

constexpr double slab_bytes = 64 * 1024 * 1024;

std::size_t at_index(int k) {
  return static_cast<std::size_t>(k);
}

/// Bases chosen so far, and what the last pass over the slabs said of them.
template <class T>
class Reader {
 public:
  explicit Reader(const SlabSource& source) : source_(source) {
    const double row =
        static_cast<double>(size_of(source.shape)) / static_cast<double>(source.shape[0]) * sizeof(T);
    step_ = source.slab > 0 ? source.slab : std::max<Index>(1, static_cast<Index>(slab_bytes / row));
  }

  std::vector<std::pair<int, Matrix>> bases;
  double square = 0, residual = 0;  ///< ||X||^2, and what the last basis leaves behind

  Shape reduced() const {
    Shape s = source_.shape;
    for (const auto& [mode, u] : bases) s[at_index(mode)] = u.cols;
    return s;
  }

  /// use(block, begin) for every slab, reduced by the bases.
  template <class Use>
  void pass(const Use& use) {
    square = residual = 0;
    bool nonzero = false;
    for (Index begin = 0; begin < source_.shape[0]; begin += step_) {
      const Index end = std::min(source_.shape[0], begin + step_);
      Array block = source_.rows(begin, end);
      Shape expected = source_.shape;
      expected[0] = end - begin;
      require(block.shape() == expected && block.dtype() == source_.dtype, "[st_hosvd] the slab [", begin,
              ", ", end, ") holds ", block.dtype(), " of shape ", block.shape(), ", announced were ",
              source_.dtype, " of shape ", expected);
      refuse_tracked("st_hosvd", block);
      const double sum = sum_of_squares(block.data<T>(), block.size());
      require(std::isfinite(sum), "[st_hosvd] the slab [", begin, ", ", end,
              ") holds numbers that are not finite or whose squares overflow");
      square += sum;
      nonzero = nonzero || sum > 0 ||
                std::any_of(block.data<T>(), block.data<T>() + block.size(), [](T e) { return e != T(0); });
      for (std::size_t j = 0; j < bases.size(); ++j) {
        const auto& [mode, u] = bases[j];
        Shape shape = block.shape();
        shape[at_index(mode)] = u.cols;
        Array next = Array::uninitialized(shape, block.dtype());
        const bool last = j + 1 == bases.size();
        residual += project<T>(block.data<T>(), view_of(block.shape(), mode), u, next.mutable_data<T>(),
                               last ? Residual::by_norms : Residual::none)
                        .residual;
        block = std::move(next);
      }
      use(block, begin);
    }
    require(!nonzero || in_range<T>(square, size_of(source_.shape)),
            "[st_hosvd] squares of the entries overflow or vanish; scale the tensor");
  }

 private:
  const SlabSource& source_;
  Index step_;
};

void add(Matrix& sum, const Matrix& part) {
  if (sum.data.empty()) sum = Matrix(part.rows, part.cols);
  for (std::size_t i = 0; i < sum.data.size(); ++i) sum.data[i] += part.data[i];
}

/// The basis of `mode` of the tensor as reduced so far, in one pass. A sketch of p columns, or by the Gram
/// matrix where p is 0.
template <class T>
Basis slab_basis(Reader<T>& reader, int mode, Index p, std::uint64_t seed) {
  Matrix sum;
  const Random draws(seed, 2 * static_cast<std::uint64_t>(mode));
  reader.pass([&](const Array& block, Index begin) {
    const ModeView v = view_of(block.shape(), mode);
    const Index before = begin * (v.left / block.dim(0)) * v.right;
    add(sum, p > 0 ? sketch(block.data<T>(), v, p, draws, before) : mode_gram(block.data<T>(), v));
  });
  if (p > 0) return {qr(sum).q, {}};
  return from_gram(sum);
}

template <class T>
Result<Tucker> by_slabs(const SlabSource& source, const HosvdOptions& o, std::vector<int> order) {
  const double floor = rounding_floor(source.dtype, source.shape);
  Reader<T> reader(source);
  Steps s(source.shape, std::max(o.tolerance, floor), std::move(order));
  bool sketched = false;
  std::size_t done = 0;
  Index p = 0;  // columns of the sketch in use
  auto bytes = [&] { return static_cast<double>(size_of(reader.reduced())) * sizeof(T); };
  auto passed = [&] {  // a pass was made: what is known of the last basis
    ++s.report.iterations;
    s.square = reader.square;
    s.spent += reader.residual;
  };
  while (bytes() > static_cast<double>(o.memory)) {
    require(done < s.report.order.size() && s.report.order[done] != 0, "[st_hosvd] reduced to ",
            reader.reduced(), " the tensor takes ", bytes(), " bytes, options.memory allows ", o.memory,
            "; allow more or ask for smaller ranks (the first axis cannot be treated by slabs)");
    const int mode = s.report.order[done];
    const std::size_t left = s.report.order.size() - done;
    const Index n = source.shape[at_index(mode)], cap = largest_rank(o, source.shape, mode);
    if (o.method == Method::randomized && p == 0) p = std::min(cap, Index{8}) + o.oversampling;
    const bool sketches = o.method == Method::randomized && p <= n / 3;
    Basis basis = slab_basis(reader, mode, sketches ? p : 0, o.seed);
    passed();
    if (s.square == 0) return zero_tucker(source.shape, source.dtype);
    if (!sketches) {
      const Index rank = std::min(rank_of(basis.s, std::sqrt(s.budget(left))), cap);
      basis.u = first_columns(basis.u, rank);
    }
    note_method(s.report, name_of(sketches ? Method::randomized : Method::gram));
    reader.bases.emplace_back(mode, std::move(basis.u));
    if (sketches) {  // is the sketch wide enough?
      const double before = s.spent;
      reader.pass([](const Array&, Index) {});
      passed();
      const bool enough =
          s.spent - before <= (s.tolerance * s.tolerance * s.square - before) / static_cast<double>(left);
      s.spent = before;  // counted with the pass that comes next
      if (!enough && p < cap + o.oversampling) {
        reader.bases.pop_back();
        p = std::min(2 * p, cap + o.oversampling);
        continue;
      }
      sketched = true;
    }
    p = 0;
    ++done;
  }
  s.x = Array::uninitialized(reader.reduced(), source.dtype);
  T* to = s.x.mutable_data<T>();
  const Index row = s.x.size() / source.shape[0];
  reader.pass(
      [&](const Array& block, Index begin) { std::copy_n(block.data<T>(), block.size(), to + begin * row); });
  passed();
  if (s.square == 0) return zero_tucker(source.shape, source.dtype);
  for (const auto& [mode, u] : reader.bases) s.tensor.factors[at_index(mode)] = array_of(u, DType::f64);
  HosvdOptions rest = o;
  if (o.method == Method::automatic) rest.method = Method::gram;
  truncate_rest<T>(s, done, rest, o.method == Method::randomized, sketched);
  return finished(std::move(s), o, source.dtype, 1);
}

}  // namespace

SlabSource slabs_of(const data::Hdf5File& file, const std::string& dataset) {
  return {file.shape(dataset), file.dtype(dataset),
          [&file, dataset](Index begin, Index end) { return file.read_rows(dataset, begin, end); }, 0};
}

Result<Tucker> st_hosvd(const SlabSource& source, const HosvdOptions& o) {
  check_options("st_hosvd", source.shape, source.dtype, o);
  require(source.rows != nullptr, "[st_hosvd] the source has no function that reads rows");
  require(o.method != Method::lq, "[st_hosvd] slabs go through gram or randomized, not lq");
  std::vector<int> order = mode_order(source.shape, o, o.method == Method::randomized);
  if (o.order.empty()) std::stable_partition(order.begin(), order.end(), [](int mode) { return mode != 0; });
  Result<Tucker> result;
  dispatch_real("st_hosvd", source.dtype,
                [&]<class T>(T) { result = by_slabs<T>(source, o, std::move(order)); });
  return result;
}

}  // namespace cartan::linalg
