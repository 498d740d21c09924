#pragma once
// Constant linear and bilinear maps of rows, for one block of lanes.

#include <algorithm>
#include <vector>

#include "so3/gaunt/lanes.hpp"

namespace cartan::so3 {

// Coefficients of a map in both types.
class Coefficients {
 public:
  void push_back(double v) {
    double_.push_back(v);
    float_.push_back(static_cast<float>(v));
  }
  void add_to(std::size_t k, double v) { float_[k] = static_cast<float>(double_[k] += v); }
  std::size_t size() const { return double_.size(); }
  template <class T>
  const T* data() const {
    if constexpr (sizeof(T) == 4)
      return float_.data();
    else
      return double_.data();
  }

 private:
  std::vector<double> double_;
  std::vector<float> float_;
};

// out[r] = sum of value in[c].
class LinearRows {
 public:
  struct Entry {
    int row, column;
    double value;
  };
  LinearRows(int rows, int columns, std::vector<Entry> entries) : rows_(rows), columns_(columns) {
    std::stable_sort(entries.begin(), entries.end(),
                     [](const Entry& a, const Entry& b) { return a.row < b.row; });
    begin_.assign(rows + 1, 0);
    for (const Entry& e : entries) {
      ++begin_[e.row + 1];
      column_.push_back(e.column);
      value_.push_back(e.value);
    }
    for (int r = 0; r < rows; ++r) begin_[r + 1] += begin_[r];
    entries_ = std::move(entries);
  }
  int rows() const { return rows_; }
  int columns() const { return columns_; }
  std::size_t size() const { return column_.size(); }
  LinearRows transposed() const {
    auto entries = entries_;
    for (Entry& e : entries) std::swap(e.row, e.column);
    return {columns_, rows_, std::move(entries)};
  }

  template <class T>
  void run(const T* in, T* out) const {
    using V = Register<T>;
    constexpr Index n = vector_width<T>, w = lane_width<T>;
    const T* value = value_.data<T>();
    for (int r = 0; r < rows_; ++r) {
      V acc[2][2] = {};  // entries in turn: two chains for every vector
      for (std::size_t k = begin_[r]; k < begin_[r + 1]; ++k) {
        const T* x = in + column_[k] * w;
        V* a = acc[k % 2];
        a[0] += load<V>(x) * value[k];
        a[1] += load<V>(x + n) * value[k];
      }
      store(out + static_cast<Index>(r) * w, V(acc[0][0] + acc[1][0]));
      store(out + static_cast<Index>(r) * w + n, V(acc[0][1] + acc[1][1]));
    }
  }

 private:
  int rows_, columns_;
  std::vector<Entry> entries_;
  std::vector<std::size_t> begin_;
  std::vector<int> column_;
  Coefficients value_;
};

// out[k] = sum of value x[i] y[j]. Results that take the same products are summed side by side in
// registers: `groups` holds the entries of results that do.
class BilinearRows {
 public:
  struct Entry {
    int i, j, k;
    double value;
  };
  BilinearRows(int rows, std::vector<std::vector<Entry>> groups);

  // z (rows, w); rows without entries are zero
  template <class T>
  void run(const T* x, const T* y, T* z) const;

 private:
  static constexpr int most = 4;  // results of a tile
  struct Tile {
    int rows[most];
    int size;
    std::size_t pairs, values, count;
  };
  template <class T, int M>
  void sum(const Tile& t, const T* x, const T* y, T* z) const;

  int rows_;
  std::vector<Tile> tiles_;
  std::vector<std::pair<int, int>> pairs_;
  Coefficients values_;
};

}  // namespace cartan::so3
