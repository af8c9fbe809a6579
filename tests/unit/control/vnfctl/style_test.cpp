// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/style.h"

#include <gtest/gtest.h>

namespace millrace::vnfctl {
namespace {

TEST(Style, PaintsOnlyWhenItMay) {
  EXPECT_EQ(Style(false).paint("up", Tone::kGood), "up");
  EXPECT_EQ(Style(true).paint("up", Tone::kGood), "\x1b[32mup\x1b[0m");
  EXPECT_EQ(Style(true).paint("up", Tone::kPlain), "up");
  EXPECT_EQ(Style(true).paint("", Tone::kBad), "");
}

TEST(Style, NamesCannotSteerTheTerminal) {
  EXPECT_EQ(printable("web-in"), "web-in");
  EXPECT_EQ(printable("a\x1b[2Jb\n\r\x7f"), "a?[2Jb???");
  EXPECT_EQ(printable("caf\xc3\xa9"), "caf\xc3\xa9");
  EXPECT_EQ(printable("\xc2\x9b"  // CSI as one C1 character
                      "2J"),
            "?2J");
  EXPECT_EQ(printable("\xc2\xa0"), "\xc2\xa0");
}

TEST(Style, ColumnsAreCharacters) {
  EXPECT_EQ(columns(""), 0U);
  EXPECT_EQ(columns("caf\xc3\xa9"), 4U);
}

}  // namespace
}  // namespace millrace::vnfctl
