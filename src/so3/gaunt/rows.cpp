#include "so3/gaunt/rows.hpp"

namespace cartan::so3 {

BilinearRows::BilinearRows(int result_rows, std::vector<std::vector<Entry>> groups) : rows_(result_rows) {
  for (auto& entries : groups) {
    std::vector<int> rows;
    for (const Entry& e : entries) rows.push_back(e.k);
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& p, const Entry& q) {
      return std::pair(p.i, p.j) < std::pair(q.i, q.j);
    });
    for (std::size_t begin = 0; begin < rows.size(); begin += most) {
      Tile tile;
      tile.size = static_cast<int>(std::min<std::size_t>(most, rows.size() - begin));
      std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(begin), tile.size, tile.rows);
      tile.pairs = pairs_.size();
      tile.values = values_.size();
      for (const Entry& e : entries) {
        const int place = static_cast<int>(std::find(tile.rows, tile.rows + tile.size, e.k) - tile.rows);
        if (place == tile.size) continue;
        if (pairs_.size() == tile.pairs || pairs_.back() != std::pair(e.i, e.j)) {
          pairs_.emplace_back(e.i, e.j);
          for (int r = 0; r < tile.size; ++r) values_.push_back(0);
        }
        values_.add_to(values_.size() - tile.size + place, e.value);
      }
      tile.count = pairs_.size() - tile.pairs;
      tiles_.push_back(tile);
    }
  }
}

template <class T>
void BilinearRows::run(const T* x, const T* y, T* z) const {
  constexpr Index w = lane_width<T>;
  std::fill(z, z + rows_ * w, T(0));
  for (const Tile& t : tiles_) switch (t.size) {
      case 1:
        sum<T, 1>(t, x, y, z);
        break;
      case 2:
        sum<T, 2>(t, x, y, z);
        break;
      case 3:
        sum<T, 3>(t, x, y, z);
        break;
      default:
        sum<T, 4>(t, x, y, z);
    }
}

template <class T, int M>
void BilinearRows::sum(const Tile& t, const T* x, const T* y, T* z) const {
  using V = Register<T>;
  constexpr Index n = vector_width<T>, w = lane_width<T>;
  const T* value = values_.data<T>() + t.values;
  const auto* pair = pairs_.data() + t.pairs;
  V acc[M][2] = {};
  for (std::size_t p = 0; p < t.count; ++p, value += M) {
    const T *a = x + pair[p].first * w, *b = y + pair[p].second * w;
    const V p0 = load<V>(a) * load<V>(b), p1 = load<V>(a + n) * load<V>(b + n);
    for (int r = 0; r < M; ++r) {
      acc[r][0] += p0 * value[r];
      acc[r][1] += p1 * value[r];
    }
  }
  for (int r = 0; r < M; ++r) {
    store(z + t.rows[r] * w, acc[r][0]);
    store(z + t.rows[r] * w + n, acc[r][1]);
  }
}

template void BilinearRows::run(const float*, const float*, float*) const;
template void BilinearRows::run(const double*, const double*, double*) const;

}  // namespace cartan::so3
