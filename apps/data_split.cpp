// cartan data split IN: training, validation and test sets, reproducible from a seed.

#include <cartan/core/error.hpp>
#include <cartan/core/random.hpp>
#include <cartan/data/readers.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>

#include "app.hpp"
#include "config_flags.hpp"
#include "frame_files.hpp"
#include "json_text.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

struct Options {
  data::ReadOptions read;
  std::string in, prefix, format;
  std::vector<double> fractions;
  std::vector<std::int64_t> counts;
  std::vector<std::string> by, names;
  std::uint64_t seed = 0;
  bool force = false, json = false;
};

// How many of `total` frames each part should have. Rounded so that the parts of 1 have all frames.
std::vector<Index> part_sizes(const Options& o, Index total) {
  if (!o.counts.empty()) {
    const Index sum = std::accumulate(o.counts.begin(), o.counts.end(), Index{0});
    require(sum <= total, "--counts ask for ", sum, " frames; ", o.in, " has ", total);
    return {o.counts.begin(), o.counts.end()};
  }
  std::vector<Index> sizes;
  double sum = 0;
  Index used = 0;
  for (const double fraction : o.fractions) {
    sum += fraction;
    const Index end = static_cast<Index>(std::floor(std::min(sum, 1.0) * static_cast<double>(total) + 0.5));
    sizes.push_back(end - used);
    used = end;
  }
  return sizes;
}

std::string value_of(const data::Frame& frame, Index index, const std::vector<std::string>& keys) {
  std::string out;
  for (const std::string& key : keys) {
    const auto found = frame.info.find(key);
    require(found != frame.info.end(), "--by ", key, ": frame ", index, " has no such key");
    if (const auto* s = std::get_if<std::string>(&found->second))
      out += *s;
    else if (const auto* i = std::get_if<std::int64_t>(&found->second))
      out += std::to_string(*i);
    else if (const auto* x = std::get_if<double>(&found->second))
      out += text(*x);
    else if (const auto* b = std::get_if<bool>(&found->second))
      out += *b ? "true" : "false";
    else
      throw std::invalid_argument("--by " + key + ": arrays do not name a group");
    out += '\n';
  }
  return out;
}

// Frames that stay together, in a random order.
std::vector<std::vector<Index>> shuffled_groups(const Options& o, const std::vector<data::Frame>& frames) {
  std::vector<std::vector<Index>> groups;
  std::map<std::string, std::size_t> number;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto index = static_cast<Index>(i);
    if (o.by.empty()) {
      groups.push_back({index});
      continue;
    }
    const auto [at, added] = number.emplace(value_of(frames[i], index, o.by), groups.size());
    if (added) groups.emplace_back();
    groups[at->second].push_back(index);
  }
  std::vector<std::vector<Index>> out;
  for (const Index k : Random(o.seed).permutation(static_cast<Index>(groups.size())))
    out.push_back(std::move(groups[static_cast<std::size_t>(k)]));
  return out;
}

// Each group goes to the part that lacks most of its share; single frames fill the parts exactly.
std::vector<std::vector<Index>> assign(const std::vector<std::vector<Index>>& groups,
                                       const std::vector<Index>& sizes, Index total) {
  std::vector<std::vector<Index>> parts(sizes.size());
  Index left_out = total - std::accumulate(sizes.begin(), sizes.end(), Index{0});
  for (const auto& group : groups) {
    const auto missing = [&](std::size_t k) {
      return static_cast<double>(sizes[k] - static_cast<Index>(parts[k].size())) /
             static_cast<double>(std::max<Index>(sizes[k], 1));
    };
    std::size_t best = 0;
    for (std::size_t k = 1; k < parts.size(); ++k)
      if (missing(k) > missing(best)) best = k;
    const auto size = static_cast<Index>(group.size());
    if (left_out > 0 && 2 * (sizes[best] - static_cast<Index>(parts[best].size())) < size) {
      left_out -= size;  // the parts are as full as they should be
      continue;
    }
    parts[best].insert(parts[best].end(), group.begin(), group.end());
  }
  for (auto& part : parts) std::sort(part.begin(), part.end());
  return parts;
}

std::vector<std::string> part_names(const Options& o, std::size_t count) {
  if (!o.names.empty()) {
    require(o.names.size() == count, "--names gives ", o.names.size(), " names for ", count, " parts");
    return o.names;
  }
  if (count == 2) return {"train", "test"};
  if (count == 3) return {"train", "valid", "test"};
  std::vector<std::string> names;
  for (std::size_t k = 0; k < count; ++k) names.push_back("part" + std::to_string(k));
  return names;
}

