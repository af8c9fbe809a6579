// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/dpi/plain_packet.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/support/application_packets.h"

namespace millrace::dpi {
namespace {

using testing::ip_packet;
using testing::IpShape;
using testing::Octets;
using testing::octets;
using testing::transport_of;

constexpr std::uint8_t kVersions[] = {4, 6};
constexpr std::uint8_t kProtocols[] = {6, 17, 50};
constexpr std::uint8_t kBadLengths[] = {0x40, 0xf0};  // of a TCP header, in words

Octets made_of(PlainPacket& plain, const IpShape& shape, Bytes payload) {
  const Octets packet = ip_packet(shape, payload);
  const auto made = plain.make(packet, transport_of(shape), shape.protocol);
  return {made.bytes.begin(), made.bytes.end()};
}

// Options and extension headers are all that goes.
TEST(PlainPacket, IsTheSamePacketWithoutOptions) {
  PlainPacket plain;
  for (const std::uint8_t version : kVersions) {
    for (const std::uint8_t protocol : kProtocols) {
      IpShape shape{.version = version, .protocol = protocol};
      const Octets payload = octets("hello");
      const Octets expected = ip_packet(shape, payload);
      EXPECT_EQ(made_of(plain, shape, payload), expected);
      shape.option_bytes = 16;
      EXPECT_EQ(made_of(plain, shape, payload), expected);
    }
  }
}

TEST(PlainPacket, HasZerosBehindIt) {
  PlainPacket plain;
  static_cast<void>(made_of(plain, {}, Octets(3000, 0xff)));
  const Octets packet = ip_packet({}, octets("x"));
  const auto made = plain.make(packet, 20, 6);
  const auto* end = made.bytes.data() + made.bytes.size();
  EXPECT_TRUE(std::all_of(end, end + 65536, [](std::uint8_t byte) { return byte == 0; }));
}

TEST(PlainPacket, IsCutOffWithLengthsThatAreRight) {
  PlainPacket plain;
  for (const std::uint8_t protocol : {kProtocols[0], kProtocols[1]}) {
    const IpShape shape{.protocol = protocol};
    const std::size_t header = protocol == 6 ? 20 : 8;
    EXPECT_EQ(made_of(plain, shape, Octets(9000, 7)),
              ip_packet(shape, Octets(PlainPacket::kMostTransportBytes - header, 7)));
  }
}

TEST(PlainPacket, IsNoneWhenThereIsNone) {
  PlainPacket plain;
  const Octets good = ip_packet({}, octets("hello"));
  EXPECT_FALSE(plain.make(good, 20, 6).bytes.empty());
  EXPECT_TRUE(plain.make({}, 0, 6).bytes.empty());
  EXPECT_TRUE(plain.make(good, 19, 6).bytes.empty());
  EXPECT_TRUE(plain.make(good, good.size() + 1, 6).bytes.empty());
  EXPECT_TRUE(plain.make(Bytes(good).first(39), 20, 6).bytes.empty());  // half a TCP header
  EXPECT_TRUE(plain.make(good, 20, 44).bytes.empty());  // read as an extension header by others
  for (const std::uint8_t length : kBadLengths) {
    Octets bad = good;
    bad[32] = length;
    EXPECT_TRUE(plain.make(bad, 20, 6).bytes.empty());
  }
  Octets other_version = good;
  other_version[0] = 0x55;
  EXPECT_TRUE(plain.make(other_version, 20, 6).bytes.empty());
}

TEST(PlainPacket, SaysNothingWithoutPayloadOrSyn) {
  PlainPacket plain;
  EXPECT_TRUE(plain.make(ip_packet({.tcp_flags = 0x10}, {}), 20, 6).says_nothing);
  EXPECT_FALSE(plain.make(ip_packet({.tcp_flags = 0x02}, {}), 20, 6).says_nothing);
  EXPECT_FALSE(plain.make(ip_packet({.tcp_flags = 0x10}, octets("x")), 20, 6).says_nothing);
}

}  // namespace
}  // namespace millrace::dpi
