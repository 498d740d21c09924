// Constants of the harmonics: square roots of rational numbers.
#include <map>
#include <memory>
#include <mutex>

#include "so3/harmonics/cpu/kernel.hpp"

namespace cartan::so3 {
namespace {

// Square of the length of degree l at a unit vector.
double square_length(int l, Normalization normalization) {
  switch (normalization) {
    case Normalization::component:
      return 2 * l + 1;
    case Normalization::norm:
      return 1;
    case Normalization::integral:
      break;
  }
  return (2 * l + 1) / (4 * 3.14159265358979323846);
}

template <class T>
HarmonicsTable<T> make_table(int lmax, Normalization normalization) {
  HarmonicsTable<T> t;
  t.lmax = lmax;
  for (auto* v : {&t.a, &t.b, &t.up, &t.along, &t.up_up, &t.up_along, &t.along_along})
    v->assign(static_cast<std::size_t>(t.size()), T(0));
  const auto length = [&](int l) { return square_length(l, normalization); };
  const auto up2 = [&](int l, int m) {
    return length(l) / length(l - 1) * (m == 0 ? 0.5 : 1) * (l - m) * (l - m - 1.0);
  };
  const auto along2 = [&](int l, int m) { return length(l) / length(l - 1) * (l + m) * double(l - m); };

  long double sectoral2 = 2;  // square of q_m^m over length(m): 2 (2m - 1)!!^2 / (2m)!, 1 for m = 0
  for (int m = 0; m <= lmax; ++m) {
    if (m > 0) sectoral2 *= (2 * m - 1) / (2.0L * m);
    const auto first = static_cast<std::size_t>(t.column(m));
    t.a[first] = static_cast<T>(std::sqrt((m == 0 ? 1 : sectoral2) * length(m)));
    for (int l = m + 1; l <= lmax; ++l) {
      const auto k = first + static_cast<std::size_t>(l - m);
      const double sum = l + m, difference = l - m;
      t.a[k] = static_cast<T>(std::sqrt(length(l) / length(l - 1) / (sum * difference)) * (2 * l - 1));
      t.along[k] = static_cast<T>(std::sqrt(along2(l, m)));
      if (l < m + 2) continue;
      t.b[k] = static_cast<T>(
          std::sqrt(length(l) / length(l - 2) * (sum - 1) * (difference - 1) / (sum * difference)));
      t.up[k] = static_cast<T>(std::sqrt(up2(l, m)));
      t.along_along[k] = static_cast<T>(std::sqrt(along2(l, m) * along2(l - 1, m)));
      if (l >= m + 3) t.up_along[k] = static_cast<T>(std::sqrt(along2(l, m) * up2(l - 1, m)));
      if (l >= m + 4) t.up_up[k] = static_cast<T>(std::sqrt(up2(l, m) * up2(l - 1, m + 1)));
    }
  }
  return t;
}

}  // namespace

template <class T>
const HarmonicsTable<T>& harmonics_table(int lmax, Normalization normalization) {
  static std::mutex mutex;
  static std::map<std::pair<int, Normalization>, std::unique_ptr<const HarmonicsTable<T>>> tables;
  std::lock_guard lock(mutex);
  auto& slot = tables[{lmax, normalization}];
  if (!slot) slot = std::make_unique<const HarmonicsTable<T>>(make_table<T>(lmax, normalization));
  return *slot;
}

template const HarmonicsTable<float>& harmonics_table(int, Normalization);
template const HarmonicsTable<double>& harmonics_table(int, Normalization);

std::vector<Ladder> harmonics_ladder(int lmax, Normalization normalization) {
  std::vector<Ladder> out;
  const auto place = [](int l, int m) { return l * l + l + m; };
  for (int l = 1; l <= lmax; ++l) {
    const double ratio = square_length(l, normalization) / square_length(l - 1, normalization);
    for (int m = 0; m <= l; ++m) {
      // Coefficients of the harmonics of degree l - 1 and order m + 1, m - 1, m.
      const double up = l < m + 2 ? 0 : std::sqrt(ratio * (m == 0 ? 2 : 1) * (l - m) * (l - m - 1.0)) / 2;
      const double down = m == 0 ? 0 : std::sqrt(ratio * (m == 1 ? 2 : 1) * (l + m) * (l + m - 1.0)) / 2;
      const double along = l == m ? 0 : std::sqrt(ratio * (l + m) * double(l - m));
      const int c = place(l, m), s = place(l, -m);
      // axes of the vector: Z is y = 1, X is z = 2, Y is x = 0
      const auto add = [&](int i, int degree_order, int axis, double value) {
        if (value != 0) out.push_back({i, degree_order, axis, value});
      };
      const auto low = [&](int order) { return place(l - 1, order); };
      add(c, low(m), 1, along);
      if (m > 0) add(s, low(-m), 1, along);
      add(c, low(m + 1), 2, -up);
      add(c, low(m - 1), 2, down);
      add(c, low(-m - 1), 0, -up);
      if (m > 1) add(c, low(1 - m), 0, -down);
      if (m == 0) continue;
      add(s, low(-m - 1), 2, -up);
      if (m > 1) add(s, low(1 - m), 2, down);
      add(s, low(m + 1), 0, up);
      add(s, low(m - 1), 0, down);
    }
  }
  return out;
}

}  // namespace cartan::so3