// What the names of the parts end in: as asked for; as IN, where its kind keeps all of a frame; or .h5.
std::string ending(const Options& o) {
  const std::string own = std::filesystem::path(o.in).extension().string();
  for (const auto& format : data::frame_formats())
    for (const auto& name : format.names)
      if (o.format.empty() ? format.complete && name == own
                           : name == "." + o.format || format.name == o.format)
        return name;
  return ".h5";
}

// The words that --format takes: those of the kinds that are written.
std::vector<std::string> format_words() {
  std::vector<std::string> words;
  for (const auto& format : data::frame_formats()) {
    if (!format.writes) continue;
    if (format.names.front() == "/") words.push_back(format.name);
    for (const auto& name : format.names)
      if (name.front() == '.') words.push_back(name.substr(1));
  }
  return words;
}

void run(const Options& o) {
  require(o.fractions.empty() != o.counts.empty(), "give one of --fractions and --counts");
  const double sum = std::accumulate(o.fractions.begin(), o.fractions.end(), 0.0);
  require(sum <= 1 + 1e-9, "--fractions add up to ", sum, ", more than 1");
  const auto names = part_names(o, std::max(o.fractions.size(), o.counts.size()));
  const std::string extension = ending(o);
  std::vector<std::string> paths;
  for (const auto& name : names) paths.push_back(o.prefix + "_" + name + extension);
  refuse_existing(paths, o.force);

  const auto frames = data::read_frames(o.in, "", o.read);
  const auto total = static_cast<Index>(frames.size());
  const auto sizes = part_sizes(o, total);
  const auto groups = shuffled_groups(o, frames);
  const auto parts = assign(groups, sizes, total);
  stop_if_asked();
  nlohmann::ordered_json report{
      {"file", o.in}, {"n_frames", total}, {"seed", o.seed}, {"parts", nlohmann::ordered_json::array()}};
  Index used = 0;
  for (std::size_t k = 0; k < parts.size(); ++k) {
    std::vector<data::Frame> part;
    for (const Index i : parts[k]) part.push_back(frames[static_cast<std::size_t>(i)]);
    require(!part.empty(), "the part ", names[k], " would be empty: ", total, " frames in ", groups.size(),
            " groups");
    save_frames(paths[k], part);
    used += static_cast<Index>(part.size());
    report["parts"].push_back({{"name", names[k]}, {"file", paths[k]}, {"n_frames", part.size()}});
    if (!o.json) std::cout << paths[k] << ": " << part.size() << " frames\n";
  }
  report["n_unused"] = total - used;
  if (o.json)
    std::cout << json_text(report) << "\n";
  else if (used < total)
    std::cout << total - used << " of " << total << " frames not used\n";
}

}  // namespace

void add_data_split(CLI::App& data) {
  CLI::App* verb = data.add_subcommand("split", "Split frames into training, validation and test sets");
  auto o = std::make_shared<Options>();
  verb->add_option("in", o->in, "Frames in any kind of file that `data info` knows")->required();
  // A list is one word with commas: `--by run FILE` must not take FILE for a key.
  const auto list = [](CLI::Option* option, const char* shown) {
    return option->delimiter(',')->allow_extra_args(false)->type_name(shown);
  };
  auto* fractions =
      list(verb->add_option("--fractions", o->fractions, "Parts of the whole, e.g. 0.8,0.1,0.1"), "A,B,..");
  fractions->check(CLI::Range(0.0, 1.0).description(""));
  list(verb->add_option("--counts", o->counts, "Numbers of frames, e.g. 950,50"), "M,N,..")
      ->check([](const std::string& word) {
        const bool none = word[0] == '-' || word.find_first_not_of('0') == std::string::npos;
        return none ? "expected 1 frame or more, found " + word : std::string();
      })
      ->excludes(fractions);
  config::Fields own;
  own("seed", o->seed, "seed of the random order");
  add_field_options(verb, own);
  verb->add_option("--out-prefix", o->prefix, "The files are PREFIX_train.h5, ...")
      ->required()
      ->type_name("PREFIX");
  list(verb->add_option("--by", o->by, "Info keys, e.g. run: frames with the same values stay together"),
       "KEY,..");
  list(verb->add_option("--names", o->names, "Names of the parts (default train,valid,test)"), "NAME,..");
  const auto words = format_words();
  std::string listed;
  for (const auto& word : words) listed += (listed.empty() ? "" : ", ") + word;
  verb->add_option("--format", o->format, "Kind of the parts: " + listed + " (default: as IN, or h5)")
      ->check(CLI::IsMember(words).description(""))
      ->type_name("KIND");
  add_read_options(verb, o->read);
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_threads_option(verb);
  add_example(verb,
              "cartan data split data/xtb_molecules.h5 --fractions 0.6,0.2,0.2 --by run --out-prefix xtb");
  verb->callback([o] { run(*o); });
}

}  // namespace cartan::app
