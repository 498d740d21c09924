// Damages a file in every byte, or cuts it off there, and reads it: a reader must refuse the copy or give
// what the undamaged file holds.
//
//   attack_damage KIND FILE [--stride N] [--first K] [--workers N] [--stop-after SECONDS]
//
// KIND is how the file is read: frames (whole), range (frames by range and one by one), tree (every object:
// checkpoints, fields), model, trajectory (frame by frame), log (a trajectory that was not finished: resumed
// and closed). Changes of the byte at K, K + N, K + 2N, ...: all bits inverted, one bit, this byte and the
// next inverted (what a sum modulo 65535 does not see), the file cut off before it. One line of counts:
//
//   refused    FormatError or IoError
//   same       the content is that of the undamaged file
//   DIFFERENT  other content and no error
//   OTHER      another kind of exception
//   CRASHED    the process ended, or took more than 30 s or 4 GiB
//
// Exit code 1 when any of the last three is not zero; each is then listed with its byte.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <cartan/core/error.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/data/readers.hpp>
#include <cartan/potentials/model.hpp>
#include <cartan/potentials/trajectory.hpp>

#include "data/hdf5_digest.hpp"

using namespace cartan;

namespace {

using data::Digest;

void add(Digest& d, const Array& a) {
  d.add(std::string(name_of(a.dtype())));
  for (const Index n : a.shape()) d.add(static_cast<std::uint64_t>(n));
  d.add(a.raw(), static_cast<std::size_t>(a.size()) * size_of(a.dtype()));
}

void add(Digest& d, const data::Attributes& attributes) {
  for (const auto& [name, value] : attributes) {
    d.add(name);
    d.add(static_cast<std::uint64_t>(value.index()));
    std::visit(
        [&](const auto& v) {
          using T = std::decay_t<decltype(v)>;
          if constexpr (std::is_same_v<T, std::string>)
            d.add(v);
          else if constexpr (std::is_same_v<T, std::vector<std::string>>)
            for (const std::string& word : v) d.add(word);
          else if constexpr (std::is_arithmetic_v<T>)
            d.add(&v, sizeof v);
          else
            d.add(v.data(), v.size() * sizeof v[0]);
        },
        value);
  }
}

void add(Digest& d, const data::Group& group) {
  add(d, group.attributes);
  for (const auto& [name, item] : group.items()) {
    d.add(name);
    add(d, item.array);
    add(d, item.attributes);
  }
  for (const auto& [name, child] : group.groups()) {
    d.add(name);
    add(d, child);
  }
  d.add(std::uint64_t{group.groups().size()});
}

void add(Digest& d, const std::vector<data::Frame>& frames) {
  d.add(std::uint64_t{frames.size()});
  add(d, data::frames_to_group(frames));
}

// Everything that reading gives, as one number.
using Read = std::uint64_t (*)(const std::string& path);

std::uint64_t read_frames(const std::string& path) {
  Digest d;
  add(d, data::read_frames(path));
  return d.value();
}

std::uint64_t read_range(const std::string& path) {
  Digest d;
  add(d, data::read_frames(path, "1::7"));
  add(d, data::read_frames(path, "-3:"));
  const data::FrameFile file(path);
  for (Index k = 0; k < file.size(); k += 1 + file.size() / 9) add(d, {file.read(k)});
  return d.value();
}

std::uint64_t read_tree(const std::string& path) {
  Digest d;
  data::Header header;
  add(d, data::load(path, "", &header));
  for (const std::string& word : {header.format, header.creator, header.config}) d.add(word);
  if (header.format.empty()) throw FormatError(path, "", "not a file of Cartan any more");
  return d.value();
}

std::uint64_t read_model(const std::string& path) {
  Digest d;
  data::Group group;
  potentials::Model::open(path).save(group);
  add(d, group);
  return d.value();
}

std::uint64_t read_trajectory(const std::string& path) {
  Digest d;
  const potentials::TrajectoryReader reader(path);
  d.add(static_cast<std::uint64_t>(reader.frames()));
  for (Index k = 0; k < reader.frames(); ++k) {
    const double time = reader.time(k);
    d.add(static_cast<std::uint64_t>(reader.step(k)));
    d.add(&time, sizeof time);
    add(d, {reader.read(k)});
  }
  for (const double e : reader.observable("conserved_energy")) d.add(&e, sizeof e);
  return d.value();
}

// As a run does that goes on after the frames its checkpoint tells of.
std::uint64_t read_log(const std::string& path) {
  static Index frames = -1;  // of the undamaged log
  const std::string file = path.substr(0, path.size() - 5);
  std::filesystem::remove(file);
  {
    data::Hdf5Appender log(file, {"h5md", 1, "", ""}, true);
    const std::string position = "particles/atoms/position/value";
    if (frames < 0) frames = log.rows(position);
    if (frames == 0 || log.rows(position) < frames) throw FormatError(path, "frames", "too few");
    log.close();
  }
  Digest d;
  add(d, data::load(file));
  std::filesystem::remove(file);
  return d.value();
}

const std::map<std::string, Read> kinds{{"frames", read_frames}, {"range", read_range},
                                        {"tree", read_tree},     {"model", read_model},
                                        {"log", read_log},       {"trajectory", read_trajectory}};

enum Outcome { refused, same, different, other, crashed, outcomes };
constexpr const char* names[] = {"refused", "same", "DIFFERENT", "OTHER", "CRASHED"};
constexpr int changes = 4;  // of a byte
constexpr const char* change_names[] = {"inverted", "one bit", "two bytes inverted", "cut off"};

struct Case {
  std::size_t at;
  int change;
};

struct Options {
  std::string kind, file;
  std::size_t stride = 1, first = 0;
  int workers = 2;
  double seconds = 1e9;
};

// What the workers have in common: memory that outlives them.
struct Shared {
  std::atomic<long> counts[outcomes];
  std::atomic<std::size_t> at[64];  // the case that a worker is at
};

class Attack {
 public:
  explicit Attack(const Options& o) : o_(o), read_(kinds.at(o.kind)) {
    std::ifstream in(o.file, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(in), {});
    if (!in || bytes_.empty()) throw IoError(o.file, "cannot be read, or is empty");
    for (std::size_t at = o.first; at < bytes_.size(); at += o.stride)
      for (int c = 0; c < changes; ++c) cases_.push_back({at, c});
    void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no memory to share");
    shared_ = new (memory) Shared{};
  }

