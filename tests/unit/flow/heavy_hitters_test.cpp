// SPDX-License-Identifier: BSD-3-Clause
#include "common/flow/heavy_hitters.h"

#include <cmath>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "common/flow/key.h"

namespace millrace::flow {
namespace {

struct Talker {
  std::uint64_t key;
  std::uint32_t seen;
};

constexpr std::uint64_t kHittersSeed = 0x1234567890abcdef;

std::uint64_t talker_hash(std::uint64_t key) { return hash_words(key, 7, kHittersSeed); }

void count_event(HeavyHitters<Talker>& table, std::uint64_t key) {
  Talker& value = table.count(talker_hash(key), [&](Talker& fresh) noexcept { fresh = {key, 0}; });
  ++value.seen;
}

// Few keys have most of the events (Zipf, exponent 1).
std::vector<std::uint64_t> zipf(std::size_t events, double keys) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> uniform(0, std::log(keys));
  std::vector<std::uint64_t> all(events);
  for (auto& key : all) key = static_cast<std::uint64_t>(std::exp(uniform(random)));
  return all;
}

TEST(HeavyHitters, IsExactWhileThereIsRoom) {
  HeavyHitters<Talker> table(4096);
  std::map<std::uint64_t, std::uint32_t> exact;
  for (const std::uint64_t key : zipf(20'000, 400)) {
    count_event(table, key);
    ++exact[key];
  }
  ASSERT_EQ(table.evicted(), 0U);
  std::size_t visited = 0;
  table.for_each([&](const Talker& value) {
    ++visited;
    EXPECT_EQ(value.seen, exact.at(value.key));
    EXPECT_EQ(table.count_of(talker_hash(value.key)), value.seen);
  });
  EXPECT_EQ(visited, exact.size());
}

// The bounds of Metwally et al., lemmas 3 and 4 and theorem 2, which hold for each group by itself.
TEST(HeavyHitters, KeepsTheBoundsOfSpaceSaving) {
  HeavyHitters<Talker> table(256);
  ASSERT_EQ(table.groups(), 32U);
  std::map<std::uint64_t, std::uint32_t> exact;
  std::vector<std::uint32_t> of_group(table.groups());
  for (const std::uint64_t key : zipf(200'000, 50'000)) {
    count_event(table, key);
    ++exact[key];
    ++of_group[talker_hash(key) % table.groups()];
  }
  EXPECT_GT(table.evicted(), 0U);
  for (const auto& [key, true_count] : exact) {
    const std::uint32_t allowed = of_group[talker_hash(key) % table.groups()] / 8;
    const std::uint32_t counted = table.count_of(talker_hash(key));
    EXPECT_TRUE(counted != 0 || true_count <= allowed) << key;
    if (counted == 0) continue;
    EXPECT_GE(counted, true_count);
    EXPECT_LE(counted - true_count, allowed);
  }
  table.for_each([&](const Talker& value) { EXPECT_LE(value.seen, exact.at(value.key)); });
}

TEST(HeavyHitters, BeginsAnewWhenCleared) {
  HeavyHitters<Talker> table(8);
  count_event(table, 1);
  count_event(table, 1);
  table.clear();
  EXPECT_EQ(table.find(talker_hash(1)), nullptr);
  count_event(table, 1);
  EXPECT_EQ(table.count_of(talker_hash(1)), 1U);
  EXPECT_EQ(table.find(talker_hash(1))->seen, 1U);
}

}  // namespace
}  // namespace millrace::flow
