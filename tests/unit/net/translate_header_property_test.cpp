// SPDX-License-Identifier: BSD-3-Clause
// Random packets there and back again, each sum taken anew on the way.
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/stateless_translator.h"

namespace millrace::net {
namespace {

using testing::Frame;
using testing::PacketBuilder;

PacketBuilder random_packet(PacketBuilder ip, std::mt19937& random, bool is_v6) {
  std::vector<std::uint8_t> payload(random() % 1400);
  for (auto& byte : payload) byte = static_cast<std::uint8_t>(random() % 8 == 0 ? random() : 0);
  ip.traffic_class(static_cast<std::uint8_t>(random())).ttl(static_cast<std::uint8_t>(random() | 1U));
  const auto one = static_cast<std::uint16_t>(random());
  const auto other = static_cast<std::uint16_t>(random());
  switch (random() % 3) {
    case 0:
      return ip.tcp(one, other).seq(static_cast<std::uint32_t>(random())).payload(payload);
    case 1:
      return ip.udp(one, other).payload(payload);
    default:
      return ip
          .icmp(static_cast<std::uint8_t>((is_v6 ? 128 : 0) + (random() % 2) * (is_v6 ? 1 : 8)), 0,
                static_cast<std::uint32_t>(random()))
          .payload(payload);
  }
}

void expect_good_checksums(const Frame& packet) {
  const Headers headers = headers_of(packet);
  ASSERT_NE(headers.family, 0);
  const Bytes l4 = Bytes(packet).subspan(headers.l4_offset);
  const auto length = static_cast<std::uint32_t>(l4.size());
  const ChecksumSum pseudo =
      headers.protocol == protocol::kIcmp ? 0 : pseudo_header(headers, packet.data(), length);
  ASSERT_EQ(fold(sum_bytes(l4, pseudo)), 0xffff);
}

// What is lost: the flow label there; on the way back nothing, with the same identification and DF as by
// size.
TEST(RoundTrip, GivesBackEveryPacket) {
  std::mt19937 random(7);
  for (unsigned i = 0; i < 3000; ++i) {
    const Frame from6 = random_packet(client6(), random, true).bytes();
    const Frame as4 = to_ipv4(from6, be16(static_cast<std::uint16_t>(random())));
    expect_good_checksums(as4);
    ASSERT_EQ(to_ipv6(as4), from6);

    PacketBuilder ip = server4();
    ip.id(static_cast<std::uint16_t>(random()));
    PacketBuilder from4 = random_packet(ip, random, false);
    if (from4.bytes().size() > 1260) from4.df();
    const Frame before = from4.bytes();
    const Frame as6 = to_ipv6(before);
    expect_good_checksums(as6);
    const Frame back = to_ipv4(as6, header_at<Ipv4Header>(before).id);
    expect_good_checksums(back);
    // An ICMP checksum of 0 comes back as ones.
    const bool icmp = header_at<Ipv4Header>(before).protocol == protocol::kIcmp;
    if (!icmp || header_at<IcmpHeader>(before, sizeof(Ipv4Header)).checksum != be16{}) {
      ASSERT_EQ(back, before);
    }
  }
}

TEST(RoundTrip, GivesBackEveryFragment) {
  std::mt19937 random(8);
  for (unsigned i = 0; i < 1000; ++i) {
    const auto whole = client6().udp(1, 2).payload(1700 + random() % 3000);
    const std::size_t at = random() % 13 * 8;
    const Frame piece = whole.piece(at, 8 + random() % 200 * 8, random() & 0xffffU).bytes();
    const Frame as4 = to_ipv4(piece);
    ASSERT_EQ(to_ipv6(as4), piece);
    ASSERT_EQ(to_ipv4(to_ipv6(as4)), as4);
  }
}

}  // namespace
}  // namespace millrace::net
