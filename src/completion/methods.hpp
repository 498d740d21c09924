#pragma once
// Makers of the methods in the table: one declaration each, defined in the method's own file.

#include <memory>

namespace cartan::completion {

class Method;
using MakeMethod = std::unique_ptr<Method>();

MakeMethod make_mean, make_additive;                                       // additive.cpp
MakeMethod make_cp, make_additive_cp, make_tucker, make_train, make_ring;  // low_rank_methods.cpp
MakeMethod make_cur;                                                       // cur_method.cpp
MakeMethod make_auto;                                                      // automatic.cpp
MakeMethod make_mlp, make_mlp_blend, make_costco, make_costco_blend, make_ntf, make_dain, make_dain_random,
    make_dain_blend;    // neural/methods.cpp
MakeMethod make_uncle;  // neural/uncle.cpp

}  // namespace cartan::completion
