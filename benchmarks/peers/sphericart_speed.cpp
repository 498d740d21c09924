// Spherical harmonics here and in sphericart, in one program and turn by turn: values, values and
// vector-Jacobian product, Hessian-vector product. How to build it: README.md.
//   sphericart_speed f32|f64 LMAX [POINTS] [REPETITIONS]
#include <sphericart.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cartan/so3/spherical_harmonics.hpp>

using namespace cartan;

namespace {

struct Times {
  std::vector<double> ns;
  double median() {
    std::sort(ns.begin(), ns.end());
    return ns[ns.size() / 2];
  }
};

// With one thread the time of the processor, which other programs on the machine disturb less.
double now() {
  if (threads() == 1) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class F>
void measure(Times& times, std::size_t n, F&& f) {
  const double begin = now();
  f();
  times.ns.push_back(1e9 * (now() - begin) / static_cast<double>(n));
}

template <class T>
void compare(const char* type, std::size_t points, std::size_t l, int repetitions) {
  const std::size_t n = points, k = (l + 1) * (l + 1), few = std::min<std::size_t>(n, 1 << 17);
  const int lmax = static_cast<int>(l);
  const DType dtype = dtype_of<T>::value;
  const Array x = random_normal({static_cast<Index>(n), 3}, dtype, Random(1));
  const Array w = random_normal({static_cast<Index>(n), static_cast<Index>(k)}, dtype, Random(2));
  const Array xf = x.rows(0, static_cast<Index>(few)), wf = w.rows(0, static_cast<Index>(few));
  const Array vf = random_normal({static_cast<Index>(few), 3}, dtype, Random(3));
  const auto f = [&](const Arrays& a) { return Arrays{so3::spherical_harmonics(a[0], lmax)}; };

  sphericart::SphericalHarmonics<T> peer(l);
  std::vector<T> sph(n * k), dsph(3 * n * k), ddsph(9 * few * k), gradient(3 * n), mine(n * k);
  Times values[2], first[2], second[2];
  double error = 0;
  for (int r = 0; r < repetitions + 1; ++r) {
    if (r == 1)
      for (auto* t : {values, first, second}) t[0] = t[1] = {};
    measure(values[0], n,
            [&] { so3::spherical_harmonics(x.data<T>(), static_cast<Index>(n), lmax, mine.data()); });
    measure(values[1], n, [&] { peer.compute_array(x.data<T>(), 3 * n, sph.data(), n * k); });
    Array g;
    measure(first[0], n, [&] { g = vjp(f, {x}, {w}).second[0]; });
    measure(first[1], n, [&] {
      peer.compute_array_with_gradients(x.data<T>(), 3 * n, sph.data(), n * k, dsph.data(), 3 * n * k);
      const T* c = w.data<T>();
#pragma omp parallel for
      for (std::size_t p = 0; p < n; ++p)
        for (std::size_t a = 0; a < 3; ++a) {
          T sum = 0;
          const T *row = dsph.data() + (3 * p + a) * k, *weight = c + p * k;
#pragma omp simd reduction(+ : sum)
          for (std::size_t i = 0; i < k; ++i) sum += row[i] * weight[i];
          gradient[3 * p + a] = sum;
        }
    });
    const std::vector<T> zeros(3 * few);
    measure(second[0], few, [&] {
      const Array t = track(xf);
      const Array dx = gradients(f({t})[0], {t}, wf, true)[0];
      gradients(dx, {t}, vf);
    });
    measure(second[1], few, [&] {
      peer.compute_array_with_hessians(x.data<T>(), 3 * few, sph.data(), few * k, dsph.data(), 3 * few * k,
                                       ddsph.data(), 9 * few * k);
      const T *c = w.data<T>(), *v = vf.data<T>();
#pragma omp parallel for
      for (std::size_t p = 0; p < few; ++p)
        for (std::size_t a = 0; a < 3; ++a) {
          T sum = 0;
          for (std::size_t b = 0; b < 3; ++b) {
            const T *row = ddsph.data() + (9 * p + 3 * a + b) * k, *weight = c + p * k;
            T part = 0;
#pragma omp simd reduction(+ : part)
            for (std::size_t i = 0; i < k; ++i) part += row[i] * weight[i];
            sum += part * v[3 * p + b];
          }
          gradient[3 * p + a] = sum;
        }
    });
    for (std::size_t p = 0; p < n; p += 997)  // sphericart's (x, y, z) is our (z, x, y)
      error = std::max(error,
                       std::abs(double(sph[p % few * k]) * std::sqrt(4 * M_PI) - double(mine[p % few * k])));
  }
  const auto print = [&](const char* what, Times* t) {
    std::printf("%s L=%-2zu %-22s %8.2f %8.2f ns a point, ratio %.2f\n", type, l, what, t[0].median(),
                t[1].median(), t[1].median() / t[0].median());
  };
  print("values", values);
  print("values + vjp", first);
  print("values + vjp + hvp", second);
  if (!(error < 1e-5)) std::printf("values differ by %g\n", error);
}

}  // namespace

// One case a run: arrays that an earlier one leaves behind change the times.
int main(int argc, char** argv) {
  const std::string type = argc > 1 ? argv[1] : "f32";
  const std::size_t l = argc > 2 ? static_cast<std::size_t>(std::atoi(argv[2])) : 3;
  const std::size_t n = argc > 3 ? static_cast<std::size_t>(std::atoll(argv[3])) : 1000000;
  const int repetitions = argc > 4 ? std::atoi(argv[4]) : 15;
  if (type == "f32")
    compare<float>("f32", n, l, repetitions);
  else
    compare<double>("f64", n, l, repetitions);
}
