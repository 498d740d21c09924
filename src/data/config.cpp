#include "cartan/data/config.hpp"

#include "cartan/core/error.hpp"

namespace cartan::data {
namespace {

config::Value from_attribute(const Attribute& attribute, const config::Value& like) {
  const auto* integer = std::get_if<std::int64_t>(&attribute);
  if (integer && std::holds_alternative<bool>(like) && (*integer == 0 || *integer == 1)) return *integer == 1;
  return std::visit([](const auto& v) -> config::Value { return v; }, attribute);
}

}  // namespace

Attribute to_attribute(const config::Value& value) {
  return std::visit(
      [](const auto& v) -> Attribute {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, bool>)
          return std::int64_t{v};
        else
          return v;
      },
      value);
}

void save_fields(Group& group, config::Fields fields) {
  for (const config::Field& f : fields) {
    const bool free = group.attributes.emplace(f.stored_name(), to_attribute(f.value())).second;
    require(free, "[save_fields] the group has an attribute '", f.stored_name(),
            "' already; give the field another stored_as name");
  }
}

void load_fields(const Group& group, config::Fields fields) {
  for (config::Field& f : fields) {
    const auto it = group.attributes.find(f.stored_name());
    if (it == group.attributes.end() && f.may_be_missing()) continue;
    if (it == group.attributes.end())
      throw FormatError(group.file(), f.stored_name(), "the attribute is missing");
    try {
      f.set(from_attribute(it->second, f.value()));
    } catch (const std::invalid_argument& error) {
      throw FormatError(group.file(), f.stored_name(), error.what());
    }
  }
}

}  // namespace cartan::data
