// Files of torch.save: archives, and the older stream, which has no checksum in the way.

#include "cartan/data/torch_file.hpp"
#include "fuzz/fuzz.hpp"

using namespace cartan;
using data::TorchValue;

namespace {

// A value may hold itself many times over.
void look(const TorchValue& value, int depth, int& left) {
  if (depth > 20 || --left < 0) return;
  if (value.kind() == TorchValue::Kind::array) value.array();
  if (value.kind() == TorchValue::Kind::list)
    for (Index k = 0; k < value.size() && left > 0; ++k) look(value[k], depth + 1, left);
  if (value.kind() == TorchValue::Kind::dict)
    for (const auto& [key, item] : value.entries()) look(item, depth + 1, left);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::InputFile input("a.pt");
  const std::string& path = input.write(data, size);
  return fuzz::reads([&] {
    const data::TorchFile file(path);
    int left = 500;
    look(file.root(), 0, left);
  });
}
