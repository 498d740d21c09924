#include <algorithm>
#include <set>

#include "cartan/core/error.hpp"
#include "data/frame_columns.hpp"

namespace cartan::data {
namespace {

/// Arrays of equal type and shape, one behind the other. `stacked`: along a new first axis.
Array concatenate(const std::vector<const Array*>& parts, bool stacked) {
  Shape shape = parts.front()->shape();
  Index first = 0;
  for (const Array* p : parts) first += stacked ? 1 : p->shape()[0];
  if (stacked)
    shape.insert(shape.begin(), first);
  else
    shape[0] = first;
  Array out = Array::uninitialized(shape, parts.front()->dtype());
  char* to = static_cast<char*>(out.mutable_raw());
  for (const Array* p : parts) to = std::copy_n(static_cast<const char*>(p->raw()), p->bytes(), to);
  return out;
}

class ColumnWriter {
 public:
  ColumnWriter(Group& group, const std::string& folder, std::size_t frames)
      : group_(group), folder_(folder), frames_(frames) {}

  /// The next column of the name `name`, with the frames that have it.
  Group& start(const std::string& name, const std::string& kind, const std::vector<Index>& frames,
               Array values) {
    const int number = ++count_[name];
    link_ = escape_name(name) + (number > 1 ? text("%n", number) : "");
    Group& group = group_[folder_];
    group.set(link_, std::move(values));
    group.items().at(link_).attributes["kind"] = kind;
    if (frames.size() != frames_) group.set(link_ + "%frame", Array::from(frames));
    return group;
  }

  void texts(const std::string& name, const std::vector<Index>& frames,
             const std::vector<const std::string*>& texts) {
    std::vector<std::uint8_t> bytes;
    std::vector<Index> ends{0};
    for (const std::string* t : texts) {
      bytes.insert(bytes.end(), t->begin(), t->end());
      ends.push_back(static_cast<Index>(bytes.size()));
    }
    start(name, "text", frames, Array::from(bytes)).set(link_ + "%offset", Array::from(ends));
  }

  template <class T>
  void values(const std::string& name, const std::string& kind, const std::vector<Index>& frames,
              const std::vector<T>& v) {
    start(name, kind, frames, Array::from(v));
  }

  void arrays(const std::string& name, const std::vector<Index>& frames,
              const std::vector<const Array*>& arrays) {
    const Shape& shape = arrays.front()->shape();
    bool equal = shape.size() <= 6;  // an axis for the frames and one for complex parts fit into HDF5
    for (const Array* a : arrays) equal = equal && a->shape() == shape;
    if (equal) {
      start(name, "array", frames, concatenate(arrays, true));
      return;
    }
    std::vector<Array> flat;
    std::vector<const Array*> parts;
    std::vector<Index> shapes;
    for (const Array* a : arrays) {
      flat.push_back(a->reshaped({a->size()}));
      shapes.insert(shapes.end(), a->shape().begin(), a->shape().end());
    }
    for (const Array& a : flat) parts.push_back(&a);
    start(name, "array", frames, concatenate(parts, false))
        .set(link_ + "%shape",
             Array::from(shapes, {static_cast<Index>(arrays.size()), static_cast<Index>(shape.size())}));
  }

