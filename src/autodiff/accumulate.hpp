#pragma once
// Sums in place.

#include "cartan/autodiff/update.hpp"

namespace cartan::primitives {

// written[0] += read[0]
class Accumulate : public Update {
 public:
  const char* name() const override { return "add_in_place"; }
  void run_cpu(const std::vector<Array*>& written, const Arrays& read) const override;
  void run_cuda(const std::vector<Array*>& written, const Arrays& read) const override;
};

}  // namespace cartan::primitives
