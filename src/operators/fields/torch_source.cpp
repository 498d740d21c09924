// neuraloperator's data sets: dicts of tensors x and y in .pt files.

#include "cartan/core/error.hpp"
#include "cartan/data/torch_file.hpp"
#include "operators/fields/sources.hpp"

namespace cartan::operators {

Found torch_fields(const std::string& path) {
  const data::TorchFile file(path);
  const data::TorchValue& root = file.root();
  if (root.kind() != data::TorchValue::Kind::dict || !root.has("x"))
    throw FormatError(path, "", "is not a set of fields: a dict of tensors x and y is expected");
  const Array x = as_floating(root["x"].array());
  Array y;
  if (root.has("y")) y = as_floating(root["y"].array());
  // Without an axis of channels there is one channel.
  int grid = x.ndim() - 1;
  if (!y.empty() && y.ndim() != x.ndim())
    grid = std::min(x.ndim(), y.ndim()) - 1;
  else if (x.ndim() >= 4)
    grid = x.ndim() - 2;
  const auto rows = [&](const Array& a, const char* what) {
    const int channel_axes = a.ndim() - 1 - grid;
    if (grid < 1 || grid > 3 || channel_axes < 0 || channel_axes > 1)
      throw FormatError(path, what,
                        text("has shape ", to_string(a.shape()),
                             "; (samples, grid) or (samples, channels, grid) is expected"));
    Shape shape{a.dim(0), 1, channel_axes == 1 ? a.dim(1) : 1};
    shape.insert(shape.end(), a.shape().end() - grid, a.shape().end());
    if (a.empty()) throw FormatError(path, what, "has no elements");
    return memory_source(a.reshaped(shape));
  };
  Found found;
  found.x = rows(x, "x");
  if (!y.empty()) found.y = rows(y, "y");
  return found;
}

}  // namespace cartan::operators
