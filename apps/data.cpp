#include "verbs.hpp"

namespace cartan::app {

void add_data_verbs(CLI::App& app) {
  CLI::App* data = app.add_subcommand("data", "Look at, convert and split data sets");
  data->require_subcommand(1);
  add_data_info(*data);
  add_data_convert(*data);
  add_data_split(*data);
}

}  // namespace cartan::app
