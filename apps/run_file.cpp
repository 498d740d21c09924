#include "run_file.hpp"

#include <cartan/core/error.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

namespace cartan::app {
namespace {

// Reads typed keys of the file and remembers which, so that a misspelt key is an error.
class Keys {
 public:
  Keys(std::string path, toml::table& root) : path_(std::move(path)), root_(root) {}

  void read(const std::string& key, std::string& value) { get<std::string>(key, value, "a text"); }
  void read(const std::string& key, bool& value) { get<bool>(key, value, "true or false"); }
  void read(const std::string& key, double& value) { get<double>(key, value, "a number"); }
  void read(const std::string& key, std::int64_t& value) { get<std::int64_t>(key, value, "a whole number"); }
  void read(const std::string& key, int& value) {
    std::int64_t wide = value;
    get<std::int64_t>(key, wide, "a whole number");
    value = static_cast<int>(wide);
  }
  void read(const std::string& key, std::uint64_t& value) {
    auto wide = static_cast<std::int64_t>(value);
    get<std::int64_t>(key, wide, "a whole number");
    if (wide < 0) throw FormatError(path_, key, "must not be negative");
    value = static_cast<std::uint64_t>(wide);
  }
  void read(const std::string& key, config::Field& field) {
    config::Value value = field.value();
    std::visit([&](auto& v) { read(key, v); }, value);
    try {
      field.set(value);
    } catch (const std::invalid_argument& error) {
      throw FormatError(path_, key, error.what());
    }
  }
  void read(const std::string& key, std::vector<double>& value) { list(key, value, "a list of numbers"); }
  void read(const std::string& key, std::vector<std::int64_t>& value) {
    list(key, value, "a list of whole numbers");
  }
  void read(const std::string& key, std::vector<std::string>& value) { list(key, value, "a list of texts"); }

  void finish() const {
    for (const auto& [section, node] : root_) {
      const auto* table = node.as_table();
      if (!table) {
        if (!known_.count(std::string(section.str()))) unknown(std::string(section.str()), node);
        continue;
      }
      for (const auto& [key, value] : *table) {
        const std::string name = std::string(section.str()) + "." + std::string(key.str());
        if (!known_.count(name)) unknown(name, value);
      }
    }
  }

 private:
  template <class T>
  void get(const std::string& key, T& value, const char* what) {
    known_.insert(key);
    const auto node = root_.at_path(key);
    if (node) {
      const auto v = node.template value<T>();
      if (!v || (std::is_same_v<T, bool> != node.is_boolean()))
        throw FormatError(path_, where(*node.node(), key), std::string("must be ") + what);
      value = *v;
    }
    insert(key, value);
  }
  template <class T>
  void list(const std::string& key, std::vector<T>& value, const char* what) {
    known_.insert(key);
    if (const auto node = root_.at_path(key)) {
      const auto fail = [&]() {
        throw FormatError(path_, where(*node.node(), key), std::string("must be ") + what);
      };
      if (!node.is_array()) fail();
      value.clear();
      for (const toml::node& item : *node.as_array()) {
        const auto v = item.value<T>();
        if (!v) fail();
        value.push_back(*v);
      }
    }
    toml::array all;
    for (const T& item : value) all.push_back(item);
    insert(key, all);
  }
  // The resolved description holds every key.
  template <class T>
  void insert(const std::string& key, const T& value) {
    const auto dot = key.find('.');
    toml::table* table = &root_;
    if (dot != std::string::npos) {
      if (!root_[key.substr(0, dot)].is_table()) root_.insert_or_assign(key.substr(0, dot), toml::table{});
      table = root_[key.substr(0, dot)].as_table();
    }
    table->insert_or_assign(dot == std::string::npos ? key : key.substr(dot + 1), value);
  }
  static std::string where(const toml::node& node, const std::string& key) {
    const auto line = node.source().begin.line;
    return (line ? "line " + std::to_string(line) + ": " : "") + key;
  }
  [[noreturn]] void unknown(const std::string& name, const toml::node& node) const {
    std::string near;
    const std::string section = name.substr(0, name.find('.') + 1);
    for (const std::string& k : known_)
      if (k.rfind(section, 0) == 0) near += (near.empty() ? "" : ", ") + k.substr(section.size());
    throw FormatError(
        path_, where(node, name),
        "unknown key" +
            (near.empty() ? "" : "; [" + section.substr(0, section.size() - 1) + "] has " + near));
  }

