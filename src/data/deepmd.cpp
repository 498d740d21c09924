// Folders of DeePMD-kit: type.raw, type_map.raw, set.*/{coord,box,energy,force,virial}.npy, nopbc.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "cartan/core/error.hpp"
#include "cartan/data/readers.hpp"
#include "data/atomic_file.hpp"
#include "data/file_io.hpp"
#include "data/formats.hpp"
#include "data/npy.hpp"
#include "data/words.hpp"

namespace cartan::data {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> words_in(const std::string& path) {
  LineReader lines(path);
  std::vector<std::string> words;
  for (std::string_view line; lines.next(line);)
    for (const auto& word : words_of(line)) words.emplace_back(word);
  return words;
}

std::vector<fs::path> sorted_folders(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (it->is_directory()) out.push_back(it->path());
  if (error) throw IoError(folder.string(), "cannot list: " + error.message());
  std::sort(out.begin(), out.end());
  return out;
}

// One folder with type.raw.
class System {
 public:
  explicit System(const fs::path& folder) : folder_(folder.string()) {
    read_types();
    open_ = fs::exists(folder / "nopbc");
    for (const auto& set : sorted_folders(folder)) {
      if (set.filename().string().rfind("set.", 0) != 0) continue;
      sets_.push_back(set.string());
      const InputFile file((set / "coord.npy").string());
      sizes_.push_back(frames_of(file.path(), read_npy_header(file).shape));
    }
    if (sets_.empty()) throw FormatError(folder_, "", "expected folders set.000, set.001, ...");
  }

  Index atoms() const { return static_cast<Index>(types_.size()); }
  Index sets() const { return static_cast<Index>(sets_.size()); }
  Index size(Index set) const { return sizes_[static_cast<std::size_t>(set)]; }

  /// Calls sink(frame index in the set) for those that `wanted` accepts; false: no more are wanted.
  template <class Wanted>
  bool read(Index set, const Wanted& wanted, const FrameSink& sink) const {
    const std::string& folder = sets_[static_cast<std::size_t>(set)];
    const Index count = size(set);
    const Array coord = field(folder, "coord", by_atom(count, 3)),
                box = optional(folder, "box", tensors(count)),
                energy = optional(folder, "energy", by_frame(count)),
                force = optional(folder, "force", by_atom(count, 3)),
                virial = optional(folder, "virial", tensors(count)),
                types = optional(folder, "real_atom_types", by_atom(count, 1));
    if (box.empty() && !open_)
      throw FormatError(folder + "/box.npy", "",
                        "absent, and there is no file nopbc: are the frames periodic?");
    const std::vector<Unused> unused = not_used(folder, !box.empty());
    for (Index i = 0; i < count; ++i) {
      if (!wanted(i)) continue;
      Frame frame;
      const auto row = [&](const Array& a, Index width) { return a.data<double>() + i * width; };
      for (Index a = 0; a < atoms(); ++a) {
        // Type -1 fills frames of fewer atoms up (a virtual atom).
        const double type = types.empty() ? types_[static_cast<std::size_t>(a)] : row(types, atoms())[a];
        if (!types.empty() && type == -1) continue;
        frame.numbers.push_back(
            number_of(type, types.empty() ? folder_ + "/type.raw" : folder + "/real_atom_types.npy"));
        const double *x = row(coord, 3 * atoms()) + 3 * a,
                     *f = force.empty() ? nullptr : row(force, 3 * atoms()) + 3 * a;
        frame.positions.insert(frame.positions.end(), x, x + 3);
        if (f) frame.forces.insert(frame.forces.end(), f, f + 3);
      }
      if (frame.numbers.empty())
        throw FormatError(folder + "/real_atom_types.npy", text("frame ", i),
                          "all atoms are virtual (type -1)");
      if (!energy.empty()) frame.energy = *row(energy, 1);
      if (!box.empty() && !open_) {
        std::copy(row(box, 9), row(box, 9) + 9, frame.cell.begin());
        frame.pbc = {true, true, true};
        if (!(frame.volume() > 0))
          throw FormatError(folder + "/box.npy", text("frame ", i), "the cell has no volume");
      }
      frame.unused = unused;
      if (!virial.empty() && !frame.periodic())
        frame.unused.push_back({"virial.npy", "a virial without a cell", true});
      if (!virial.empty() && frame.periodic()) {
        const double* v = row(virial, 9);
        frame.stress.emplace();
        for (std::size_t k = 0; k < 3; ++k)
          for (std::size_t l = 0; l < 3; ++l)
            (*frame.stress)[3 * k + l] = -0.5 * (v[3 * k + l] + v[3 * l + k]) / frame.volume();
      }
      if (!sink(std::move(frame))) return false;
    }
    return true;
  }

