#pragma once
// Where things lie in an SO(2) convolution: terms of both sides, channels padded to whole vectors, columns of
// the m-major matrices.

#include "cartan/so3/so2_convolution.hpp"

namespace cartan::so3 {

inline constexpr Index pad_channels = 16;  // columns of a term in the m-major matrices, rounded up to this
inline constexpr Index panel = 32;         // columns of a result matrix, rounded up to this

inline Index round_up(Index n, Index to) {
  return (n + to - 1) / to * to;
}

// Input or output features.
struct SO2Side {
  struct Term {
    int l;
    Index mul, padded, place;  // place: in a row of features
    bool turned;               // parity: kept as i z, which makes every weight matrix real
  };
  bool framed = false;  // features are given in the frames of edges
  bool dense = false;   // and a row of them is a frame as it is
  Index dim = 0;        // of a row of features
  int lmax = 0;
  std::vector<Term> terms;
  std::vector<Index> columns;              // of order m, padded
  std::vector<std::vector<Index>> column;  // [m][term], -1 where l < m

  // Features of one edge in its frame, orders |m| <= rows: for each term (2 width + 1) x padded.
  std::vector<Index> frame(int rows, Index& size) const {
    std::vector<Index> place;
    size = 0;
    for (const Term& t : terms) {
      place.push_back(size);
      size += (2 * std::min(t.l, rows) + 1) * t.padded;
    }
    return place;
  }
};

struct SO2Shape {
  Irreps in, out;
  SO2Options options;
  int mmax;
  bool parity, channelwise;
  SO2Side from, to;
  std::vector<SO2Convolution::Block> blocks;
  Index weight_size = 0, radial_size = 0;
  std::vector<std::vector<Index>> radial_place;  // [m][input term]

  bool framed() const { return from.framed || to.framed; }
  // Elements of an edge's message in its frame.
  Index message_size() const {
    Index size;
    to.frame(mmax, size);
    return size;
  }
  // And of what comes back to the sender in that frame.
  Index pulled_size() const {
    Index size;
    from.frame(mmax, size);
    return size;
  }
};

}  // namespace cartan::so3
