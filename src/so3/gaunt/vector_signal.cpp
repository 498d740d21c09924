#include "cartan/so3/vector_signal.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "autodiff/multilinear.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/so3/tables.hpp"
#include "core/dispatch.hpp"
#include "so3/gaunt/cache.hpp"
#include "so3/gaunt/plan.hpp"
#include "so3/gaunt/rows.hpp"
#include "so3/harmonics/sphere_grid_transform.hpp"
#include "so3/tables/degrees.hpp"

namespace cartan::so3 {
namespace {

using Paths = std::vector<ProductPath>;

Paths paths_of(int l1, int l2, int l3) {
  return CompleteProduct::paths_of(l1, l2, l3);
}
Index rows_of(const Paths& paths) {
  return paths.empty() ? 0 : paths.back().offset + 2 * paths.back().l3 + 1;
}

// The form sum over paths of C[i, j, k] x_i y_j p_k, by one of its three slots.
enum Slot { X, Y, P };

std::shared_ptr<const BilinearRows> complete_couplings(int l1, int l2, int l3, Slot out) {
  static auto& cache = *new SharedCache<std::tuple<int, int, int, int>, BilinearRows>;
  return cache.get({l1, l2, l3, static_cast<int>(out)}, [&] {
    // results that take the same products: the l3 of one parity, for p; none else
    std::map<std::tuple<int, int, int, int>, std::vector<BilinearRows::Entry>> groups;
    const Paths paths = paths_of(l1, l2, l3);
    for (const ProductPath& p : paths)
      for (const Coupling& e : couplings(p.l1, p.l2, p.l3)) {
        const int i = p.l1 * p.l1 + e.i, j = p.l2 * p.l2 + e.j, k = static_cast<int>(p.offset) + e.k;
        if (out == P)
          groups[{p.l1, p.l2, e.k - p.l3, p.l3 % 2}].push_back({i, j, k, e.value});
        else if (out == X)
          groups[{i, 0, 0, 0}].push_back({j, k, i, e.value});
        else
          groups[{j, 0, 0, 0}].push_back({i, k, j, e.value});
      }
    std::vector<std::vector<BilinearRows::Entry>> list;
    for (auto& [key, entries] : groups) list.push_back(std::move(entries));
    const int rows = out == X   ? (l1 + 1) * (l1 + 1)
                     : out == Y ? (l2 + 1) * (l2 + 1)
                                : static_cast<int>(rows_of(paths));
    return std::make_shared<BilinearRows>(rows, std::move(list));
  });
}

// The same on the grid. Values of all rows of the grid are kept for every degree and component.
template <class T>
class CompleteGrid {
  static constexpr Index w = lane_width<T>;
  struct Field {  // value and gradient
    T *value, *polar, *azimuthal;
  };

 public:
  CompleteGrid(int l1, int l2, int l3) : l1_(l1), l2_(l2), l3_(l3), paths_(paths_of(l1, l2, l3)) {
    const int total = l1 + l2 + l3;
    lmax_ = std::max({l1, l2, l3});
    transform_ = grid_transform<T>(total / 2 + 1, total + 1 + (total + 1) % 2, lmax_, true);
    size_ = transform_->rows() * transform_->values_size();
  }
  Index scratch_size() const {
    return 3 * (l1_ + l2_ + 3) * size_ + size_ + 2 * (lmax_ + 1) * (lmax_ + 1) * w +
           transform_->rows() * transform_->row_size(lmax_) + transform_->work_size();
  }

