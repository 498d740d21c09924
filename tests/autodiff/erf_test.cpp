#include "autodiff/op_list.hpp"

namespace {

const ops::AddOps error_function{
    {"erf", [](const cartan::Arrays& x) { return cartan::Arrays{cartan::erf(x[0])}; }, {ops::normal({23})}}};

}  // namespace