 private:
  void read_types() {
    const std::string path = folder_ + "/type.raw", map_path = folder_ + "/type_map.raw";
    for (const auto& word : words_in(path)) {
      double type = 0;
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), type);
      if (error != std::errc() || end != word.data() + word.size())
        throw FormatError(path, "", "expected numbers of types, found '" + word + "'");
      types_.push_back(type);
    }
    if (types_.empty()) throw FormatError(path, "", "holds no atoms");
    if (!fs::exists(map_path))
      throw FormatError(map_path, "", "absent: it must name the elements of the types, e.g. 'O H'");
    for (const auto& word : words_in(map_path)) {
      map_.push_back(element_number(word));
      if (!map_.back()) throw FormatError(map_path, "", "expected symbols of elements, found '" + word + "'");
    }
  }

  int number_of(double type, const std::string& file) const {
    if (!(type >= 0 && type < static_cast<double>(map_.size()) && type == std::floor(type)))
      throw FormatError(file, "", text("type ", type, " is not among the ", map_.size(), " of type_map.raw"));
    return map_[static_cast<std::size_t>(type)];
  }

  // Arrays of a set that are not read.
  std::vector<Unused> not_used(const std::string& folder, bool box) const {
    std::vector<Unused> out;
    if (box && open_) out.push_back({"box.npy", "the file nopbc says that frames are not periodic", true});
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
      if (it->path().extension() == ".npy") names.push_back(it->path().stem().string());
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      constexpr const char* known[] = {"coord", "box", "energy", "force", "virial", "real_atom_types"};
      if (std::find(std::begin(known), std::end(known), name) == std::end(known))
        out.push_back(unused_array(name));
    }
    for (Unused& u : out)
      if (u.name.find('.') == std::string::npos) u.name += ".npy";
    return out;
  }

  // Frames of coord.npy: (frames, 3 atoms) or (frames, atoms, 3); a single one may lack the first axis.
  Index frames_of(const std::string& path, const Shape& shape) const {
    const Index n = atoms();
    if (shape == Shape{3 * n} || (n > 1 && shape == Shape{n, 3})) return 1;
    if (shape.size() == 2 ? shape[1] != 3 * n : shape != Shape{shape.empty() ? 0 : shape[0], n, 3})
      throw FormatError(path, "", text("expected the shape (frames, ", 3 * n, "), found ", to_string(shape)));
    return shape[0];
  }

  // The shapes that an array may have, the plain one first.
  static std::vector<Shape> by_frame(Index count) {
    std::vector<Shape> out{{count}, {count, 1}};
    if (count == 1) out.push_back({});
    return out;
  }
  std::vector<Shape> by_atom(Index count, Index width) const {
    std::vector<Shape> out{{count, width * atoms()}, {count, atoms(), width}};
    if (count == 1) out.push_back({width * atoms()}), out.push_back({atoms(), width});
    return out;
  }
  static std::vector<Shape> tensors(Index count) {
    std::vector<Shape> out{{count, 9}, {count, 3, 3}};
    if (count == 1) out.push_back({9}), out.push_back({3, 3});
    return out;
  }

  static Array field(const std::string& folder, const char* name, const std::vector<Shape>& shapes) {
    const std::string path = text(folder, "/", name, ".npy");
    return numbers_of_shape(path, "", read_npy(path), shapes);
  }
  static Array optional(const std::string& folder, const char* name, const std::vector<Shape>& shapes) {
    return fs::exists(text(folder, "/", name, ".npy")) ? field(folder, name, shapes) : Array();
  }

  std::string folder_;
  std::vector<double> types_;
  std::vector<int> map_;
  std::vector<std::string> sets_;
  std::vector<Index> sizes_;
  bool open_ = false;
};

std::string formula(const std::vector<int>& numbers) {
  std::map<std::string, int> counts;
  for (const int z : numbers) ++counts[element_symbol(z)];
  std::string out;
  for (const auto& [symbol, count] : counts) out += symbol + (count > 1 ? std::to_string(count) : "");
  return out;
}

void write_text(const fs::path& path, const std::string& text) {
  AtomicFile file(path.string());
  file.write(text.data(), text.size());
  file.commit();
}