  // x, y, p: rows of the slots; the result overwrites slot `out`.
  void run(Slot out, T* const* slots, T* scratch) const {
    const Index square = (lmax_ + 1) * (lmax_ + 1) * w;
    std::vector<Field> x, y;
    T* next = scratch;
    const auto field = [&] {
      const Field f{next, next + size_, next + 2 * size_};
      next += 3 * size_;
      return f;
    };
    const Workspace work = [&] {
      T* base = scratch + 3 * (l1_ + l2_ + 3) * size_ + size_;
      return Workspace{base, base + square, base + 2 * square,
                       base + 2 * square + transform_->rows() * transform_->row_size(lmax_)};
    }();
    const auto by_degree = [&](const T* slot, int lmax, std::vector<Field>& fields) {
      for (int l = 0; l <= lmax; ++l) {
        std::fill(work.rows, work.rows + (l + 1) * (l + 1) * w, T(0));
        std::copy(slot + l * l * w, slot + (l + 1) * (l + 1) * w, work.rows + l * l * w);
        fields.push_back(field());
        values(l, Derivative::none, work.rows, work, fields.back().value);
        values(l, Derivative::polar, work.rows, work, fields.back().polar);
        values(l, Derivative::azimuthal, work.rows, work, fields.back().azimuthal);
      }
    };
    if (out != X) by_degree(slots[X], l1_, x);
    if (out != Y) by_degree(slots[Y], l2_, y);
    const Field p = field();
    T* const sum = scratch + 3 * (l1_ + l2_ + 3) * size_;
    const int outer = out == Y ? l2_ : l1_, inner = out == Y ? l1_ : l2_;
    for (int a = 0; a <= outer; ++a) {
      if (out != P) std::fill(sum, sum + size_, T(0));
      for (int b = 0; b <= inner; ++b) {
        const int i = out == Y ? b : a, j = out == Y ? a : b;
        if (out == P) {
          std::fill(sum, sum + size_, T(0));
          add(x[i].value, y[j], x[i], sum);
          project(std::min(i + j, l3_), sum, work);
          pair_rows(i, j, work.rows, slots[P], false);
          continue;
        }
        // < p_even x y > + < p_odd {x, y} >, the latter also < x {y, p} > and < y {p, x} >
        const int l = std::min(i + j, l3_);
        std::fill(work.rows, work.rows + (l + 1) * (l + 1) * w, T(0));
        std::fill(work.more, work.more + (l + 1) * (l + 1) * w, T(0));
        pair_rows(i, j, work.rows, slots[P], true, work.more);
        values(l, Derivative::none, work.rows, work, p.value);
        values(l, Derivative::polar, work.more, work, p.polar);
        values(l, Derivative::azimuthal, work.more, work, p.azimuthal);
        if (out == X)
          add(p.value, y[j], p, sum, true);
        else
          add(p.value, x[i], p, sum);
      }
      if (out != P) {
        project(a, sum, work);
        std::copy(work.rows + a * a * w, work.rows + (a + 1) * (a + 1) * w, slots[out] + a * a * w);
      }
    }
  }

 private:
  struct Workspace {
    T *rows, *more, *coefficients, *transform;
  };

  void values(int l, Derivative d, const T* rows, const Workspace& work, T* out) const {
    transform_->theta_values(l, d, rows, work.transform, work.coefficients);
    for (int i = 0; i < transform_->rows(); ++i)
      transform_->phi_values(l, work.coefficients + i * transform_->row_size(l), work.transform,
                             out + i * transform_->values_size());
  }
  void project(int l, T* values, const Workspace& work) const {
    for (int i = 0; i < transform_->rows(); ++i)
      transform_->phi_project(l, values + i * transform_->values_size(), work.transform,
                              work.coefficients + i * transform_->row_size(l));
    transform_->theta_project(l, work.coefficients, work.transform, work.rows);
  }
  // sum += a f + {g, f}, or {f, g}
  void add(const T* a, const Field& f, const Field& g, T* sum, bool reverse = false) const {
    const T sign = reverse ? T(-1) : T(1);
    for (Index k = 0; k < size_; ++k)
      sum[k] += a[k] * f.value[k] + sign * (g.polar[k] * f.azimuthal[k] - g.azimuthal[k] * f.polar[k]);
  }
  // Between the rows of degree l3 of a function and those of the paths of one pair; to a function, even and
  // odd paths apart.
  void pair_rows(int l1, int l2, T* rows, T* p, bool to_function, T* odd = nullptr) const {
    for (const ProductPath& path : paths_) {
      if (path.l1 != l1 || path.l2 != l2) continue;
      const int l = path.l3;
      const bool even = (l1 + l2 + l) % 2 == 0;
      const T factor = static_cast<T>(1 / (even ? gaunt(l1, l2, l) : bracket_coefficient(l, l1, l2)));
      T* in_path = p + path.offset * w;
      T* in_rows = (to_function && !even ? odd : rows) + l * l * w;
      for (Index k = 0; k < (2 * l + 1) * w; ++k)
        if (to_function)
          in_rows[k] = factor * in_path[k];
        else
          in_path[k] = factor * in_rows[k];
    }
  }

  int l1_, l2_, l3_, lmax_;
  Paths paths_;
  std::shared_ptr<const GridTransform<T>> transform_;
  Index size_;
};

class CompleteSlot : public Multilinear {
 public:
  CompleteSlot(int l1, int l2, int l3, Slot out, Engine engine)
      : Multilinear(3, out), l_{l1, l2, l3}, out_(out), engine_(engine) {}
  const char* name() const override { return "complete_product"; }

