#pragma once
// Wigner matrices from the Cayley-Klein parameters a = w - i q_y, b = q_x + i q_z of a rotation. For
// p >= |m| the complex matrix has
//   D^l(-p, m) = a^(p - m) b^(p + m) P_l,   P_p = sqrt(2p over p + m),
// where P_l, real, follows the three-term recursion in l with cos(beta) = |a|^2 - |b|^2; other corners of the
// matrix are the same up to conjugation and sign. So an entry costs two multiplications beyond the recursion,
// and eight entries of the real matrix share one.

#include <vector>

#include "cartan/core/error.hpp"
#include "so3/harmonics/cpu/sample_lanes.hpp"

namespace cartan::so3 {

// Where D_l(m', m), |m| <= min(l, mmax), lies in a packed set of blocks l = lmin..lmax: row-major blocks of
// (2 l + 1) x (2 width(l) + 1).
struct WignerLayout {
  WignerLayout(int lmin_, int lmax_, int mmax_);
  int lmin, lmax, mmax;
  Index size = 0;
  std::vector<Index> offset;  // of block l, from l = 0 on; those below lmin are not there
  int width(int l) const { return std::min(l, mmax); }
  Index place(int l, int row, int column) const {
    return offset[static_cast<std::size_t>(l)] + Index{l + row} * (2 * width(l) + 1) + width(l) + column;
  }
};

struct CayleyKlein {
  double a_re, a_im, b_re, b_im;
};

// From a row-major rotation matrix that was checked; without cancellation anywhere.
CayleyKlein cayley_klein(const double r[9]);
// Of R_y(alpha) R_x(beta), which takes +y to direction (of length 1): the gauge of edges.
CayleyKlein cayley_klein_of_edge(const double direction[3]);

class WignerKernel {
 public:
  WignerKernel(int lmin, int lmax, int mmax);
  const WignerLayout& layout() const { return layout_; }
  // lane_count rotations at a time: out (layout().size), scratch of scratch_size().
  void operator()(const CayleyKlein* rotations, Index samples, SampleLanes* out, SampleLanes* scratch) const;
  Index scratch_size() const { return 4 * (2 * Index{layout_.lmax} + 1); }

 private:
  struct Step {
    double x, shift, back;  // P_(l+1) = (x cos(beta) +- shift) P_l - back P_(l-1)
  };
  WignerLayout layout_;
  std::vector<double> start_;  // sqrt(2p over p + q), pairs p >= q in order
  std::vector<Step> steps_;    // of every pair, from l = p on
};

// Kept for the life of the program.
const WignerKernel& wigner_kernel(int lmin, int lmax, int mmax);

}  // namespace cartan::so3
