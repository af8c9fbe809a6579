// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/translate_icmp_error.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/stateless_translator.h"

namespace millrace::net {
namespace {

using testing::Frame;
using testing::packet;
using testing::PacketBuilder;

constexpr const char* kRouter4 = "192.0.2.77";
constexpr const char* kRouter6 = "2001:db8:64::c000:24d";

// What the errors are about: a packet of the client, on its way to the server.
PacketBuilder sent4() { return client4().id(0).ttl(57); }
PacketBuilder sent6() { return client6().ttl(57); }
PacketBuilder error4(std::uint8_t type, std::uint8_t code, std::uint32_t word = 0) {
  return packet().ipv4(kRouter4, kClient4).id(0).icmp(type, code, word);
}
PacketBuilder error6(std::uint8_t type, std::uint8_t code, std::uint32_t word = 0) {
  return packet().ipv6(kRouter6, kClient6).icmp(type, code, word);
}
// From the client, about the server's.
PacketBuilder answer4(std::uint8_t type, std::uint8_t code, std::uint32_t word = 0) {
  return client4().id(0).icmp(type, code, word);
}
PacketBuilder answer6(std::uint8_t type, std::uint8_t code, std::uint32_t word = 0) {
  return client6().icmp(type, code, word);
}
PacketBuilder got4() { return server4().id(0).ttl(57); }
PacketBuilder got6() { return server6().ttl(57); }

// Behind the ICMP header: a datagram's first bytes, zeros up to `padded`, an extension.
std::vector<std::uint8_t> extended(const PacketBuilder& inner, std::size_t padded, std::size_t extension) {
  std::vector<std::uint8_t> out = inner.datagram();
  out.resize(padded);
  for (std::size_t i = 0; i < extension; ++i) out.push_back(static_cast<std::uint8_t>(0xe0 + i % 16));
  return out;
}

TEST(ErrorToIpv6, ThePacketInsideIsTranslated) {
  for (const auto& [in4, in6] :
       {std::pair{sent4().udp(40000, 53).payload(9), sent6().udp(40000, 53).payload(9)},
        std::pair{sent4().udp(40000, 53).payload(9).ip_option({7, 7, 4, 0, 0, 0, 0}),
                  sent6().udp(40000, 53).payload(9)},
        std::pair{sent4().tcp(40000, 80).payload(9), sent6().tcp(40000, 80).payload(9)},
        std::pair{sent4().sctp(1, 2).payload(4), sent6().sctp(1, 2).payload(4)},
        std::pair{sent4().protocol(33).payload(12), sent6().protocol(33).payload(12)},
        std::pair{sent4().echo_request(7, 9).payload(9), sent6().icmp(128, 0, 0x70009).payload(9)},
        std::pair{sent4().udp(1, 2).payload(90).piece(0, 24, 5),
                  sent6().udp(1, 2).payload(90).piece(0, 24, 5)},
        std::pair{sent4().udp(1, 2).payload(90).piece(24, 90, 5),
                  sent6().udp(1, 2).payload(90).piece(24, 90, 5)}}) {
    EXPECT_EQ(to_ipv6(error4(11, 0).embed(in4).bytes()), error6(3, 0).embed(in6).bytes());
    EXPECT_EQ(to_ipv6(error4(3, 4, 1400).embed(in4).bytes()), error6(2, 0, 1420).embed(in6).bytes());
  }
}

TEST(ErrorToIpv4, ThePacketInsideIsTranslated) {
  std::vector<std::uint8_t> spent(8, 0);
  spent[2] = 4;
  for (const auto& [in6, in4] :
       {std::pair{got6().udp(53, 40000).payload(9), got4().udp(53, 40000).payload(9)},
        std::pair{got6().tcp(80, 40000).payload(9), got4().tcp(80, 40000).payload(9)},
        std::pair{got6().protocol(33).payload(12), got4().protocol(33).payload(12)},
        std::pair{got6().icmp(129, 0, 0x70009).payload(9), got4().echo_reply(7, 9).payload(9)},
        std::pair{got6().hop_by_hop().extension(43, spent).udp(53, 40000).payload(9),
                  got4().udp(53, 40000).payload(9)},
        std::pair{got6().udp(1, 2).payload(90).piece(0, 24, 5), got4().udp(1, 2).payload(90).piece(0, 24, 5)},
        std::pair{got6().udp(1, 2).payload(90).piece(24, 90, 5),
                  got4().udp(1, 2).payload(90).piece(24, 90, 5)}}) {
    EXPECT_EQ(to_ipv4(answer6(3, 0).embed(in6).bytes()), answer4(11, 0).embed(in4).bytes());
    EXPECT_EQ(to_ipv4(answer6(1, 4).embed(in6).bytes()), answer4(3, 3).embed(in4).bytes());
  }
  // A fragment header counts: 1400 - 28.
  EXPECT_EQ(to_ipv4(answer6(2, 0, 1400).embed(got6().udp(1, 2).payload(90).piece(0, 24, 5)).bytes()),
            answer4(3, 4, 1372).embed(got4().udp(1, 2).payload(90).piece(0, 24, 5)).bytes());
  EXPECT_EQ(to_ipv4(answer6(2, 0, 1400).embed(got6().udp(1, 2).payload(90)).bytes()),
            answer4(3, 4, 1380).embed(got4().udp(1, 2).payload(90)).bytes());
}

// RFC 792: an error need hold no more than eight bytes behind the IP header.
TEST(ErrorToIpv6, APartOfThePacketIsEnough) {
  EXPECT_EQ(to_ipv6(error4(11, 0).embed(sent4().udp(40000, 53).payload(900), 28).bytes()),
            error6(3, 0).embed(sent6().udp(40000, 53).payload(900), 48).bytes());
  // Of TCP the checksum is out of reach then.
  EXPECT_EQ(to_ipv6(error4(11, 0).embed(sent4().tcp(40000, 80).payload(900), 28).bytes()),
            error6(3, 0).embed(sent6().tcp(40000, 80).payload(900), 48).bytes());
  const auto cut6 = extended(sent6().tcp(40000, 80), 48, 0);
  std::vector<std::uint8_t> padded = cut6;
  padded.resize(128);
  padded.insert(padded.end(), {1, 2, 3, 4});
  auto cut4 = extended(sent4().tcp(40000, 80), 28, 0);
  cut4.insert(cut4.end(), {1, 2, 3, 4});
  EXPECT_EQ(to_ipv6(error4(11, 0, 7U << 16).payload(cut4).bytes()),
            error6(3, 0, 16U << 24).payload(padded).bytes());
  // The checksum covers a length that is not there.
  EXPECT_EQ(to_ipv6(error4(11, 0).embed(sent4().echo_request(7, 9).payload(900), 28).bytes()),
            error6(3, 0).embed(sent6().icmp(128, 0, 0x70009).payload(900), 48).bytes());
}

TEST(ErrorToIpv6, TheSizeIsTheLeastMtuAtMost) {
  for (const std::size_t payload : {1183U, 1184U, 1185U, 1224U, 1444U}) {
    const Frame out = to_ipv6(error4(3, 3).embed(sent4().udp(1, 2).payload(payload)).bytes());
    EXPECT_EQ(out, error6(1, 4).embed(sent6().udp(1, 2).payload(payload), 1232).bytes());
    EXPECT_EQ(out.size(), std::min<std::size_t>(1280, 96 + payload));
  }
}

TEST(ErrorToIpv4, TheSizeIs576AtMost) {
  for (const std::size_t payload : {519U, 520U, 521U, 1184U}) {
    const Frame out = to_ipv4(answer6(1, 4).embed(got6().udp(1, 2).payload(payload)).bytes());
    EXPECT_EQ(out, answer4(3, 3).embed(got4().udp(1, 2).payload(payload), 548).bytes());
    EXPECT_EQ(out.size(), std::min<std::size_t>(576, 56 + payload));
  }
}

struct Extended {
  std::size_t payload;      // of UDP
  std::size_t padded_from;  // the datagram
  std::size_t extension;
  std::size_t padded_to;
};

// RFC 4884: lengths in words of 8 bytes there, of 4 here. The sizes are those with which Jool, another
// translator, tests itself ("ia" to "id" of its tests of RFC 7915).
TEST(ErrorToIpv4, AnExtensionIsKept) {
  for (const auto& [payload, from, extension, to] :
       {Extended{104, 152, 20, 132}, Extended{74, 128, 20, 128},  // more padding
        Extended{480, 528, 40, 508},                              // 576 in all
        Extended{488, 536, 40, 508},                              // the datagram makes room
        Extended{1144, 1192, 40, 508},                            //
        Extended{80, 128, 420, 128},                              // 576 in all
        Extended{0, 48, 40, 128}}) {                              // too short before it
    const auto inner6 = got6().udp(53, 40000).payload(payload);
    const auto inner4 = got4().udp(53, 40000).payload(payload);
    const auto words6 = static_cast<std::uint32_t>(from / 8);
    const auto words4 = static_cast<std::uint32_t>(to / 4);
    EXPECT_EQ(to_ipv4(answer6(1, 4, words6 << 24).payload(extended(inner6, from, extension)).bytes()),
              answer4(3, 3, words4 << 16).payload(extended(inner4, to, extension)).bytes())
        << payload;
    EXPECT_EQ(to_ipv4(answer6(3, 0, words6 << 24).payload(extended(inner6, from, extension)).bytes()),
              answer4(11, 0, words4 << 16).payload(extended(inner4, to, extension)).bytes())
        << payload;
  }
}

TEST(ErrorToIpv6, AnExtensionIsKept) {
  for (const auto& [payload, from, extension, to] :
       {Extended{104, 132, 20, 152},   //
        Extended{98, 128, 20, 152},    //
        Extended{544, 572, 640, 592},  // 1280 in all
        Extended{992, 1020, 192, 1040}, Extended{104, 132, 1080, 152},
        Extended{552, 580, 640, 592},  // the datagram makes room
        Extended{992, 1020, 200, 1032}, Extended{992, 1020, 1104, 128}, Extended{0, 28, 40, 128}}) {
    const auto inner4 = sent4().udp(40000, 53).payload(payload);
    const auto inner6 = sent6().udp(40000, 53).payload(payload);
    const auto words4 = static_cast<std::uint32_t>(from / 4);
    const auto words6 = static_cast<std::uint32_t>(to / 8);
    EXPECT_EQ(to_ipv6(error4(3, 3, words4 << 16).payload(extended(inner4, from, extension)).bytes()),
              error6(1, 4, words6 << 24).payload(extended(inner6, to, extension)).bytes())
        << payload;
    // Where ICMPv6 has no length attribute there can be no extension.
    EXPECT_EQ(to_ipv6(error4(3, 4, words4 << 16 | 1400).payload(extended(inner4, from, extension)).bytes()),
              error6(2, 0, 1420).payload(extended(inner6, from + 20, 0)).bytes())
        << payload;
    EXPECT_EQ(
        to_ipv6(error4(12, 0, 8U << 24 | words4 << 16).payload(extended(inner4, from, extension)).bytes()),
        error6(4, 0, 7).payload(extended(inner6, from + 20, 0)).bytes())
        << payload;
  }
}

TEST(ErrorToIpv6, AnExtensionThatDoesNotFitGoesAsAWhole) {
  const auto inner4 = sent4().udp(40000, 53).payload(100);
  const auto inner6 = sent6().udp(40000, 53).payload(100);
  EXPECT_EQ(to_ipv6(error4(3, 3, 32U << 16).payload(extended(inner4, 128, 1105)).bytes()),
            error6(1, 4).embed(inner6).bytes());
  const auto small6 = got6().udp(53, 40000).payload(80);
  EXPECT_EQ(to_ipv4(answer6(1, 4, 16U << 24).payload(extended(small6, 128, 421)).bytes()),
            answer4(3, 3).embed(got4().udp(53, 40000).payload(80)).bytes());
  // A length that overruns the message is none.
  EXPECT_EQ(to_ipv6(error4(3, 3, 200U << 16).embed(inner4).bytes()), error6(1, 4).embed(inner6).bytes());
}

TEST(ErrorToIpv6, Drops) {
  const auto inner = sent4().udp(1, 2).payload(20);
  EXPECT_EQ(to_ipv6(error4(4, 0).embed(inner).bytes()), Frame{});   // source quench
  EXPECT_EQ(to_ipv6(error4(3, 14).embed(inner).bytes()), Frame{});  // host precedence violation
  EXPECT_EQ(to_ipv6(error4(5, 0).embed(inner).bytes()), Frame{});   // redirect
  // RFC 7915 section 4.3: no further than the first packet inside
  EXPECT_EQ(to_ipv6(error4(3, 3).embed(sent4().icmp(3, 3).embed(inner)).bytes()), Frame{});
  EXPECT_EQ(to_ipv6(error4(3, 3).embed(sent4().icmp(13, 0).payload(12)).bytes()), Frame{});
  EXPECT_EQ(to_ipv6(error4(3, 3).embed(sent4().protocol(2).payload(12)).bytes()), Frame{});
  EXPECT_EQ(to_ipv6(error4(3, 3).embed(sent4().echo_request(1, 2).payload(90).piece(24, 90, 5)).bytes()),
            Frame{});
  EXPECT_EQ(to_ipv6(error4(3, 3).embed(inner).piece(0, 48, 5).bytes()), Frame{});
  // RFC 4884 length under that of the IP header inside
  EXPECT_EQ(to_ipv6(error4(3, 3, 4U << 16).embed(inner).bytes()), Frame{});
}

TEST(ErrorToIpv4, Drops) {
  const auto inner = got6().udp(1, 2).payload(20);
  EXPECT_EQ(to_ipv4(answer6(1, 5).embed(inner).bytes()), Frame{});
  EXPECT_EQ(to_ipv4(answer6(4, 2).embed(inner).bytes()), Frame{});
  EXPECT_EQ(to_ipv4(answer6(4, 0, 2).embed(inner).bytes()), Frame{});
  EXPECT_EQ(to_ipv4(answer6(100, 0).embed(inner).bytes()), Frame{});
  EXPECT_EQ(to_ipv4(answer6(1, 4).embed(got6().icmp(1, 4).embed(inner)).bytes()), Frame{});
  EXPECT_EQ(to_ipv4(answer6(1, 4).embed(got6().icmp(135, 0).payload(20)).bytes()), Frame{});
  EXPECT_EQ(to_ipv4(answer6(1, 4).embed(got6().icmp(128, 0).payload(90).piece(0, 24, 5)).bytes()), Frame{});
  EXPECT_EQ(to_ipv4(answer6(1, 4).embed(got6().authentication(1, 2).udp(1, 2)).bytes()), Frame{});
  EXPECT_EQ(to_ipv4(packet().ipv6(kClient6, kServer6).authentication(1, 2).icmp(1, 4).embed(inner).bytes()),
            Frame{});
  std::vector<std::uint8_t> route(8, 0);
  route[2] = 4;
  route[3] = 1;
  EXPECT_EQ(to_ipv4(answer6(1, 4).embed(got6().extension(43, route).udp(1, 2)).bytes()), Frame{});
  EXPECT_EQ(to_ipv4(answer6(1, 4, 3U << 24).embed(inner).bytes()), Frame{});
}

// What stateful translation needs: inside another address and port than outside.
TEST(ErrorToIpv6, ThePacketInsideGetsItsInsideAddressAndPort) {
  const auto outside = [] { return packet().ipv4("198.51.100.200", kServer4).ttl(57); };
  const Ipv6Ends client{*Ipv6Address::parse(kClient6), *Ipv6Address::parse(kServer6)};
  for (const auto& [before, after] :
       {std::pair{outside().udp(1024, 53).payload(9), sent6().udp(40000, 53).payload(9)},
        std::pair{outside().tcp(1024, 53).payload(9), sent6().tcp(40000, 53).payload(9)},
        std::pair{outside().echo_request(1024, 9), sent6().icmp(128, 0, 40000U << 16 | 9)}}) {
    const Frame frame = packet().ipv4(kRouter4, "198.51.100.200").icmp(3, 1).embed(before).bytes();
    const Headers headers = headers_of(frame);
    const Headers quoted = headers_of(frame, 28, true);
    std::array<std::uint8_t, kMostIcmpv6Error> out{};
    const std::size_t length = translate_error_to_ipv6(
        {frame, headers, quoted, {1500, 1500}},
        {*Ipv6Address::parse(kRouter6), *Ipv6Address::parse(kClient6)}, {client, be16(40000), be16(53)}, out);
    EXPECT_EQ(Frame(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(length)),
              error6(1, 0).embed(after).bytes());
  }
}

// Whatever the bytes: no read past them, no write past the buffer (sanitizers see to it), and a right
// checksum.
TEST(ErrorToEither, SurvivesAnyBytes) {
  std::mt19937 random(3);
  unsigned translated = 0;
  const auto inner4 = sent4().tcp(40000, 80).payload(700);
  const auto inner6 = got6().hop_by_hop().udp(53, 40000).payload(700);
  for (unsigned i = 0; i < 20000; ++i) {
    const bool v4 = random() % 2 == 0;
    const std::size_t most = random() % 800;
    Frame frame =
        v4 ? error4(3, 3, static_cast<std::uint32_t>(random() % 256) << 16).embed(inner4, most).bytes()
           : answer6(1, 4, static_cast<std::uint32_t>(random() % 256) << 24).embed(inner6, most).bytes();
    const std::size_t l4 = v4 ? 20 : 40;
    for (unsigned change = static_cast<unsigned>(random() % 6); change != 0; --change) {
      const std::size_t at = l4 + random() % 80;
      if (at < frame.size()) frame[at] = static_cast<std::uint8_t>(random());
    }
    const Frame out = v4 ? to_ipv6(frame) : to_ipv4(frame);
    if (out.empty() || !protocol::is_icmp(headers_of(out).protocol)) continue;
    const Headers headers = headers_of(out);
    const Bytes message = Bytes(out).subspan(headers.l4_offset);
    const auto length = static_cast<std::uint32_t>(message.size());
    if (!is_icmp_error(headers)) continue;
    ASSERT_EQ(fold(sum_bytes(message, v4 ? pseudo_header(headers, out.data(), length) : 0)), 0xffff);
    ++translated;
  }
  EXPECT_GT(translated, 5000U);
}

}  // namespace
}  // namespace millrace::net
