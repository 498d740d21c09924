// The folder of a run: its files, and what may not be replaced.
#include "cartan/nn/run_folder.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "nn/toy_task.hpp"

using namespace toy;
namespace fs = std::filesystem;

namespace {

class Folder : public ::testing::Test {
 protected:
  void SetUp() override {
    path = fs::temp_directory_path() / ("cartan_run_folder_" + std::to_string(::getpid()));
    fs::remove_all(path);
  }
  void TearDown() override { fs::remove_all(path); }
  static std::string content(const std::string& file) {
    std::stringstream out;
    out << std::ifstream(file).rdbuf();
    return out.str();
  }
  fs::path path;
};
using RunFolderFiles = Folder;

}  // namespace

TEST_F(RunFolderFiles, ATrainingLeavesItsFiles) {
  const RunFolder folder((path / "a" / "b").string());
  EXPECT_TRUE(folder.in_the_way(false).empty());
  EXPECT_FALSE(folder.has_checkpoint());
  Toy task;
  TrainerOptions o = basic(8);
  o.config = "[training]\nmax_steps = 8\n";
  const Summary half = train(task, o, folder);
  EXPECT_EQ(half.steps, 8);
  EXPECT_TRUE(folder.has_checkpoint());
  EXPECT_NE(content(folder.description()).find(o.config), std::string::npos);
  EXPECT_NE(content(folder.learning_curve()).find("validation mse"), std::string::npos);
  const std::string table = content(folder.history());
  EXPECT_EQ(table.substr(0, table.find('\n')),
            "step,epoch,learning_rate,train_loss,seconds,validation_mse,validation_average");
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 3);  // an epoch of 6 steps, and the rest

  // it goes on there
  EXPECT_EQ(folder.in_the_way(false).size(), 4u);  // no model.h5 yet
  EXPECT_TRUE(folder.in_the_way(true).empty());
  o.max_steps = 20;
  Toy again;
  std::int64_t first = 0;
  train(again, o, folder, true, [&](const Progress& p) { first = first ? first : p.done; });
  EXPECT_EQ(first, 9);
}

TEST_F(RunFolderFiles, WhatAPersonWroteIsInTheWay) {
  fs::create_directories(path);
  const RunFolder folder(path.string());
  std::ofstream(folder.description()) << "# mine\n";
  EXPECT_EQ(folder.in_the_way(false), std::vector<std::string>{folder.description()});
  EXPECT_EQ(folder.in_the_way(true), std::vector<std::string>{folder.description()});
  folder.write_description("[training]\n");
  EXPECT_TRUE(folder.in_the_way(false).empty());
  std::ofstream(folder.history()) << "mine\n";
  EXPECT_EQ(folder.in_the_way(true).front(), folder.history());  // without a checkpoint nothing goes on
  EXPECT_THROW(RunFolder(""), std::invalid_argument);
}

TEST(ShownMetric, LabelAndUnit) {
  EXPECT_EQ(shown({"forces_rmse", 0, "eV/A", "F", 1e3, "meV/A"}, 0.0331), "F 33.1 meV/A");
  EXPECT_EQ(shown({"volume", 0, "A^3"}, 12), "volume 12 A^3");
  EXPECT_EQ(shown({"loss"}, 0.25), "loss 0.25");
}
