// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/dpi/database_cache.h"

#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace millrace::dpi {
namespace {

namespace fs = std::filesystem;

class DpiCache : public ::testing::Test {
 protected:
  ~DpiCache() override { fs::remove_all(folder_); }

  static std::vector<Pattern> patterns(const std::string& text) { return {{.text = text, .id = 1}}; }
  [[nodiscard]] std::vector<fs::path> files() const {
    std::vector<fs::path> all;
    for (const auto& entry : fs::directory_iterator(folder_)) all.push_back(entry.path());
    return all;
  }
  [[nodiscard]] DatabaseCache::Got get(const std::vector<Pattern>& wanted, Mode mode = Mode::kBlock) const {
    auto got = DatabaseCache(folder_).get(wanted, mode);
    if (!got) throw std::runtime_error(got.error().error.message());
    return std::move(*got);
  }

  fs::path folder_ = fs::temp_directory_path() / ("millrace-dpi-" + std::to_string(::getpid()));
};

TEST_F(DpiCache, HasWhatWasCompiledBefore) {
  EXPECT_TRUE(get(patterns("needle")).compiled);
  const DatabaseCache::Got again = get(patterns("needle"));
  EXPECT_FALSE(again.compiled);
  EXPECT_EQ(again.database->mode(), Mode::kBlock);
  EXPECT_EQ(files().size(), 1U);
}

TEST_F(DpiCache, TellsDifferentPatternsApart) {
  std::vector<Pattern> wanted = patterns("needle");
  EXPECT_TRUE(get(wanted).compiled);
  EXPECT_TRUE(get(wanted, Mode::kStream).compiled);
  wanted[0].caseless = true;
  EXPECT_TRUE(get(wanted).compiled);
  wanted[0].id = 2;
  EXPECT_TRUE(get(wanted).compiled);
  // The same bytes, otherwise cut.
  EXPECT_TRUE(get({{.text = "ab"}, {.text = "c"}}).compiled);
  EXPECT_TRUE(get({{.text = "a"}, {.text = "bc"}}).compiled);
}

TEST_F(DpiCache, CompilesWhatIsDamaged) {
  EXPECT_TRUE(get(patterns("needle")).compiled);
  const fs::path file = files().at(0);
  fs::resize_file(file, fs::file_size(file) / 2);
  EXPECT_TRUE(get(patterns("needle")).compiled);
  std::ofstream(file) << "something else";
  EXPECT_TRUE(get(patterns("needle")).compiled);
  EXPECT_FALSE(get(patterns("needle")).compiled) << "it has been mended";
}

TEST_F(DpiCache, WorksWithoutAPlaceToKeepThem) {
  const DatabaseCache nowhere("/proc/no-such-place");
  const auto got = nowhere.get(patterns("needle"), Mode::kBlock);
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->compiled);
  EXPECT_TRUE(got->not_kept);
}

TEST_F(DpiCache, ForgetsTheOldest) {
  for (std::size_t i = 0; i < DatabaseCache::kMostFiles + 3; ++i)
    EXPECT_TRUE(get(patterns("needle" + std::to_string(i))).compiled);
  EXPECT_EQ(files().size(), DatabaseCache::kMostFiles);
}

}  // namespace
}  // namespace millrace::dpi
