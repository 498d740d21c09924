#pragma once
/// Options as attributes of a group, through their description (<cartan/core/config.hpp>).

#include <cartan/core/config.hpp>
#include <cartan/data/group.hpp>

namespace cartan::data {

/// true and false become 1 and 0; every other value keeps its type.
Attribute to_attribute(const config::Value& value);

/// One attribute a field, called field.stored_name(). Throws std::invalid_argument where the group has an
/// attribute of that name already.
void save_fields(Group& group, config::Fields fields);
/// Sets every field from its attribute; fields that were added later may be missing. Throws FormatError
/// naming file and attribute for another one that is missing, of another type or outside its limits; fields
/// before it are set then.
void load_fields(const Group& group, config::Fields fields);

/// The same for a struct with describe(config::Fields&, Options&); load_options() checks nothing that joins
/// several fields.
template <class Options>
void save_options(Group& group, const Options& options) {
  Options copy = options;
  save_fields(group, config::fields_of(copy));
}
template <class Options>
Options load_options(const Group& group, Options options = {}) {
  load_fields(group, config::fields_of(options));
  return options;
}

}  // namespace cartan::data
