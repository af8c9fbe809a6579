// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/bed_variants.h"

#include <ostream>

namespace millrace::testing {

void PrintTo(const BedVariant& variant, std::ostream* out) {
  *out << "burst " << variant.burst << ", workers " << variant.workers << (variant.swap ? ", swaps" : "");
}

std::vector<BedVariant> bed_variants() {
  std::vector<BedVariant> all;
  for (const unsigned burst : {1U, 7U, 32U}) {
    for (const unsigned workers : {1U, 2U}) {
      for (const bool swap : {false, true}) all.push_back({burst, workers, swap});
    }
  }
  return all;
}

std::string bed_variant_name(const ::testing::TestParamInfo<BedVariant>& info) {
  return "burst" + std::to_string(info.param.burst) + "workers" + std::to_string(info.param.workers) +
         (info.param.swap ? "swap" : "");
}

}  // namespace millrace::testing
