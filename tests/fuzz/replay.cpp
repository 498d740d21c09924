// Calls a fuzz target on every seed, and on copies of it that are cut short or changed in a few bytes; the
// same copies in every run. For compilers without libFuzzer.
//
//   replay_NAME FOLDER [COPIES]     COPIES of each seed (default 200)

#include <algorithm>
#include <vector>

#include "fuzz/fuzz.hpp"

namespace {

std::uint64_t state = 1;
std::uint64_t next() {  // splitmix64
  std::uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

std::vector<std::uint8_t> changed(std::vector<std::uint8_t> bytes) {
  static const std::uint8_t telling[] = {0, 1, 0x7f, 0x80, 0xff, ' ', '\n', '"', '=', ':', '-', '9'};
  const std::size_t edits = 1 + next() % 4;
  for (std::size_t k = 0; k < edits && !bytes.empty(); ++k) {
    const std::size_t at = next() % bytes.size();
    switch (next() % 6) {
      case 0:
        bytes[at] = static_cast<std::uint8_t>(next());
        break;
      case 1:
        bytes[at] = telling[next() % sizeof telling];
        break;
      case 2:
        bytes[at] ^= static_cast<std::uint8_t>(1 << next() % 8);
        break;
      case 3:
        bytes.resize(at);
        break;
      case 4:
        bytes.insert(bytes.begin() + static_cast<long>(at), telling[next() % sizeof telling]);
        break;
      case 5: {  // a part of it, once more
        const std::size_t length = std::min<std::size_t>(1 + next() % 40, bytes.size() - at);
        const std::vector<std::uint8_t> part(bytes.begin() + static_cast<long>(at),
                                             bytes.begin() + static_cast<long>(at + length));
        bytes.insert(bytes.begin() + static_cast<long>(next() % bytes.size()), part.begin(), part.end());
      }
    }
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: replay FOLDER [COPIES]\n"), 2;
  const long copies = argc > 2 ? std::atol(argv[2]) : 200;
  std::vector<std::filesystem::path> seeds;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) seeds.push_back(entry.path());
  std::sort(seeds.begin(), seeds.end());
  if (seeds.empty()) return std::fprintf(stderr, "replay: no seeds in %s\n", argv[1]), 1;
  LLVMFuzzerTestOneInput(nullptr, 0);
  long runs = 1;
  for (const auto& seed : seeds) {
    std::ifstream in(seed, std::ios::binary);
    const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(in), {}};
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    state = 1;
    for (long k = 0; k < copies; ++k) {
      const auto copy = changed(bytes);
      LLVMFuzzerTestOneInput(copy.data(), copy.size());
    }
    runs += copies + 1;
  }
  std::printf("%zu seeds, %ld runs\n", seeds.size(), runs);
  return 0;
}
