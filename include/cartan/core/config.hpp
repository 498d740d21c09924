#pragma once
/// One description of every options struct: each field is named once, with its limits, unit and help,
///
///     void describe(config::Fields& f, AdamWOptions& o) {
///       f("beta1", o.beta1, "decay of the mean of the gradient").from(0).below(1);
///       f("learning_rate", o.learning_rate, "step width at the start").above(0);
///     }
///
/// and whatever walks over options (validation, run files, flags, help, HDF5, the comparison on resume) is a
/// loop over the fields. Defaults stand in the struct alone.

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <cartan/core/array.hpp>

namespace cartan::config {

using Value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>,
                           std::vector<double>, std::vector<std::string>>;

/// "a whole number", "a list of numbers", ...
const char* kind_of(const Value& value);
/// As a run file writes it: true, 3, 1e-3, "text", [1, 2].
std::string to_text(const Value& value);

/// One field of an options struct, bound to it. Limits hold for every number of a list.
class Field {
 public:
  Field(std::string name, std::string help, std::function<Value()> get, std::function<void(const Value&)> set)
      : name_(std::move(name)), help_(std::move(help)), get_(std::move(get)), set_(std::move(set)) {}

  /// @name Said where the field is described
  ///@{
  Field& from(double low);    ///< value >= low
  Field& above(double low);   ///< value > low
  Field& to(double high);     ///< value <= high
  Field& below(double high);  ///< value < high
  Field& unit(std::string text);
  Field& one_of(std::vector<std::string> names);
  Field& or_number();                    ///< a text that a run file may give as a number: scale = 2.5
  Field& may_change();                   ///< a run that goes on may have another value
  Field& optional(std::string meaning);  ///< what the default of a text, "", stands for
  /// Its name in files, where that is another one.
  Field& stored_as(std::string name);
  Field& added_later();  ///< files of earlier versions do not have it: the default is what they mean
  ///@}

  const std::string& name() const { return name_; }
  const std::string& help() const { return help_; }
  const std::string& unit() const { return unit_; }
  const std::vector<std::string>& choices() const { return choices_; }
  bool may_change_on_resume() const { return may_change_; }
  bool may_be_missing() const { return added_later_; }
  const std::string& meaning_of_empty() const { return empty_; }
  const std::string& stored_name() const { return stored_.empty() ? name_ : stored_; }
  /// Setting it changes which fields there are: describe the struct again afterwards.
  bool is_choice() const { return choice_; }
  /// "at least 1, below 2", "constant, cosine or plateau", or empty.
  std::string limits() const;

  Value value() const { return get_(); }
  /// Throws std::invalid_argument "name must be ..., not ..." for another kind of value (whole numbers are
  /// numbers too) and for one outside the limits.
  void set(const Value& value);
  /// From words as a flag gives them, taken as they are: true, 3, 1e-3, any text; lists with commas, in
  /// brackets or not. Throws as set() does.
  void set_text(const std::string& words);
  /// What set() checks, of the value that the struct has.
  void validate() const { check(value()); }

 private:
  void check(const Value& value) const;

  friend class Fields;
  std::string name_, help_, unit_, empty_, stored_;
  std::function<Value()> get_;
  std::function<void(const Value&)> set_;
  double low_ = -std::numeric_limits<double>::infinity(), high_ = std::numeric_limits<double>::infinity();
  bool above_ = false, below_ = false, may_change_ = false, choice_ = false, added_later_ = false,
       or_number_ = false;
  std::vector<std::string> choices_;
};

/// The fields of a struct, in the order of their description. Bound to it: it must live longer.
class Fields {
 public:
  Field& operator()(std::string name, bool& value, std::string help);
  Field& operator()(std::string name, int& value, std::string help);
  Field& operator()(std::string name, std::int64_t& value, std::string help);
  Field& operator()(std::string name, std::uint64_t& value, std::string help);  ///< 0 to 2^63 - 1
  Field& operator()(std::string name, double& value, std::string help);
  Field& operator()(std::string name, std::string& value, std::string help);
  Field& operator()(std::string name, std::vector<std::int64_t>& value, std::string help);
  Field& operator()(std::string name, std::vector<double>& value, std::string help);
  Field& operator()(std::string name, std::vector<std::string>& value, std::string help);
  Field& operator()(std::string name, DType& value, std::string help);  ///< float32 or float64
  /// An enumeration with the names of its values.
  template <class Enum>
  Field& operator()(std::string name, Enum& value, std::vector<std::pair<std::string, Enum>> names,
                    std::string help) {
    std::vector<std::string> choices;
    for (const auto& n : names) choices.push_back(n.first);
    Field& f = add(
        std::move(name), std::move(help),
        [&value, names]() -> Value {
          for (const auto& n : names)
            if (n.second == value) return n.first;
          return std::string("?");
        },
        [&value, names](const Value& v) {
          for (const auto& n : names)
            if (n.first == std::get<std::string>(v)) value = n.second;
        });
    return f.one_of(std::move(choices));
  }

  /// A field that chooses between kinds, each with fields of its own: describe these after it.
  /// @param get    the name of the kind that is chosen
  /// @param kinds  the name of each and what chooses it
  Field& choice(std::string name, std::function<std::string()> get,
                std::vector<std::pair<std::string, std::function<void()>>> kinds, std::string help);

  /// The fields that follow are called NAME.field; "": no section.
  void section(std::string name);

  Field* find(const std::string& name);
  std::vector<std::string> names() const;
  std::vector<Field>::iterator begin() { return fields_.begin(); }
  std::vector<Field>::iterator end() { return fields_.end(); }
  std::size_t size() const { return fields_.size(); }

 private:
  Field& add(std::string name, std::string help, std::function<Value()> get,
             std::function<void(const Value&)> set);
  std::vector<Field> fields_;
  std::string prefix_;
};

/// The fields of options for which `describe(Fields&, Options&)` is declared.
template <class Options>
Fields fields_of(Options& options) {
  Fields f;
  describe(f, options);
  return f;
}

/// Names and values, without access to the struct.
template <class Options>
std::vector<std::pair<std::string, Value>> values_of(const Options& options) {
  Options copy = options;
  std::vector<std::pair<std::string, Value>> out;
  for (const Field& f : fields_of(copy)) out.emplace_back(f.name(), f.value());
  return out;
}

/// A field whose values differ, as texts; "nothing" where one side has no such field.
struct Difference {
  std::string name, before, now;
};
using Values = std::vector<std::pair<std::string, Value>>;
/// The comparison on resume: what differs between the values of a run and those of the run that goes on.
std::vector<Difference> differences(const Values& before, const Values& now);

void validate_fields(const char* owner, Fields& fields);
/// Throws std::invalid_argument "[owner] name must be ..., not ..." for the first field outside its limits.
template <class Options>
void validate(const char* owner, const Options& options) {
  Options copy = options;
  Fields f = fields_of(copy);
  validate_fields(owner, f);
}

/// The name among `known` that is most like `name`; empty where none is near.
std::string nearest(const std::string& name, const std::vector<std::string>& known);

}  // namespace cartan::config
