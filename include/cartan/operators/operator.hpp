#pragma once
/// Neural operators: maps of fields on regular grids to fields, and the table of those there are.
///
/// Fields are arrays (samples, channels, n1, .., nd), d = 1, 2, 3, the last axis of the grid fastest. An
/// operator may be applied on any grid.
///
/// To add one: a header with its configuration and class, a source file, and a line in
/// src/operators/table.cpp.

#include <memory>
#include <string>
#include <vector>

#include <cartan/nn/network.hpp>

namespace cartan::operators {

class Operator;

/// What an operator is made of: the options of its kind, which derives from this. describe() names the
/// members here too, as does describe_channels(). The field name kind is taken.
class OperatorConfig : public nn::NetworkConfig {
 public:
  Index in_channels = 1;   ///< of the fields that go in
  Index out_channels = 1;  ///< of those that come out

  virtual int dimensions() const = 0;                    ///< d, of the grids
  virtual bool complex_fields() const { return false; }  ///< fields of complex numbers
  virtual std::unique_ptr<OperatorConfig> clone() const = 0;
  /// The operator, its parameters drawn from `init`. Throws std::invalid_argument as validate() does.
  virtual std::unique_ptr<Operator> make(nn::Init& init) const = 0;
  /// Elements of the fields: `dtype`, or the complex type of that precision.
  DType field_dtype() const;
};

/// A map of fields with parameters.
class Operator : public nn::Network {
 public:
  virtual const OperatorConfig& config() const = 0;
  const char* kind() const { return config().kind(); }
  DType dtype() const { return config().dtype; }

  /// (samples, out channels, grid) of x (samples, in channels, grid), which may be tracked.
  /// Throws std::invalid_argument for another rank, number of channels or type, and for a grid that is too
  /// small.
  Array operator()(const Array& x) const { return checked(x, nullptr); }
  /// The same as in training, where that differs (statistics of the batch). New values of what the operator
  /// keeps beside its parameters are a result: update.apply(constants()) sets them.
  Array train(const Array& x, nn::StateUpdate& update) const { return checked(x, &update); }
  /// Extents of the grid of what comes out, for a grid that goes in: the same, unless the operator rescales.
  virtual Shape output_grid(const Shape& grid) const { return grid; }

  virtual std::unique_ptr<Operator> clone() const = 0;
  /// The same function in another precision (f32, f64): parameters converted, not tracked, on the same
  /// device.
  std::unique_ptr<Operator> as(DType dtype) const;

 private:
  Array checked(const Array& x, nn::StateUpdate* training) const;
  /// operator() with checked arguments, or train() where there is an update.
  virtual Array apply(const Array& x, nn::StateUpdate* training) const = 0;
};

/// nn::draw.
std::unique_ptr<Operator> draw_operator(const OperatorConfig& config, std::uint64_t seed, double copies = 1,
                                        const StopFlag* stop = nullptr);

using OperatorKind = nn::Kind<OperatorConfig>;
/// The operators there are, the default one first.
const std::vector<OperatorKind>& operator_kinds();
/// The default configuration of a kind; throws std::invalid_argument naming the kinds there are.
std::unique_ptr<OperatorConfig> operator_config(const std::string& kind);
/// What OperatorConfig::save wrote; throws FormatError.
std::unique_ptr<OperatorConfig> load_operator_config(const data::Group& group);

}  // namespace cartan::operators
