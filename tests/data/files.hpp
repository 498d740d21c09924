#pragma once
// Help for tests of files: folders, bytes, children that may die, comparing trees.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "cartan/data/group.hpp"
#include "temporary.hpp"

namespace cartan::testing {

/// A folder of its own, removed at the end; in memory where the system has such a place.
class Folder : public Temporary {
 public:
  Folder()
      : Temporary(::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : std::filesystem::temp_directory_path()) {}
  std::string operator/(const std::string& name) const { return path(name); }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(path("")))
      out.push_back(entry.path().filename());
    std::sort(out.begin(), out.end());
    return out;
  }
};

inline std::string read_bytes(const std::string& path) {
  return Temporary::contents(path);
}

inline void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// A forked process that runs `body(fd)`; what it writes to fd can be read here.
class Child {
 public:
  template <class Body>
  explicit Child(const Body& body) {
    if (::pipe(pipe_) != 0) throw std::runtime_error("pipe");
    std::fflush(nullptr);  // a child that exits would print it again
    pid_ = ::fork();
    if (pid_ != 0) {
      ::close(pipe_[1]);
      return;
    }
    ::close(pipe_[0]);
    int status = 99;
    try {
      status = body(pipe_[1]);
    } catch (const std::exception& e) {
      ::dprintf(2, "child: %s\n", e.what());
    }
    ::_exit(status);
  }
  ~Child() {
    if (pid_ > 0) kill();
    ::close(pipe_[0]);
  }
  Child(const Child&) = delete;
  std::string read_all() const {
    std::string out;
    char buffer[4096];
    for (ssize_t n; (n = ::read(pipe_[0], buffer, sizeof buffer)) > 0;)
      out.append(buffer, static_cast<std::size_t>(n));
    return out;
  }
  pid_t pid() const { return pid_; }
  void kill() {
    ::kill(pid_, SIGKILL);
    wait();
  }
  /// The exit status, -signal when it was killed.
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
  int pipe_[2];
};

inline bool same(const data::Attribute& a, const data::Attribute& b) {
  const auto bits = [](double x, double y) { return std::memcmp(&x, &y, sizeof x) == 0; };
  if (a.index() != b.index()) return false;
  if (const auto* x = std::get_if<double>(&a)) return bits(*x, std::get<double>(b));
  if (const auto* x = std::get_if<std::vector<double>>(&a)) {
    const auto& y = std::get<std::vector<double>>(b);
    return std::equal(x->begin(), x->end(), y.begin(), y.end(), bits);
  }
  return a == b;
}

inline bool same(const data::Attributes& a, const data::Attributes& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && same(x.second, y.second);
  });
}

/// Equal names, attributes and elements, bit by bit.
inline bool same(const data::Group& a, const data::Group& b) {
  return same(a.attributes, b.attributes) &&
         std::equal(a.items().begin(), a.items().end(), b.items().begin(), b.items().end(),
                    [](const auto& x, const auto& y) {
                      return x.first == y.first && identical(x.second.array, y.second.array) &&
                             same(x.second.attributes, y.second.attributes);
                    }) &&
         std::equal(
             a.groups().begin(), a.groups().end(), b.groups().begin(), b.groups().end(),
             [](const auto& x, const auto& y) { return x.first == y.first && same(x.second, y.second); });
}

}  // namespace cartan::testing
