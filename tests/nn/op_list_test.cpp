// Losses, layers and functions of a distance, on every device.
#include "autodiff/op_list.hpp"

#include "cartan/nn/loss.hpp"
#include "cartan/nn/radial.hpp"

namespace ops {
namespace {

using namespace cartan::nn;

// 0 or 1, with both.
Array some_weights(const Array& like) {
  std::vector<double> w;
  for (Index k = 0; k < like.size(); ++k) w.push_back(k % 3 ? 1 + 0.1 * static_cast<double>(k) : 0);
  return Array::from(w, like.shape()).as(like.dtype()).to(like.device());
}

template <class Loss>
OpCase loss(const std::string& name, Loss f) {
  return {name,
          [f](const Arrays& x) {
            return Arrays{f(x[0], x[1], Array()), f(x[0], x[1], some_weights(x[0]))};
          },
          {normal({5, 3}, 1), normal({5, 3}, 2)}};
}

const AddOps losses{
    loss("mse", [](const Array& a, const Array& b, const Array& w) { return mse(a, b, w); }),
    loss("mae", [](const Array& a, const Array& b, const Array& w) { return mae(a, b, w); }),
    loss("huber", [](const Array& a, const Array& b, const Array& w) { return huber(a, b, 0.8, w); }),
    {"present", [](const Arrays& x) { return Arrays{present(log(x[0])) * square(x[0])}; }, {normal({8})}},
};

OpCase basis(const std::string& name, const RadialOptions& options) {
  return {name,
          [options](const Arrays& x) {
            RadialBasis basis(options, x[0].dtype());
            basis.centers = basis.centers.to(x[0].device());
            if (!basis.widths.empty()) basis.widths = basis.widths.to(x[0].device());
            return Arrays{basis(x[0])};
          },
          {positive({7})}};
}

RadialOptions radial_options(RadialKind kind, int envelope = 0) {
  RadialOptions o;
  o.kind = kind;
  o.count = 6;
  o.envelope = envelope;
  return o;
}

const AddOps radial{
    {"cosine_cutoff",
     [](const Arrays& x) {
       return Arrays{cosine_cutoff(x[0], 0, 5), cosine_cutoff(x[0], 0.1, 5)};
     },
     {positive({7})}},
    {"polynomial_cutoff",
     [](const Arrays& x) { return Arrays{polynomial_cutoff(x[0], 5)}; },
     {positive({7})}},
    basis("expnorm", radial_options(RadialKind::expnorm)),
    basis("gauss", radial_options(RadialKind::gauss)),
    basis("bessel", radial_options(RadialKind::bessel, 5)),
};

const AddOps layers{
    {"normalize", [](const Arrays& x) { return Arrays{nn::normalize(x[0])}; }, {normal({4, 9})}},
    {"normalize, weight and bias",
     [](const Arrays& x) { return Arrays{nn::normalize(x[0]) * x[1] + x[2]}; },
     {normal({4, 9}, 1), normal({9}, 2), normal({9}, 3)}},
};

}  // namespace

TEST_P(OpList, HasTheSameResults) {
  check_ops(GetParam(), {"normalize", "normalize_backward", "normalize_second", "present", "radial"});
}
INSTANTIATE_TEST_SUITE_P(Nn, OpList, ::testing::ValuesIn(everywhere()), test_name);

}  // namespace ops
