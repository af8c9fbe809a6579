// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/translate_header.h"

#include <vector>

#include <gtest/gtest.h>

#include "tests/support/stateless_translator.h"

namespace millrace::net {
namespace {

using testing::Frame;
using testing::PacketBuilder;

TranslationError error_to_ipv6(const PacketBuilder& one) {
  const Frame frame = one.bytes();
  NewHeader header;
  return translate_to_ipv6(frame, headers_of(frame), ends6(header_at<Ipv4Header>(frame)), header);
}
TranslationError error_to_ipv4(const PacketBuilder& one, NewHeader& header) {
  const Frame frame = one.bytes();
  return translate_to_ipv4(frame, headers_of(frame), ends4(header_at<Ipv6Header>(frame)), be16(1), header);
}
TranslationError error_to_ipv4(const PacketBuilder& one) {
  NewHeader header;
  return error_to_ipv4(one, header);
}

// The builder sums the pseudo-header of each family anew: what it writes is what the checksum should be.
TEST(TranslateToIpv6, EveryField) {
  const auto check = [](const PacketBuilder& before, const PacketBuilder& after) {
    EXPECT_EQ(to_ipv6(before.bytes()), after.bytes());
  };
  check(server4().traffic_class(0xb9).ttl(9).df().tcp(80, 40000).payload(11),
        server6().traffic_class(0xb9).ttl(9).tcp(80, 40000).payload(11));
  check(server4().udp(53, 40000).payload(1200), server6().udp(53, 40000).payload(1200));
  check(server4().sctp(1, 2), server6().sctp(1, 2));
  check(server4().echo_request(7, 9).payload(13), server6().icmp(128, 0, 0x70009).payload(13));
  check(server4().echo_reply(7, 9).payload(13), server6().icmp(129, 0, 0x70009).payload(13));
  check(server4().protocol(33).payload(12), server6().protocol(33).payload(12));
  check(server4().protocol(59).payload(0), server6().protocol(59).payload(0));
}

TEST(TranslateToIpv6, OptionsAreNotTranslated) {
  const auto plain = server4().udp(53, 40000).payload(5);
  EXPECT_EQ(to_ipv6(PacketBuilder(plain).ip_option({7, 7, 4, 0, 0, 0, 0}).bytes()),
            server6().udp(53, 40000).payload(5).bytes());
}

TEST(TranslateToIpv6, AFragmentKeepsItsPlaceAndItsId) {
  const auto whole4 = server4().udp(53, 40000).payload(100);
  const auto whole6 = server6().udp(53, 40000).payload(100);
  for (const bool df : {false, true}) {
    EXPECT_EQ(to_ipv6(whole4.piece(0, 48, 0xabcd).df(df).bytes()), whole6.piece(0, 48, 0xabcd).bytes());
    EXPECT_EQ(to_ipv6(whole4.piece(48, 16, 0xabcd).df(df).bytes()), whole6.piece(48, 16, 0xabcd).bytes());
    EXPECT_EQ(to_ipv6(whole4.piece(64, 99, 0xabcd).df(df).bytes()), whole6.piece(64, 99, 0xabcd).bytes());
  }
}

TEST(TranslateToIpv6, APacketIsCutForTheLeastMtu) {
  const auto size_of = [](const PacketBuilder& one, unsigned mtu) {
    return piece_size(headers_of(one.bytes()), mtu);
  };
  EXPECT_EQ(size_of(server4().tcp(80, 4000).payload(1220), 1280), 1240);
  EXPECT_EQ(size_of(server4().tcp(80, 4000).payload(1221), 1280), 1232);
  EXPECT_EQ(size_of(server4().tcp(80, 4000).payload(1221), 1281), 1241);
  EXPECT_EQ(size_of(server4().tcp(80, 4000).payload(1400), 1402),
            1352);  // RFC 7915 section 4.1: 1402 - 48, by 8
  EXPECT_EQ(size_of(server4().protocol(33).payload(0), 1280), 0);
  const auto large = server4().udp(53, 40000).payload(2000);
  EXPECT_EQ(size_of(large.piece(0, 1232, 1), 1280), 1232);
  EXPECT_EQ(size_of(large.piece(0, 1240, 1), 1280), 1232);
}

// Also of what is a fragment already.
TEST(TranslateToIpv6, ThePiecesAreTheFragmentsOfTheWhole) {
  for (const auto& [before, after] :
       {std::pair{server4().id(77).tcp(80, 4000).payload(3000), server6().tcp(80, 4000).payload(3000)},
        std::pair{server4().id(77).echo_reply(1, 2).payload(3000),
                  server6().icmp(129, 0, 0x10002).payload(3000)}}) {
    for (const bool fragmented : {false, true}) {
      const bool icmp = before.ip_payload()[0] == 0;
      if (fragmented && icmp) continue;
      const Frame frame = fragmented ? before.piece(0, 2000, 77).bytes() : before.bytes();
      const Headers headers = headers_of(frame);
      const Frame all = after.ip_payload();
      const Ipv6Ends ends = ends6(header_at<Ipv4Header>(frame));
      const std::uint16_t size = piece_size(headers, 1280);
      ASSERT_EQ(size, 1232);
      for (std::uint16_t at = 0; at < Piece::whole(headers).length;
           at = static_cast<std::uint16_t>(at + size)) {
        const auto length =
            std::min<std::uint16_t>(size, static_cast<std::uint16_t>(Piece::whole(headers).length - at));
        NewHeader header;
        ASSERT_EQ(translate_to_ipv6(frame, headers, ends, {at, length}, header), TranslationError::kNone);
        EXPECT_TRUE(header.fragment_header);
        Frame out(header.bytes.begin(), header.bytes.begin() + header.length);
        out.insert(out.end(), all.begin() + at, all.begin() + at + length);
        EXPECT_EQ(out, after.piece(at, length, 77).bytes()) << at;
        EXPECT_LE(out.size(), 1280U);
      }
    }
  }
}

TEST(TranslateToIpv6, Refuses) {
  for (const std::uint8_t number : std::vector<std::uint8_t>{0, 2, 43, 44, 58, 60})
    EXPECT_EQ(error_to_ipv6(server4().protocol(number).payload(16)), TranslationError::kProtocolOfOneFamily)
        << unsigned{number};
  const auto ping = server4().echo_request(1, 2).payload(100);
  EXPECT_EQ(error_to_ipv6(ping.piece(0, 48, 1)), TranslationError::kFragmentedIcmp);
  EXPECT_EQ(error_to_ipv6(ping.piece(48, 60, 1)), TranslationError::kFragmentedIcmp);
  // RFC 7915 section 4.1: a source route
  EXPECT_EQ(to_ipv6(server4().ip_option({131, 7, 4, 0, 0, 0, 0}).udp(1, 2).bytes()), Frame{});
  NewHeader header;
  EXPECT_EQ(translate_to_ipv6({}, Headers{}, {}, header), TranslationError::kCutOff);
}

TEST(TranslateToIpv4, EveryField) {
  const auto check = [](const PacketBuilder& before, const PacketBuilder& after) {
    EXPECT_EQ(to_ipv4(before.bytes(), be16(0x1234)), PacketBuilder(after).id(0x1234).bytes());
  };
  check(client6().traffic_class(0xb9).flow_label(0x12345).ttl(9).tcp(40000, 80).payload(11),
        client4().traffic_class(0xb9).ttl(9).tcp(40000, 80).payload(11));
  check(client6().udp(40000, 53).payload(5), client4().udp(40000, 53).payload(5));
  check(client6().sctp(1, 2), client4().sctp(1, 2));
  check(client6().icmp(128, 0, 0x70009).payload(13), client4().echo_request(7, 9).payload(13));
  check(client6().icmp(129, 0, 0x70009).payload(13), client4().echo_reply(7, 9).payload(13));
  check(client6().protocol(33).payload(12), client4().protocol(33).payload(12));
  check(client6().protocol(59).payload(3), client4().protocol(59).payload(3));
}

TEST(TranslateToIpv4, DfByTheSize) {
  EXPECT_EQ(to_ipv4(client6().udp(1, 2).payload(1232).bytes(), be16(1)),
            client4().udp(1, 2).payload(1232).bytes());
  EXPECT_EQ(to_ipv4(client6().udp(1, 2).payload(1233).bytes(), be16(1)),
            client4().udp(1, 2).payload(1233).df().bytes());
}

TEST(TranslateToIpv4, HeadersForIpv6AreSkipped) {
  const Frame plain = client4().udp(40000, 53).payload(5).bytes();
  std::vector<std::uint8_t> spent(24, 0);  // RFC 8200 section 4.4: no segments left
  spent[1] = 2;
  spent[2] = 4;
  for (const PacketBuilder& ip :
       {client6().hop_by_hop(), client6().destination_options({5, 30}), client6().extension(43, spent),
        client6().hop_by_hop().destination_options().extension(43, spent).destination_options()})
    EXPECT_EQ(to_ipv4(PacketBuilder(ip).udp(40000, 53).payload(5).bytes(), be16(1)), plain);
  EXPECT_EQ(
      to_ipv4(client6().hop_by_hop().fragment_header(8, true, 0x50001).protocol(17).payload(16).bytes()),
      client4().fragment(8, true).protocol(17).payload(16).bytes());
}

TEST(TranslateToIpv4, SegmentsLeftArePointedAt) {
  std::vector<std::uint8_t> route(24, 0);
  route[1] = 2;
  route[2] = 4;
  route[3] = 1;
  NewHeader header;
  EXPECT_EQ(error_to_ipv4(client6().extension(43, route).tcp(1, 2), header), TranslationError::kSegmentsLeft);
  EXPECT_EQ(header.pointer, 43);
  EXPECT_EQ(error_to_ipv4(client6().hop_by_hop().extension(43, route).tcp(1, 2), header),
            TranslationError::kSegmentsLeft);
  EXPECT_EQ(header.pointer, 51);
}

TEST(TranslateToIpv4, AFragmentKeepsItsPlaceAndHalfOfItsId) {
  const auto whole6 = client6().udp(40000, 53).payload(2000);
  const auto whole4 = client4().udp(40000, 53).payload(2000);
  EXPECT_EQ(to_ipv4(whole6.piece(0, 1400, 0x1234abcd).bytes()), whole4.piece(0, 1400, 0xabcd).bytes());
  EXPECT_EQ(to_ipv4(whole6.piece(1400, 16, 0x1234abcd).bytes()), whole4.piece(1400, 16, 0xabcd).bytes());
  EXPECT_EQ(to_ipv4(whole6.piece(1416, 999, 0x1234abcd).bytes()), whole4.piece(1416, 999, 0xabcd).bytes());
}

TEST(TranslateToIpv4, AnAtomicFragmentIsNoFragment) {
  for (const unsigned bytes : {5U, 1300U}) {
    EXPECT_EQ(
        to_ipv4(client6().fragment_header(0, false, 0x1234abcd).udp(1, 2).payload(bytes).bytes(), be16(1)),
        client4().id(0xabcd).udp(1, 2).payload(bytes).bytes());
  }
}

TEST(TranslateToIpv4, Refuses) {
  for (const std::uint8_t next : std::vector<std::uint8_t>{0, 43, 44, 51, 60, 135, 139, 140}) {
    EXPECT_EQ(error_to_ipv4(client6().fragment_header(8, true, 1).protocol(next).payload(16)),
              TranslationError::kExtensionBehindFragment)
        << unsigned{next};
  }
  EXPECT_EQ(error_to_ipv4(client6().fragment_header(0, false, 1).destination_options().udp(1, 2)),
            TranslationError::kExtensionBehindFragment);
  EXPECT_EQ(error_to_ipv4(client6().fragment_header(0, false, 1).esp(1, 2)), TranslationError::kNone);
  EXPECT_EQ(error_to_ipv4(client6().protocol(1).payload(16)), TranslationError::kProtocolOfOneFamily);
  const auto ping = client6().icmp(128, 0).payload(100);
  EXPECT_EQ(error_to_ipv4(ping.piece(0, 48, 1)), TranslationError::kFragmentedIcmp);
  EXPECT_EQ(error_to_ipv4(ping.piece(48, 60, 1)), TranslationError::kFragmentedIcmp);

  const Frame frame = client6().hop_by_hop().fragment_header(0, true, 1).protocol(17).payload(8).bytes();
  for (std::size_t present = 0; present < 56; ++present) {
    NewHeader header;
    EXPECT_EQ(translate_to_ipv4(Bytes(frame).first(present), headers_of(frame), {}, be16(1), header),
              TranslationError::kCutOff)
        << present;
  }
}

// RFC 7915 section 5.1: AH is no header for IPv6 only; the packet goes on, and fails where it is checked.
TEST(TranslateToIpv4, AuthenticationIsCarried) {
  const Frame frame = client6().authentication(1, 2).udp(1, 2).bytes();
  NewHeader header;
  const Headers headers = headers_of(frame);
  ASSERT_EQ(translate_to_ipv4(frame, headers, ends4(header_at<Ipv6Header>(frame)), be16(1), header),
            TranslationError::kNone);
  const Frame out = with_header(frame, headers, header);
  EXPECT_EQ(header.replaced, 40);
  EXPECT_EQ(out[9], 51);
  EXPECT_TRUE(std::equal(out.begin() + 20, out.end(), frame.begin() + 40, frame.end()));
}

TEST(UdpChecksums, ThatAreMissing) {
  const auto of = [](const PacketBuilder& one) {
    const Frame frame = one.bytes();
    return udp_checksum_of(frame, headers_of(frame));
  };
  const auto with = server4().udp(53, 40000).payload(40);
  const auto without = PacketBuilder(with).no_udp_checksum();
  EXPECT_EQ(of(with), UdpChecksum::kPresent);
  EXPECT_EQ(of(without), UdpChecksum::kMissing);
  EXPECT_EQ(of(with.piece(0, 16, 1)), UdpChecksum::kPresent);
  EXPECT_EQ(of(without.piece(0, 16, 1)), UdpChecksum::kMissingInFragment);
  EXPECT_EQ(of(without.piece(16, 32, 1)), UdpChecksum::kPresent);
  EXPECT_EQ(of(server4().tcp(1, 2)), UdpChecksum::kPresent);
  EXPECT_EQ(to_ipv6(without.bytes()), server6().udp(53, 40000).payload(40).bytes());
}

TEST(TransportChecksums, ThatAreMissingStaySo) {
  std::array<std::uint8_t, 8> udp{0, 1, 0, 2, 0, 8, 0, 0};
  change_transport_checksum(udp.data(), protocol::kUdp, 0x1234);
  EXPECT_EQ(udp, (std::array<std::uint8_t, 8>{0, 1, 0, 2, 0, 8, 0, 0}));
}

}  // namespace
}  // namespace millrace::net
