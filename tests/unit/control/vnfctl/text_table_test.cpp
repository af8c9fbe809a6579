// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/text_table.h"

#include <gtest/gtest.h>

namespace millrace::vnfctl {
namespace {

TEST(TextTable, ColumnsLineUp) {
  TextTable table({{"NAME"}, {"COUNT", kRight}, {"REMARK"}});
  table.add({"a", "1", "first"});
  table.add({"longer", "12345678", ""});
  EXPECT_EQ(table.render(Style()),
            "NAME       COUNT  REMARK\n"
            "a              1  first\n"
            "longer  12345678\n");
}

TEST(TextTable, ColourTakesNoRoom) {
  TextTable table({{"A"}, {"B"}});
  table.add({{"x", Tone::kBad}, "y"});
  table.add({"xxx", "y"});
  EXPECT_EQ(table.render(Style(true)),
            "\x1b[2mA\x1b[0m    \x1b[2mB\x1b[0m\n"
            "\x1b[31mx\x1b[0m    y\n"
            "xxx  y\n");
}

TEST(TextTable, CharactersBeyondAsciiTakeOneColumn) {
  TextTable table({{"A"}, {"B"}});
  table.add({"\xc3\xa9\xc3\xa9", "y"});
  EXPECT_EQ(table.render(Style()), "A   B\n\xc3\xa9\xc3\xa9  y\n");
}

TEST(TextTable, CellsCannotBreakTheLine) {
  TextTable table({{"A"}});
  table.add({"x\ny\x1b"});
  EXPECT_EQ(table.render(Style()), "A\nx?y?\n");
}

}  // namespace
}  // namespace millrace::vnfctl
