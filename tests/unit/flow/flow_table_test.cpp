// SPDX-License-Identifier: BSD-3-Clause
#include "common/flow/flow_table.h"

#include <array>
#include <bit>
#include <cmath>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::flow {
namespace {

struct Record {
  FlowKey key;
  Ipv6Pair addresses;
  std::uint64_t value;
};
using Table = FlowTable<Record>;

constexpr std::uint64_t kSeed = 0x0123456789abcdef;

// One flow as a person would write it, from the first end to the second.
struct Flow {
  bool v6;
  std::uint32_t a, b;
  std::uint16_t port_a, port_b;
  std::uint8_t protocol;
  std::uint16_t domain;
  unsigned wire = 0;  // from 1, and then of no domain
  VlanTags tags = {};

  [[nodiscard]] Flow reversed() const { return {v6, b, a, port_b, port_a, protocol, domain, wire, tags}; }
  // The same text for both directions.
  [[nodiscard]] std::string name() const {
    const std::string first = std::to_string(a) + ":" + std::to_string(port_a);
    const std::string second = std::to_string(b) + ":" + std::to_string(port_b);
    return (first < second ? first + "-" + second : second + "-" + first) + "/" + std::to_string(protocol) +
           "/" + std::to_string(domain) + (v6 ? "/6/" : "/4/") + std::to_string(wire) + "/" +
           std::to_string(tags.outer) + "." + std::to_string(tags.vlan);
  }
};

net::Ipv6Address wide(std::uint32_t a) {
  net::Ipv6Address address{{0x20, 0x01, 0x0d, 0xb8}};
  // Both halves carry the number, so that folding them alone says nothing.
  for (unsigned i = 0; i < 4; ++i)
    address.bytes[4 + i] = address.bytes[12 + i] = static_cast<std::uint8_t>(a >> (8 * i));
  return address;
}

FlowLookup lookup(const Flow& flow, std::uint64_t seed = kSeed) {
  FlowLookup out;
  if (flow.v6) {
    make_ipv6_lookup(out, wide(flow.a), wide(flow.b), be16(flow.port_a), be16(flow.port_b), flow.protocol,
                     flow.domain, seed);
  } else {
    make_ipv4_lookup(out, net::Ipv4Address{be32(flow.a)}, net::Ipv4Address{be32(flow.b)}, be16(flow.port_a),
                     be16(flow.port_b), flow.protocol, flow.domain, seed);
  }
  if (flow.wire != 0) enter_wire(out, Segment::wire(flow.wire - 1, flow.tags), seed);
  return out;
}

Flow random_flow(std::mt19937& random, unsigned variety) {
  const unsigned wire = random() % 3 == 0 ? 1 + random() % 2 : 0;
  VlanTags tags;
  if (wire != 0 && random() % 2 == 0) {
    tags.vlan = static_cast<std::uint16_t>(1 + random() % 2);
    tags.outer = static_cast<std::uint16_t>(random() % 3);
  }
  return {.v6 = random() % 2 == 0,
          .a = static_cast<std::uint32_t>(random() % variety + 1),
          .b = static_cast<std::uint32_t>(random() % variety + 1),
          .port_a = static_cast<std::uint16_t>(random() % 4),
          .port_b = static_cast<std::uint16_t>(random() % 4),
          .protocol = random() % 2 == 0 ? std::uint8_t{6} : std::uint8_t{17},
          .domain = wire != 0 ? std::uint16_t{0} : static_cast<std::uint16_t>(random() % 2),
          .wire = wire,
          .tags = tags};
}

// Random operations on few flows, against a map; capacity small enough to fill up again and again.
void compare_with_map(std::uint32_t capacity, unsigned variety, unsigned operations) {
  std::mt19937 random(capacity);
  Table table(capacity, kSeed);
  std::unordered_map<std::string, RecordIndex> model;
  std::vector<std::string> owner(capacity);
  unsigned full = 0;
  for (unsigned i = 0; i < operations; ++i) {
    const Flow flow = random_flow(random, variety);
    const FlowLookup there = lookup(random() % 2 == 0 ? flow : flow.reversed());
    const std::string name = flow.name();
    const auto known = model.find(name);
    const RecordIndex found = table.find(there);
    ASSERT_EQ(found, known == model.end() ? kNoRecord : known->second) << name << " at " << i;
    // Phases that grow and phases that shrink.
    const bool grow = (i / 50'000) % 2 == 0 ? random() % 4 != 0 : random() % 4 == 0;
    if (found == kNoRecord && grow) {
      const RecordIndex index = table.insert(there);
      if (index == kNoRecord) {
        ASSERT_EQ(table.size(), capacity) << "refused before it was full";
        ++full;
        continue;
      }
      ASSERT_LT(index, capacity);
      ASSERT_EQ(table[index].value, 0U);
      ASSERT_TRUE(owner[index].empty()) << "a record given twice";
      owner[index] = name;
      table[index].value = i + 1;
      model.emplace(name, index);
    } else if (found != kNoRecord && !grow) {
      ASSERT_EQ(owner[found], name);
      table.erase(found);
      owner[found].clear();
      model.erase(known);
    }
    ASSERT_EQ(table.size(), model.size());
  }
  EXPECT_GT(full, 0U) << "the test is to reach a full table";
}

TEST(FlowTable, IsAMap) { compare_with_map(5000, 60, 2'000'000); }
TEST(FlowTable, IsAMapWhenTiny) { compare_with_map(9, 3, 1'000'000); }
TEST(FlowTable, IsAMapOfOne) { compare_with_map(1, 3, 200'000); }

TEST(FlowTable, BothDirectionsAreOneFlow) {
  std::mt19937 random(5);
  for (int i = 0; i < 100'000; ++i) {
    const Flow flow = random_flow(random, 1'000'000);
    const FlowLookup forth = lookup(flow);
    const FlowLookup back = lookup(flow.reversed());
    ASSERT_EQ(forth.key, back.key);
    ASSERT_EQ(forth.hash, back.hash);
    const bool itself = flow.a == flow.b && flow.port_a == flow.port_b;
    ASSERT_EQ(forth.sender != back.sender, !itself);
  }
}

// Every wire, untagged, with one tag and with two, in both families: no two of them share a key, and each
// key tells its segment.
TEST(FlowKey, SegmentsOfAWireAreApart) {
  constexpr std::array<std::uint16_t, 6> kIds{0, 1, 2, 2048, 4094, 4095};
  for (const bool v6 : {false, true}) {
    std::set<std::pair<std::array<std::uint64_t, 2>, std::string>> keys;
    unsigned made = 0;
    for (unsigned wire = 0; wire <= Segment::kMostWires; ++wire) {
      for (const std::uint16_t outer : kIds) {
        for (const std::uint16_t vlan : kIds) {
          if ((vlan == 0 && outer != 0) || (wire == 0 && vlan != 0)) continue;
          const Flow flow{.v6 = v6,
                          .a = 0x01020304,
                          .b = 0x05060708,
                          .port_a = 1024,
                          .port_b = 80,
                          .protocol = 6,
                          .domain = 0,
                          .wire = wire,
                          .tags = {.outer = outer, .vlan = vlan}};
          const FlowLookup there = lookup(flow);
          const FlowLookup back = lookup(flow.reversed());
          ASSERT_EQ(there.key, back.key);
          ASSERT_EQ(there.hash, back.hash);
          ASSERT_NE(there.sender, back.sender);
          const std::string pair =
              there.key.is_wide() ? std::string(reinterpret_cast<const char*>(&there.addresses), 32) : "";
          keys.insert({{there.key.low, there.key.high}, pair});
          ++made;
          const Segment segment = segment_of(there.key, there.addresses);
          ASSERT_EQ(segment, wire == 0 ? Segment{} : Segment::wire(wire - 1, flow.tags));
          ASSERT_EQ(segment.tags(), flow.tags);
          ASSERT_EQ(there.key.is_ipv6(), v6);
          ASSERT_EQ(there.key.protocol(), 6);
        }
      }
    }
    EXPECT_EQ(made, 1U + Segment::kMostWires * (1 + 5 + 25));
    EXPECT_EQ(keys.size(), made);
  }
}

// Which of so many buckets an index puts a hash into.
std::uint64_t bucket_of(std::uint64_t hash, std::uint64_t buckets) {
  return (hash & 0xffffffffU) * buckets >> 32;
}

// Flows of one bucket chain on into overflow buckets, until those are used up; what was taken comes back.
TEST(FlowTable, OverflowsAndRecovers) {
  constexpr std::uint32_t kCapacity = 4000;
  constexpr std::uint64_t kBuckets = 4000 / 5;
  Table table(kCapacity, kSeed);
  std::vector<Flow> flows;
  for (std::uint32_t a = 1; flows.size() < 1500; ++a) {
    const Flow flow{.v6 = false, .a = a, .b = 9, .port_a = 1, .port_b = 2, .protocol = 17, .domain = 0};
    if (bucket_of(lookup(flow).hash, kBuckets) == 7) flows.push_back(flow);
  }
  for (int round = 0; round < 3; ++round) {
    std::vector<RecordIndex> records;
    for (const Flow& flow : flows) {
      const RecordIndex index = table.insert(lookup(flow));
      if (index == kNoRecord) break;
      records.push_back(index);
    }
    // Its own eight slots, and 800 / 8 overflow buckets of eight.
    ASSERT_EQ(records.size(), 8U + 100 * 8) << round;
    for (std::size_t i = 0; i < records.size(); ++i) ASSERT_EQ(table.find(lookup(flows[i])), records[i]);
    ASSERT_EQ(table.find(lookup(flows[records.size()])), kNoRecord);
    std::mt19937 random(static_cast<unsigned>(round));
    std::shuffle(records.begin(), records.end(), random);
    for (const RecordIndex index : records) table.erase(index);
    ASSERT_EQ(table.size(), 0U);
    for (const Flow& flow : flows) ASSERT_EQ(table.find(lookup(flow)), kNoRecord);
  }
}

TEST(FlowTable, HoldsAsManyAsItSays) {
  for (const std::uint32_t capacity : {1U, 7U, 64U, 1000U, 65'536U, 100'003U}) {
    Table table(capacity, kSeed);
    for (std::uint32_t i = 0; i < capacity; ++i) {
      const Flow flow{.v6 = (i & 1U) != 0,
                      .a = i + 1,
                      .b = 0x0a000001,
                      .port_a = 1,
                      .port_b = 2,
                      .protocol = 6,
                      .domain = 0};
      ASSERT_NE(table.insert(lookup(flow)), kNoRecord) << i << " of " << capacity;
    }
    EXPECT_EQ(table.size(), capacity);
    EXPECT_EQ(table.insert(lookup(
                  {.v6 = false, .a = 77, .b = 78, .port_a = 5, .port_b = 5, .protocol = 6, .domain = 0})),
              kNoRecord);
  }
}

// One session ends, another begins, for ever, at 98 % and with the fullest buckets there can be: none is
// refused.
TEST(FlowTable, HasRoomForTheNextWhenOneLeaves) {
  constexpr std::uint32_t kCapacity = 5 * 4096 + 4;  // five to a bucket
  Table table(kCapacity, kSeed);
  std::mt19937 random(6);
  std::vector<RecordIndex> live;
  unsigned refused = 0;
  for (std::uint32_t i = 1; i < 2'000'000; ++i) {
    const Flow flow{.v6 = false, .a = i, .b = 9, .port_a = 1, .port_b = 2, .protocol = 6, .domain = 0};
    if (live.size() >= kCapacity / 100 * 98) {
      RecordIndex& leaves = live[random() % live.size()];
      table.erase(leaves);
      leaves = live.back();
      live.pop_back();
    }
    const RecordIndex index = table.insert(lookup(flow));
    if (index == kNoRecord) {
      ++refused;
    } else {
      live.push_back(index);
    }
  }
  EXPECT_EQ(refused, 0U);
}

// Flows an attacker would choose (counting addresses or ports) spread like any others.
TEST(FlowTable, HashSpreadsCountingFlows) {
  constexpr unsigned kBuckets = 4096;
  constexpr unsigned kFlows = kBuckets * 16;
  for (const bool v6 : {false, true}) {
    for (const bool ports : {false, true}) {
      std::vector<unsigned> load(kBuckets);
      for (unsigned i = 0; i < kFlows; ++i) {
        Flow flow{.v6 = v6,
                  .a = 0x0a000001,
                  .b = 0xc0a80001,
                  .port_a = 1024,
                  .port_b = 80,
                  .protocol = 6,
                  .domain = 0};
        (ports ? flow.port_a = static_cast<std::uint16_t>(i) : flow.a += i);
        ++load[lookup(flow).hash % kBuckets];
      }
      // Chi-square with 4095 degrees of freedom: by chance 4095, give or take 90. Up to a third more does no
      // harm.
      double chi = 0;
      for (const unsigned n : load) chi += (n - 16.0) * (n - 16.0) / 16.0;
      EXPECT_LT(chi, 4095 * 1.33) << v6 << ports;
    }
  }
}

// A million flows overflow their buckets no more than chance has it, under seeds whose bits repeat too.
TEST(FlowTable, SpreadsAMillionFlowsUnderAnySeed) {
  constexpr unsigned kFlows = 1'000'000;
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0},
                                   std::uint64_t{0x0101010101010101}, std::uint64_t{0x5eed5eed5eed5eed}}) {
    for (const bool v6 : {false, true}) {
      std::vector<unsigned> load(kFlows / 5);
      for (unsigned i = 0; i < kFlows; ++i) {
        const Flow flow{.v6 = v6,
                        .a = 0x0a000000U + i / 60,
                        .b = 0xc0a80000U + i % 4096,
                        .port_a = static_cast<std::uint16_t>(1024 + i % 60 * 16),
                        .port_b = 443,
                        .protocol = 6,
                        .domain = 0};
        ++load[bucket_of(lookup(flow, seed).hash, load.size())];
      }
      // By Poisson's distribution 6.809 % of the buckets get more than eight; four standard deviations more.
      const double chance = 0.06809 * static_cast<double>(load.size());
      unsigned overflow = 0;
      for (const unsigned flows : load) overflow += flows > 8 ? (flows - 1) / 8 : 0;
      EXPECT_LT(overflow, chance + 4 * std::sqrt(chance)) << std::hex << seed << " v6 " << v6;
    }
  }
}

TEST(FlowTable, SeedsGiveOtherPlaces) {
  unsigned equal = 0;
  for (std::uint32_t i = 1; i < 10'000; ++i) {
    const Flow flow{.v6 = false, .a = i, .b = 9, .port_a = 1, .port_b = 2, .protocol = 6, .domain = 0};
    equal += (lookup(flow, 1).hash & 1023U) == (lookup(flow, 2).hash & 1023U) ? 1 : 0;
  }
  EXPECT_LT(equal, 40U);  // chance: ten
}

}  // namespace
}  // namespace millrace::flow
