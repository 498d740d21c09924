#pragma once
// Products of functions on the sphere and all their derivatives are derivatives of one kind of scalar form,
//
//   F(v, W) = sum over terms t of c_t < product over factors f of (W_f o v_f)^(power of f) >,
//
// < > the mean over the sphere, v_f one of the arrays (coefficients of a function), W_f o v_f its multiples
// by degree (a row of an array of weights, or none). A term may hold a bracket instead: < a {b, c} > of three
// factors, {b, c} = r . (grad b x grad c), which is antisymmetric in all three.
// An operation is the derivative of a form by one of its arrays or weights, in which the form is linear. Its
// vjp is the derivatives by all slots that are wanted, in one pass, which shares what they have in common;
// theirs is that of another form: derivatives of any order stay within this file.

#include <memory>

#include "autodiff/multilinear.hpp"
#include "cartan/autodiff/indices.hpp"
#include "so3/gaunt/engine.hpp"

namespace cartan::so3 {

struct SphereFactor {
  int array = 0;
  int weight = -1;  // none
  int row = 0;      // of the weights
  int power = 1;
  bool operator==(const SphereFactor&) const = default;
};

struct SphereTerm {
  double coefficient = 1;
  std::vector<SphereFactor> factors;
  bool bracket = false;
};

struct SphereForm {
  std::vector<int> degree;  // of every array
  int weights = 0;          // arrays of weights
  std::vector<int> rows;    // of every array of weights
  std::vector<int> weight_degree;
  std::vector<SphereTerm> terms;

  int arrays() const { return static_cast<int>(degree.size()); }
  int slots() const { return arrays() + weights; }
  int total_degree() const;  // the largest sum of degrees in a term
  int lmax() const;
  Index rows_of(int slot) const {
    const int k = slot - arrays();
    return k < 0 ? Index{degree[slot] + 1} * (degree[slot] + 1) : Index{rows[k]} * (weight_degree[k] + 1);
  }
};

// The derivative of the form by slot `slot` (arrays first, then weights) in direction of a new slot, which
// is appended to the arrays or to the weights.
SphereForm linearise(const SphereForm& form, int slot);

// The first `weights` arrays of weights are of kinds of samples, (kinds or 1, rows, l + 1, channels or 1);
// the others, cotangents of theirs among them, of samples.
struct SampleKinds {
  Indices kind;  // of every sample
  int weights = 0;
  bool has(const Array& w, int weight) const {
    return kind.extent() > 0 && weight < weights && w.dim(0) != 1;
  }
};

// The derivative by slot `out`, which occurs once in every term. Inputs: the other slots in their order;
// arrays (samples, (l + 1)^2 channels), or of one channel that serves all (then without vjp), and weights
// (samples or 1, rows, l + 1, channels or 1), without axes of size 1 broadcast, or of kinds. The result has
// the shape of its slot, weights with all axes in full.
class FormDerivative : public Multilinear {
 public:
  FormDerivative(SphereForm form, int out, Engine engine, SampleKinds kinds = {})
      : Multilinear(form.slots(), out),
        form_(std::move(form)),
        out_(out),
        engine_(engine),
        kinds_(std::move(kinds)) {}
  const char* name() const override { return "sphere_product"; }
  Arrays eval_cpu(const Arrays& inputs) const override;

 protected:
  Array derivative(int k, const Arrays& full) const override;
  Arrays derivatives(const Arrays& full, const std::vector<bool>& wanted,
                     const Arrays& outputs) const override;

 private:
  SphereForm form_;
  int out_;
  Engine engine_;
  SampleKinds kinds_;
};

// The derivatives by several slots, in their order, from the arrays of all slots. Derivatives by weights
// come with all axes in full; sums over kinds and axes of length 1 are the caller's.
class FormDerivatives : public Primitive, public ReadsInputs {
 public:
  FormDerivatives(SphereForm form, std::vector<int> outs, Engine engine, SampleKinds kinds)
      : form_(std::move(form)), outs_(std::move(outs)), engine_(engine), kinds_(std::move(kinds)) {}
  const char* name() const override { return "sphere_product"; }
  Arrays eval_cpu(const Arrays& inputs) const override;
  Arrays vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  SphereForm form_;
  std::vector<int> outs_;
  Engine engine_;
  SampleKinds kinds_;
};

// A term of the derivative by slot `out`: what the factors' product, projected, is multiplied by.
struct SphereDerivative {
  int out;
  double coefficient;
  SphereFactor target;                // the factor that was differentiated
  std::vector<SphereFactor> factors;  // the others; of a bracket, in cyclic order
  bool bracket;
};
std::vector<SphereDerivative> derivatives_of(const SphereForm& form, const std::vector<int>& outs);

// What an engine does: the derivatives by `outs` for one block of lanes. `slots` holds the rows of the block,
// of every slot that occurs beside the one differentiated by: arrays ((l + 1)^2, w), weights (rows, l + 1,
// w); the results go to results[out].
template <class T>
class FormKernel {
 public:
  virtual ~FormKernel() = default;
  virtual Index scratch_size() const = 0;
  virtual void run(const T* const* slots, T* const* results, T* scratch) const = 0;
};

template <class T>
std::shared_ptr<const FormKernel<T>> transform_kernel(const SphereForm& form, const std::vector<int>& outs,
                                                      Engine engine);
template <class T>
std::shared_ptr<const FormKernel<T>> coupling_kernel(const SphereForm& form, const std::vector<int>& outs);

// What an engine does for one block of lanes: the terms of the cost model, each a number of row operations.
struct FormWork {
  double rows = 0;      // moved to and from the block
  double weighted = 0;  // multiplied by weights
  double products = 0;  // x_i y_j, or values on the grid
  double sums = 0;      // multiply-adds of tables (couplings, Legendre functions, waves)
  double waves = 0;     // n log2 n of the FFTs
};
FormWork transform_work(const SphereForm& form, int out, Engine engine);
FormWork coupling_work(const SphereForm& form, int out);

}  // namespace cartan::so3
