#include "config_file.hpp"

#include "toml_text.hpp"

#include <algorithm>
#include <cartan/core/error.hpp>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

namespace cartan::app {
namespace {

struct Entry {
  std::string key;
  const toml::node* node;
  std::string where() const {
    const auto line = node->source().begin.line;
    return (line ? text("line ", line, ": ") : "") + key;
  }
};

void flatten(const toml::table& table, const std::string& prefix, std::vector<Entry>& out) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    if (const toml::table* inner = node.as_table())
      flatten(*inner, key + ".", out);
    else
      out.push_back({key, &node});
  }
}

template <class T>
std::vector<T> list_of(const toml::array& array) {
  std::vector<T> out;
  for (const toml::node& item : array) out.push_back(*item.value<T>());
  return out;
}

config::Value value_of(const toml::node& node) {
  if (node.is_boolean()) return *node.value<bool>();
  if (node.is_integer()) return *node.value<std::int64_t>();
  if (node.is_floating_point()) return *node.value<double>();
  if (node.is_string()) return *node.value<std::string>();
  const toml::array* array = node.as_array();
  require(array != nullptr, "dates and times have no use here");
  const auto all = [&](auto&& is) { return std::all_of(array->begin(), array->end(), is); };
  if (all([](const toml::node& n) { return n.is_integer(); })) return list_of<std::int64_t>(*array);
  if (all([](const toml::node& n) { return n.is_number(); })) return list_of<double>(*array);
  if (all([](const toml::node& n) { return n.is_string(); })) return list_of<std::string>(*array);
  throw std::invalid_argument("a list holds numbers alone, or texts alone");
}

std::string section_of(const std::string& key) {
  const auto dot = key.rfind('.');
  return dot == std::string::npos ? "" : key.substr(0, dot);
}
std::string last_of(const std::string& key) {
  return key.substr(key.rfind('.') + 1);
}

// Every choice set to `kind`; the description that results.
template <class F>
void for_every_kind(const Describe& fields, F&& f) {
  const config::Fields start = fields();
  for (const std::string& name : start.names()) {
    config::Fields current = fields();
    config::Field* choice = current.find(name);
    if (!choice || !choice->is_choice()) continue;
    const config::Value chosen = choice->value();
    const std::vector<std::string> kinds = choice->choices();
    for (const std::string& kind : kinds) {
      if (config::Value(kind) == chosen) continue;
      fields().find(name)->set(kind);
      f(name, kind);
    }
    fields().find(name)->set(chosen);
  }
}

// What to say of a key that is not known.
std::string advice(const std::string& key, const Describe& fields) {
  std::string kind_of_key;
  for_every_kind(fields, [&](const std::string& choice, const std::string& kind) {
    if (fields().find(key) && kind_of_key.empty()) kind_of_key = choice + " = \"" + kind + "\"";
  });
  if (!kind_of_key.empty()) return "unknown key; it goes with " + kind_of_key;
  const std::vector<std::string> known = fields().names();
  for (const std::string& k : known)  // the right key in the wrong section
    if (last_of(k) == last_of(key)) return "unknown key; perhaps " + k + " is meant";
  const std::string near = config::nearest(key, known);
  if (!near.empty()) return "unknown key; perhaps " + near + " is meant";
  std::string others;
  for (const std::string& k : known)
    if (section_of(k) == section_of(key)) others += (others.empty() ? "" : ", ") + last_of(k);
  if (!others.empty()) return "unknown key; [" + section_of(key) + "] has " + others;
  std::set<std::string> sections;
  for (const std::string& k : known) sections.insert("[" + section_of(k) + "]");
  for (const std::string& s : sections) others += (others.empty() ? "" : ", ") + s;
  return "unknown key; the sections are " + others;
}

// A field's fault without its name, which the place has already.
std::string fault(const std::string& what, const std::string& key) {
  return what.rfind(key + " ", 0) == 0 ? what.substr(key.size() + 1) : what;
}

void set(const std::string& path, const Entry& e, config::Field& field) {
  try {
    field.set(value_of(*e.node));
  } catch (const std::invalid_argument& error) {
    throw FormatError(path, e.where(), fault(error.what(), e.key));
  }
}
void set(const Override& o, config::Field& field) {
  try {
    field.set_text(o.value);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(text("--", o.key, " ", fault(error.what(), o.key)));
  }
}