  Arrays eval_cpu(const Arrays& in) const override {
    const Index rows[3] = {(l_[0] + 1) * (l_[0] + 1), (l_[1] + 1) * (l_[1] + 1),
                           rows_of(paths_of(l_[0], l_[1], l_[2]))};
    const int first = out_ == X ? Y : X, second = out_ == P ? Y : P;
    const Index channels = in[0].dim(-1) / rows[first];
    Shape shape = in[0].shape();
    shape.back() = rows[out_] * channels;
    Array out = Array::uninitialized(shape, in[0].dtype());
    if (out.empty()) return {out};
    const Index samples = in[0].size() / in[0].dim(-1);
    dispatch_real(name(), out.dtype(), [&]<class T>(T) {
      constexpr Index w = lane_width<T>;
      const LaneView<const T> a(in[0].data<T>(), samples, rows[first], channels);
      const LaneView<const T> b(in[1].data<T>(), samples, rows[second], channels);
      const LaneView<T> target(out.mutable_data<T>(), samples, rows[out_], channels);
      std::shared_ptr<const BilinearRows> couplings;
      std::unique_ptr<const CompleteGrid<T>> grid;
      if (engine_ == Engine::cg)
        couplings = complete_couplings(l_[0], l_[1], l_[2], out_);
      else
        grid = std::make_unique<CompleteGrid<T>>(l_[0], l_[1], l_[2]);
      parallel_for((samples * channels + w - 1) / w, 4, [&](Index begin, Index end) {
        Scratch<T> memory((rows[0] + rows[1] + rows[2]) * w + (grid ? grid->scratch_size() : 0));
        T* const slots[3] = {memory.data(), memory.data() + rows[0] * w,
                             memory.data() + (rows[0] + rows[1]) * w};
        for (Index block = begin; block < end; ++block) {
          a.load_block(block * w, slots[first]);
          b.load_block(block * w, slots[second]);
          if (grid)
            grid->run(out_, slots, slots[P] + rows[2] * w);
          else
            couplings->run(slots[first], slots[second], slots[out_]);
          target.store_block(block * w, slots[out_]);
        }
      });
    });
    return {out};
  }

 protected:
  Array derivative(int k, const Arrays& full) const override {
    return run(std::make_shared<CompleteSlot>(l_[0], l_[1], l_[2], static_cast<Slot>(k), engine_),
               without(full, k));
  }

 private:
  int l_[3];
  Slot out_;
  Engine engine_;
};

}  // namespace

double bracket_coefficient(int l1, int l2, int l3) {
  if ((l1 + l2 + l3) % 2 == 0) return 0;
  const double dims = (2 * l1 + 1.0) * (2 * l2 + 1) * (2 * l3 + 1),
               casimirs = l2 * (l2 + 1.0) * l3 * (l3 + 1);
  return std::sqrt(dims * casimirs) * std::abs(wigner_3j(l1, l2, l3, 0, 1, -1));
}

BracketProduct::BracketProduct(int l1, int l2, int l3, const PlanOptions& options)
    : l1_(l1), l2_(l2), l3_(l3) {
  check_degrees("bracket", {l1, l2, l3});
  plan_ = plan_form(gaunt_form(l1, l2, l3, {}, true), 2, options);
}

Array BracketProduct::operator()(const Array& x, const Array& y, const GauntWeights& weights) const {
  return evaluate_gaunt("bracket", l1_, l2_, l3_, true, engine_of(plan_.engine), x, y, weights);
}

std::vector<ProductPath> CompleteProduct::paths_of(int l1, int l2, int l3) {
  std::vector<ProductPath> paths;
  Index offset = 0;
  for (int a = 0; a <= l1; ++a)
    for (int b = 0; b <= l2; ++b)
      for (int c = std::abs(a - b); c <= std::min(a + b, l3); ++c) {
        paths.push_back({a, b, c, offset});
        offset += 2 * c + 1;
      }
  return paths;
}

CompleteProduct::CompleteProduct(int l1, int l2, int l3, const PlanOptions& options)
    : l1_(l1), l2_(l2), l3_(l3) {
  check_degrees("complete_product", {l1, l2, l3});
  paths_ = paths_of(l1, l2, l3);
  plan_ = plan_complete(l1, l2, l3, options);
}

Index CompleteProduct::rows() const {
  return rows_of(paths_);
}

Array CompleteProduct::operator()(const Array& x, const Array& y) const {
  const Index channels = channels_of("complete_product", x, l1_);
  require(channels_of("complete_product", y, l2_) == channels && x.ndim() == y.ndim() &&
              x.dtype() == y.dtype() && std::equal(x.shape().begin(), x.shape().end() - 1, y.shape().begin()),
          "[complete_product] x ", x.shape(), " of degree ", l1_, " and y ", y.shape(), " of degree ", l2_,
          " must have the same leading axes, channels and type");
  return run(std::make_shared<CompleteSlot>(l1_, l2_, l3_, P, engine_of(plan_.engine)), {x, y});
}

}  // namespace cartan::so3
