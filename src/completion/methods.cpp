// The completion methods there are: a line each.
#include "completion/methods.hpp"

#include <algorithm>
#include <type_traits>

#include "cartan/completion/method.hpp"
#include "cartan/core/error.hpp"
#include "core/range.hpp"
#include "core/simd.hpp"

namespace cartan::completion {

const std::vector<MethodKind>& method_kinds() {
  static const std::vector<MethodKind> kinds{
      {"mean", "the mean of all entries", make_mean},
      {"additive", "the mean and a bias for each index of every mode", make_additive},
      {"cp", "a sum of products of a factor of every mode; any loss", make_cp},
      {"additive-cp", "CP of what the additive model leaves", make_additive_cp},
      {"tucker", "a small core times a factor of every mode", make_tucker},
      {"train", "a product of matrices chosen by the index of every mode", make_train},
      {"ring", "the trace of such a product", make_ring},
      {"cur", "fibres of the data themselves as factors (Tucker-CUR)", make_cur},
      {"auto", "additive, CP or Tucker, rank and ridge by entries left out", make_auto},
      {"mlp", "embeddings through dense layers", make_mlp},
      {"mlp-blend", "the same, blended with the additive model", make_mlp_blend},
      {"costco", "embeddings through convolutions over modes and components (CoSTCo)", make_costco},
      {"costco-blend", "the same, blended with the additive model", make_costco_blend},
      {"ntf", "embeddings, time through an LSTM, dense layers (NTF)", make_ntf},
      {"dain", "a network trained again with entries added where they influence the error (DAIN)", make_dain},
      {"dain-random", "the control of DAIN: the same with entries added at random", make_dain_random},
      {"dain-blend", "DAIN, blended with the additive model", make_dain_blend},
      {"uncle", "under-counted counts: a non-negative CP times a probability from attributes (UNCLE)",
       make_uncle, true},
  };
  return kinds;
}

std::unique_ptr<Method> make_method(const std::string& name) {
  std::vector<std::string> known;
  std::string list;
  for (const MethodKind& k : method_kinds()) {
    if (k.name == name) return k.make();
    known.push_back(k.name);
    list += (list.empty() ? "" : ", ") + k.name;
  }
  const std::string near = config::nearest(name, known);
  throw std::invalid_argument(text("[make_method] there is no method '", name, "'; ",
                                   near.empty() ? "there are " + list : "perhaps '" + near + "' is meant"));
}

namespace {

double largest_size(Span<const double> values) {
  using V = Register<double>;
  V most{};
  double rest = 0;
  for_strips<double>(static_cast<Index>(values.size()), [&]<class T>(T, Index n) {
    const T v = load<T>(values.data() + n), size = v < 0 ? -v : v;
    if constexpr (std::is_same_v<T, V>)
      most = size > most ? size : most;
    else
      rest = std::max(rest, size);
  });
  for (Index lane = 0; lane < register_lanes<double>; ++lane)
    rest = std::max(rest, static_cast<double>(most[lane]));
  return rest;
}

}  // namespace

void check_fit(const char* caller, const SparseTensor& train, const SparseTensor& validation) {
  require(!train.empty(), "[", caller, "] there is no entry to train on");
  require(validation.empty() || validation.shape() == train.shape(), "[", caller,
          "] validation entries of a ", validation.shape(), " tensor, training entries of a ", train.shape(),
          " tensor");
  require_squares(caller, "the largest training value has size", largest_size(train.values()));
  require_squares(caller, "the largest validation value has size", largest_size(validation.values()));
}

void check_indices(const char* caller, const Array& indices, const Shape& shape) {
  const Index d = static_cast<Index>(shape.size());
  require(d >= 1, "[", caller, "] nothing has been fitted or loaded");
  require(indices.ndim() == 2 && indices.dim(1) == d && indices.dtype() == DType::i64, "[", caller,
          "] indices are ", indices.dtype(), " of shape ", indices.shape(), ", expected int64 (N, ", d, ")");
  const Index* i = indices.data<Index>();
  for (Index n = 0; n < indices.size(); ++n)
    require(i[n] >= 0 && i[n] < shape[static_cast<std::size_t>(n % d)], "[", caller, "] index ", i[n],
            " of mode ", n % d, " in row ", n / d, " is not in [0, ", shape[static_cast<std::size_t>(n % d)],
            ")");
}

}  // namespace cartan::completion
