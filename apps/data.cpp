#include "verbs.hpp"

namespace cartan::app {

AddVerb add_data_info, add_data_convert, add_data_split;

void add_data_verbs(CLI::App& app) {
  CLI::App* data = app.add_subcommand("data", "Look at, convert and split data sets");
  data->require_subcommand(1);
  for (AddVerb* add : {add_data_info, add_data_convert, add_data_split}) add(*data);
}

}  // namespace cartan::app
