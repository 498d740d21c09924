#pragma once
// A tensor product compiled for execution. Everything is in the layout ir_mul: coordinate i of channel u
// of a block lies at offset + i stride + u. Whatever the mode, a path becomes one of two sums
//
//   filtered   sum over u, i, k of  w[u] a[i, u] c[k, u] M[k, i],  M[k, i] = sum over j of C[i, j, k] f[j]
//   pairwise   sum over u, i, j, k of  w[u] x1[i, u] x2[j, u] c[k, u] C[i, j, k]
//
// where the filter f is one channel of an input (x2, or x1 with i and j exchanged), a is the other input
// and c the output. Filtered sums with the same a and c are executed together as a FilterGroup. In modes uvw
// and uuw, c is not the output itself but the products of channels that a matrix of weights then mixes (Mix).

#include <memory>
#include <vector>

#include "cartan/autodiff/indices.hpp"
#include "cartan/so3/tensor_product.hpp"

namespace cartan::so3 {

struct ChannelBlock {
  Index offset = 0, stride = 0;
  int dim = 1;
};

enum class Operand { x1, x2 };

// sum over p, u, i, k of  w_p[u] a[i, u] c[k, u] M[matrix + (k P + p) dim(a) + i], P paths; when diagonal,
// M[matrix
// + p] stands for that times the unit matrix.
struct FilterGroup {
  static constexpr std::size_t most_paths = 16;
  Operand operand = Operand::x1;  // a
  ChannelBlock a, c;
  Index channels = 0;
  int mix = -1;  // c is the output (-1) or what this Mix reads
  Index matrix = 0;
  bool weighted = true;
  std::vector<Index> weights;  // of each path, in a row of weights or, without, in ones
  bool diagonal = false;
  bool fresh = false;                 // the first to read these coordinates of a
  std::vector<std::int32_t> entries;  // of the list that makes M, those of this group by filter
  bool again = false;                 // further coordinates of an a whose other groups have the same weights
};

struct Pairwise {
  struct Term {
    int target, p, q;
    double value;
  };
  ChannelBlock x1, x2, c;
  Index channels = 0;
  int mix = -1;
  Index weights = -1;
  std::vector<Term> to_c, to_x1, to_x2;  // by target; (p, q): (x1, x2), (c, x2), (x1, c)
};

// out[k, w] += sum over u of products[k, u] W[u, w]
struct Mix {
  int dim = 1;
  Index in = 0, out = 0;
  Index weights = 0;   // of W, row-major
  Index offset = 0;    // in the output
  Index products = 0;  // offset of (dim, in) among the products of one sample
};

// Which sample takes which rows: sample e reads row sender[e] of x1 and adds to row receiver[e] of the
// output. Null lists: row e itself.
struct Topology {
  Index samples = 0, senders = 0, receivers = 0;
  const Indices *sender = nullptr, *receiver = nullptr;
};

class TensorForm {
 public:
  TensorForm(const Irreps& in1, const Irreps& in2, const Irreps& out, const std::vector<Path>& paths);

  // The arguments, and in derivatives the cotangent of the output.
  template <class T>
  struct Rows {
    const T *x1 = nullptr, *x2 = nullptr, *w = nullptr, *out = nullptr;
    bool shared = false;  // one row of weights for all samples
  };
  // Derivatives that are wanted, null for the others.
  template <class T>
  struct Gradients {
    T *x1 = nullptr, *x2 = nullptr, *w = nullptr;
  };
  template <class T>
  void forward(const Topology& t, const Rows<T>& in, T* out) const;
  template <class T>
  void backward(const Topology& t, const Rows<T>& in, const Gradients<T>& to) const;

  // Whether all paths are channels of x1 times one of x2.
  bool channelwise() const;
  // Of a channelwise form with weights for every sample: <d/dx1, along.x1> + <d/dx2, along.x2> + <d/dw,
  // along.w> (nullptr: zero) differentiated by x1, by w and by the cotangent of the output, where they are
  // wanted.
  template <class T>
  struct Again {
    T *x1 = nullptr, *w = nullptr, *out = nullptr;
  };
  template <class T>
  void again(const Topology& t, const Rows<T>& in, const Rows<T>& along, const Again<T>& to) const;

  // The sum over the paths with weights alone: what is left of it when it is differentiated by the weights.
  const TensorForm& weighted() const { return weighted_ ? *weighted_ : *this; }

  // The cost of a forward pass in float32, weights one row a sample.
  Candidate candidate(Index samples) const;
  Index dim1 = 0, dim2 = 0, dim_out = 0, weight_numel = 0;

 private:
  friend struct Compiler;
  template <class T>
  class Run;
  template <class T>
  class Backward;

  struct Filter {
    Operand operand;
    Index coordinate;
  };
  template <class T>
  const std::vector<T>& values() const {
    if constexpr (sizeof(T) == 4)
      return values32_;
    else
      return values64_;
  }

  std::unique_ptr<const TensorForm> weighted_;  // where some paths have no weights
  std::vector<FilterGroup> groups_;
  std::vector<Pairwise> pairs_;
  std::vector<Mix> mixes_;
  Index products_ = 0;  // read by all mixes, a sample
  Index most_channels_ = 1;
  Index largest_group_ = 0;  // entries of M of one group
  bool direct_ = false;      // some path adds to the output without a Mix
  // M[m] = values[m] f[filter[m]], and then M[row] += values[n] f[filter[n]] for the entries that follow.
  std::vector<Filter> filters_;
  Index matrix_size_ = 0;
  std::vector<std::int32_t> matrix_filter_, matrix_row_;
  std::vector<float> values32_;
  std::vector<double> values64_;
};

// The op: out (receivers, dim_out) from x1 (senders, dim1), x2 (samples, dim2), w (weight_numel) or (samples,
// weight_numel), all of one type. Without index lists sample e reads and writes rows e.
Array tensor_form(std::shared_ptr<const TensorForm> form, const Indices* sender, const Indices* receiver,
                  const Array& x1, const Array& x2, const Array& w);

}  // namespace cartan::so3
