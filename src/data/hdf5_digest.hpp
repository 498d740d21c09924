#pragma once
/// Digests of Cartan's files: XXH3 (64 bits) of the elements of each dataset as stored, and a root digest
/// over everything else that the file says.

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "cartan/data/group.hpp"
#include "cartan/data/hdf5.hpp"

namespace cartan::data {

/// A running XXH3.
class Digest {
 public:
  Digest();
  ~Digest();
  void add(const void* bytes, std::size_t count);
  void add(std::uint64_t value) { add(&value, sizeof value); }
  void add(const std::string& text) {
    add(static_cast<std::uint64_t>(text.size()));
    add(text.data(), text.size());
  }
  std::uint64_t value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::uint64_t digest_of(const void* bytes, std::size_t count);

/// What a file says of a dataset besides its attributes.
struct DatasetInfo {
  DType dtype = DType::f64;
  Shape shape;
  std::uint64_t digest = 0;
};
/// By full path, "/group/name".
using DatasetInfos = std::map<std::string, DatasetInfo>;

/// Header, then depth first in order of names: attributes, datasets (name, type, shape, attributes, digest),
/// groups. Every text and list is preceded by its length. Arrays of `root` are not looked at.
std::uint64_t root_digest(const Group& root, const DatasetInfos& infos, const Header& header);

}  // namespace cartan::data
