// SPDX-License-Identifier: BSD-3-Clause
// What recorded sessions say, said through the firewall: as it was recorded, and cut into other segments.
#include <algorithm>
#include <ostream>

#include "tests/packet/application/application_bed.h"
#include "tests/support/capture_payload.h"

namespace millrace::testing {
namespace {

struct Recorded {
  const char* file;
  const char* application;
  std::uint8_t protocol = 6;
};
void PrintTo(const Recorded& recorded, std::ostream* out) { *out << recorded.file; }

struct Said {
  bool by_server = false;
  std::string text;
};
struct Speech {
  std::uint16_t server_port = 0;
  std::vector<Said> said;
};

// Of the first session of a capture that says something; who speaks first in the capture is the client.
class ApplicationCaptures : public CaptureTest, public ::testing::WithParamInterface<Recorded> {
 protected:
  [[nodiscard]] static Speech speech() {
    const Recorded& recorded = GetParam();
    const auto packets = read_capture(corpus_folder() / "captures" / recorded.file);
    Speech speech;
    std::uint16_t client_port = 0;
    std::vector<std::pair<bool, std::uint32_t>> seen;
    for (const CapturedPacket& packet : packets.value()) {
      net::Headers headers;
      const Bytes frame(packet.bytes);
      if (net::parse_frame(frame, frame.size(), headers, {.check_ipv4_checksum = false}) !=
              net::ParseError::kNone ||
          headers.protocol != recorded.protocol || headers.is_fragment)
        continue;
      if (speech.said.empty() && client_port == 0) {
        client_port = headers.source_port.host();
        speech.server_port = headers.destination_port.host();
      }
      const bool by_client =
          headers.source_port.host() == client_port && headers.destination_port.host() == speech.server_port;
      const bool by_server =
          headers.destination_port.host() == client_port && headers.source_port.host() == speech.server_port;
      if (!by_client && !by_server) continue;
      if (recorded.protocol == 6) {  // sent again
        be32 sequence;
        std::memcpy(&sequence, frame.data() + headers.l4_offset + 4, sizeof sequence);
        const std::pair<bool, std::uint32_t> number(by_server, sequence.host());
        if (headers.payload_length() != 0 && std::ranges::find(seen, number) != seen.end()) continue;
        if (headers.payload_length() != 0) seen.push_back(number);
      }
      const std::size_t end = std::min<std::size_t>(headers.end_offset, frame.size());
      if (headers.payload_offset >= end) continue;
      speech.said.push_back({by_server, std::string(frame.begin() + headers.payload_offset,
                                                    frame.begin() + static_cast<std::ptrdiff_t>(end))});
    }
    return speech;
  }

  // What it is called in the end, by rules that refuse it and let all others pass.
  [[nodiscard]] static std::string named(const Shape& shape, const Speech& speech, std::size_t pieces) {
    ApplicationBed bed(
        shape, {.rules = {drop("refused").application(GetParam().application)}, .otherwise = Action::kAccept},
        {.sessions = 4, .memory_bytes = std::size_t{1} << 20, .packets = 32});
    ApplicationBed::Talk talk{.server_port = speech.server_port};
    EXPECT_TRUE(GetParam().protocol != 6 || bed.open(talk));
    bool passed = true;
    for (const Said& one : speech.said) {
      for (std::size_t piece = 0; piece < pieces && passed; ++piece) {
        const std::size_t from = one.text.size() * piece / pieces;
        const std::string text = one.text.substr(from, one.text.size() * (piece + 1) / pieces - from);
        if (text.empty()) continue;
        if (GetParam().protocol == 6) {
          passed = one.by_server ? bed.server_says(talk, text) : bed.client_says(talk, text);
        } else {
          passed = one.by_server ? bed.server_datagram(talk.port, text, speech.server_port)
                                 : bed.client_datagram(talk.port, text, speech.server_port);
        }
      }
    }
    EXPECT_NE(passed, bed.application().starts_with(GetParam().application)) << bed.application();
    EXPECT_EQ(bed.bed.dropped(Drop::kApplication), passed ? 0U : 1U);
    return bed.application();
  }
};

TEST_P(ApplicationCaptures, AreRefusedByName) {
  const Speech said = speech();
  ASSERT_FALSE(said.said.empty());
  for (const Shape& shape : {Shape{.burst = 1}, Shape{.burst = 32, .workers = 2, .ipv6 = true}})
    EXPECT_TRUE(named(shape, said, 1).starts_with(GetParam().application)) << named(shape, said, 1);
}

class ApplicationCapturesInPieces : public ApplicationCaptures {};

TEST_P(ApplicationCapturesInPieces, AreRefusedByName) {
  const Speech said = speech();
  for (const std::size_t pieces : {2U, 3U, 5U})
    EXPECT_TRUE(named({}, said, pieces).starts_with(GetParam().application))
        << pieces << ": " << named({}, said, pieces);
}

constexpr Recorded kOfTcp[] = {{"pcapplusplus/tls.pcap", "tls"},
                               {"pcapplusplus/tls1_3.pcap", "tls"},
                               {"pcapplusplus/ssh_packets.pcap", "ssh"},
                               {"tcpdump/ssh.pcap", "ssh"},
                               {"pcapplusplus/TwoHttpRequests.pcap", "http"},
                               {"tcpdump/pptp.pcap", "pptp"},
                               {"tcpdump/dns_tcp.pcap", "dns"}};
// A datagram is not cut, and the beginning of a mail server's greeting is that of an FTP server as well.
constexpr Recorded kOthers[] = {{"pcapplusplus/Smtp.pcap", "smtp"},
                                {"tcpdump/dns_udp.pcap", "dns", 17},
                                {"pcapplusplus/Ntp.pcap", "ntp", 17},
                                {"pcapplusplus/sip_reqs.pcap", "sip", 17}};

INSTANTIATE_TEST_SUITE_P(OfTcp, ApplicationCaptures, ::testing::ValuesIn(kOfTcp));
INSTANTIATE_TEST_SUITE_P(Others, ApplicationCaptures, ::testing::ValuesIn(kOthers));
INSTANTIATE_TEST_SUITE_P(OfTcp, ApplicationCapturesInPieces, ::testing::ValuesIn(kOfTcp));

}  // namespace
}  // namespace millrace::testing