  std::string path_;
  toml::table& root_;
  std::set<std::string> known_;
};

void apply(toml::table& root, const std::string& text) {
  const auto equals = text.find('='), dot = text.find('.');
  require(equals != std::string::npos && dot < equals, "[run] an override reads section.key=value, not '",
          text, "'");
  const std::string section = text.substr(0, dot), key = text.substr(dot + 1, equals - dot - 1),
                    value = text.substr(equals + 1);
  toml::table parsed;
  try {
    parsed = toml::parse("v = " + value);
  } catch (const toml::parse_error&) {
    parsed = toml::table{{"v", value}};  // a bare word is a text
  }
  if (!root[section].is_table()) root.insert_or_assign(section, toml::table{});
  root[section].as_table()->insert_or_assign(key, *parsed.get("v"));
}

std::string beside(const std::string& run_file, const std::string& path) {
  if (path.empty() || std::filesystem::path(path).is_absolute()) return path;
  const auto resolved = std::filesystem::path(run_file).parent_path() / path;
  return std::filesystem::exists(resolved) || !std::filesystem::exists(path) ? resolved.string() : path;
}

// $NAME and ${NAME} of the environment, so that a run file can say $CARTAN_DATA.
std::string with_environment(std::string path) {
  const auto dollar = path.find('$');
  if (dollar == std::string::npos) return path;
  const bool braces = path[dollar + 1] == '{';
  const auto begin = dollar + (braces ? 2 : 1);
  const auto end =
      braces ? path.find('}', begin) : path.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", begin);
  const std::string name = path.substr(begin, (end == std::string::npos ? path.size() : end) - begin);
  const char* value = std::getenv(name.c_str());
  require(value != nullptr, "[run] the environment has no ", name, ", which '", path, "' names");
  return path.substr(0, dollar) + value +
         (end == std::string::npos ? "" : path.substr(end + (braces ? 1 : 0)));
}

}  // namespace

Run read_run(const std::string& path, const std::vector<std::string>& overrides) {
  std::ifstream in(path);
  if (!in) throw IoError(path, "cannot be opened");
  std::stringstream content;
  content << in.rdbuf();
  toml::table root;
  try {
    root = toml::parse(content.str());
  } catch (const toml::parse_error& e) {
    throw FormatError(path, "line " + std::to_string(e.source().begin.line), std::string(e.description()));
  }
  for (const std::string& o : overrides) apply(root, o);

  Run r;
  Keys k(path, root);
  k.read("data.train", r.train);
  k.read("data.train_range", r.train_range);
  k.read("data.validation", r.validation);
  k.read("data.validation_range", r.validation_range);
  k.read("data.validation_fraction", r.validation_fraction);
  k.read("data.validation_frames", r.validation_frames);
  k.read("data.split_by", r.split_by);
  k.read("data.reference", r.reference);

  std::string kind = potentials::network_kinds().front().name;
  k.read("model.kind", kind);
  r.model = potentials::network_config(kind);
  for (config::Field& field : config::fields_of(*r.model)) k.read("model." + field.name(), field);
  k.read("model.scale", r.scale);

  k.read("loss.energy", r.loss.energy);
  k.read("loss.forces", r.loss.forces);
  k.read("loss.stress", r.loss.stress);
  k.read("loss.energy_per_atom", r.loss.energy_per_atom);
  k.read("loss.kind", r.loss.kind);
  k.read("loss.huber_delta", r.loss.huber_delta);

  nn::TrainerOptions& t = r.training;
  auto& adamw = std::get<nn::AdamWOptions>(t.optimizer);
  std::string decay = nn::name_of(t.schedule.decay);
  k.read("training.epochs", t.epochs);
  k.read("training.max_steps", t.max_steps);
  k.read("training.time_limit_seconds", t.time_limit_seconds);
  k.read("training.batch_size", t.batch_size);
  k.read("training.seed", t.seed);
  k.read("training.learning_rate", t.schedule.learning_rate);
  k.read("training.min_rate", t.schedule.min_rate);
  k.read("training.warmup_steps", t.schedule.warmup_steps);
  k.read("training.schedule", decay);
  t.schedule.decay = nn::decay_from_name(decay);
  k.read("training.plateau_factor", t.schedule.factor);
  k.read("training.plateau_patience", t.schedule.patience);
  k.read("training.weight_decay", adamw.weight_decay);
  k.read("training.amsgrad", adamw.amsgrad);
  k.read("training.clip_norm", t.clip_norm);
  k.read("training.ema_decay", t.ema_decay);
  k.read("training.validate_every", t.validate_every);
  k.read("training.early_stopping", t.early_stopping);
  k.read("training.checkpoint_every_seconds", t.checkpoint_every_seconds);
  k.read("training.checkpoint_every_steps", t.checkpoint_every_steps);
  k.read("training.threads", r.threads);
  k.read("output.folder", r.out);
  k.finish();

  require(!r.train.empty(), path, ": data.train names no file");
  std::ostringstream resolved;
  resolved << root << "\n";
  r.text = resolved.str();
  t.config = r.text;
  r.train = beside(path, with_environment(r.train));
  r.validation = beside(path, with_environment(r.validation));
  if (r.reference != "fit" && r.reference != "none")
    r.reference = beside(path, with_environment(r.reference));
  return r;
}

}  // namespace cartan::app
