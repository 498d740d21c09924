#include "cartan/operators/patching.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/config.hpp"
#include "cartan/core/error.hpp"

namespace cartan::operators {
namespace {

std::vector<int> axis_to_front(int ndim, int axis) {
  std::vector<int> order{axis};
  for (int k = 0; k < ndim; ++k)
    if (k != axis) order.push_back(k);
  return order;
}

std::vector<int> inverse(const std::vector<int>& order) {
  std::vector<int> out(order.size());
  for (std::size_t k = 0; k < order.size(); ++k) out[order[k]] = static_cast<int>(k);
  return out;
}

// y[.., i, ..] = x[.., rows[i], ..]
Array take(const Array& x, int axis, const Indices& rows) {
  const std::vector<int> order = axis_to_front(x.ndim(), axis);
  return permute(gather(permute(x, order), rows), inverse(order));
}

}  // namespace

void describe(config::Fields& f, PatchingOptions& o) {
  f("levels", o.levels, "halvings of the domain along each axis, and coarser views of a patch; 0: the whole")
      .from(0)
      .to(16);
  f("padding", o.padding, "part of the extent of the domain that is added around a patch").from(0).to(4);
  f("periodic", o.periodic, "beyond the border is the other side; else the values at the border");
}

Patching::Patching(const PatchingOptions& options, const Shape& grid) : options_(options), grid_(grid) {
  config::validate("Patching", options);
  require(grid.size() >= 1 && grid.size() <= 3, "[Patching] a grid ", grid, "; 1, 2 or 3 axes");
  require(options.padding.size() == 1 || options.padding.size() == grid.size(), "[Patching] ",
          options.padding.size(), " paddings for ", grid.size(), " axes; give one, or one an axis");
  const Index n = Index{1} << options.levels;
  for (std::size_t a = 0; a < grid.size(); ++a) {
    require(grid[a] >= 1 && grid[a] % n == 0, "[Patching] ", n, " patches (", options.levels,
            " levels) do not divide the extent ", grid[a], " along axis ", a);
    require(options.levels == 0 || grid[a] / (n * n) >= 2, "[Patching] the coarsest view of ", options.levels,
            " levels has less than 2 points a patch of the extent ", grid[a], " along axis ", a,
            "; at least ", 2 * n * n);
    const double part = options.padding.size() == 1 ? options.padding[0] : options.padding[a];
    size_.push_back(grid[a] / n);
    padding_.push_back(static_cast<Index>(std::nearbyint(part * static_cast<double>(grid[a]))));
  }
}

Index Patching::patches() const {
  return Index{1} << (options_.levels * static_cast<Index>(grid_.size()));
}

Shape Patching::patch_grid() const {
  Shape out = size_;
  for (std::size_t a = 0; a < out.size(); ++a) out[a] += 2 * padding_[a];
  return out;
}

Array Patching::patch(const Array& x) const {
  Arrays views;
  for (Index level = 0; level <= options_.levels; ++level) views.push_back(view(x, level));
  return views.size() == 1 ? views[0] : concatenate(views, 1);
}

Array Patching::view(const Array& x, Index level) const {
  const int d = static_cast<int>(grid_.size());
  require(x.ndim() == d + 2 && std::equal(grid_.begin(), grid_.end(), x.shape().begin() + 2),
          "[Patching] fields ", x.shape(), " are not (samples, channels, ", grid_, ")");
  require(level >= 0 && level <= options_.levels, "[Patching] view ", level, " of ", options_.levels,
          " levels");
  const Index n = Index{1} << options_.levels, step = Index{1} << level;
  const Shape window = patch_grid();
  Array v = x;
  Shape split{x.dim(0), x.dim(1)};
  for (int a = 0; a < d; ++a) {
    const Index size = size_[a], points = (grid_[a] + step - 1) / step, stride = size / step;
    // where the first window begins, in points of the view
    Index before = padding_[a];
    if (level > 0) {
      const Index room = size + (n - 1) * stride - points;
      before += room >= 0 ? (room + 1) / 2 : -(-room / 2);
    }
    std::vector<std::int32_t> rows;
    for (Index q = 0; q < n; ++q)
      for (Index t = 0; t < window[a]; ++t) {
        const Index j = q * stride + t - before;
        const Index inside =
            options_.periodic ? ((j % points) + points) % points : std::clamp<Index>(j, 0, points - 1);
        rows.push_back(static_cast<std::int32_t>(inside * step));
      }
    v = take(v, a + 2, Indices(std::move(rows), grid_[a]));
    split.insert(split.end(), {n, window[a]});
  }
  std::vector<int> order{0};
  for (int a = 0; a < d; ++a) order.push_back(2 + 2 * a);
  order.push_back(1);
  for (int a = 0; a < d; ++a) order.push_back(3 + 2 * a);
  Shape shape = window;
  shape.insert(shape.begin(), {x.dim(0) * patches(), x.dim(1)});
  return reshape(permute(reshape(v, split), order), shape);
}

Array Patching::unpad(const Array& y) const {
  const Shape window = patch_grid();
  require(y.ndim() == static_cast<int>(window.size()) + 2 &&
              std::equal(window.begin(), window.end(), y.shape().begin() + 2) && y.dim(0) % patches() == 0,
          "[Patching] patches ", y.shape(), " are not (samples * ", patches(), ", channels, ", window, ")");
  Array out = y;
  for (std::size_t a = 0; a < window.size(); ++a)
    if (padding_[a] > 0) out = slice(out, static_cast<int>(a) + 2, padding_[a], padding_[a] + size_[a]);
  return out;
}

Array Patching::stitch(const Array& y) const {
  const Array inner = unpad(y);
  const int d = static_cast<int>(grid_.size());
  const Index n = Index{1} << options_.levels, samples = inner.dim(0) / patches();
  Shape split{samples};
  split.insert(split.end(), static_cast<std::size_t>(d), n);
  split.push_back(inner.dim(1));
  split.insert(split.end(), size_.begin(), size_.end());
  std::vector<int> order{0, d + 1};
  for (int a = 0; a < d; ++a) order.insert(order.end(), {1 + a, d + 2 + a});
  Shape shape = grid_;
  shape.insert(shape.begin(), {samples, inner.dim(1)});
  return reshape(permute(reshape(inner, split), order), shape);
}

}  // namespace cartan::operators
