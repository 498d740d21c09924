#pragma once
/// Errors of the library. A broken contract of the caller is a std::invalid_argument whose text reads
/// "[operation] what was wrong, both values, what to do"; a bad file is a FormatError; a failing disk is
/// an IoError. The library never prints, aborts or exits.

#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace cartan {

/// A file that exists but does not hold what it must: damaged, foreign, or of the wrong shape.
class FormatError : public std::runtime_error {
 public:
  /// @param path    the file
  /// @param object  where in it: "line 12", "frame 3", "/frames/position"; may be empty
  FormatError(std::string path, std::string object, const std::string& what)
      : std::runtime_error(path + (object.empty() ? "" : ": " + object) + ": " + what),
        path_(std::move(path)),
        object_(std::move(object)) {}
  const std::string& path() const noexcept { return path_; }
  const std::string& object() const noexcept { return object_; }

 private:
  std::string path_, object_;
};

/// The operating system refused: file not found, no permission, disk full.
class IoError : public std::runtime_error {
 public:
  IoError(const std::string& path, const std::string& what) : std::runtime_error(path + ": " + what) {}
};

/// A device or backend that this build or this machine does not have.
class DeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// "(3, 4)": shapes in messages. Declared here, since argument-dependent lookup finds no operator of cartan
/// for a std::vector.
std::ostream& operator<<(std::ostream& out, const std::vector<std::int64_t>& shape);

/// Text made from the printed form of every argument.
template <class... Args>
std::string text(const Args&... args) {
  std::ostringstream out;
  out.precision(12);
  (out << ... << args);
  return out.str();
}

/// Throws std::invalid_argument with the text of `args` unless `condition` holds.
template <class... Args>
void require(bool condition, const Args&... args) {
  if (!condition) throw std::invalid_argument(text(args...));
}

}  // namespace cartan
