#include "data/archive.hpp"

#include <unistd.h>
#include <zip.h>

#include <algorithm>

#include "cartan/core/error.hpp"
#include "data/atomic_file.hpp"
#include "data/file_io.hpp"

namespace cartan::data {
namespace {

constexpr std::uint64_t deflate_ratio = 1032;  // no deflated stream grows by more
constexpr std::uint64_t local_header = 30;     // bytes before the name of a member

std::string reason_of(int error) {
  switch (error) {
    case ZIP_ER_NOZIP:
      return "not a zip archive, or truncated: it has no end of directory";
    case ZIP_ER_MULTIDISK:
      return "archives of several parts cannot be read";
    case ZIP_ER_INCONS:
      return "the directory and the members do not agree: the archive is damaged";
    case ZIP_ER_EXISTS:
      return "a name stands twice";
    case ZIP_ER_MEMORY:
      throw std::bad_alloc();
    default: {
      zip_error_t full;
      ::zip_error_init_with_code(&full, error);
      const std::string words = ::zip_error_strerror(&full);
      ::zip_error_fini(&full);
      return "the archive is damaged (" + words + ")";
    }
  }
}

}  // namespace

struct Archive::Zip {
  explicit Zip(const std::string& path) : file(path) {
    const int fd = ::dup(file.fd());
    if (fd < 0) throw IoError(path, "cannot be opened: " + errno_text(errno));
    int error = 0;
    archive = ::zip_fdopen(fd, ZIP_CHECKCONS, &error);
    if (archive) return;
    ::close(fd);
    throw FormatError(path, "zip directory", reason_of(error));
  }
  ~Zip() {
    if (archive) ::zip_discard(archive);
  }
  InputFile file;
  zip_t* archive = nullptr;
};

Archive::Archive(const std::string& path) : path_(path), zip_(std::make_unique<Zip>(path)) {
  const auto damaged = [&](const std::string& what) { throw FormatError(path_, "zip directory", what); };
  const std::uint64_t file_size = zip_->file.size();
  std::uint64_t used = 0;
  const zip_int64_t count = ::zip_get_num_entries(zip_->archive, 0);
  for (zip_int64_t k = 0; k < count; ++k) {
    zip_stat_t stat;
    constexpr zip_uint64_t wanted = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                                    ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    const auto number = static_cast<zip_uint64_t>(k);
    if (::zip_stat_index(zip_->archive, number, ZIP_FL_ENC_RAW, &stat) != 0 ||
        (stat.valid & wanted) != wanted)
      damaged(text("entry ", k, " is damaged"));
    Member m{stat.name, stat.size, stat.comp_size};
    if (stat.encryption_method != ZIP_EM_NONE) damaged(m.name + " is encrypted");
    if (m.packed > file_size || (used += m.packed + local_header + m.name.size()) > file_size)
      damaged("members overlap: they claim more bytes than the file has");
    if (m.name.empty() || m.name.back() == '/') continue;
    if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)
      damaged(
          text(m.name, ": compression method ", stat.comp_method, " is not known (stored and deflated are)"));
    if (stat.comp_method == ZIP_CM_STORE ? m.size != m.packed : m.size / deflate_ratio > m.packed + 64)
      damaged("the sizes of " + m.name + " do not agree");
    if (!index_.emplace(m.name, Entry{number, members_.size()}).second)
      damaged("the name " + m.name + " stands twice");
    members_.push_back(std::move(m));
  }
}

Archive::~Archive() = default;

std::vector<unsigned char> Archive::read(const std::string& name, std::uint64_t limit) const {
  const auto damaged = [&](const std::string& what) { throw FormatError(path_, name, what); };
  const auto found = index_.find(name);
  if (found == index_.end()) damaged("the archive has no member of this name");
  const Member& member = members_[found->second.member];
  if (member.size > limit) damaged(text("has ", member.size, " bytes; at most ", limit, " are read"));
  zip_file_t* file = ::zip_fopen_index(zip_->archive, found->second.number, 0);
  if (!file) damaged(::zip_strerror(zip_->archive));
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> closed(file, ::zip_fclose);
  std::vector<unsigned char> out(member.size);
  std::size_t done = 0;
  while (done < out.size()) {
    const zip_int64_t n =
        ::zip_fread(file, out.data() + done, std::min(out.size() - done, std::size_t{1} << 30));
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  // The end is where the checksum is compared.
  unsigned char more = 0;
  const zip_int64_t end = done == out.size() ? ::zip_fread(file, &more, 1) : -1;
  if (end == 0) return out;
  if (::zip_error_code_zip(::zip_file_get_error(file)) == ZIP_ER_CRC)
    damaged("the checksum (CRC-32) is wrong: the data are damaged");
  damaged(end > 0 ? "the compressed data are longer than the directory says: damaged"
                  : "the compressed data are damaged or truncated");
  return out;
}

}  // namespace cartan::data