 private:
  Group& group_;
  std::string folder_, link_;
  std::size_t frames_;
  std::map<std::string, int> count_;
};

/// What must be equal for two values to share a column.
std::string kind_of(const InfoValue& value) {
  if (const auto* a = std::get_if<Array>(&value)) return text("array ", a->dtype(), " ", a->ndim());
  static constexpr const char* kinds[] = {"number", "integer", "truth", "text"};
  return kinds[value.index()];
}

/// The values of one name in all frames, by kind, the kind met first in front.
template <class Map, class Value = typename Map::mapped_type>
std::vector<std::vector<std::pair<Index, const Value*>>> collect(const std::vector<Frame>& frames,
                                                                 Map Frame::*member, const std::string& name,
                                                                 std::string (*kind)(const Value&)) {
  std::vector<std::vector<std::pair<Index, const Value*>>> out;
  std::map<std::string, std::size_t> place;
  for (std::size_t f = 0; f < frames.size(); ++f) {
    const auto& map = frames[f].*member;
    const auto it = map.find(name);
    if (it == map.end()) continue;
    const auto [at, fresh] = place.try_emplace(kind(it->second), out.size());
    if (fresh) out.emplace_back();
    out[at->second].emplace_back(static_cast<Index>(f), &it->second);
  }
  return out;
}

template <class Map>
std::set<std::string> names(const std::vector<Frame>& frames, Map Frame::*member) {
  std::set<std::string> out;
  for (const Frame& frame : frames)
    for (const auto& [name, value] : frame.*member) out.insert(name);
  return out;
}

template <class Value>
std::vector<Index> frames_of(const std::vector<std::pair<Index, const Value*>>& found) {
  std::vector<Index> out;
  for (const auto& [frame, value] : found) out.push_back(frame);
  return out;
}

template <class T, class Stored = T>
std::vector<Stored> scalars(const std::vector<std::pair<Index, const InfoValue*>>& found) {
  std::vector<Stored> out;
  for (const auto& [frame, value] : found) out.push_back(static_cast<Stored>(std::get<T>(*value)));
  return out;
}

template <class T>
std::vector<const T*> pointers(const std::vector<std::pair<Index, const InfoValue*>>& found) {
  std::vector<const T*> out;
  for (const auto& [frame, value] : found) out.push_back(&std::get<T>(*value));
  return out;
}

void write_info(const std::vector<Frame>& frames, Group& group) {
  ColumnWriter out(group, "info", frames.size());
  for (const std::string& name : names(frames, &Frame::info))
    for (const auto& found : collect(frames, &Frame::info, name, kind_of)) {
      const auto which = frames_of(found);
      switch (found.front().second->index()) {
        case 0:
          out.values(name, "number", which, scalars<double>(found));
          break;
        case 1:
          out.values(name, "integer", which, scalars<std::int64_t>(found));
          break;
        case 2:
          out.values(name, "truth", which, scalars<bool, std::uint8_t>(found));
          break;
        case 3:
          out.texts(name, which, pointers<std::string>(found));
          break;
        default:
          out.arrays(name, which, pointers<Array>(found));
          break;
      }
    }
}

void write_arrays(const std::vector<Frame>& frames, Group& group) {
  ColumnWriter out(group, "arrays", frames.size());
  const auto kind = +[](const Array& a) {
    Shape tail = a.shape();
    if (!tail.empty()) tail[0] = -1;
    return text(a.dtype(), tail);
  };
  for (const std::string& name : names(frames, &Frame::arrays))
    for (const auto& found : collect(frames, &Frame::arrays, name, kind)) {
      std::vector<const Array*> parts;
      for (const auto& [frame, array] : found) {
        const Index atoms = frames[static_cast<std::size_t>(frame)].size();
        require(array->ndim() > 0 && array->shape()[0] == atoms, "[frames_to_group] frame ", frame,
                ": the array '", name, "' of shape ", array->shape(), " does not match ", atoms, " atoms");
        parts.push_back(array);
      }
      out.start(name, "array", frames_of(found), concatenate(parts, false));
    }
}

void write_labels(const std::vector<Frame>& frames, Group& group) {
  ColumnWriter out(group, "labels", frames.size());
  const auto kind = +[](const std::vector<std::string>&) { return std::string(); };
  for (const std::string& name : names(frames, &Frame::labels))
    for (const auto& found : collect(frames, &Frame::labels, name, kind)) {
      std::vector<const std::string*> texts;
      for (const auto& [frame, list] : found) {
        const Index atoms = frames[static_cast<std::size_t>(frame)].size();
        require(static_cast<Index>(list->size()) == atoms, "[frames_to_group] frame ", frame, ": ",
                list->size(), " labels '", name, "' for ", atoms, " atoms");
        for (const std::string& t : *list) texts.push_back(&t);
      }
      out.texts(name, frames_of(found), texts);
    }
}

}  // namespace

std::string escape_name(const std::string& name) {
  if (name.empty()) return "%empty";
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : name) {
    const bool dots = name == "." || name == "..";
    const auto byte = static_cast<unsigned char>(c);
    if (c == '%' || c == '/' || c == '\0' || dots)
      out += {'%', hex[byte / 16], hex[byte % 16]};
    else
      out += c;
  }
  return out;
}

void write_columns(const std::vector<Frame>& frames, Group& group) {
  write_info(frames, group);
  write_arrays(frames, group);
  write_labels(frames, group);
}

}  // namespace cartan::data