  int run() {
    const auto start = std::chrono::steady_clock::now();
    until_ = start + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                         std::chrono::duration<double>(std::min(o_.seconds, 1e6)));
    std::vector<std::pair<pid_t, int>> running;
    for (int w = 0; w < o_.workers; ++w) running.emplace_back(launch(w, static_cast<std::size_t>(w)), w);
    while (!running.empty()) {
      int status = 0;
      const pid_t pid = ::wait(&status);
      const auto it =
          std::find_if(running.begin(), running.end(), [&](const auto& r) { return r.first == pid; });
      if (it == running.end()) continue;
      const int w = it->second;
      running.erase(it);
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
      const std::size_t k = shared_->at[w];
      note(crashed, k, text("status ", status));
      running.emplace_back(launch(w, k + static_cast<std::size_t>(o_.workers)), w);
    }
    long tried = 0, bad = 0;
    for (int k = 0; k < outcomes; ++k)
      tried += shared_->counts[k].load(), bad += k >= different ? shared_->counts[k].load() : 0;
    std::printf("%s %s: %zu bytes, %ld of %zu changes tried", o_.kind.c_str(),
                std::filesystem::path(o_.file).filename().c_str(), bytes_.size(), tried, cases_.size());
    for (int k = 0; k < outcomes; ++k) std::printf(", %s %ld", names[k], shared_->counts[k].load());
    std::printf(", %.0f s\n",
                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    return bad == 0 && tried > 0 ? 0 : 1;
  }

 private:
  // Cases first, first + workers, ... in a process of their own.
  pid_t launch(int w, std::size_t first) {
    std::fflush(stdout);
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    try {
      work(w, first);
      std::fflush(stdout);
      ::_exit(0);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "attack_damage: %s\n", error.what());
    }
    ::_exit(99);
  }

