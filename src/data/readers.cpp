#include "cartan/data/readers.hpp"

#include <algorithm>

#include "cartan/core/error.hpp"
#include "cartan/data/unused.hpp"
#include "data/file_io.hpp"
#include "data/formats.hpp"

namespace cartan::data {
namespace {

// The names of labels that were asked for, and what has been found of them.
class Labels {
 public:
  explicit Labels(const LabelKeys& keys) {
    for (const auto& [option, name] : {std::pair{"energy_key", keys.energy},
                                       {"forces_key", keys.forces},
                                       {"stress_key", keys.stress},
                                       {"virial_key", keys.virial}})
      if (!name.empty()) wanted_.push_back({option, name, false});
    any_ = !wanted_.empty();
  }
  bool any() const { return any_; }

  // In kinds of files whose readers know no names: from info and arrays.
  void move(Frame& frame, const LabelKeys& keys) {
    if (const auto at = frame.info.find(keys.energy); at != frame.info.end()) {
      frame.energy = numbers(at->second, 1, keys.energy)[0];
      frame.info.erase(at);
    }
    for (const bool virial : {false, true}) {
      const std::string& key = virial ? keys.virial : keys.stress;
      const auto at = frame.info.find(key);
      if (at == frame.info.end()) continue;
      const auto v = numbers(at->second, 9, key);
      const double volume = frame.volume();
      require(!virial || volume > 0, key, ": a virial needs a cell with a volume");
      std::copy(v.begin(), v.end(), frame.stress.emplace().begin());
      if (virial)
        for (double& x : *frame.stress) x /= -volume;
      frame.info.erase(at);
    }
    if (const auto at = frame.arrays.find(keys.forces); at != frame.arrays.end()) {
      require(at->second.shape() == Shape{frame.size(), 3}, keys.forces, " has the shape ",
              at->second.shape(), ", not three numbers an atom");
      frame.forces = at->second.as(DType::f64).to_vector<double>();
      frame.arrays.erase(at);
    }
  }

  // Looks for the labels in a frame as it was read.
  void look(const Frame& frame) {
    for (Wanted& w : wanted_) {
      const std::string option = w.option;
      w.found = w.found || (option == "energy_key"   ? frame.energy.has_value()
                            : option == "forces_key" ? !frame.forces.empty()
                                                     : frame.stress.has_value());
    }
    if (first_.empty()) first_ = stated(frame);
  }
  void finish(const std::string& path) const {
    for (const Wanted& w : wanted_)
      if (!w.found && !first_.empty())
        throw FormatError(
            path, "", text("no frame has ", w.name, ", which ", w.option, " names; the first has ", first_));
  }

 private:
  struct Wanted {
    const char* option;
    std::string name;
    bool found;
  };
  static std::vector<double> numbers(const InfoValue& value, Index count, const std::string& key) {
    if (const auto* x = std::get_if<double>(&value); x && count == 1) return {*x};
    if (const auto* i = std::get_if<std::int64_t>(&value); i && count == 1) return {static_cast<double>(*i)};
    const auto* a = std::get_if<Array>(&value);
    require(a && !is_complex(a->dtype()) && a->size() == count, key, ": expected ", count,
            count == 1 ? " number" : " numbers");
    return a->as(DType::f64).to_vector<double>();
  }
  std::vector<Wanted> wanted_;
  std::string first_;
  bool any_ = false;
};

// Frames know their place in the file, and have the labels that were asked for.
void read_numbered(const std::string& path, const Slice& slice, const ReadOptions& options,
                   const FrameSink& sink) {
  const LabelKeys& keys = options.labels;
  Index count = 0;
  bool all = true;
  Labels labels(keys);
  const Format& format = format_of(path);
  const auto receive = [&](Frame&& frame) {
    frame.index = slice.place(count++);
    if (labels.any()) {
      try {
        if (!format.names_labels) labels.move(frame, keys);
      } catch (const std::invalid_argument& error) {
        throw FormatError(path, text("frame ", frame.index), error.what());
      }
      labels.look(frame);
    }
    all = sink(std::move(frame));
    return all;
  };
  format.read(path, slice, options, receive);
  if (all) labels.finish(path);
}

}  // namespace

void describe(config::Fields& f, LabelKeys& keys) {
  f("energy_key", keys.energy, "name of the energies in the file").optional("the usual names");
  f("forces_key", keys.forces, "name of the forces in the file").optional("the usual names");
  f("stress_key", keys.stress, "name of the stress in the file").optional("the usual names");
  f("virial_key", keys.virial, "name of the virial in the file").optional("the usual names");
}

void for_each_frame(const std::string& path, const std::function<bool(Frame&&)>& receive,
                    const std::string& range, const ReadOptions& options) {
  const Slice slice(range);
  require(!slice.backwards(), "[for_each_frame] the range '", range,
          "' steps backwards; read_frames can do that");
  read_numbered(path, slice, options, receive);
}

std::vector<Frame> read_frames(const std::string& path, const std::string& range,
                               const ReadOptions& options) {
  const Slice slice(range);
  std::vector<Frame> frames;
  read_numbered(path, slice, options, [&](Frame&& frame) {
    frames.push_back(std::move(frame));
    return true;
  });
  if (slice.backwards()) std::reverse(frames.begin(), frames.end());
  return frames;
}

namespace {

const Format& written_format(const std::string& path) {
  require(without_gz(path) == path, "[write_frames] ", path,
          ": compressed files are read, not written; leave .gz away and gzip the file");
  const Format* format = format_named(path);
  require(format, "[write_frames] ", path,
          ": the kind of file follows from the name, which must end in one of ", frame_format_names(true));
  require(format->write, "[write_frames] ", path, ": ", format->title, " files are read, not written; write ",
          frame_format_names(true));
  return *format;
}

}  // namespace

void check_written(const std::string& path) {
  written_format(path);
}

std::vector<std::string> write_frames(const std::string& path, const std::vector<Frame>& frames) {
  const Format& format = written_format(path);
  format.write(path, frames);
  return not_kept(format, frames);
}

}  // namespace cartan::data
