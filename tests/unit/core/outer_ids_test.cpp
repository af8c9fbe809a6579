// SPDX-License-Identifier: BSD-3-Clause
// RFC 6864 section 4.3 and RFC 8200 section 4.5: identifications of what may be cut.
#include "common/core/outer_ids.h"

#include <memory>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::core {
namespace {

constexpr std::uint32_t kRandom = 0xc0ffee11;

TEST(OuterIds, NoneComesTwiceToABackendBeforeAllOthers) {
  for (const unsigned workers : {1U, 2U, 3U, 64U}) {
    const auto ids = std::make_unique<OuterIds>(0, workers, kRandom);
    const unsigned share = 65'536 / workers;
    std::set<std::uint16_t> seen;
    for (unsigned i = 0; i < share; ++i) seen.insert(ids->next(7).host());
    EXPECT_EQ(seen.size(), share);
  }
}

TEST(OuterIds, NoTwoWorkersHaveOneInCommon) {
  constexpr unsigned kWorkers = 3;
  std::set<std::uint16_t> seen;
  std::set<std::uint32_t> seen_of_ipv6;
  constexpr unsigned kShare = 65'536 / kWorkers;
  for (unsigned worker = 0; worker < kWorkers; ++worker) {
    const auto ids = std::make_unique<OuterIds>(worker, kWorkers, kRandom);
    for (unsigned i = 0; i < kShare; ++i) seen.insert(ids->next(7).host());
    for (unsigned i = 0; i < 100'000; ++i) seen_of_ipv6.insert(ids->next_of_ipv6());
  }
  EXPECT_EQ(seen.size(), kShare * kWorkers);
  EXPECT_EQ(seen_of_ipv6.size(), 100'000U * kWorkers);
}

// What one backend gets does not depend on how much others do.
TEST(OuterIds, BackendsHaveTheirOwn) {
  const auto ids = std::make_unique<OuterIds>(0, 1, kRandom);
  const unsigned before = ids->next(1).host();
  for (unsigned i = 0; i < 1000; ++i) static_cast<void>(ids->next(2));
  EXPECT_EQ(ids->next(1).host(), (before + 1) % 65'536);
}

}  // namespace
}  // namespace millrace::core
