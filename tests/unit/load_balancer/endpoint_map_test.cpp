// SPDX-License-Identifier: BSD-3-Clause
// Against a search through all that was added.
#include "vnfs/load_balancer/endpoint_map.h"

#include <array>
#include <optional>
#include <random>

#include <gtest/gtest.h>

namespace millrace::load_balancer {
namespace {

using Map = EndpointMap<std::uint16_t>;

struct Added {
  net::IpAddress address;
  std::uint16_t domain;
  Map::Range range;
};

// What is for one protocol goes before what is for all.
std::optional<std::uint16_t> search(const std::vector<Added>& added, const net::IpAddress& address,
                                    std::uint16_t domain, std::uint8_t protocol, std::uint16_t port) {
  for (const std::uint8_t wanted : {protocol, std::uint8_t{0}}) {
    for (const Added& entry : added) {
      if (entry.address == address && entry.domain == domain && entry.range.protocol == wanted &&
          entry.range.first <= port && port <= entry.range.last)
        return entry.range.value;
    }
  }
  return std::nullopt;
}

std::optional<std::uint16_t> find(const Map& map, const net::IpAddress& address, std::uint16_t domain,
                                  std::uint8_t protocol, std::uint16_t port) {
  const std::uint16_t* found = map.find(Place::of(address, domain), protocol, port);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

const net::IpAddress kHost = net::Ipv4Address{be32(0xcb007150)};

TEST(EndpointMap, KnowsNothingWhenEmpty) {
  Map map;
  map.settle();
  EXPECT_TRUE(map.empty());
  EXPECT_FALSE(map.knows(Place::of(kHost, 0)));
  EXPECT_EQ(find(map, kHost, 0, 6, 80), std::nullopt);
}

TEST(EndpointMap, RangesHaveBothTheirEnds) {
  Map map;
  map.add(Place::of(kHost, 0), {.protocol = 6, .first = 80, .last = 81, .value = 1});
  map.add(Place::of(kHost, 0), {.protocol = 17, .first = 65'535, .last = 65'535, .value = 2});
  map.settle();
  EXPECT_EQ(find(map, kHost, 0, 6, 79), std::nullopt);
  EXPECT_EQ(find(map, kHost, 0, 6, 80), 1);
  EXPECT_EQ(find(map, kHost, 0, 6, 81), 1);
  EXPECT_EQ(find(map, kHost, 0, 6, 82), std::nullopt);
  EXPECT_EQ(find(map, kHost, 0, 17, 80), std::nullopt);
  EXPECT_EQ(find(map, kHost, 0, 17, 65'535), 2);
  EXPECT_TRUE(map.knows(Place::of(kHost, 0)));
  EXPECT_FALSE(map.knows(Place::of(kHost, 1)));
}

TEST(EndpointMap, WhatIsForAllProtocolsStandsBehind) {
  Map map;
  map.add(Place::of(kHost, 0), {.value = 9});
  map.add(Place::of(kHost, 0), {.protocol = 6, .first = 80, .last = 80, .value = 1});
  map.settle();
  EXPECT_EQ(find(map, kHost, 0, 6, 80), 1);
  EXPECT_EQ(find(map, kHost, 0, 6, 81), 9);
  EXPECT_EQ(find(map, kHost, 0, 132, 0), 9);
}

// 1.2.3.4 is not 102:304::.
TEST(EndpointMap, FamiliesAreApart) {
  Map map;
  map.add(Place::of(*net::IpAddress::parse("1.2.3.4"), 0), {.value = 4});
  map.add(Place::of(*net::IpAddress::parse("102:304::"), 0), {.value = 6});
  map.settle();
  EXPECT_EQ(find(map, *net::IpAddress::parse("1.2.3.4"), 0, 6, 80), 4);
  EXPECT_EQ(find(map, *net::IpAddress::parse("102:304::"), 0, 6, 80), 6);
}

TEST(EndpointMap, FindsWhatASearchFinds) {
  std::mt19937 random(1);
  const auto below = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random()) % limit; };
  for (int round = 0; round < 40; ++round) {
    std::vector<net::IpAddress> hosts;
    for (std::uint32_t i = 0; i < 1 + below(60); ++i) {
      if (below(2) == 0) {
        hosts.emplace_back(net::Ipv4Address{be32(0x0a000000 + below(64))});
      } else {
        net::Ipv6Address address{.bytes = {0x20, 0x01, 0x0d, 0xb8}};
        address.bytes[below(2) == 0 ? 7 : 15] = static_cast<std::uint8_t>(below(32));
        hosts.emplace_back(address);
      }
    }
    Map map;
    std::vector<Added> added;
    for (std::uint16_t value = 0; value < 400; ++value) {
      const auto domain = static_cast<std::uint16_t>(below(2));
      const auto first = static_cast<std::uint16_t>(below(1'000));
      const auto last = static_cast<std::uint16_t>(first + below(100));
      Added entry{hosts[below(static_cast<std::uint32_t>(hosts.size()))],
                  domain,
                  {.protocol = std::array<std::uint8_t, 3>{6, 17, 132}[below(3)],
                   .first = first,
                   .last = last,
                   .value = value}};
      if (below(10) == 0) entry.range = {.value = value};
      // Those of one protocol do not overlap.
      bool overlaps = false;
      for (const Added& other : added) {
        overlaps |= other.address == entry.address && other.domain == entry.domain &&
                    other.range.protocol == entry.range.protocol && other.range.first <= entry.range.last &&
                    entry.range.first <= other.range.last;
      }
      if (overlaps) continue;
      added.push_back(entry);
      map.add(Place::of(entry.address, domain), entry.range);
    }
    map.settle();
    hosts.emplace_back(kHost);  // nobody's
    for (int probe = 0; probe < 4'000; ++probe) {
      const net::IpAddress& host = hosts[below(static_cast<std::uint32_t>(hosts.size()))];
      const auto domain = static_cast<std::uint16_t>(below(3));
      const auto protocol = std::array<std::uint8_t, 4>{1, 6, 17, 132}[below(4)];
      const auto port = static_cast<std::uint16_t>(below(1'200));
      ASSERT_EQ(find(map, host, domain, protocol, port), search(added, host, domain, protocol, port))
          << host.to_string() << " " << domain << " " << int{protocol} << " " << port;
    }
  }
}

}  // namespace
}  // namespace millrace::load_balancer
