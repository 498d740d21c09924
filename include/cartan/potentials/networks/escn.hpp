#pragma once
/// eSCN (Passaro and Zitnick, ICML 2023): messages in the frames of edges, orders m and -m joined by pairs of
/// linear maps with radial factors between them. The same function as fairchem's, so weights carry over; with
/// exact activations, scalars for energies and an envelope where energies are to be invariant and smooth.

#include <memory>
#include <string>
#include <vector>

#include <cartan/potentials/networks/so2_network.hpp>

namespace cartan::potentials {

struct EscnConfig : SO2NetworkConfig {
  EscnConfig() { activation = "product"; }  // or "gate", "grid"; of messages and atoms

  std::string readout = "scalars";  ///< energies from "scalars", or "samples" of features on the sphere
  Index samples = 128;              ///< points of that readout
  bool direct = false;              ///< forces of a head of their own, which conserve nothing

  const char* kind() const override { return "escn"; }
  bool direct_forces() const override { return direct; }
  void describe(config::Fields& fields) override;
  std::string summary() const override;
  std::unique_ptr<NetworkConfig> clone() const override;
  std::unique_ptr<Network> make(nn::Init& init) const override;
  Index hidden_channels() const override { return hidden > 0 ? hidden : 2 * channels; }

 protected:
  const char* hidden_help() const override {
    return "channels of every order within messages; 0: twice channels";
  }
  const char* activation_help() const override {
    return "products of functions on the sphere, gates, values on a grid";
  }
  const char* derivatives() const override;
  std::vector<std::string> activations() const override { return {"product", "gate", "grid"}; }
  LayerCost layer_cost() const override;
};

/// Atomic energies, with vec = x_sender - x_receiver, D_e a rotation that takes vec to +y, e the envelope of
/// eSEN (1 without), h_e = silu(W silu(a_s + b_t + W_d Gaussians(|vec|) + b) + b'):
///
///   B(z)_0 = V_0 (U_0 z_0 o silu(W_0 h_e))
///   B(z)_m = R_m z_m - I_m z_-m,  B(z)_-m = R_m z_-m + I_m z_m,  R_m = V_m (silu(W_m h_e) o U_m .), I_m
///   likewise M_i    = sum_e e D^T act(B_s(D x_s) + B_t(D x_t))/sqrt(neighbors) x_i   <- x_i + W_3 act(W_2
///   act(W_1 [x_i; M_i]))                       the first layer: without x_i energy_i = w_3 silu(W_2 silu(W_1
///   v)),  v = x_i0, or the mean over points p of that of x_i(p)
///
/// act is the silu of values on a grid (grid), u_l sigmoid(u_0) (gate), or a_l u + b_l P(u u) (product). With
/// parity I is left out. What is said of grids in equiformer.hpp holds here.
class Escn : public Network {
 public:
  Escn(const EscnConfig& config, nn::Init& init);
  Escn(const Escn& other);
  ~Escn() override;

  const EscnConfig& config() const override { return config_; }
  std::unique_ptr<Network> clone() const override { return std::make_unique<Escn>(*this); }
  std::unique_ptr<Network> with_elements(const std::vector<int>& numbers) const override;

 private:
  struct Parts;
  struct Block;
  struct Nonlinear;
  struct Message;
  struct Rules;
  Array atomic_energies(const Graph& graph, const Array& vectors) const override;
  Output all_outputs(const Graph& graph, const Array& vectors) const override;
  void collect(nn::ParameterRefs& parameters, nn::ParameterRefs& constants) override;
  double kept_of_an_edge() const;  // numbers on the tape, a layer

  EscnConfig config_;
  std::vector<int> numbers_;  // of config_.species
  std::unique_ptr<Parts> parts_;
};

}  // namespace cartan::potentials
