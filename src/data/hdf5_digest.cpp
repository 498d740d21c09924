#include "data/hdf5_digest.hpp"

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace cartan::data {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "files are little-endian and digests are of their bytes");

struct Digest::State {
  XXH3_state_t hash;
};

Digest::Digest() : state_(new State) {
  XXH3_64bits_reset(&state_->hash);
}
Digest::~Digest() = default;
void Digest::add(const void* bytes, std::size_t count) {
  if (count > 0) XXH3_64bits_update(&state_->hash, bytes, count);
}
std::uint64_t Digest::value() const {
  return XXH3_64bits_digest(&state_->hash);
}

void Digest::reset() {
  XXH3_64bits_reset(&state_->hash);
}

std::uint64_t digest_of(const void* bytes, std::size_t count) {
  return XXH3_64bits(bytes, count);
}

std::vector<std::uint64_t> BlockDigests::packed() const {
  std::vector<std::uint64_t> list{static_cast<std::uint64_t>(rows)};
  list.insert(list.end(), digests.begin(), digests.end());
  return list;
}

bool BlockDigests::unpack(const std::vector<std::uint64_t>& list, Index dataset_rows) {
  const auto total = static_cast<std::uint64_t>(dataset_rows);
  if (list.size() < 2 || list[0] == 0 || list[0] > total) return false;
  if ((total - 1) / list[0] + 1 != list.size() - 1) return false;
  rows = static_cast<Index>(list[0]);
  digests.assign(list.begin() + 1, list.end());
  return true;
}

void DatasetDigest::add(const void* bytes, std::size_t count) {
  all_.add(bytes, count);
  if (block_bytes_ == 0) return;
  const char* p = static_cast<const char*>(bytes);
  while (count > 0) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(count, block_bytes_ - in_block_));
    block_.add(p, n);
    p += n;
    count -= n;
    in_block_ += n;
    if (in_block_ == block_bytes_) end_block();
  }
}

void DatasetDigest::end_block() {
  digests_.push_back(block_.value());
  block_.reset();
  in_block_ = 0;
}

std::vector<std::uint64_t> DatasetDigest::blocks() {
  if (in_block_ > 0) end_block();
  return digests_;
}

namespace {

void add(Digest& d, std::int64_t value) {
  d.add(&value, sizeof value);
}
void add(Digest& d, double value) {
  d.add(&value, sizeof value);
}
void add(Digest& d, const std::string& value) {
  d.add(value);
}
template <class T>
void add(Digest& d, const std::vector<T>& values) {
  d.add(static_cast<std::uint64_t>(values.size()));
  for (const T& v : values) add(d, v);
}

void add(Digest& d, const Attributes& attributes) {
  d.add(static_cast<std::uint64_t>(attributes.size()));
  for (const auto& [name, attribute] : attributes) {
    d.add(name);
    d.add(static_cast<std::uint64_t>(attribute.index()));
    std::visit([&](const auto& value) { add(d, value); }, attribute);
  }
}

void add(Digest& d, const Group& group, const DatasetInfos& infos, const std::string& path) {
  add(d, group.attributes);
  d.add(static_cast<std::uint64_t>(group.items().size()));
  for (const auto& [name, item] : group.items()) {
    const DatasetInfo& info = infos.at(path + "/" + name);
    d.add(name);
    d.add(std::string(name_of(info.dtype)));
    add(d, info.shape);
    add(d, item.attributes);
    d.add(info.digest);
    if (info.blocks.rows > 0)  // files of older versions have none, and their root digest stays what it was
      for (const std::uint64_t value : info.blocks.packed()) d.add(value);
  }
  d.add(static_cast<std::uint64_t>(group.groups().size()));
  for (const auto& [name, child] : group.groups()) {
    d.add(name);
    add(d, child, infos, path + "/" + name);
  }
}

}  // namespace

std::uint64_t root_digest(const Group& root, const DatasetInfos& infos, const Header& header) {
  Digest d;
  d.add(header.format);
  add(d, static_cast<std::int64_t>(header.format_version));
  d.add(header.creator);
  d.add(header.config);
  add(d, root, infos, "");
  return d.value();
}

}  // namespace cartan::data
