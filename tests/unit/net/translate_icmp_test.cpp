// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/translate_icmp.h"

#include <vector>

#include <gtest/gtest.h>

#include "tests/support/stateless_translator.h"

namespace millrace::net {

// For messages of GoogleTest.
void PrintTo(const IcmpMessage& message, std::ostream* out) {
  *out << unsigned{message.type} << '/' << unsigned{message.code} << ' ' << message.word;
}

namespace {

using testing::Frame;

constexpr NextHopMtus kEthernet{1500, 1500};
constexpr IcmpMessage kDropped{255, 255, 255};  // is no answer of either function

IcmpMessage to6(const IcmpMessage& message) {
  return icmpv6_for(message, kEthernet, 1500).value_or(kDropped);
}
IcmpMessage to4(const IcmpMessage& message) {
  return icmpv4_for(message, kEthernet, false).value_or(kDropped);
}

IcmpMessage message(unsigned type, unsigned code, std::uint32_t word = 0) {
  return {static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(code), word};
}

TEST(IcmpForIcmpv6, EveryTypeAndCode) {
  // RFC 7915 section 4.2; type 3 by its code
  const std::vector<IcmpMessage> unreachable = {
      {1, 0, 0}, {1, 0, 0}, {4, 1, 6}, {1, 4, 0}, {2, 0, 1420}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0},
      {1, 0, 0}, {1, 1, 0}, {1, 1, 0}, {1, 0, 0}, {1, 0, 0},    {1, 1, 0}, kDropped,  {1, 1, 0}};
  for (unsigned code = 0; code < 256; ++code) {
    EXPECT_EQ(to6(message(3, code, code == 4 ? 1400 : 0)), code < 16 ? unreachable[code] : kDropped) << code;
    EXPECT_EQ(to6(message(11, code)), message(3, code));
    EXPECT_EQ(to6(message(12, code, 8U << 24)), code == 0 || code == 2 ? message(4, 0, 7) : kDropped) << code;
  }
  EXPECT_EQ(to6(message(8, 0, 0x70009)), message(128, 0, 0x70009));
  EXPECT_EQ(to6(message(0, 0, 0x70009)), message(129, 0, 0x70009));
  for (unsigned type = 0; type < 256; ++type) {
    if (type != 0 && type != 3 && type != 8 && type != 11 && type != 12) {
      EXPECT_EQ(to6(message(type, 0)), kDropped) << type;
    }
  }
}

TEST(Icmpv6ForIcmp, EveryTypeAndCode) {
  // RFC 7915 section 5.2; type 1 by its code
  const std::vector<IcmpMessage> unreachable = {{3, 1, 0}, {3, 10, 0}, {3, 1, 0}, {3, 1, 0}, {3, 3, 0}};
  for (unsigned code = 0; code < 256; ++code) {
    EXPECT_EQ(to4(message(1, code)), code < 5 ? unreachable[code] : kDropped) << code;
    EXPECT_EQ(to4(message(2, code, 1400)), message(3, 4, 1380));
    EXPECT_EQ(to4(message(3, code)), message(11, code));
    EXPECT_EQ(to4(message(4, code, 7)), code == 0   ? message(12, 0, 8U << 24)
                                        : code == 1 ? message(3, 2)
                                                    : kDropped)
        << code;
  }
  EXPECT_EQ(to4(message(128, 0, 0x70009)), message(8, 0, 0x70009));
  EXPECT_EQ(to4(message(129, 0, 0x70009)), message(0, 0, 0x70009));
  for (unsigned type = 0; type < 256; ++type) {
    if ((type == 0 || type > 4) && type != 128 && type != 129) {
      EXPECT_EQ(to4(message(type, 0)), kDropped) << type;
    }
  }
}

// RFC 7915 figure 3.
TEST(IcmpForIcmpv6, PointsAtTheSameField) {
  const int none = -1;
  const std::vector<int> figure = {0,    1,    4, 4, none, none, none, none, 7,  6,
                                   none, none, 8, 8, 8,    8,    24,   24,   24, 24};
  for (unsigned pointer = 0; pointer < 256; ++pointer) {
    const int there = pointer < figure.size() ? figure[pointer] : none;
    EXPECT_EQ(to6(message(12, 0, pointer << 24)),
              there == none ? kDropped : message(4, 0, static_cast<std::uint32_t>(there)))
        << pointer;
  }
}

// RFC 7915 figure 6.
TEST(Icmpv6ForIcmp, PointsAtTheSameField) {
  const auto figure = [](unsigned pointer) {
    if (pointer < 2) return static_cast<int>(pointer);
    if (pointer < 4) return -1;
    if (pointer < 6) return 2;
    if (pointer < 8) return pointer == 6 ? 9 : 8;
    return pointer < 24 ? 12 : pointer < 40 ? 16 : -1;
  };
  for (unsigned pointer = 0; pointer < 300; ++pointer) {
    EXPECT_EQ(
        to4(message(4, 0, pointer)),
        figure(pointer) < 0 ? kDropped : message(12, 0, static_cast<std::uint32_t>(figure(pointer)) << 24))
        << pointer;
  }
  EXPECT_EQ(to4(message(4, 0, 0xffffffff)), kDropped);
}

TEST(IcmpForIcmpv6, TheMtuIsTheLeastOfThree) {
  const auto mtu = [](unsigned advertised, NextHopMtus mtus, unsigned length = 1500) {
    return icmpv6_for(message(3, 4, advertised), mtus, length)->word;
  };
  EXPECT_EQ(mtu(1400, {1500, 1500}), 1420U);
  EXPECT_EQ(mtu(1400, {1500, 1410}), 1410U);
  EXPECT_EQ(mtu(1400, {1380, 1500}), 1400U);
  EXPECT_EQ(mtu(65535, {65535, 65535}), 65535U);
  // RFC 7915 section 4.2: never under 1280
  EXPECT_EQ(mtu(1261, {1500, 1500}), 1281U);
  EXPECT_EQ(mtu(1260, {1500, 1500}), 1280U);
  EXPECT_EQ(mtu(1259, {1500, 1500}), 1280U);
  EXPECT_EQ(mtu(1, {1500, 1500}), 1280U);
  // RFC 1191 section 7.1: the plateau under the length of what was too big
  EXPECT_EQ(mtu(0, {9000, 9000}, 1500), 1512U);
  EXPECT_EQ(mtu(0, {9000, 9000}, 1492), 1280U);
  EXPECT_EQ(mtu(0, {9000, 9000}, 9000), 8186U);
  EXPECT_EQ(mtu(0, {9000, 9000}, 2003), 2022U);
  EXPECT_EQ(mtu(0, {9000, 9000}, 2002), 1512U);
  EXPECT_EQ(mtu(0, {1500, 1500}, 9000), 1500U);
  EXPECT_EQ(mtu(0, {65535, 70000}, 65535), 32020U);
  EXPECT_EQ(mtu(0, {9000, 9000}, 0), 1280U);
}

TEST(Icmpv6ForIcmp, TheMtuIsTheLeastOfThree) {
  const auto mtu = [](std::uint32_t advertised, NextHopMtus mtus, bool fragment = false) {
    return icmpv4_for(message(2, 0, advertised), mtus, fragment)->word;
  };
  EXPECT_EQ(mtu(1400, {1500, 1500}), 1380U);
  EXPECT_EQ(mtu(1400, {1300, 1500}), 1300U);
  EXPECT_EQ(mtu(1400, {1500, 1390}), 1370U);
  EXPECT_EQ(mtu(1280, {1500, 1500}), 1260U);
  // The IPv4 packet is 28 bytes less than one with a fragment header.
  EXPECT_EQ(mtu(1400, {1500, 1500}, true), 1372U);
  EXPECT_EQ(mtu(0xffffffff, {1500, 9000}), 1500U);
  EXPECT_EQ(mtu(0, {1500, 1500}), 68U);
  EXPECT_EQ(mtu(27, {1500, 1500}, true), 68U);
}

TEST(Echo, GetsAnotherIdentifier) {
  Frame request = client6().icmp(128, 0, 0x00070009).payload(13).ip_payload();
  const Ipv6Ends ends{*Ipv6Address::parse(kClient6), *Ipv6Address::parse(kServer6)};
  auto& icmp = *reinterpret_cast<IcmpHeader*>(request.data());
  ASSERT_TRUE(translate_echo_to_ipv4(icmp, static_cast<std::uint32_t>(request.size()), ends, be16(0x8001)));
  EXPECT_EQ(request, client4().echo_request(0x8001, 9).payload(13).ip_payload());
  EXPECT_FALSE(translate_echo_to_ipv4(icmp, static_cast<std::uint32_t>(request.size()), ends, be16(1)));
  ASSERT_TRUE(translate_echo_to_ipv6(icmp, static_cast<std::uint32_t>(request.size()), ends, be16(0x0007)));
  EXPECT_EQ(request, client6().icmp(128, 0, 0x00070009).payload(13).ip_payload());
  EXPECT_FALSE(translate_echo_to_ipv6(icmp, static_cast<std::uint32_t>(request.size()), ends, be16(1)));
}

// The one message whose sum is zero without its checksum: what is written must not be zero, too.
TEST(Echo, OfZerosHasAChecksum) {
  const Frame zeros = client6().icmp(129, 0, 0).payload(std::vector<std::uint8_t>(8)).bytes();
  EXPECT_EQ(to_ipv4(zeros), client4().id(0).echo_reply(0, 0).payload(std::vector<std::uint8_t>(8)).bytes());
  EXPECT_EQ(to_ipv6(to_ipv4(zeros)), zeros);
}

TEST(Echo, OtherQueriesAreDropped) {
  for (const std::uint8_t type : std::vector<std::uint8_t>{9, 10, 13, 14, 15, 16, 17, 18, 42})
    EXPECT_EQ(to_ipv6(server4().icmp(type, 0).payload(12).bytes()), Frame{}) << unsigned{type};
  for (const std::uint8_t type : std::vector<std::uint8_t>{130, 131, 132, 133, 134, 135, 136, 137, 143, 200})
    EXPECT_EQ(to_ipv4(client6().icmp(type, 0).payload(16).bytes()), Frame{}) << unsigned{type};
}

}  // namespace
}  // namespace millrace::net