// Choices first, from the first on, since they decide which keys there are.
void set_choices(const std::string& path, const std::vector<Entry>& entries,
                 const std::vector<Override>& overrides, const Describe& fields) {
  std::set<std::string> done;
  for (bool again = true; again;) {
    again = false;
    config::Fields current = fields();
    for (config::Field& f : current) {
      if (!f.is_choice() || !done.insert(f.name()).second) continue;
      for (const Entry& e : entries)
        if (e.key == f.name()) set(path, e, f);
      for (const Override& o : overrides)
        if (o.key == f.name()) set(o, f);
      again = true;
      break;
    }
  }
}

std::string in_columns(const std::string& left, const std::string& right) {
  const std::size_t width = 36;
  return left + std::string(left.size() < width ? width - left.size() : 1, ' ') + right + "\n";
}

std::string line_of(const config::Field& f) {
  std::string comment = f.help();
  if (!f.unit().empty()) comment += ", " + f.unit();
  if (!f.meaning_of_empty().empty()) comment += " (\"\": " + f.meaning_of_empty() + ")";
  if (!f.limits().empty()) comment += "; " + f.limits();
  return in_columns(last_of(f.name()) + " = " + config::to_text(f.value()), "# " + comment);
}

}  // namespace

void read_toml(const std::string& path, const Describe& fields, const std::vector<Override>& overrides) {
  std::ifstream in(path);
  std::stringstream content;
  if (!in || !(content << in.rdbuf())) throw IoError(path, "cannot be read");
  read_toml_text(content.str(), path, fields, overrides);
}

void read_toml_text(const std::string& content, const std::string& path, const Describe& fields,
                    const std::vector<Override>& overrides) {
  check_toml_text(content, path);
  toml::table root;
  try {
    root = toml::parse(content);
  } catch (const toml::parse_error& e) {
    throw FormatError(path, text("line ", e.source().begin.line), std::string(e.description()));
  }
  std::vector<Entry> entries;
  flatten(root, "", entries);
  set_choices(path, entries, overrides, fields);
  config::Fields all = fields();
  for (const Entry& e : entries) {
    config::Field* f = all.find(e.key);
    if (!f) throw FormatError(path, e.where(), advice(e.key, fields));
    if (!f->is_choice()) set(path, e, *f);
  }
  for (const Override& o : overrides) {
    config::Field* f = all.find(o.key);
    require(f != nullptr, "--", o.key, ": ", f ? "" : advice(o.key, fields));
    if (!f->is_choice()) set(o, *f);
  }
}

std::string to_toml(const Describe& fields) {
  std::string out, section;
  config::Fields all = fields();
  for (const config::Field& f : all) {
    if (section_of(f.name()) != section) {
      section = section_of(f.name());
      out += (out.empty() ? "[" : "\n[") + section + "]\n";
    }
    out += last_of(f.name()) + " = " + config::to_text(f.value()) + "\n";
  }
  return out;
}

std::string reference(const Describe& fields) {
  config::Fields all = fields();
  const std::vector<std::string> usual = all.names();
  const auto is_usual = [&](const std::string& name) {
    return std::find(usual.begin(), usual.end(), name) != usual.end();
  };
  // What other kinds have besides, by section.
  std::map<std::string, std::string> others;
  for_every_kind(fields, [&](const std::string& choice, const std::string& kind) {
    std::string& out = others[section_of(choice)];
    out += "# with " + last_of(choice) + " = \"" + kind + "\":\n";
    config::Fields of_kind = fields();
    for (const config::Field& f : of_kind)
      if (section_of(f.name()) == section_of(choice) && !is_usual(f.name())) out += "# " + line_of(f);
  });
  std::string out, section;
  all = fields();
  for (auto f = all.begin(); f != all.end(); ++f) {
    if (section_of(f->name()) != section || f == all.begin()) {
      section = section_of(f->name());
      out += (out.empty() ? "[" : "\n[") + section + "]\n";
    }
    out += line_of(*f);
    const auto next = f + 1;
    if (next == all.end() || section_of(next->name()) != section) out += others[section];
  }
  return out;
}

std::vector<std::string> all_keys(const Describe& fields) {
  std::vector<std::string> keys = fields().names();
  for_every_kind(fields, [&](const std::string&, const std::string&) {
    for (const std::string& k : fields().names())
      if (std::find(keys.begin(), keys.end(), k) == keys.end()) keys.push_back(k);
  });
  return keys;
}

}  // namespace cartan::app
