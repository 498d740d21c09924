#pragma once
// Shared by the operations made of forms.

#include <array>

#include "cartan/so3/gaunt.hpp"
#include "so3/gaunt/form.hpp"
#include "so3/gaunt/gaunt_convolution.hpp"

namespace cartan::so3 {

using FormWeights = std::array<const Array*, 3>;  // of x, y, z; nullptr: ones

// sum over r of < (w1 o x) (w2 o y) (w3 o z) >, or < z {x, y} > with weights; z is slot 2.
SphereForm gaunt_form(int l1, int l2, int l3, const FormWeights& weights, bool bracket);

// Channels of features (..., (l + 1)^2 C); throws where they do not fit.
Index channels_of(const char* op, const Array& x, int l);
// Weights by degree as (samples or 1, R, l + 1, channels or 1), or of kinds; throws where they do not fit.
Array form_weights(const char* op, const Array& w, int l, Index samples, Index channels, DType dtype,
                   const Indices& kind = {});
Array evaluate_gaunt(const char* op, int l1, int l2, int l3, bool bracket, Engine engine, const Array& x,
                     const Array& y, const GauntWeights& weights);

// Chooses among cg, grid and fourier.
Plan plan_form(const SphereForm& form, int out, const PlanOptions& options);

// Chooses among cg, grid, fourier and escn; `form` is what the first three compute.
Plan plan_convolution(const ConvolutionDegrees& l, const SphereForm& form, Index channels,
                      const PlanOptions& options);
Plan plan_complete(int l1, int l2, int l3, const PlanOptions& options);

}  // namespace cartan::so3
