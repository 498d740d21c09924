#include "config_flags.hpp"

#include <algorithm>
#include <cartan/core/error.hpp>
#include <memory>

namespace cartan::app {
namespace {

// The text of a default without the quotes of a run file.
std::string plain(const config::Value& value) {
  if (const auto* word = std::get_if<std::string>(&value)) return *word;
  if (const auto* number = std::get_if<double>(&value)) return text(*number);
  return config::to_text(value);
}

std::string capital(std::string sentence) {
  if (!sentence.empty() && sentence[0] >= 'a' && sentence[0] <= 'z')
    sentence[0] = static_cast<char>(sentence[0] - 'a' + 'A');
  return sentence;
}

}  // namespace

std::string flag_of(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return "--" + name;
}

std::string help_of(const config::Field& f) {
  std::string out = capital(f.help());
  if (!f.unit().empty()) out += ", " + f.unit();
  if (!f.choices().empty()) out += ": " + f.limits();
  const std::string usual = plain(f.value());
  const std::string& shown = usual.empty() ? f.meaning_of_empty() : usual;
  return shown.empty() ? out : out + " (default " + shown + ")";
}

const char* type_of(const config::Value& value) {
  static constexpr const char* names[] = {"", "N", "X", "TEXT", "N,..", "X,..", "TEXT,.."};
  return names[value.index()];
}

namespace {

// Options without a group would not show in the help, but would have no name in errors either.
constexpr const char* hidden_group = "Keys of the run file";
struct WithoutKeys : CLI::Formatter {
  std::string make_group(std::string group, bool positional,
                         std::vector<const CLI::Option*> options) const override {
    return group == hidden_group ? "" : CLI::Formatter::make_group(group, positional, options);
  }
};

void add(CLI::App* verb, const config::Field& f) {
  const auto field = std::make_shared<config::Field>(f);
  const std::string flag = flag_of(f.name());
  const config::Value now = f.value();
  if (const bool* on = std::get_if<bool>(&now)) {
    const bool usual = *on;
    verb->add_flag_callback(
        usual ? flag_of("no_" + f.name()) : flag, [field, usual] { field->set(!usual); },
        usual ? "Do not: " + f.help() : capital(f.help()));
    return;
  }
  verb->add_option_function<std::string>(
          flag,
          [field, flag](const std::string& words) {
            try {
              field->set_text(words);
            } catch (const std::invalid_argument& error) {
              const std::string what = error.what(), name = field->name() + " ";
              throw CLI::ValidationError(flag, what.rfind(name, 0) == 0 ? what.substr(name.size()) : what);
            }
          },
          help_of(f))
      ->type_name(type_of(now));
}

}  // namespace

void add_field_options(CLI::App* verb, config::Fields fields, const std::vector<std::string>& only) {
  if (only.empty())
    for (const config::Field& f : fields) add(verb, f);
  for (const std::string& name : only) {
    const config::Field* f = fields.find(name);
    require(f != nullptr, "[flags] there is no field ", name);
    add(verb, *f);
  }
}

void add_override_options(CLI::App* verb, const std::vector<std::string>& keys,
                          std::vector<Override>& overrides) {
  for (const std::string& key : keys)
    verb->add_option_function<std::string>("--" + key,
                                           [key, &overrides](const std::string& value) {
                                             overrides.push_back({key, value});
                                           })
        ->group(hidden_group)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  const auto formatter = std::make_shared<WithoutKeys>();
  formatter->column_width(verb->get_formatter()->get_column_width());
  verb->formatter(formatter);
}

std::string nearest_option(const CLI::App* verb, const std::string& flag) {
  std::string name = flag.substr(0, flag.find('='));
  name.erase(0, name.find_first_not_of('-'));
  std::vector<std::string> known;
  for (const CLI::Option* o : verb->get_options())
    for (const std::string& n : o->get_lnames()) known.push_back(n);
  std::string near = config::nearest(name, known);
  for (const std::string& k : known)  // a key without its section, or in another one
    if (near.empty() && k.find('.') != std::string::npos &&
        k.substr(k.rfind('.') + 1) == name.substr(name.rfind('.') + 1))
      near = k;
  return near.empty() ? "" : "; perhaps --" + near + " is meant";
}

}  // namespace cartan::app
