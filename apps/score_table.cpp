#include "score_table.hpp"

#include <cartan/core/printable.hpp>

#include <cmath>
#include <cstdio>

namespace cartan::app {

nlohmann::ordered_json score_json(const Score& s) {
  nlohmann::ordered_json j{{"n", s.n}, {"rmse", s.rmse}, {"mae", s.mae}};
  if (!std::isnan(s.nll)) j["nll"] = s.nll;
  if (!std::isnan(s.coverage_90)) j["coverage_90"] = s.coverage_90;
  return j;
}

void print_score_head(const std::string& title) {
  std::printf("%-24s %10s %10s %10s %12s\n", title.c_str(), "RMSE", "MAE", "NLL", "coverage 90");
}

void print_score(const std::string& name, const Score& s) {
  std::printf("%-24s %10.4g %10.4g", printable(name).c_str(), s.rmse, s.mae);
  if (std::isnan(s.nll))
    std::printf(" %10s", "-");
  else
    std::printf(" %10.4g", s.nll);
  if (std::isnan(s.coverage_90))
    std::printf(" %12s\n", "-");
  else
    std::printf(" %10.1f %%\n", 100 * s.coverage_90);
}

}  // namespace cartan::app
