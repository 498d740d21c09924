// Text that may be compressed.

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "cartan/core/error.hpp"
#include "data/file_io.hpp"

namespace cartan::data {
namespace {

constexpr std::size_t raw_size = std::size_t{1} << 17;
constexpr std::uint64_t deflate_ratio = 1032;  // no deflated stream grows by more
constexpr std::uint64_t free_size = std::uint64_t{1} << 30, densest_text = 200;
constexpr int gzip_window = 15 + 16;  // zlib: the largest window, with gzip's header and checksum

}  // namespace

struct TextInput::Inflater {
  z_stream stream{};
  bool inside = true;  // of a member
  Inflater() {
    if (::inflateInit2(&stream, gzip_window) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { ::inflateEnd(&stream); }
};

TextInput::TextInput(const std::string& path) : file_(path), raw_(raw_size) {}
TextInput::~TextInput() = default;

void TextInput::fail(Index line, const std::string& what) const {
  throw FormatError(
      path(), text("line ", line, ", byte ", taken_ - (end_ - begin_), " of the compressed file"), what);
}

// The first bytes, which say whether the file is compressed. A pipe may hand them out one by one.
void TextInput::start() {
  started_ = true;
  while (end_ < 2) {
    const std::size_t n = file_.read(raw_.data() + end_, raw_.size() - end_);
    if (n == 0) break;
    end_ += n;
  }
  taken_ = end_;
  if (is_gzip(raw_.data(), end_)) inflater_ = std::make_unique<Inflater>();
}

std::size_t TextInput::read(void* to, std::size_t count, Index line) {
  if (!started_) start();
  if (inflater_) return unpack(to, count, line);
  if (begin_ == end_) {
    const std::size_t n = file_.read(to, count);
    taken_ += n;
    return n;
  }
  const std::size_t n = std::min(count, end_ - begin_);
  std::memcpy(to, raw_.data() + begin_, n);
  begin_ += n;
  return n;
}

std::size_t TextInput::unpack(void* to, std::size_t count, Index line) {
  z_stream& z = inflater_->stream;
  const std::size_t wanted = std::min(count, std::size_t{1} << 30);
  z.next_out = static_cast<Bytef*>(to);
  z.avail_out = static_cast<uInt>(wanted);
  while (z.avail_out == wanted) {
    if (begin_ == end_ && !finished_) {
      begin_ = 0;
      end_ = file_.read(raw_.data(), raw_.size());
      taken_ += end_;
      finished_ = end_ == 0;
    }
    if (finished_) {
      if (inflater_->inside) fail(line, "the compressed data end in the midst: the file is truncated");
      return 0;
    }
    if (!inflater_->inside) {  // another member, or zeros that fill a block of a tape
      if (raw_[begin_] == 0) {
        ++begin_;
        continue;
      }
      if (::inflateReset(&z) != Z_OK) throw std::bad_alloc();
      inflater_->inside = true;
    }
    z.next_in = raw_.data() + begin_;
    z.avail_in = static_cast<uInt>(end_ - begin_);
    const int code = ::inflate(&z, Z_NO_FLUSH);
    begin_ = end_ - z.avail_in;
    if (code == Z_MEM_ERROR) throw std::bad_alloc();
    if (code == Z_STREAM_END)
      inflater_->inside = false;
    else if (code != Z_OK && code != Z_BUF_ERROR)
      fail(line, text("the compressed data are damaged (", z.msg ? z.msg : "not gzip", ")"));
  }
  const std::size_t got = wanted - z.avail_out;
  unpacked_ += got;
  if (unpacked_ > free_size && unpacked_ / densest_text > taken_)
    fail(line, text("unpacks to more than ", densest_text, " times its size: refused, it cannot be a text"));
  return got;
}

std::uint64_t TextInput::remaining() const {
  if (!file_.regular()) return std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t on_disk = file_.size() > taken_ ? file_.size() - taken_ : 0, waiting = end_ - begin_;
  if (!inflater_) return on_disk + waiting;
  const std::uint64_t most = std::max(free_size, file_.size() * densest_text);
  return std::min((on_disk + waiting) * deflate_ratio, most > unpacked_ ? most - unpacked_ : 0) +
         deflate_ratio * 64;
}

std::string without_gz(const std::string& path) {
  const std::size_t n = path.size();
  const bool packed = n > 3 && path[n - 3] == '.' && (path[n - 2] | 32) == 'g' && (path[n - 1] | 32) == 'z';
  return packed ? path.substr(0, n - 3) : path;
}

}  // namespace cartan::data
