// SPDX-License-Identifier: BSD-3-Clause
#include "common/flow/source_table.h"

#include <algorithm>
#include <list>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace millrace::flow {
namespace {

constexpr std::uint64_t kTableSeed = 0x0123456789abcdef;

SourceKey key(std::string_view address, std::uint16_t domain = 0,
              std::uint32_t scope = SourceKey::kEverywhere) {
  return {*net::IpAddress::parse(address), Segment::domain(domain), scope};
}

SourceKey nth(std::uint32_t n) {
  return {net::Ipv4Address{be32(0x0a000000 + n)}, {}, SourceKey::kEverywhere};
}

TEST(SourceTable, TellsSourcesApartByAddressDomainAndScope) {
  SourceTable table(16, kTableSeed);
  const std::array keys{key("10.0.0.1"), key("10.0.0.2"),    key("10.0.0.1", 1),    key("10.0.0.1", 0, 1),
                        key("a00:1::"),  key("2001:db8::1"), key("2001:db8:0:1::1")};
  std::vector<SourceIndex> found;
  for (const SourceKey& k : keys) found.push_back(table.find_or_add(k));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_NE(found[i], kNoSource);
    EXPECT_EQ(table.find_or_add(keys[i]), found[i]);
    EXPECT_EQ(std::count(found.begin(), found.end(), found[i]), 1);
  }
  EXPECT_EQ(table.used(), keys.size());
}

TEST(SourceTable, CountsOpenSessions) {
  SourceTable table(4, kTableSeed);
  const SourceIndex a = table.find_or_add(nth(1));
  table.opened(a);
  table.opened(a);
  EXPECT_EQ(table.open_sessions(a), 2U);
  table.ended(a);
  EXPECT_EQ(table.open_sessions(a), 1U);
  EXPECT_EQ(table.find_or_add(nth(1)), a);
  table.opened(kNoSource);  // nothing to count
  table.ended(kNoSource);
}

TEST(SourceTable, EvictsTheIdleSourceLongestUnused) {
  SourceTable table(3, kTableSeed);
  const SourceIndex first = table.find_or_add(nth(1));
  const SourceIndex second = table.find_or_add(nth(2));
  const SourceIndex third = table.find_or_add(nth(3));
  table.opened(first);                           // busy: stays
  EXPECT_EQ(table.find_or_add(nth(2)), second);  // used again: 3 is the oldest now
  EXPECT_EQ(table.find_or_add(nth(4)), third);
  EXPECT_EQ(table.evicted(), 1U);
  EXPECT_EQ(table.find_or_add(nth(5)), second);
  EXPECT_EQ(table.find_or_add(nth(1)), first);
  EXPECT_EQ(table.open_sessions(first), 1U);
}

TEST(SourceTable, ForgetsTheRateOfWhatItEvicted) {
  SourceTable table(1, kTableSeed);
  const SourceIndex a = table.find_or_add(nth(1));
  ASSERT_TRUE(table.rate(a).ready(1, 1, 0));
  table.rate(a).take(1);
  EXPECT_FALSE(table.rate(table.find_or_add(nth(1))).ready(1, 1, 0));
  EXPECT_TRUE(table.rate(table.find_or_add(nth(2))).ready(1, 1, 0));
}

TEST(SourceTable, LimitsNobodyMoreWhenAllAreBusy) {
  SourceTable table(2, kTableSeed);
  const SourceIndex a = table.find_or_add(nth(1));
  table.opened(a);
  table.opened(table.find_or_add(nth(2)));
  EXPECT_EQ(table.find_or_add(nth(3)), kNoSource);
  EXPECT_EQ(table.unlimited(), 1U);
  EXPECT_EQ(table.find_or_add(nth(1)), a);
  table.ended(a);
  EXPECT_EQ(table.find_or_add(nth(3)), a);
}

// Against a list in the order of use, as simple as can be.
TEST(SourceTable, AgreesWithAModelOverRandomUse) {
  struct Known {
    std::uint32_t source;
    unsigned open;
    std::uint64_t used;  // when it was last touched while idle, or became idle
  };
  constexpr std::uint32_t kCapacity = 50;
  SourceTable table(kCapacity, kTableSeed);
  std::list<Known> model;
  std::mt19937 random(7);
  std::uint64_t clock = 0;
  std::uint64_t refused = 0;
  for (int step = 0; step < 200'000; ++step) {
    ++clock;
    const auto source = static_cast<std::uint32_t>(random() % 120);
    const auto same = [&](const Known& k) { return k.source == source; };
    auto known = std::find_if(model.begin(), model.end(), same);
    if (random() % 3 != 0) {
      const SourceIndex index = table.find_or_add(nth(source));
      if (known == model.end() && model.size() == kCapacity) {
        auto oldest = model.end();
        for (auto at = model.begin(); at != model.end(); ++at) {
          if (at->open == 0 && (oldest == model.end() || at->used < oldest->used)) oldest = at;
        }
        if (oldest == model.end()) {
          ASSERT_EQ(index, kNoSource);
          ++refused;
          continue;
        }
        model.erase(oldest);
      }
      ASSERT_NE(index, kNoSource);
      if (known == model.end()) known = model.insert(model.end(), {source, 0, clock});
      if (known->open == 0) known->used = clock;
      ASSERT_EQ(table.open_sessions(index), known->open);
      if (random() % 2 == 0) {
        table.opened(index);
        ++known->open;
      }
    } else if (known != model.end() && known->open != 0) {
      table.ended(table.find_or_add(nth(source)));
      if (--known->open == 0) known->used = clock;
    }
  }
  EXPECT_EQ(table.unlimited(), refused);
  EXPECT_GT(refused, 0U);
  EXPECT_GT(table.evicted(), 1000U);
}

}  // namespace
}  // namespace millrace::flow
