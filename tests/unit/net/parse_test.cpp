// SPDX-License-Identifier: BSD-3-Clause
// Offsets and fields of good frames. What is wrong with bad ones is told scenario by scenario in
// tests/packet.
#include "common/net/parse.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"

namespace millrace::net {
namespace {

using testing::Frame;
using testing::packet;
using testing::PacketBuilder;

PacketBuilder link() { return packet().ethernet("02:00:00:00:00:01", "02:00:00:00:00:02"); }
PacketBuilder v4() { return link().ipv4("10.0.0.1", "192.168.1.2"); }
PacketBuilder v6() { return link().ipv6("2001:db8::1", "2001:db8::2"); }

struct Expected {
  const char* name;
  PacketBuilder packet;
  unsigned l3, l4, payload, end;
  unsigned protocol;
  unsigned source_port = 0, destination_port = 0;
};

std::vector<Expected> good() {
  return {
      {"udp4", v4().udp(5000, 53).payload(10), 14, 34, 42, 52, 17, 5000, 53},
      {"tcp4", v4().tcp(5000, 80).payload(10), 14, 34, 54, 64, 6, 5000, 80},
      {"tcp4 with options", v4().tcp(5000, 80).option_mss(1460).payload(10), 14, 34, 58, 68, 6, 5000, 80},
      {"ip options", v4().ip_option({7, 7, 4, 0, 0, 0, 0}).udp(5000, 53), 14, 42, 50, 50, 17, 5000, 53},
      {"padded", v4().udp(5000, 53).payload(1).pad_to(60), 14, 34, 42, 43, 17, 5000, 53},
      {"vlan", v4().vlan(7).udp(5000, 53), 18, 38, 46, 46, 17, 5000, 53},
      {"qinq", v4().service_vlan(7).vlan(8).udp(5000, 53), 22, 42, 50, 50, 17, 5000, 53},
      {"sctp4", v4().sctp(10, 20).payload(4), 14, 34, 46, 50, 132, 10, 20},
      {"echo4", v4().echo_request(77, 1).payload(4), 14, 34, 42, 46, 1, 77, 77},
      {"unreachable4", v4().icmp(3, 1).payload(28), 14, 34, 42, 70, 1},
      {"gre4", v4().gre(0x800).payload(4), 14, 34, 34, 42, 47},
      {"udp6", v6().udp(5000, 53).payload(10), 14, 54, 62, 72, 17, 5000, 53},
      {"tcp6", v6().tcp(5000, 80).payload(10), 14, 54, 74, 84, 6, 5000, 80},
      {"udp6 behind two headers", v6().hop_by_hop().destination_options().udp(5000, 53), 14, 70, 78, 78, 17,
       5000, 53},
      {"udp6 behind ah", v6().authentication(1, 1).udp(5000, 53), 14, 78, 86, 86, 17, 5000, 53},
      {"atomic fragment", v6().fragment_header(0, false, 9).udp(5000, 53), 14, 62, 70, 70, 17, 5000, 53},
      {"echo6", v6().echo_reply(77, 1), 14, 54, 62, 62, 58, 77, 77},
      {"no next header", v6(), 14, 54, 54, 54, 59},
  };
}

ParseError parse(const Frame& frame, Headers& headers, std::size_t length) {
  return parse_frame(frame, length, headers, {});
}

TEST(Parse, FindsEveryHeader) {
  for (const Expected& one : good()) {
    SCOPED_TRACE(one.name);
    const Frame frame = one.packet.bytes();
    Headers headers;
    ASSERT_EQ(parse(frame, headers, frame.size()), ParseError::kNone);
    EXPECT_EQ(headers.l3_offset, one.l3);
    EXPECT_EQ(headers.l4_offset, one.l4);
    EXPECT_EQ(headers.payload_offset, one.payload);
    EXPECT_EQ(headers.end_offset, one.end);
    EXPECT_EQ(headers.protocol, one.protocol);
    EXPECT_EQ(headers.source_port.host(), one.source_port);
    EXPECT_EQ(headers.destination_port.host(), one.destination_port);
    EXPECT_EQ(headers.has_ports, one.source_port != 0);
    EXPECT_FALSE(headers.is_fragment);
  }
}

TEST(Parse, ReadsTagsFlagsTypesAndFragments) {
  const auto parsed = [](const PacketBuilder& packet) {
    const Frame frame = packet.bytes();
    Headers headers;
    EXPECT_EQ(parse(frame, headers, frame.size()), ParseError::kNone);
    return headers;
  };
  const Headers tagged = parsed(v4().vlan(4095, 7).vlan(8).udp(1, 2));
  EXPECT_TRUE(tagged.tagged);
  EXPECT_EQ(tagged.outer_vlan, 4095);
  EXPECT_EQ(tagged.inner_vlan, 8);
  EXPECT_TRUE(parsed(v4().vlan(0, 7).udp(1, 2)).tagged);
  EXPECT_FALSE(parsed(v4().udp(1, 2)).tagged);
  EXPECT_EQ(parsed(v4().tcp(1, 2).flags("SEC")).tcp_flags, 0xc2);
  EXPECT_EQ(parsed(v4().icmp(3, 13).payload(28)).icmp_type(), 3);
  EXPECT_EQ(parsed(v4().icmp(3, 13).payload(28)).icmp_code, 13);
  EXPECT_EQ(parsed(v6().icmp(2, 0).payload(48)).icmp_type(), 2);

  for (const PacketBuilder& whole : {v4().udp(9, 10).payload(100), v6().udp(9, 10).payload(100)}) {
    const Headers first = parsed(whole.piece(0, 48, 1));
    EXPECT_TRUE(first.first_fragment());
    EXPECT_TRUE(first.more_fragments);
    EXPECT_EQ(first.source_port.host(), 9);
    const Headers last = parsed(whole.piece(48, 60, 1));
    EXPECT_TRUE(last.later_fragment());
    EXPECT_FALSE(last.more_fragments);
    EXPECT_EQ(last.fragment_offset, 48);
    EXPECT_FALSE(last.has_ports);
    EXPECT_EQ(last.protocol, 17);
  }
  // A chain that goes on in the fragmented part of the first fragment only.
  EXPECT_EQ(parsed(v6().fragment_header(8, false, 1).protocol(60).payload(3)).protocol, 60);
}

bool same(const Headers& a, const Headers& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

// The fast path is an optimisation and nothing else.
TEST(Parse, TheFastPathSaysWhatTheSlowOneSays) {
  std::mt19937 random(4);
  unsigned accepted = 0;
  for (int round = 0; round < 400; ++round) {
    for (const Expected& one : good()) {
      Frame frame = one.packet.bytes();
      const auto changes = static_cast<unsigned>(random() % 3);
      for (unsigned i = 0; i < changes; ++i)
        frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
      if (random() % 4 == 0) frame.resize(random() % (frame.size() + 1));
      const std::size_t length = random() % 4 == 0 ? frame.size() + random() % 8 : frame.size();
      const IpParseOptions options{.check_ipv4_checksum = random() % 2 == 0};
      Headers fast{};
      Headers slow{};
      const ParseError fast_error = parse_frame(frame, length, fast, options);
      const ParseError slow_error = parse_frame_slow(frame, length, slow, options);
      ASSERT_EQ(fast_error, slow_error) << one.name;
      if (fast_error == ParseError::kNone) {
        ASSERT_TRUE(same(fast, slow)) << one.name;
        ASSERT_LE(fast.end_offset, length);
        ASSERT_LE(fast.l4_offset, fast.end_offset);
        ASSERT_LE(fast.payload_offset, fast.end_offset);
        ++accepted;
      }
    }
  }
  EXPECT_GT(accepted, 1000U);
}

// The packet inside an ICMP error: as much as there is, and its lengths may say more.
TEST(Parse, ReadsTheBeginningOfADatagram) {
  for (const PacketBuilder& whole : {packet().ipv4("10.0.0.1", "10.0.0.2").tcp(7, 8).payload(500),
                                     packet().ipv6("2001:db8::1", "2001:db8::2").tcp(7, 8).payload(500)}) {
    const Frame bytes = whole.bytes();
    const bool v6 = bytes[0] >> 4 == 6;
    const std::size_t ip = v6 ? 40 : 20;
    for (std::size_t present = 0; present <= bytes.size(); ++present) {
      Headers headers;
      headers.family = v6 ? 6 : 4;
      const Bytes part = Bytes(bytes).first(present);
      const ParseError error =
          parse_ip(part, present, headers, {.check_ipv4_checksum = false, .truncated = true});
      ASSERT_EQ(error == ParseError::kNone, present >= ip + 8) << present;
      if (error != ParseError::kNone) continue;
      EXPECT_EQ(headers.source_port.host(), 7);
      EXPECT_EQ(headers.destination_port.host(), 8);
      EXPECT_EQ(headers.l4_offset, ip);
    }
  }
}

}  // namespace
}  // namespace millrace::net
