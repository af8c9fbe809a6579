// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/prefix_table.h"

#include <chrono>
#include <cstdio>
#include <random>

#include <gtest/gtest.h>

namespace millrace::net {
namespace {

using Entry = PrefixTable::Entry;

Prefix prefix(const char* text) { return *Prefix::parse(text); }
IpAddress address(const char* text) { return *IpAddress::parse(text); }

// The oracle: the definition of longest-prefix match, read off the list. Equal lengths: the later wins.
std::uint32_t linear(std::span<const Entry> entries, const IpAddress& address) {
  int best = -1;
  std::uint32_t value = PrefixTable::kNoMatch;
  for (const Entry& entry : entries) {
    if (entry.prefix.contains(address) && entry.prefix.length >= best) {
      best = entry.prefix.length;
      value = entry.value;
    }
  }
  return value;
}

IpAddress neighbour(const IpAddress& from, int step) {
  if (from.is_v4()) return Ipv4Address{be32(from.v4().value.host() + static_cast<std::uint32_t>(step))};
  auto bytes = from.bytes();
  for (std::size_t i = 16; i-- > 0;) {
    bytes[i] = static_cast<std::uint8_t>(bytes[i] + step);
    if (bytes[i] != (step > 0 ? 0x00 : 0xff)) break;
  }
  return Ipv6Address{bytes};
}

IpAddress last_of(const Prefix& prefix) {
  auto bytes = prefix.address.bytes();
  for (unsigned bit = prefix.length; bit < prefix.address.bits(); ++bit) {
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | (0x80U >> (bit % 8)));
  }
  if (!prefix.address.is_v4()) return Ipv6Address{bytes};
  std::uint32_t wire = 0;
  std::memcpy(&wire, bytes.data(), sizeof wire);
  return Ipv4Address{be32::from_wire(wire)};
}

IpAddress random_address(std::mt19937& random, Family family) {
  if (family == Family::kIpv4) return Ipv4Address{be32(static_cast<std::uint32_t>(random()))};
  Ipv6Address v6;
  for (auto& byte : v6.bytes) byte = static_cast<std::uint8_t>(random());
  return v6;
}

// Some anywhere, some inside an earlier prefix, some equal to one, some right after one.
std::vector<Entry> random_entries(std::mt19937& random, Family family, std::size_t count) {
  const unsigned bits = family == Family::kIpv4 ? 32 : 128;
  std::vector<Entry> entries;
  while (entries.size() < count) {
    const auto value = static_cast<std::uint32_t>(random() % 8 == 0 ? random() % 3 : random() >> 1);
    const auto length = static_cast<unsigned>(random() % (bits + 1));
    Prefix chosen = Prefix::of(random_address(random, family), length);
    if (!entries.empty() && random() % 4 != 0) {
      const Prefix other = entries[random() % entries.size()].prefix;
      switch (random() % 3) {
        case 0: {
          auto bytes = random_address(random, family).bytes();
          for (unsigned bit = 0; bit < other.length; ++bit) {
            const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
            bytes[bit / 8] =
                static_cast<std::uint8_t>((bytes[bit / 8] & ~mask) | (other.address.bytes()[bit / 8] & mask));
          }
          IpAddress inside = Ipv6Address{bytes};
          if (family == Family::kIpv4) {
            std::uint32_t wire = 0;
            std::memcpy(&wire, bytes.data(), sizeof wire);
            inside = Ipv4Address{be32::from_wire(wire)};
          }
          chosen =
              Prefix::of(inside, other.length + static_cast<unsigned>(random() % (bits - other.length + 1)));
          break;
        }
        case 1:
          chosen = other;
          break;
        default:
          chosen = Prefix::of(neighbour(last_of(other), +1), other.length);
      }
    }
    entries.push_back({chosen, value});
  }
  return entries;
}

void expect_agreement(const PrefixTable& table, std::span<const Entry> entries, const IpAddress& at) {
  ASSERT_EQ(table.lookup(at), linear(entries, at)) << at.to_string() << " among " << entries.size();
}

TEST(PrefixTable, EmptyMatchesNothingAndCostsNothing) {
  const PrefixTable table;
  EXPECT_EQ(table.lookup(address("192.0.2.1")), PrefixTable::kNoMatch);
  EXPECT_EQ(table.lookup(address("2001:db8::1")), PrefixTable::kNoMatch);
  EXPECT_LT(table.memory_bytes(), 128U);
}

TEST(PrefixTable, LongestWinsAndTheLaterOfEqualOnes) {
  const std::vector<Entry> entries{{prefix("0.0.0.0/0"), 1},
                                   {prefix("10.0.0.0/8"), 2},
                                   {prefix("10.1.0.0/16"), 3},
                                   {prefix("10.1.2.3/32"), 4},
                                   {prefix("10.1.0.0/16"), 5},
                                   {prefix("255.255.255.255/32"), 6},
                                   {prefix("2001:db8::/32"), 7},
                                   {prefix("2001:db8::1/128"), 8},
                                   {prefix("10.200.0.0/16"), PrefixTable::kNoMatch}};
  const PrefixTable table(entries);
  EXPECT_EQ(table.lookup(address("9.255.255.255")), 1U);
  EXPECT_EQ(table.lookup(address("10.0.255.255")), 2U);
  EXPECT_EQ(table.lookup(address("10.1.2.2")), 5U);
  EXPECT_EQ(table.lookup(address("10.1.2.3")), 4U);
  EXPECT_EQ(table.lookup(address("10.1.2.4")), 5U);
  EXPECT_EQ(table.lookup(address("10.2.0.0")), 2U);
  EXPECT_EQ(table.lookup(address("10.200.0.1")), PrefixTable::kNoMatch);
  EXPECT_EQ(table.lookup(address("255.255.255.254")), 1U);
  EXPECT_EQ(table.lookup(address("255.255.255.255")), 6U);
  EXPECT_EQ(table.lookup(address("2001:db8::")), 7U);
  EXPECT_EQ(table.lookup(address("2001:db8::1")), 8U);
  EXPECT_EQ(table.lookup(address("2001:db9::")), PrefixTable::kNoMatch);
}

TEST(PrefixTable, AgreesWithALinearScan) {
  std::mt19937 random(20120401);
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    for (const std::size_t count : {1U, 2U, 3U, 7U, 8U, 9U, 16U, 17U, 40U, 200U, 1000U}) {
      for (int round = 0; round < (count <= 40 ? 40 : 2); ++round) {
        const auto entries = random_entries(random, family, count);
        const PrefixTable table(entries);
        for (const Entry& entry : entries) {
          const IpAddress first = entry.prefix.address;
          const IpAddress last = last_of(entry.prefix);
          for (const auto& at : {first, last, neighbour(first, -1), neighbour(last, +1)}) {
            expect_agreement(table, entries, at);
          }
        }
        for (int i = 0; i < 300; ++i) expect_agreement(table, entries, random_address(random, family));
      }
    }
  }
}

