#include "cartan/data/group.hpp"

#include "cartan/core/error.hpp"

namespace cartan::data {
namespace {

/// "a/b/c" -> {"a", "b", "c"}; a slash in front or behind is ignored.
std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> names;
  std::size_t begin = 0;
  std::size_t end = path.size();
  if (begin < end && path[begin] == '/') ++begin;
  if (begin < end && path[end - 1] == '/') --end;
  while (begin < end) {
    const std::size_t slash = std::min(path.find('/', begin), end);
    names.push_back(path.substr(begin, slash - begin));
    const std::string& name = names.back();
    require(!name.empty() && name != "." && name != ".." && name.find('\0') == std::string::npos,
            "[Group] bad path '", path, "'");
    begin = slash + 1;
  }
  return names;
}

const char* kind_of(const Attribute& a) {
  static constexpr const char* kinds[] = {"an integer", "a number",           "a text",
                                          "numbers",    "a list of integers", "a list of texts"};
  return kinds[a.index()];
}

template <class T>
const T& attribute(const Attributes& attributes, const std::string& file, const std::string& path,
                   const std::string& name, const char* wanted) {
  const auto it = attributes.find(name);
  if (it == attributes.end()) throw FormatError(file, path, "the attribute '" + name + "' is missing");
  if (const T* value = std::get_if<T>(&it->second)) return *value;
  throw FormatError(file, path,
                    text("the attribute '", name, "' is ", kind_of(it->second), ", not ", wanted));
}

std::string join(const std::string& base, const std::string& path) {
  const std::string tail = path.substr(path.empty() || path[0] != '/' ? 0 : 1);
  return base.empty() || base.back() != '/' ? base + "/" + tail : base + tail;
}

}  // namespace

void Group::set(const std::string& path, Array array, std::string units, std::string axes) {
  const auto names = split(path);
  require(!names.empty(), "[Group::set] empty path");
  Group* group = this;
  for (std::size_t i = 0; i + 1 < names.size(); ++i) group = &(*group)[names[i]];
  require(group->groups_.count(names.back()) == 0, "[Group::set] '", path, "' is a group");
  Item item{array.device() == Device::cpu ? std::move(array) : array.to(Device::cpu), {}};
  if (!units.empty()) item.attributes["units"] = std::move(units);
  if (!axes.empty()) item.attributes["axes"] = std::move(axes);
  group->items_[names.back()] = std::move(item);
}

Group& Group::operator[](const std::string& path) {
  Group* group = this;
  for (const auto& name : split(path)) {
    require(group->items_.count(name) == 0, "[Group] '", name, "' in '", path, "' is an array, not a group");
    const auto [it, made] = group->groups_.try_emplace(name);
    if (made) it->second.set_origin(group->file_, join(group->path_, name));
    group = &it->second;
  }
  return *group;
}

namespace {
const Group* find_group(const Group& root, const std::vector<std::string>& names, std::size_t count) {
  const Group* group = &root;
  for (std::size_t i = 0; i < count; ++i) {
    const auto it = group->groups().find(names[i]);
    if (it == group->groups().end()) return nullptr;
    group = &it->second;
  }
  return group;
}

const Item* find_item(const Group& root, const std::string& path) {
  const auto names = split(path);
  if (names.empty()) return nullptr;
  const Group* group = find_group(root, names, names.size() - 1);
  if (!group) return nullptr;
  const auto it = group->items().find(names.back());
  return it == group->items().end() ? nullptr : &it->second;
}
}  // namespace

bool Group::has(const std::string& path) const {
  return find_item(*this, path) != nullptr;
}

bool Group::has_group(const std::string& path) const {
  const auto names = split(path);
  return find_group(*this, names, names.size()) != nullptr;
}

const Array& Group::array(const std::string& path) const {
  if (const Item* item = find_item(*this, path)) return item->array;
  throw FormatError(file_, join(path_, path), "there is no array of this name");
}

Array Group::array(const std::string& path, DType dtype, const Shape& shape) const {
  const Array& a = array(path);
  bool fits = a.dtype() == dtype && a.shape().size() == shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i) fits = shape[i] == -1 || shape[i] == a.shape()[i];
  if (!fits)
    throw FormatError(
        file_, join(path_, path),
        text("holds ", a.dtype(), " of shape ", a.shape(), ", expected ", dtype, " of shape ", shape));
  return a;
}

const Group& Group::group(const std::string& path) const {
  const auto names = split(path);
  if (const Group* group = find_group(*this, names, names.size())) return *group;
  throw FormatError(file_, join(path_, path), "there is no group of this name");
}

std::int64_t Group::integer(const std::string& name) const {
  return attribute<std::int64_t>(attributes, file_, path_, name, "an integer");
}

double Group::number(const std::string& name) const {
  const auto it = attributes.find(name);
  if (it != attributes.end())
    if (const auto* i = std::get_if<std::int64_t>(&it->second)) return static_cast<double>(*i);
  return attribute<double>(attributes, file_, path_, name, "a number");
}

const std::string& Group::string(const std::string& name) const {
  return attribute<std::string>(attributes, file_, path_, name, "a text");
}

const std::vector<std::int64_t>& Group::integers(const std::string& name) const {
  return attribute<std::vector<std::int64_t>>(attributes, file_, path_, name, "a list of integers");
}

const std::vector<double>& Group::numbers(const std::string& name) const {
  return attribute<std::vector<double>>(attributes, file_, path_, name, "numbers");
}

const std::vector<std::string>& Group::strings(const std::string& name) const {
  return attribute<std::vector<std::string>>(attributes, file_, path_, name, "a list of texts");
}

void Group::set_origin(std::string file, std::string path) {
  file_ = std::move(file);
  path_ = std::move(path);
  for (auto& [name, child] : groups_) child.set_origin(file_, join(path_, name));
}

}  // namespace cartan::data