// Frames of the same atoms, with the same labels, all periodic or all not. type.raw, which makes the folder a
// deepmd folder, comes last.
void write_system(const fs::path& folder, const std::vector<const Frame*>& frames) {
  const Frame& first = *frames.front();
  const Index count = static_cast<Index>(frames.size()), n = first.size();
  std::vector<int> kinds = first.numbers;
  std::sort(kinds.begin(), kinds.end());
  kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
  std::string types, map;
  for (const int z : first.numbers)
    types += std::to_string(std::lower_bound(kinds.begin(), kinds.end(), z) - kinds.begin()) + "\n";
  for (const int z : kinds) map += element_symbol(z) + "\n";

  std::vector<double> coord, box, energy, force, virial;
  for (const Frame* f : frames) {
    coord.insert(coord.end(), f->positions.begin(), f->positions.end());
    box.insert(box.end(), f->cell.begin(), f->cell.end());
    force.insert(force.end(), f->forces.begin(), f->forces.end());
    if (f->energy) energy.push_back(*f->energy);
    if (f->stress && f->periodic())
      for (const double s : *f->stress) virial.push_back(-s * f->volume());
  }
  std::error_code error;
  fs::create_directories(folder / "set.000", error);
  if (error) throw IoError(folder.string(), "cannot be made: " + error.message());
  const auto save = [&](const char* name, const std::vector<double>& values, Index width) {
    if (!values.empty()) write_npy((folder / "set.000" / name).string(), Array::from(values, {count, width}));
  };
  save("coord.npy", coord, 3 * n);
  if (first.periodic()) save("box.npy", box, 9);
  if (!energy.empty()) write_npy((folder / "set.000" / "energy.npy").string(), Array::from(energy));
  save("force.npy", force, 3 * n);
  save("virial.npy", virial, 9);
  write_text(folder / "type_map.raw", map);
  if (!first.periodic()) write_text(folder / "nopbc", "");
  write_text(folder / "type.raw", types);
}

// A folder with type.raw, or a folder of such folders in the order of their names.
void read_deepmd(const std::string& folder, const Slice& slice, const ReadOptions&, const FrameSink& sink) {
  std::vector<System> systems;
  if (fs::exists(fs::path(folder) / "type.raw")) {
    systems.emplace_back(folder);
  } else {
    for (const auto& sub : sorted_folders(folder))
      if (fs::exists(sub / "type.raw")) systems.emplace_back(sub);
  }
  if (systems.empty())
    throw FormatError(folder, "", "expected a deepmd folder (with type.raw) or folders of that kind");
  Index total = 0;
  for (const auto& system : systems)
    for (Index set = 0; set < system.sets(); ++set) total += system.size(set);
  const auto range = slice.ascending(total);
  Index begin = 0;
  for (const auto& system : systems)
    for (Index set = 0; set < system.sets(); ++set) {
      const auto wanted = [&](Index i) {
        const Index k = begin + i - range.first;
        return k >= 0 && k % range.step == 0 && k / range.step < range.count;
      };
      if (!system.read(set, wanted, sink)) return;
      begin += system.size(set);
    }
}

// Frames of different atoms go to one folder each, named by their formula.
void write_deepmd(const std::string& folder, const std::vector<Frame>& frames) {
  require(!frames.empty(), "[write_frames] ", folder, ": there is no frame to write");
  const fs::path root(folder);
  if (fs::exists(root) && !(fs::is_directory(root) && fs::is_empty(root)))
    throw IoError(folder, "exists and is not an empty folder; frames are not added to it");
  std::vector<std::vector<const Frame*>> groups;
  for (const Frame& frame : frames) {
    for (const bool periodic : frame.pbc)
      require(periodic == frame.pbc[0], "[write_frames] ", folder,
              ": deepmd folders know frames that are periodic in three "
              "directions or in none");
    const auto same = [&](const std::vector<const Frame*>& group) {
      const Frame& other = *group.front();
      return other.numbers == frame.numbers && other.periodic() == frame.periodic() &&
             other.energy.has_value() == frame.energy.has_value() &&
             other.forces.empty() == frame.forces.empty() &&
             other.stress.has_value() == frame.stress.has_value();
    };
    const auto group = std::find_if(groups.begin(), groups.end(), same);
    if (group != groups.end())
      group->push_back(&frame);
    else
      groups.push_back({&frame});
  }
  if (groups.size() == 1) return write_system(root, groups.front());
  std::map<std::string, int> used;
  for (const auto& group : groups) {
    const std::string name = formula(group.front()->numbers);
    const int copy = used[name]++;
    write_system(root / (copy ? name + "_" + std::to_string(copy) : name), group);
  }
}

}  // namespace

Format deepmd_format() {
  Format f;
  f.name = "deepmd";
  f.title = "deepmd folder";
  f.names = {"/"};
  f.sniff = [](const FileStart& start) { return start.folder && foreign_kind(start).empty(); };
  f.read = read_deepmd;
  f.write = write_deepmd;
  f.keeps = {/*cell=*/true, /*charge=*/false, /*stress=*/true, /*velocities=*/false};
  return f;
}

}  // namespace cartan::data
