#include "cartan/so3/irreps.hpp"

#include <algorithm>
#include <cctype>
#include <limits>
#include <numeric>
#include <ostream>

#include "cartan/core/error.hpp"

namespace cartan::so3 {
namespace {

constexpr Index most_channels = Index{1} << 40;

// Reads a decimal number at text[at], which it advances; -1 where there is none or it is too large.
Index read_number(const std::string& text, std::size_t& at) {
  if (at >= text.size() || !std::isdigit(static_cast<unsigned char>(text[at]))) return -1;
  Index n = 0;
  for (; at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])); ++at)
    if ((n = 10 * n + (text[at] - '0')) > most_channels) return -1;
  return n;
}

// Reads "1o" at text[at].
bool read_irrep(const std::string& text, std::size_t& at, Irrep& ir) {
  const Index l = read_number(text, at);
  if (l < 0 || l > largest_degree || at >= text.size()) return false;
  ir.l = static_cast<int>(l);
  switch (text[at++]) {
    case 'e':
      ir.p = 1;
      return true;
    case 'o':
      ir.p = -1;
      return true;
    case 'y':
      ir.p = l % 2 == 0 ? 1 : -1;
      return true;
    default:
      return false;
  }
}

std::string without_spaces(std::string text) {
  text.erase(std::remove_if(text.begin(), text.end(), [](unsigned char c) { return std::isspace(c) != 0; }),
             text.end());
  return text;
}

std::vector<MulIrrep> parse_terms(const std::string& given) {
  const std::string text = without_spaces(given);
  std::vector<MulIrrep> terms;
  std::size_t at = 0;
  while (at < text.size()) {
    MulIrrep term;
    const std::size_t begin = at;
    const Index mul = read_number(text, at);
    if (mul >= 0 && at < text.size() && text[at] == 'x') {
      term.mul = mul;
      ++at;
    } else {
      at = begin;
    }
    const bool read = read_irrep(text, at, term.ir);
    require(read && (at == text.size() || (text[at] == '+' && at + 1 < text.size())),
            "[irreps] cannot read '", text.substr(begin), "' in '", given,
            "': terms read 8x1o or 1o, joined by +");
    terms.push_back(term);
    ++at;
  }
  return terms;
}

}  // namespace

std::string Irrep::text() const {
  std::string out = std::to_string(l);
  out += p == 1 ? 'e' : 'o';
  return out;
}

Irrep Irrep::parse(const std::string& given) {
  const std::string text = without_spaces(given);
  Irrep ir;
  std::size_t at = 0;
  require(read_irrep(text, at, ir) && at == text.size(), "[irreps] '", given,
          "' is no irrep: a degree and a parity, as 0e, 1o or 2y");
  return ir;
}

std::vector<Irrep> operator*(Irrep a, Irrep b) {
  std::vector<Irrep> out;
  for (int l = std::abs(a.l - b.l); l <= a.l + b.l; ++l) out.push_back({l, a.p * b.p});
  return out;
}

Irreps::Irreps(std::vector<MulIrrep> terms) : terms_(std::move(terms)) {
  Index end = 0;
  for (const auto& t : terms_) {
    require(t.mul >= 0 && t.mul <= most_channels && t.ir.l >= 0 && t.ir.l <= largest_degree &&
                (t.ir.p == 1 || t.ir.p == -1),
            "[irreps] a term has multiplicity ", t.mul, ", degree ", t.ir.l, ", parity ", t.ir.p,
            ": they must lie in [0, ", most_channels, "] and [0, ", largest_degree,
            "], the parity be 1 or -1");
    require(end <= std::numeric_limits<Index>::max() - t.dim(), "[irreps] the dimension overflows");
    offsets_.push_back(end += t.dim());
  }
}

Irreps::Irreps(const std::string& text) : Irreps(parse_terms(text)) {}

Irreps Irreps::spherical_harmonics(int lmax, int parity) {
  require(lmax >= 0 && lmax <= largest_degree && (parity == 1 || parity == -1),
          "[irreps] harmonics of degree ", lmax, " and parity ", parity, ": the degree must lie in [0, ",
          largest_degree, "], the parity be 1 or -1");
  std::vector<MulIrrep> terms;
  for (int l = 0; l <= lmax; ++l) terms.push_back({1, {l, l % 2 == 0 ? 1 : parity}});
  return terms;
}

Index Irreps::num_irreps() const noexcept {
  Index n = 0;
  for (const auto& t : terms_) n += t.mul;
  return n;
}

Index Irreps::count(Irrep ir) const noexcept {
  Index n = 0;
  for (const auto& t : terms_)
    if (t.ir == ir) n += t.mul;
  return n;
}

int Irreps::lmax() const noexcept {
  int l = -1;
  for (const auto& t : terms_)
    if (t.mul > 0) l = std::max(l, t.ir.l);
  return l;
}

std::string Irreps::text() const {
  std::string out;
  for (const auto& t : terms_) {
    if (!out.empty()) out += '+';
    out += std::to_string(t.mul);
    out += 'x';
    out += t.ir.text();
  }
  return out;
}

Irreps Irreps::simplify() const {
  std::vector<MulIrrep> out;
  for (const auto& t : terms_) {
    if (t.mul == 0) continue;
    if (!out.empty() && out.back().ir == t.ir)
      out.back().mul += t.mul;
    else
      out.push_back(t);
  }
  return out;
}

Irreps::Sorted Irreps::sort() const {
  std::vector<std::size_t> order(size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return terms_[a].ir < terms_[b].ir; });
  Sorted out;
  out.permutation.resize(size());
  std::vector<MulIrrep> terms;
  for (std::size_t k = 0; k < size(); ++k) {
    terms.push_back(terms_[order[k]]);
    out.permutation[order[k]] = k;
  }
  out.irreps = Irreps(std::move(terms));
  return out;
}

Irreps Irreps::regroup() const {
  return sort().irreps.simplify();
}

Irreps Irreps::slice(std::size_t begin, std::size_t end) const {
  require(begin <= end && end <= size(), "[irreps] terms [", begin, ", ", end, ") of ", size());
  const auto first = terms_.begin();
  return std::vector<MulIrrep>(first + static_cast<std::ptrdiff_t>(begin),
                               first + static_cast<std::ptrdiff_t>(end));
}

bool operator==(const Irreps& a, const Irreps& b) noexcept {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

Irreps operator+(const Irreps& a, const Irreps& b) {
  std::vector<MulIrrep> terms(a.begin(), a.end());
  terms.insert(terms.end(), b.begin(), b.end());
  return terms;
}

std::ostream& operator<<(std::ostream& out, Irrep ir) {
  return out << ir.text();
}
std::ostream& operator<<(std::ostream& out, const Irreps& irreps) {
  return out << '\'' << irreps.text() << '\'';
}

}  // namespace cartan::so3
