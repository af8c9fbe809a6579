// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/screen.h"

#include <gtest/gtest.h>

namespace millrace::vnfctl {
namespace {

// ECMA-48: CUP (H), EL (K), ED (J).
TEST(Screen, AFrameIsWrittenOverTheOneBefore) {
  EXPECT_EQ(redraw("a\nb\n", 10), "\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J");
}

TEST(Screen, AFrameIsCutToTheTerminal) {
  EXPECT_EQ(redraw("a\nb\nc\n", 2), "\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J");
}

TEST(Screen, EmptyLinesStay) { EXPECT_EQ(redraw("a\n\nb", 9), "\x1b[Ha\x1b[K\r\n\x1b[K\r\nb\x1b[K\x1b[J"); }

}  // namespace
}  // namespace millrace::vnfctl
