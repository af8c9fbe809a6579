// SPDX-License-Identifier: BSD-3-Clause
// The owner hash is what a NIC with the symmetric key computes. DPDK's software Toeplitz hash is the judge.
#include "common/core/owner.h"

#include <array>
#include <random>

#include <gtest/gtest.h>
#include <rte_thash.h>

#include "tests/support/packet_builder.h"

namespace millrace::core {
namespace {

using testing::packet;
using testing::PacketBuilder;

constexpr std::array<std::uint8_t, 40> kKey = [] {
  std::array<std::uint8_t, 40> key{};
  for (std::size_t i = 0; i < key.size(); i += 2) {
    key[i] = 0x6d;
    key[i + 1] = 0x5a;
  }
  return key;
}();

std::uint32_t hash(const PacketBuilder& one, bool with_ports) {
  const auto bytes = one.bytes();
  net::Headers headers;
  headers.family = bytes[0] >> 4 == 6 ? 6 : 4;
  EXPECT_EQ(net::parse_ip(bytes, bytes.size(), headers, {}), net::ParseError::kNone);
  return owner_hash(headers, bytes.data(), with_ports);
}

std::string dotted(std::uint32_t a) { return net::Ipv4Address{be32(a)}.to_string(); }

struct Ends6 {
  net::Ipv6Address source;
  net::Ipv6Address destination;
};

Ends6 random_ends6(std::mt19937& random) {
  Ends6 ends;
  for (auto& byte : ends.source.bytes) byte = static_cast<std::uint8_t>(random());
  for (auto& byte : ends.destination.bytes) byte = static_cast<std::uint8_t>(random());
  return ends;
}

TEST(Owner, HashOfIpv4IsToeplitz) {
  std::mt19937 random(1);
  for (int i = 0; i < 5000; ++i) {
    const auto source = static_cast<std::uint32_t>(random());
    const auto destination = static_cast<std::uint32_t>(random());
    const auto from = static_cast<std::uint16_t>(random());
    const auto to = static_cast<std::uint16_t>(random());
    rte_ipv4_tuple tuple{};
    tuple.src_addr = source;
    tuple.dst_addr = destination;
    tuple.sport = from;
    tuple.dport = to;
    auto* words = reinterpret_cast<std::uint32_t*>(&tuple);
    // DPDK's tuples stand in host order, word by word: the ports trade places in theirs.
    std::array<std::uint32_t, 3> input = {words[0], words[1], std::uint32_t{from} << 16 | to};
    const auto udp = packet().ipv4(dotted(source), dotted(destination)).udp(from, to);
    ASSERT_EQ(hash(udp, true), rte_softrss(input.data(), 3, kKey.data()));
    ASSERT_EQ(hash(udp, false), rte_softrss(input.data(), 2, kKey.data()));
    const auto back = packet().ipv4(dotted(destination), dotted(source)).udp(to, from);
    ASSERT_EQ(hash(udp, true), hash(back, true));
    ASSERT_EQ(hash(udp, false), hash(back, false));
  }
}

TEST(Owner, HashOfIpv6IsToeplitz) {
  std::mt19937 random(2);
  for (int i = 0; i < 3000; ++i) {
    const Ends6 ends = random_ends6(random);
    const auto from = static_cast<std::uint16_t>(random());
    const auto to = static_cast<std::uint16_t>(random());
    std::array<std::uint32_t, 9> input{};
    for (std::size_t w = 0; w < 4; ++w) {
      for (std::size_t b = 0; b < 4; ++b) {
        input[w] = input[w] << 8 | ends.source.bytes[4 * w + b];
        input[4 + w] = input[4 + w] << 8 | ends.destination.bytes[4 * w + b];
      }
    }
    input[8] = std::uint32_t{from} << 16 | to;
    const auto source = ends.source.to_string();
    const auto destination = ends.destination.to_string();
    const auto udp = packet().ipv6(source, destination).udp(from, to);
    ASSERT_EQ(hash(udp, true), rte_softrss(input.data(), 9, kKey.data()));
    ASSERT_EQ(hash(udp, false), rte_softrss(input.data(), 8, kKey.data()));
    ASSERT_EQ(hash(udp, true), hash(packet().ipv6(destination, source).udp(to, from), true));
  }
}

TEST(Owner, EveryWorkerHasItsShare) {
  std::mt19937 random(3);
  for (const unsigned workers : {1U, 2U, 3U, 4U, 7U, 16U}) {
    std::vector<unsigned> share(workers);
    constexpr unsigned kFlows = 100'000;
    for (unsigned i = 0; i < kFlows; ++i) {
      const unsigned owner = owner_of(symmetric_hash(static_cast<std::uint16_t>(random())), workers);
      ASSERT_LT(owner, workers);
      ++share[owner];
    }
    // 128 entries over the workers: one more or less each, and a tenth for chance.
    for (const unsigned n : share) {
      EXPECT_GT(n, kFlows * (128 / workers) / 128 * 9 / 10) << workers;
      EXPECT_LT(n, kFlows * (128 / workers + 1) / 128 * 11 / 10) << workers;
    }
  }
}

}  // namespace
}  // namespace millrace::core
