// SPDX-License-Identifier: BSD-3-Clause
// How an appliance in process is run: each test at burst 1, 7 and 32, on one worker and on two, and with the
// policy swapped for a new generation of itself before every packet.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::testing {

struct BedVariant {
  unsigned burst = 32;
  unsigned workers = 1;
  bool swap = false;
};
void PrintTo(const BedVariant& variant, std::ostream* out);
[[nodiscard]] std::vector<BedVariant> bed_variants();
[[nodiscard]] std::string bed_variant_name(const ::testing::TestParamInfo<BedVariant>& info);

}  // namespace millrace::testing
