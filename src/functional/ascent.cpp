#include "functional/ascent.hpp"

#include <algorithm>
#include <cmath>
#include <deque>

namespace cartan::functional {
namespace {

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
  return sum;
}

}  // namespace

Ascent ascend(const std::function<double(const std::vector<double>&, std::vector<double>&)>& f,
              std::vector<double> x, int max_steps, double tolerance) {
  Ascent out;
  std::vector<double> g, next_g;
  double value = f(x, g);
  struct Pair {
    std::vector<double> s, y;
    double rho;
  };
  std::deque<Pair> pairs;
  int small = 0;
  while (out.steps < max_steps && std::isfinite(value)) {
    std::vector<double> step = g, alpha(pairs.size());
    for (std::size_t k = pairs.size(); k-- > 0;) {
      alpha[k] = pairs[k].rho * dot(pairs[k].s, step);
      for (std::size_t i = 0; i < x.size(); ++i) step[i] -= alpha[k] * pairs[k].y[i];
    }
    if (!pairs.empty()) {
      const double scale = 1 / (pairs.back().rho * dot(pairs.back().y, pairs.back().y));
      for (double& s : step) s *= scale;
    }
    for (std::size_t k = 0; k < pairs.size(); ++k) {
      const double beta = pairs[k].rho * dot(pairs[k].y, step);
      for (std::size_t i = 0; i < x.size(); ++i) step[i] += pairs[k].s[i] * (alpha[k] - beta);
    }
    if (!(dot(step, g) > 0)) {
      step = g;
      pairs.clear();
    }
    double longest = 0;
    for (const double s : step) longest = std::max(longest, std::abs(s));
    if (longest == 0) {
      out.converged = true;
      break;
    }
    double width = std::min(1.0, (pairs.empty() ? 0.5 : 2.0) / longest);
    std::vector<double> next(x.size());
    double next_value = 0;
    bool up = false;
    for (int trial = 0; trial < 20 && !up; ++trial, width /= 3) {
      for (std::size_t i = 0; i < x.size(); ++i) next[i] = x[i] + width * step[i];
      next_value = f(next, next_g);
      up = next_value >= value + 1e-4 * width * dot(step, g);
    }
    if (!up) {  // no way up that rounding would show
      out.converged = true;
      break;
    }
    Pair p{next, g, 0};
    for (std::size_t i = 0; i < x.size(); ++i) p.s[i] -= x[i], p.y[i] -= next_g[i];
    const double sy = dot(p.s, p.y);
    if (sy > 1e-12 * std::sqrt(dot(p.s, p.s) * dot(p.y, p.y))) {
      p.rho = 1 / sy;
      pairs.push_back(std::move(p));
      if (pairs.size() > 8) pairs.pop_front();
    }
    ++out.steps;
    small = next_value - value <= tolerance * (1 + std::abs(value)) ? small + 1 : 0;
    x = next, g = next_g, value = next_value;
    if (small >= 3) {
      out.converged = true;
      break;
    }
  }
  out.x = std::move(x);
  out.value = value;
  return out;
}

}  // namespace cartan::functional