// Prefixes crowded into a corner of the address space, with one far away.
TEST(PrefixTable, AgreesWhenTheRangesCrowdTogether) {
  std::mt19937 random(7);
  std::vector<Entry> entries{{prefix("ff00::/8"), 99}, {prefix("203.0.113.0/24"), 98}};
  for (std::uint32_t i = 0; i < 3000; ++i) {
    Ipv6Address v6 = address("2001:db8:7:7::").v6();
    v6.bytes[15] = static_cast<std::uint8_t>(random());
    v6.bytes[14] = static_cast<std::uint8_t>(random() % 16);
    entries.push_back({Prefix::of(v6, 120 + static_cast<unsigned>(random() % 9)), i % 50});
    const Ipv4Address v4{be32(0x0a000000U + static_cast<std::uint32_t>(random() % 4096))};
    entries.push_back({Prefix::of(v4, 24 + static_cast<unsigned>(random() % 9)), i % 50});
  }
  const PrefixTable table(entries);
  for (std::uint32_t i = 0; i < 4200; i += 3) {
    Ipv6Address v6 = address("2001:db8:7:7::").v6();
    v6.bytes[15] = static_cast<std::uint8_t>(i);
    v6.bytes[14] = static_cast<std::uint8_t>(i >> 8);
    expect_agreement(table, entries, v6);
    expect_agreement(table, entries, Ipv4Address{be32(0x0a000000U + i)});
  }
  for (const char* at :
       {"::", "2001:db8:7:6:ffff:ffff:ffff:ffff", "ff02::1", "fe80::1",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "203.0.113.77", "0.0.0.0", "255.255.255.255"}) {
    expect_agreement(table, entries, address(at));
  }
}

TEST(PrefixTable, HoldsAMillionPrefixes) {
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    std::mt19937 random(1);
    std::vector<Entry> entries;
    for (std::uint32_t i = 0; i < 1'000'000; ++i) {
      const unsigned length = family == Family::kIpv4 ? 20 + i % 13 : 32 + i % 97;
      entries.push_back({Prefix::of(random_address(random, family), length), i});
    }
    const auto begin = std::chrono::steady_clock::now();
    const PrefixTable table(entries);
    const auto built = std::chrono::steady_clock::now();
    std::uint32_t sum = 0;
    for (const Entry& entry : entries) sum += table.lookup(entry.prefix.address);
    const auto looked_up = std::chrono::steady_clock::now();
    const auto ms = [](auto duration) { return std::chrono::duration<double, std::milli>(duration).count(); };
    std::printf("1M prefixes: %zu ranges, %.1f MiB, built in %.0f ms, %.0f ns a lookup (%u)\n",
                table.ranges(), static_cast<double>(table.memory_bytes()) / (1 << 20), ms(built - begin),
                ms(looked_up - built), sum);
    EXPECT_LT(table.memory_bytes(), 64U << 20);
    EXPECT_LT(ms(built - begin), 10'000)
        << "a second is the aim; this allows for a sanitizer on a busy machine";
    for (std::size_t i = 0; i < entries.size(); i += 200'000) {
      expect_agreement(table, entries, entries[i].prefix.address);
    }
  }
}

}  // namespace
}  // namespace millrace::net
