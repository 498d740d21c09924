#pragma once
/// Digests of Cartan's files: XXH3 (64 bits) of the elements of each dataset as stored, of each block of its
/// rows, and a root digest over everything else that the file says.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

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
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::uint64_t digest_of(const void* bytes, std::size_t count);

/// Digests of blocks of `rows` rows of a dataset (the last may be shorter), so that parts can be verified.
struct BlockDigests {
  Index rows = 0;                      ///< 0: there are none (small datasets, files of older versions)
  std::vector<std::uint64_t> digests;  ///< one a block

  /// As the attribute `block_digests` holds it: the rows of a block, then the digests.
  std::vector<std::uint64_t> packed() const;
  /// Checked against the number of rows of the dataset; false when they do not fit.
  bool unpack(const std::vector<std::uint64_t>& list, Index dataset_rows);
};

/// The digest of a dataset and those of its blocks, from its bytes piece by piece.
class DatasetDigest {
 public:
  /// `block_bytes` 0: no blocks.
  explicit DatasetDigest(std::uint64_t block_bytes) : block_bytes_(block_bytes) {}
  void add(const void* bytes, std::size_t count);
  std::uint64_t value() const { return all_.value(); }
  /// Ends the last block.
  std::vector<std::uint64_t> blocks();

 private:
  void end_block();

  std::uint64_t block_bytes_, in_block_ = 0;
  Digest all_, block_;
  std::vector<std::uint64_t> digests_;
};

/// What a file says of a dataset besides its attributes.
struct DatasetInfo {
  DType dtype = DType::f64;
  Shape shape;
  std::uint64_t digest = 0;
  BlockDigests blocks;
};
/// By full path, "/group/name".
using DatasetInfos = std::map<std::string, DatasetInfo>;

/// Header, then depth first in order of names: attributes, datasets (name, type, shape, attributes, digest,
/// and digests of blocks where there are some), groups. Every text and list is preceded by its length. Arrays
/// of `root` are not looked at.
std::uint64_t root_digest(const Group& root, const DatasetInfos& infos, const Header& header);

}  // namespace cartan::data
