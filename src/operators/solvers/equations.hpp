#pragma once
// The equations there are; equation.cpp lists them.

#include "cartan/operators/equation.hpp"

namespace cartan::operators {

std::unique_ptr<Equation> make_burgers();
std::unique_ptr<Equation> make_kuramoto_sivashinsky();
std::unique_ptr<Equation> make_darcy();
std::unique_ptr<Equation> make_darcy_small();
std::unique_ptr<Equation> make_navier_stokes_3();
std::unique_ptr<Equation> make_navier_stokes_4();
std::unique_ptr<Equation> make_navier_stokes_5();
std::unique_ptr<Equation> make_kolmogorov();
std::unique_ptr<Equation> make_ns_forcing();
std::unique_ptr<Equation> make_wave();
std::unique_ptr<Equation> make_reaction_diffusion();

// A time cut into steps of at most `step`.
struct Steps {
  Index count;
  double length;
  Steps(double time, double step);
};

// Every `refine`-th point of a fine field of (n refine)^d points, into `out`.
void thin(const double* fine, int axes, Index points, Index refine, double* out);

// The fields that equations on grids share.
struct GridOptions {
  Index points = 64;  // of the samples, a side
  Index refine = 1;   // the solver's are so many times finer
  Index fine() const { return points * refine; }
};
void describe(config::Fields& f, GridOptions& o);

}  // namespace cartan::operators
