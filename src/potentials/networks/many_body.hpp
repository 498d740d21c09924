#pragma once
// The many-body step of MACE: polynomials of the features of one atom, channel by channel.

#include <memory>
#include <string>
#include <vector>

#include "cartan/potentials/networks/mace.hpp"
#include "potentials/networks/message_passing.hpp"

namespace cartan::potentials {

class ManyBody {
 public:
  struct Weight {
    std::string name;
    Shape shape;                    ///< the first axis is of elements, or 1: all share it
    std::vector<double> deviation;  ///< of the initial values, one for every entry of the second axis
  };

  virtual ~ManyBody() = default;
  /// The arrays that operator() takes.
  virtual std::vector<Weight> weights() const = 0;
  /// a (atoms, features of all degrees) -> (atoms, features up to the degree asked for)
  virtual Array operator()(const Array& a, const Species& species,
                           const std::vector<Array>& weights) const = 0;
};

/// As config.product says, from features `in` to features `out`.
std::shared_ptr<const ManyBody> many_body(const MaceConfig& config, const so3::Irreps& in,
                                          const so3::Irreps& out);

}  // namespace cartan::potentials
