// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/transport.h"

#include <random>

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"

namespace millrace::net {
namespace {

using testing::Frame;
using testing::packet;
using testing::PacketBuilder;

PacketBuilder ipv4() {
  return packet().ethernet("02:00:00:00:00:01", "02:00:00:00:00:02").ipv4("10.0.0.1", "10.0.0.2");
}
PacketBuilder ipv6() {
  return packet().ethernet("02:00:00:00:00:01", "02:00:00:00:00:02").ipv6("2001:db8::1", "2001:db8::2");
}

Headers headers_of(const Frame& frame) {
  Headers headers;
  EXPECT_EQ(parse_frame(frame, frame.size(), headers, {}), ParseError::kNone);
  return headers;
}

// The builder sums word by word, as RFC 1071 is written.
TEST(TransportChecksum, IsWhatTheSenderWrote) {
  std::mt19937 random(1);
  for (const PacketBuilder& ip :
       {ipv4(), ipv4().vlan(7).ip_option({1, 1, 1, 1}), ipv6(), ipv6().hop_by_hop()}) {
    for (unsigned bytes = 0; bytes < 70; ++bytes) {
      std::vector<std::uint8_t> payload(bytes);
      for (auto& byte : payload) byte = static_cast<std::uint8_t>(random());
      for (const PacketBuilder& one : {PacketBuilder(ip).tcp(1, 2).payload(payload),
                                       PacketBuilder(ip).tcp(1, 2).option_mss(1460).payload(payload),
                                       PacketBuilder(ip).udp(3, 4).payload(payload)}) {
        Frame frame = PacketBuilder(one).bad_transport_checksum().bytes();
        set_transport_checksum(frame, headers_of(frame));
        ASSERT_EQ(frame, one.bytes()) << bytes;
      }
    }
  }
}

TEST(TransportChecksum, CoversWhatTheUdpHeaderSays) {
  // RFC 768: the length is the datagram's; what the IP header carries behind it is not part of it.
  const auto short_one = ipv4().udp(3, 4).payload({1, 2, 3, 4});
  Frame longer = PacketBuilder(short_one).ip_length(36).pad_to(50).bytes();
  longer.back() = 9;
  const Headers headers = headers_of(longer);
  ASSERT_EQ(headers.end_offset, 50);
  longer[40] = longer[41] = 0xee;
  set_transport_checksum(longer, headers);
  const Frame right = short_one.bytes();
  EXPECT_EQ(longer[40], right[40]);
  EXPECT_EQ(longer[41], right[41]);
}

TEST(TransportChecksum, OfZeroIsSentAsOnesByUdpAlone) {
  EXPECT_EQ(finish_transport(0xffff, protocol::kUdp), be16(0xffff));
  EXPECT_EQ(finish_transport(0xffff, protocol::kTcp), be16(0));
}

bool final_in(const PacketBuilder& one) {
  const Frame frame = one.bytes();
  return addresses_are_final(frame, headers_of(frame));
}

TEST(AddressesAreFinal, UnlessAHeaderHoldsOthers) {
  EXPECT_TRUE(final_in(ipv4().tcp(1, 2)));
  EXPECT_TRUE(final_in(ipv4().ip_option({1, 1, 1, 1}).tcp(1, 2)));
  EXPECT_TRUE(final_in(ipv6().tcp(1, 2)));
  EXPECT_TRUE(final_in(ipv6().hop_by_hop().destination_options().tcp(1, 2)));
  EXPECT_TRUE(final_in(ipv6().fragment_header(0, false, 1).tcp(1, 2)));
  EXPECT_TRUE(final_in(ipv6().authentication(1, 2).tcp(1, 2)));

  // RFC 8200 section 4.4: type, segments left; section 8.1.
  std::vector<std::uint8_t> route(24, 0);
  route[1] = 2;
  route[2] = 4;
  EXPECT_TRUE(final_in(ipv6().extension(43, route).tcp(1, 2)));
  route[3] = 1;
  EXPECT_FALSE(final_in(ipv6().extension(43, route).tcp(1, 2)));
  EXPECT_FALSE(final_in(ipv6().hop_by_hop().extension(43, route).destination_options().tcp(1, 2)));

  // RFC 6275 section 6.3: option 201 of 16 bytes; 1 and 0 are PadN and Pad1.
  std::vector<std::uint8_t> home = {201, 16};
  home.insert(home.end(), 16, 1);
  EXPECT_FALSE(final_in(ipv6().destination_options(home).tcp(1, 2)));
  std::vector<std::uint8_t> padded = {0, 1, 2, 201, 201};
  padded.insert(padded.end(), home.begin(), home.end());
  EXPECT_FALSE(final_in(ipv6().destination_options(padded).tcp(1, 2)));
  EXPECT_TRUE(final_in(ipv6().destination_options({0, 1, 2, 201, 201}).tcp(1, 2)));
  EXPECT_TRUE(final_in(ipv6().destination_options({4, 200, 201}).tcp(1, 2)));  // overruns
  EXPECT_TRUE(final_in(ipv6().hop_by_hop(home).tcp(1, 2)));                    // not an option there
}

TEST(SegmentCut, CountsAndMeasures) {
  const SegmentCut cut{.payload = 2900, .size = 1448};
  EXPECT_EQ(cut.count(), 3U);
  EXPECT_EQ(cut.length(0), 1448U);
  EXPECT_EQ(cut.length(2), 4U);
  EXPECT_EQ(cut.offset(2), 2896U);
  EXPECT_EQ((SegmentCut{.payload = 2896, .size = 1448}.count()), 2U);
}

// Each segment as its sender would have built it.
TEST(SegmentHeaders, AreThoseOfTheSender) {
  struct Case {
    PacketBuilder ip;
    unsigned id;  // of the first
  };
  for (const auto& [ip, first_id] : {Case{ipv4(), 0xffff}, Case{ipv4().vlan(7).vlan(8).df(), 7},
                                     Case{ipv6(), 0}, Case{ipv6().hop_by_hop(), 0}}) {
    const auto base = PacketBuilder(ip).tcp(1, 2).option_timestamps(5, 6);
    const Frame whole = PacketBuilder(base)
                            .id(static_cast<std::uint16_t>(first_id))
                            .seq(0xffffff00)
                            .flags("FPAUEC")
                            .payload(700)
                            .bytes();
    const Headers headers = headers_of(whole);
    const SegmentCut cut{.payload = 700, .size = 300};
    for (unsigned i = 0; i < 3; ++i) {
      const unsigned at = i * 300;
      const unsigned length = std::min(300U, 700 - at);
      std::vector<std::uint8_t> part(length);
      for (unsigned j = 0; j < length; ++j) part[j] = static_cast<std::uint8_t>(at + j);
      const Frame expected = PacketBuilder(base)
                                 .id(static_cast<std::uint16_t>(first_id + i))
                                 .seq(0xffffff00 + at)
                                 .flags(i == 0   ? "AUEC"
                                        : i == 1 ? "AUE"
                                                 : "FPAUE")
                                 .payload(part)
                                 .bytes();
      Frame frame(whole.begin(), whole.begin() + headers.payload_offset);
      frame.insert(frame.end(), part.begin(), part.end());
      write_segment_headers(frame.data(), headers, cut, i);
      Headers own = headers;
      own.end_offset = static_cast<std::uint16_t>(frame.size());
      set_transport_checksum(frame, own);
      EXPECT_EQ(frame, expected) << i;
    }
  }
}

}  // namespace
}  // namespace millrace::net
