// SPDX-License-Identifier: BSD-3-Clause
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "tests/support/signature_trial.h"

namespace millrace::firewall::inspection {
namespace {

// So many signatures, in so many sessions, for each seed.
Tally compare(unsigned seeds, std::uint32_t signatures, int sessions) {
  Tally tally;
  for (unsigned seed = 0; seed < seeds; ++seed) {
    std::mt19937 random(seed);
    SignatureGenerator generate([&](std::int64_t least, std::int64_t most) {
      return std::uniform_int_distribution<std::int64_t>(least, most)(random);
    });
    std::map<std::uint32_t, Signature> by_id;
    std::vector<Signature> all;
    for (std::uint32_t id = 1; id <= signatures; ++id) all.push_back(by_id[id] = generate.signature(id));
    SignatureBed bed(all);
    for (const auto& left : bed.made.left_out) ADD_FAILURE() << left.reason;
    for (int i = 0; i < sessions; ++i) {
      const std::string wrong = difference(bed, by_id, Traffic(generate), tally);
      EXPECT_EQ(wrong, "") << "seed " << seed << " session " << i;
      if (!wrong.empty()) return tally;
    }
  }
  return tally;
}

TEST(MatcherOracle, AgreesWithTryingEverything) {
  const Tally tally = compare(80, MatchState::kMostFired, 8);
  EXPECT_GT(tally.hits, 250U);
  EXPECT_GT(tally.late, 100U);
  EXPECT_LT(tally.cut_short, 10U);
}

TEST(MatcherOracle, AgreesWhenMoreWaitThanThereIsRoomFor) {
  const Tally tally = compare(3, 100, 6);
  EXPECT_GT(tally.late, 10U);
  EXPECT_GT(tally.scan_again, 4U);
}

}  // namespace
}  // namespace millrace::firewall::inspection