  void work(int w, std::size_t first) {
    set_threads(1);
    const rlimit limit{std::size_t{4} << 30, std::size_t{4} << 30};
    if (std::getenv("CARTAN_ATTACK_NO_LIMIT") == nullptr) ::setrlimit(RLIMIT_AS, &limit);
    const std::string extension = std::filesystem::path(o_.file).extension().string();
    path_ = text("copy", ::getpid(), o_.kind == "log" ? ".h5.part" : extension);
    write(bytes_);
    const std::uint64_t expected = read_(path_);
    write(bytes_);
    if (read_(path_) != expected) throw std::runtime_error("the undamaged file reads differently twice");
    for (std::size_t k = first; k < cases_.size(); k += static_cast<std::size_t>(o_.workers)) {
      shared_->at[w] = k;
      if (std::chrono::steady_clock::now() > until_) break;
      damage(cases_[k]);
      ::alarm(30);
      try {
        const bool equal = read_(path_) == expected;
        note(equal ? same : different, k);
      } catch (const FormatError&) {
        note(refused, k);
      } catch (const IoError&) {
        note(refused, k);
      } catch (const std::exception& error) {
        note(other, k, error.what());
      }
      ::alarm(0);
    }
    std::filesystem::remove(path_);
  }

  // The copy as it is to be read. A log is changed by reading it.
  void damage(const Case& c) {
    if (c.change == 3) {
      write({bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(c.at)});
      whole_ = false;
      return;
    }
    if (!whole_ || o_.kind == "log") write(bytes_);
    std::vector<char> part{bytes_[c.at]};
    if (c.change == 2 && c.at + 1 < bytes_.size()) part.push_back(bytes_[c.at + 1]);
    for (char& b : part) b = static_cast<char>(c.change == 1 ? b ^ (1 << (c.at * 5 + c.at / 8) % 8) : ~b);
    restore();
    put(c.at, part.data(), part.size());
    dirty_ = c.at;
  }

  void restore() {
    if (dirty_ != none) put(dirty_, &bytes_[dirty_], std::min<std::size_t>(2, bytes_.size() - dirty_));
    dirty_ = none;
  }
  void put(std::size_t at, const char* from, std::size_t count) {
    const int fd = ::open(path_.c_str(), O_WRONLY);
    const bool good =
        fd >= 0 && ::pwrite(fd, from, count, static_cast<off_t>(at)) == static_cast<ssize_t>(count);
    ::close(fd);
    if (!good) throw IoError(path_, "cannot be changed");
  }
  void write(const std::vector<char>& bytes) {
    if (!std::ofstream(path_, std::ios::binary)
             .write(bytes.data(), static_cast<std::streamsize>(bytes.size())))
      throw IoError(path_, "cannot be written");
    whole_ = true;
    dirty_ = none;
  }

  void note(Outcome outcome, std::size_t k, const std::string& what = "") {
    const long n = ++shared_->counts[outcome];
    if (outcome < different || n > 20) return;
    std::printf("%s: %s %s, byte %zu %s%s%s\n", names[outcome], o_.kind.c_str(), o_.file.c_str(),
                cases_[k].at, change_names[cases_[k].change], what.empty() ? "" : ": ", what.c_str());
    std::fflush(stdout);
  }

  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  Options o_;
  Read read_;
  std::vector<char> bytes_;
  std::vector<Case> cases_;
  Shared* shared_ = nullptr;
  std::chrono::steady_clock::time_point until_;
  std::string path_;          // of a worker's copy
  bool whole_ = false;        // the copy is as long as the file
  std::size_t dirty_ = none;  // where it differs, in two bytes at most
};

}  // namespace

int main(int argc, char** argv) try {
  Options o;
  if (argc < 3 || kinds.count(argv[1]) == 0) {
    std::fprintf(stderr,
                 "usage: attack_damage KIND FILE [--stride N] [--first K] [--workers N] "
                 "[--stop-after SECONDS]\nkinds:");
    for (const auto& [name, read] : kinds) std::fprintf(stderr, " %s", name.c_str());
    return std::fprintf(stderr, "\n"), 2;
  }
  o.kind = argv[1];
  o.file = argv[2];
  for (int k = 3; k + 1 < argc; k += 2) {
    const std::string word = argv[k];
    if (word == "--stride")
      o.stride = std::max(1ul, std::stoul(argv[k + 1]));
    else if (word == "--first")
      o.first = std::stoul(argv[k + 1]);
    else if (word == "--workers")
      o.workers = std::clamp(std::stoi(argv[k + 1]), 1, 64);
    else if (word == "--stop-after")
      o.seconds = std::stod(argv[k + 1]);
    else
      return std::fprintf(stderr, "attack_damage: unknown option %s\n", word.c_str()), 2;
  }
  return Attack(o).run();
} catch (const std::exception& error) {
  std::fprintf(stderr, "attack_damage: %s\n", error.what());
  return 2;
}
