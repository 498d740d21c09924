#pragma once

namespace cartan::so3 {

// The mean over the sphere of Y_i {Y_j, Y_k} of degrees l1, l2, l3 is bracket_factor(l1, l2, l3) C[i, j, k],
// {b, c} = r . (grad b x grad c); zero for even l1 + l2 + l3.
double bracket_factor(int l1, int l2, int l3);

}  // namespace cartan::so3
