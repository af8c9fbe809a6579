// SPDX-License-Identifier: BSD-3-Clause
// Connections recorded from real stacks go through the tracker. Those that the capture holds from their SYN
// on must pass.
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/flow/key.h"
#include "common/flow/tcp.h"
#include "common/net/parse.h"
#include "tests/support/corpus.h"

namespace millrace::flow {
namespace {

namespace fs = std::filesystem;

// The Ethernet frames of a classic little-endian pcap file; none of anything else.
std::vector<std::vector<std::uint8_t>> frames_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const auto word = [&](std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  };
  std::vector<std::vector<std::uint8_t>> frames;
  constexpr std::uint32_t kMicroseconds = 0xa1b2c3d4;
  constexpr std::uint32_t kEthernet = 1;
  if (bytes.size() < 24 || word(0) != kMicroseconds || word(20) != kEthernet) return frames;
  for (std::size_t at = 24; at + 16 <= bytes.size();) {
    const std::size_t length = word(at + 8);
    at += 16;
    if (length > bytes.size() - at) break;
    frames.emplace_back(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                        bytes.begin() + static_cast<std::ptrdiff_t>(at + length));
    at += length;
  }
  return frames;
}

// Recordings that no tracker could follow: one direction only, and a script that answers a SYN+ACK it never
// got.
const std::set<std::string> kNotWhole = {
    "ldp-common-session.pcap", "unidirectional_tcp_stream_with_missing_packet.pcap", "tfo-5c1fa7f9ae91.pcap"};

struct Session {
  TcpTrack track{};
  TcpState state = TcpState::kNone;
  Sender initiator = Sender::kLow;
};

TEST(TcpCorpus, RecordedConnectionsPass) {
  const fs::path folder = testing::corpus_folder() / "captures";
  if (!fs::exists(folder)) GTEST_SKIP() << "no captures in " << folder << "; set MILLRACE_CORPUS";
  std::uint64_t passed = 0;
  std::map<std::string, std::uint64_t> refusals;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || kNotWhole.contains(entry.path().filename().string())) continue;
    std::map<std::string, Session> sessions;
    for (const auto& frame : frames_of(entry.path())) {
      net::Headers headers;
      if (net::parse_frame(frame, frame.size(), headers, {.check_ipv4_checksum = false}) !=
              net::ParseError::kNone ||
          headers.protocol != net::protocol::kTcp || headers.is_fragment) {
        continue;
      }
      FlowLookup lookup;
      make_lookup(lookup, headers, frame.data() + headers.l3_offset, 0, 1);
      std::string key(reinterpret_cast<const char*>(&lookup.key), sizeof lookup.key);
      key.append(reinterpret_cast<const char*>(&lookup.addresses), sizeof lookup.addresses);
      Session& session = sessions[key];
      const auto& tcp = *reinterpret_cast<const net::TcpHeader*>(frame.data() + headers.l4_offset);
      TcpSegment segment;
      segment.sequence = tcp.sequence.host();
      segment.acknowledgment = tcp.acknowledgment.host();
      segment.window = tcp.window.host();
      segment.flags = tcp.flags;
      segment.payload_length = headers.payload_length();
      segment.options =
          Bytes(frame).subspan(headers.l4_offset + sizeof tcp, tcp.header_length() - sizeof tcp);
      if (session.state == TcpState::kNone) session.initiator = lookup.sender;
      const auto offer = [&] {
        return track_tcp(session.track, session.state, segment,
                         lookup.sender == session.initiator ? Direction::kForward : Direction::kReverse, {});
      };
      TcpVerdict verdict = offer();
      if (verdict == TcpVerdict::kReopen) {
        session = {};
        session.initiator = lookup.sender;
        verdict = offer();
      }
      if (session.state == TcpState::kNone) continue;  // begins in the middle
      if (refused(verdict)) {
        ++refusals[entry.path().filename().string() + " " + std::string(name(verdict))];
      } else {
        ++passed;
      }
    }
  }
  EXPECT_TRUE(refusals.empty()) << ::testing::PrintToString(refusals);
  EXPECT_GT(passed, 10000U);
}

}  // namespace
}  // namespace millrace::flow
