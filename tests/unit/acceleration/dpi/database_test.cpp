// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/dpi/database.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::dpi {
namespace {

using ::testing::HasSubstr;

TEST(DpiDatabase, NamesThePatternThatIsWrongAndWhatIsWrongWithIt) {
  const std::vector<Pattern> patterns{
      {.text = "good"}, {.text = "(open", .syntax = Syntax::kRegex}, {.text = "good too"}};
  const auto made = Database::compile(patterns, Mode::kBlock);
  ASSERT_FALSE(made);
  ASSERT_TRUE(made.error().pattern);
  EXPECT_EQ(made.error().pattern->pattern, 1U);
  EXPECT_THAT(made.error().pattern->reason, HasSubstr("parenthes"));
}

TEST(DpiDatabase, RefusesWhatItCanNotDo) {
  const auto refused = [](const Pattern& pattern) {
    const auto made = Database::compile(std::vector<Pattern>{pattern}, Mode::kBlock);
    return !made && made.error().pattern.has_value();
  };
  EXPECT_TRUE(refused({.text = "(a)\\1", .syntax = Syntax::kRegex}));
  EXPECT_TRUE(refused({.text = "a*", .syntax = Syntax::kRegex})) << "it matches nothing, and so everywhere";
  EXPECT_TRUE(refused({.text = ""}));
  const auto none = Database::compile({}, Mode::kBlock);
  ASSERT_FALSE(none);
  EXPECT_FALSE(none.error().pattern);
}

TEST(DpiDatabase, IsTheSameAfterATimeInAFile) {
  const std::vector<Pattern> patterns{{.text = "needle", .id = 7}};
  const auto made = Database::compile(patterns, Mode::kStream);
  ASSERT_TRUE(made);
  auto text = (*made)->serialize();
  ASSERT_TRUE(text) << text.error().message();
  const auto restore = [](const std::string& from) {
    return Database::restore({reinterpret_cast<const std::uint8_t*>(from.data()), from.size()},
                             Mode::kStream);
  };
  const auto restored = restore(*text);
  ASSERT_TRUE(restored) << restored.error().message();
  EXPECT_EQ((*restored)->bytes(), (*made)->bytes());
  EXPECT_EQ((*restored)->stream_bytes(), (*made)->stream_bytes());
  EXPECT_FALSE(restore(text->substr(0, text->size() / 2)));
  EXPECT_FALSE(restore(""));
  char& middle = (*text)[text->size() / 2];
  middle = static_cast<char>(middle ^ 1);
  EXPECT_FALSE(restore(*text));
}

}  // namespace
}  // namespace millrace::dpi
