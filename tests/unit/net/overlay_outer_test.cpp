// SPDX-License-Identifier: BSD-3-Clause
// Outer headers of overlays, against those that the packet builder and the RFCs' pictures give.
#include "common/net/overlay_outer.h"

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"

namespace millrace::net {
namespace {

using testing::Frame;

constexpr std::uint32_t kFlowHash = 0x9abcdef1;
constexpr std::uint16_t kPortOfFlow = 0xdef1;  // 0xc000 | 0xdef1

OverlayEnd end(OverlayType type, bool ipv6, bool ethernet) {
  OverlayEnd end;
  end.type = type;
  end.id = 0x123456;
  end.ethernet = ethernet;
  end.udp_port = 4790;
  end.local = *IpAddress::parse(ipv6 ? "2001:db8::1" : "192.0.2.1");
  end.remote = *IpAddress::parse(ipv6 ? "2001:db8::9" : "192.0.2.9");
  end.ttl = 7;
  return end;
}

Frame tagged_link() {
  return testing::packet().ethernet("02:00:00:00:00:01", "02:00:00:00:00:02").vlan(9).bytes();
}

// The headers, with so many bytes 0x5a behind them.
Frame written(const OverlayEnd& end, std::uint8_t traffic_class, unsigned length, bool ipv4) {
  OverlayOuter outer(end);
  Frame link_header = tagged_link();
  link_header.resize(18);
  outer.set_link(link_header);
  Frame room(OverlayOuter::kMostBytes + length, 0x5a);
  std::uint8_t* inner = room.data() + OverlayOuter::kMostBytes;
  const std::uint8_t* l3 =
      outer.write(inner, {.length = length, .traffic_class = traffic_class, .flow = kFlowHash, .ipv4 = ipv4});
  EXPECT_EQ(l3, inner - outer.length() + outer.link_length());
  return {room.end() - static_cast<std::ptrdiff_t>(length + outer.length()), room.end()};
}

Frame expected(bool ipv6, std::uint8_t traffic_class, Frame behind, bool udp) {
  testing::PacketBuilder packet;
  packet.ethernet("02:00:00:00:00:01", "02:00:00:00:00:02").vlan(9);
  if (ipv6) {
    packet.ipv6("2001:db8::1", "2001:db8::9").flow_label(kFlowHash & 0xfffffU);
  } else {
    packet.ipv4("192.0.2.1", "192.0.2.9").df().id(0);
  }
  packet.ttl(7).traffic_class(traffic_class);
  if (udp) {
    packet.udp(kPortOfFlow, 4790).no_udp_checksum();
  } else {
    packet.protocol(47);
  }
  return packet.payload(std::move(behind)).bytes();
}

Frame with(Frame shim, unsigned length) {
  shim.insert(shim.end(), length, 0x5a);
  return shim;
}

TEST(OverlayOuter, IsWhatTheDocumentsDraw) {
  struct Case {
    OverlayType type;
    bool ethernet;
    bool ipv4;
    Frame shim;
  };
  const Case cases[] = {
      {OverlayType::kVxlan, true, true, {0x08, 0, 0, 0, 0x12, 0x34, 0x56, 0}},
      {OverlayType::kVxlanGpe, true, true, {0x0c, 0, 0, 3, 0x12, 0x34, 0x56, 0}},
      {OverlayType::kVxlanGpe, false, true, {0x0c, 0, 0, 1, 0x12, 0x34, 0x56, 0}},
      {OverlayType::kVxlanGpe, false, false, {0x0c, 0, 0, 2, 0x12, 0x34, 0x56, 0}},
      {OverlayType::kGeneve, true, true, {0, 0, 0x65, 0x58, 0x12, 0x34, 0x56, 0}},
      {OverlayType::kGeneve, false, true, {0, 0, 0x08, 0x00, 0x12, 0x34, 0x56, 0}},
      {OverlayType::kGeneve, false, false, {0, 0, 0x86, 0xdd, 0x12, 0x34, 0x56, 0}},
      {OverlayType::kGre, true, true, {0, 0, 0x65, 0x58}},
      {OverlayType::kGre, false, false, {0, 0, 0x86, 0xdd}},
  };
  for (const Case& one : cases) {
    for (const bool ipv6 : {false, true}) {
      SCOPED_TRACE(::testing::Message() << static_cast<int>(one.type) << one.ethernet << one.ipv4 << ipv6);
      EXPECT_EQ(written(end(one.type, ipv6, one.ethernet), 0xb9, 40, one.ipv4),
                expected(ipv6, 0xb9, with(one.shim, 40), one.type != OverlayType::kGre));
    }
  }
}

TEST(OverlayOuter, AKeyStandsBehindGre) {
  OverlayEnd keyed = end(OverlayType::kGre, false, false);
  keyed.keyed = true;
  EXPECT_EQ(written(keyed, 0, 1, true),
            expected(false, 0, with({0x20, 0, 8, 0, 0, 0x12, 0x34, 0x56}, 1), false));
}

TEST(OverlayOuter, TheChecksumHoldsForEveryLengthAndClass) {
  const OverlayOuter outer(end(OverlayType::kVxlan, false, true));
  Frame room(OverlayOuter::kMostBytes);
  for (unsigned length = 0; length < 65536 - 36; length += 7) {
    const auto traffic_class = static_cast<std::uint8_t>(length * 31);
    const std::uint8_t* l3 =
        outer.write(room.data() + room.size(),
                    {.length = length, .traffic_class = traffic_class, .flow = length, .ipv4 = true});
    ASSERT_EQ(testing::plain_checksum(std::span(l3, 20)), 0) << length;
  }
}

TEST(OverlayOuter, AnotherLinkTakesThePlaceOfTheFirst) {
  OverlayOuter outer(end(OverlayType::kVxlan, false, true));
  const unsigned bare = outer.length();
  outer.set_link(Frame(22));
  outer.set_link(Frame(14));
  EXPECT_EQ(outer.length(), bare + 14);
  EXPECT_EQ(outer.link_length(), 14U);
}

}  // namespace
}  // namespace millrace::net
