// SPDX-License-Identifier: BSD-3-Clause
// Packets larger than the next link takes: RFC 791 section 2.3, RFC 1191, RFC 8201.
#include <map>

#include "tests/support/packet_text.h"
#include "tests/support/scenario.h"

namespace millrace::testing {
namespace {

constexpr std::size_t kMtu = 1280;  // of kNarrow
constexpr std::size_t kLink = 14 + 4;
constexpr std::string_view kFar = "10.8.0.5";
constexpr std::string_view kFar6 = "2001:db8:8::5";

PacketBuilder far4() { return received_on(packet().ipv4(kClient, kFar).id(777), kTrust); }
PacketBuilder far6() { return received_on(packet().ipv6(kClient6, kFar6), kTrust); }

// RFC 791's reassembly, for fragments of one datagram: the datagram, or nothing when they do not make one.
Frame reassembled(const std::vector<Frame>& fragments) {
  std::map<unsigned, Frame> parts;
  Frame header;
  unsigned end = 0;
  for (const Frame& frame : fragments) {
    const Frame ip(frame.begin() + kLink, frame.end());
    const unsigned length = ip[2] * 256U + ip[3];
    const unsigned fragment = ip[6] * 256U + ip[7];
    const unsigned header_length = (ip[0] & 15U) * 4U;
    EXPECT_LE(length, kMtu);
    EXPECT_EQ(length, ip.size());
    EXPECT_EQ(plain_checksum(std::span(ip).first(header_length)), 0);
    const unsigned offset = (fragment & 0x1fffU) * 8;
    if (offset == 0) header.assign(ip.begin(), ip.begin() + header_length);
    if ((fragment & 0x2000U) == 0) {
      end = offset + length - header_length;
    } else {
      EXPECT_EQ((length - header_length) % 8, 0U);
    }
    EXPECT_TRUE(parts.emplace(offset, Frame(ip.begin() + header_length, ip.end())).second)
        << "twice " << offset;
  }
  if (header.empty()) return {};
  Frame whole = header;
  for (const auto& [offset, part] : parts) {
    if (whole.size() - header.size() != offset) return {};
    whole.insert(whole.end(), part.begin(), part.end());
  }
  if (whole.size() - header.size() != end) return {};
  whole[2] = static_cast<std::uint8_t>(whole.size() >> 8);
  whole[3] = static_cast<std::uint8_t>(whole.size());
  whole[6] = whole[7] = whole[10] = whole[11] = 0;
  const std::uint16_t checksum = plain_checksum(std::span(whole).first(header.size()));
  whole[10] = static_cast<std::uint8_t>(checksum >> 8);
  whole[11] = static_cast<std::uint8_t>(checksum);
  return whole;
}

std::vector<Scenario> mtu_scenarios() {
  std::vector<Scenario> list;
  const auto add = [&](const std::string& name) -> Scenario& { return list.emplace_back(name); };

  const auto fits4 = far4().df().udp(1, 2).payload(kMtu - 28);
  const auto fits6 = far6().udp(1, 2).payload(kMtu - 48);
  add("just fits v4").in(kInside, fits4).out(kOutside, forwarded(fits4, kNarrow));
  add("just fits v6").in(kInside, fits6).out(kOutside, forwarded(fits6, kNarrow));
  // The padding alone would make the frame longer than the link takes.
  const auto padded = far4().df().udp(1, 2).payload(kMtu - 28);
  add("padding past the mtu is cut off")
      .in(kInside, PacketBuilder(padded).pad_to(kMtu + 40))
      .out(kOutside, forwarded(padded, kNarrow));

  const auto large4 = far4().df().udp(1, 2).payload(kMtu - 27);
  const auto large6 = far6().udp(1, 2).payload(kMtu - 47);
  const auto error4 = sent_by(
      packet().ipv4("10.0.0.1", kClient).id(0).df().traffic_class(0xc0).icmp(3, 4, kMtu).embed(large4, 548),
      kTrust);
  const auto error6 =
      sent_by(packet().ipv6("2001:db8:1::1", kClient6).icmp(2, 0, kMtu).embed(large6, 1232), kTrust);
  add("one byte too big with df v4")
      .in(kInside, large4)
      .dropped(core::Drop::kPacketTooBig)
      .out(kInside, error4);
  add("one byte too big v6").in(kInside, large6).dropped(core::Drop::kPacketTooBig).out(kInside, error6);
  // RFC 1812 section 4.2.2.9: what can not live another hop is not too big for it either.
  const auto dying = PacketBuilder(large4).ttl(1);
  add("too big and out of ttl")
      .in(kInside, dying)
      .dropped(core::Drop::kTtlExceeded)
      .out(
          kInside,
          sent_by(
              packet().ipv4("10.0.0.1", kClient).id(0).df().traffic_class(0xc0).icmp(11, 0).embed(dying, 548),
              kTrust));

  const auto cut = [&](const std::string& name, const PacketBuilder& whole, std::size_t pieces) {
    add(name).in(kInside, whole).any_outcome().check([whole, pieces](const Observed& seen) {
      EXPECT_EQ(seen.sent(kOutside).size(), pieces);
      EXPECT_TRUE(seen.sent(kInside).empty());
      EXPECT_EQ((seen.sent(kOutside)[0][kLink + 6] * 256U + seen.sent(kOutside)[0][kLink + 7]) % 0x2000, 0U)
          << "in order";
      EXPECT_EQ(seen.total(&core::WorkerCounters::fragmented), 1U);
      EXPECT_EQ(seen.total(&core::WorkerCounters::transmitted), 1U);
      for (const Frame& frame : seen.sent(kOutside)) {
        const Frame link = forwarded(whole, kNarrow).bytes();
        EXPECT_TRUE(std::equal(frame.begin(), frame.begin() + kLink, link.begin())) << "link header";
      }
      Frame expected = forwarded(whole, kNarrow).datagram();
      EXPECT_TRUE(reassembled(seen.sent(kOutside)) == expected);
    });
  };
  cut("one byte too big is cut in two", far4().udp(1, 2).payload(kMtu - 27), 2);
  cut("a large datagram is cut in two", far4().udp(1, 2).payload(1900), 2);
  cut("padding is not sent along", far4().udp(1, 2).payload(kMtu - 20).pad_to(1600), 2);
  cut("tcp without df is cut", far4().tcp(1, 2).flags("S").payload(1300), 2);
  // RFC 791 section 3.1: router alert has the copied bit, so every fragment carries it.
  cut("a datagram with an option to copy", far4().ip_option({0x94, 4, 0, 0}).udp(1, 2).payload(1300), 2);
  cut("an option not to copy stands in the first piece only",
      far4().ip_option({7, 7, 4, 0, 0, 0, 0}).udp(1, 2).payload(1300), 2);
  list.back().check([](const Observed& seen) {
    std::map<bool, unsigned> header_words;
    for (const Frame& frame : seen.sent(kOutside))
      header_words[(frame[kLink + 6] * 256U + frame[kLink + 7]) % 0x2000 == 0] = frame[kLink] & 15U;
    EXPECT_EQ(header_words, (std::map<bool, unsigned>{{true, 7}, {false, 5}}));
  });

  // RFC 791 section 3.2: pieces may be cut like whole datagrams.
  const auto whole = far4().udp(1, 2).payload(2900);
  add("pieces are cut again")
      .in(kInside, whole.piece(0, 1480, 777))
      .in(kInside, whole.piece(1480, 4000, 777))
      .any_outcome()
      .check([whole](const Observed& seen) {
        EXPECT_EQ(seen.sent(kOutside).size(), 4U);
        EXPECT_EQ(seen.total(&core::WorkerCounters::fragmented), 2U);
        EXPECT_TRUE(reassembled(seen.sent(kOutside)) == forwarded(whole, kNarrow).datagram());
      });
  return list;
}

MILLRACE_SCENARIOS(Mtu, mtu_scenarios());

}  // namespace
}  // namespace millrace::testing
