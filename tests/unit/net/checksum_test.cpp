// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/checksum.h"

#include <array>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"

namespace millrace::net {
namespace {

using testing::plain_checksum;

TEST(Checksum, OfTheExampleInRfc1071) {
  // Section 3: the words 0001 f203 f4f5 f6f7 sum to ddf2, end-around carries included.
  const std::array<std::uint8_t, 8> bytes = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(finish(sum_bytes(bytes)).host(), static_cast<std::uint16_t>(~0xddf2));
}

TEST(Checksum, EqualsWordByWordAddition) {
  std::mt19937 random(1);
  std::vector<std::uint8_t> bytes(3000);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  for (std::size_t length = 0; length < 200; ++length) {
    for (std::size_t start = 0; start < 8; ++start) {
      const Bytes part(bytes.data() + start, length);
      ASSERT_EQ(finish(sum_bytes(part)).host(), plain_checksum(part)) << start << " " << length;
    }
  }
  EXPECT_EQ(finish(sum_bytes(bytes)).host(), plain_checksum(bytes));
  const std::vector<std::uint8_t> ones(65535, 0xff);
  EXPECT_EQ(finish(sum_bytes(ones)).host(), plain_checksum(ones));
}

TEST(Checksum, OfTwoRunsIsThatOfTheirJoin) {
  std::mt19937 random(2);
  std::vector<std::uint8_t> bytes(501);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  for (std::size_t cut = 0; cut <= bytes.size(); cut += 2) {
    const Bytes all(bytes);
    ASSERT_EQ(finish(sum_bytes(all.subspan(cut), sum_bytes(all.first(cut)))).host(), plain_checksum(bytes));
  }
}

// The updates keep a right checksum right, and land on the value that a full computation gives: RFC 1624
// exists because RFC 1141's rule did not, at the two zeros.
TEST(Checksum, UpdatesLikeAFullComputation) {
  std::mt19937 random(3);
  std::array<std::uint16_t, 16> edges = {0, 1, 0xff, 0x100, 0x7fff, 0x8000, 0xfeff, 0xff00, 0xfffe, 0xffff};
  const auto pick = [&] {
    return random() % 2 == 0 ? edges[random() % edges.size()] : static_cast<std::uint16_t>(random());
  };
  for (int i = 0; i < 1'000'000; ++i) {
    std::array<be16, 4> words;
    for (auto& word : words) word = be16(pick());
    words[3] = be16(pick() | 1U);  // not all zero: no IP header is
    const Bytes bytes(reinterpret_cast<const std::uint8_t*>(words.data()), sizeof words);
    const be16 checksum = finish(sum_bytes(bytes));
    const be16 after(pick());
    const be16 updated = update(checksum, words[0], after);
    words[0] = after;
    ASSERT_EQ(updated.host(), plain_checksum(bytes)) << i;

    const auto joined = [](be16 high, be16 low) {
      return be32(std::uint32_t{high.host()} << 16 | low.host());
    };
    const be16 high(pick());
    const be16 low(pick());
    const be16 twice = update(updated, joined(words[1], words[2]), joined(high, low));
    words[1] = high;
    words[2] = low;
    ASSERT_EQ(twice.host(), plain_checksum(bytes)) << i;
  }
}

TEST(Checksum, FollowsTheTtlForEveryChecksumThereIs) {
  Ipv4Header header{};
  header.version_length = 0x45;
  header.total_length = be16(40);
  header.protocol = 6;
  header.source.value = be32(0x0a000001);
  header.destination.value = be32(0xc0a80102);
  for (std::uint32_t id = 0; id <= 0xffff; ++id) {
    header.id = be16(static_cast<std::uint16_t>(id));
    for (const std::uint8_t ttl : {std::uint8_t{2}, std::uint8_t{64}, std::uint8_t{128}, std::uint8_t{255}}) {
      header.ttl = ttl;
      set_ipv4_checksum(header);
      decrement_ttl(header);
      ASSERT_EQ(header.ttl, ttl - 1);
      const be16 updated = header.checksum;
      set_ipv4_checksum(header);
      ASSERT_EQ(updated.host(), header.checksum.host()) << id << " " << int{ttl};
      ASSERT_TRUE(ipv4_checksum_ok(header, 20));
    }
  }
}

TEST(Checksum, SeesEveryFlippedBit) {
  const auto frame =
      testing::packet().ipv4("10.0.0.1", "192.168.1.2").ip_option({1, 1, 1, 1}).udp(1, 2).bytes();
  for (std::size_t bit = 0; bit < 24 * 8; ++bit) {
    auto changed = frame;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ 1U << bit % 8);
    const auto& header = *reinterpret_cast<const Ipv4Header*>(changed.data());
    EXPECT_FALSE(ipv4_checksum_ok(header, 24)) << bit;
  }
  EXPECT_TRUE(ipv4_checksum_ok(*reinterpret_cast<const Ipv4Header*>(frame.data()), 24));
}

TEST(Checksum, DifferenceIsWhatUpdateAdds) {
  std::mt19937 random(5);
  for (unsigned i = 0; i < 10000; ++i) {
    const auto checksum = be16(static_cast<std::uint16_t>(random()));
    const auto before = be32(static_cast<std::uint32_t>(random()));
    const auto after = be32(static_cast<std::uint32_t>(random()));
    const ChecksumSum sum =
        static_cast<std::uint16_t>(~checksum.wire()) + difference(before.wire(), after.wire());
    ASSERT_EQ(finish(sum), update(checksum, before, after));
  }
}

TEST(Checksum, PseudoHeaders) {
  const auto check = [](const testing::PacketBuilder& packet, auto pseudo, std::size_t header) {
    const auto bytes = packet.bytes();
    const Bytes segment = Bytes(bytes).subspan(header);
    EXPECT_EQ(fold(sum_bytes(segment, pseudo)), 0xffff);
  };
  const auto v4 = testing::packet().ipv4("10.0.0.1", "192.168.1.2").tcp(1, 2).payload(33);
  check(v4, pseudo_header(*Ipv4Address::parse("10.0.0.1"), *Ipv4Address::parse("192.168.1.2"), 6, 53), 20);
  const auto v6 = testing::packet().ipv6("2001:db8::1", "2001:db8::2").udp(1, 2).payload(33);
  check(v6, pseudo_header(*Ipv6Address::parse("2001:db8::1"), *Ipv6Address::parse("2001:db8::2"), 17, 41),
        40);
}

}  // namespace
}  // namespace millrace::net
