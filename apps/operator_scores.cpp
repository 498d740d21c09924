#include "operator_scores.hpp"

#include <cartan/core/error.hpp>
#include <cmath>
#include <cstdio>

namespace cartan::app {

nlohmann::json to_json(const operators::FieldErrors& e) {
  return {{"n_samples", e.n_samples}, {"rel_l2", e.rel_l2},
          {"rel_h1", e.rel_h1},       {"rel_l2_deviation", e.rel_l2_deviation},
          {"vrmse", e.vrmse},         {"rel_l2_joint", e.rel_l2_joint}};
}

std::string table(const operators::FieldErrors& e) {
  std::string out;
  const auto line = [&](const char* name, double value, const std::string& tail = "") {
    char text[96];
    std::snprintf(text, sizeof text, "  %-16s%.5f%s\n", name, value, tail.c_str());
    out += text;
  };
  char deviation[48];
  std::snprintf(deviation, sizeof deviation, "  (deviation %.5f over samples)", e.rel_l2_deviation);
  out += text(e.n_samples, " samples\n");
  line("relative L2", e.rel_l2, deviation);
  line("relative H1", e.rel_h1);
  line("VRMSE", e.vrmse);
  if (e.rel_l2_by_channel.size() > 1) {
    line("L2, jointly", e.rel_l2_joint);
    line("L2, first frame", e.rel_l2_by_channel.front());
    line("L2, last frame", e.rel_l2_by_channel.back());
  }
  return out;
}

}  // namespace cartan::app
