// SPDX-License-Identifier: BSD-3-Clause
// Connections recorded from real stacks go by as streams. What their receivers read is put together beside
// them, byte by byte, and none of them is taken for an evasion.
#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/flow/key.h"
#include "common/flow/tcp.h"
#include "common/net/parse.h"
#include "tests/support/corpus.h"
#include "tests/support/pcap_reader.h"
#include "vnfs/firewall/inspection/stream.h"

namespace millrace::firewall::inspection {
namespace {

namespace fs = std::filesystem;
using flow::Direction;
using flow::TcpState;
using flow::TcpVerdict;

fs::path captures() { return testing::corpus_folder() / "captures"; }

struct Side {
  Stream stream{};
  std::uint32_t first = 0;
  std::vector<std::optional<std::uint8_t>> first_copy;  // by position

  void keep(std::uint32_t position, Bytes bytes) {
    for (const std::uint8_t byte : bytes) {
      if (position >= StreamSettings::kMostInspectBytes) return;
      if (position >= first_copy.size()) first_copy.resize(position + 1);
      if (!first_copy[position]) first_copy[position] = byte;
      ++position;
    }
  }
  [[nodiscard]] std::vector<std::uint8_t> in_order() const {
    std::vector<std::uint8_t> bytes;
    for (const auto& byte : first_copy) {
      if (!byte) break;
      bytes.push_back(*byte);
    }
    return bytes;
  }
};

struct Session {
  flow::TcpTrack track{};
  TcpState state = TcpState::kNone;
  flow::Sender initiator = flow::Sender::kLow;
  std::array<Side, 2> sides;
};

class Recording {
 public:
  explicit Recording(BufferPool& pool) : pool_(pool) {}

  void play(std::vector<std::uint8_t> frame) {
    net::Headers headers;
    if (net::parse_frame(frame, frame.size(), headers, {.check_ipv4_checksum = false}) !=
            net::ParseError::kNone ||
        headers.protocol != net::protocol::kTcp || headers.is_fragment) {
      return;
    }
    flow::FlowLookup lookup;
    flow::make_lookup(lookup, headers, frame.data() + headers.l3_offset, 0, 1);
    std::string key(reinterpret_cast<const char*>(&lookup.key), sizeof lookup.key);
    key.append(reinterpret_cast<const char*>(&lookup.addresses), sizeof lookup.addresses);
    Session& session = sessions_[key];
    const auto& tcp = *reinterpret_cast<const net::TcpHeader*>(frame.data() + headers.l4_offset);
    const flow::TcpSegment segment{
        .sequence = tcp.sequence.host(),
        .acknowledgment = tcp.acknowledgment.host(),
        .window = tcp.window.host(),
        .payload_length = headers.payload_length(),
        .flags = tcp.flags,
        .options = Bytes(frame).subspan(headers.l4_offset + sizeof tcp, tcp.header_length() - sizeof tcp)};
    if (session.state == TcpState::kNone) session.initiator = lookup.sender;
    const TcpVerdict verdict = track(session, segment, lookup.sender);
    if (session.state == TcpState::kNone || flow::refused(verdict)) return;
    follow(session, segment, lookup.sender == session.initiator ? 0U : 1U,
           MutableBytes(frame).subspan(headers.l4_offset + tcp.header_length(), segment.payload_length));
  }
  void finish() {
    for (auto& [key, session] : sessions_) end(session);
    EXPECT_EQ(pool_.bytes_in_use(), 0U);
  }
  [[nodiscard]] const std::map<StreamVerdict, int>& verdicts() const { return verdicts_; }
  [[nodiscard]] std::size_t bytes_compared() const { return bytes_compared_; }

 private:
  TcpVerdict track(Session& session, const flow::TcpSegment& segment, flow::Sender sender) {
    const auto offer = [&] {
      return flow::track_tcp(session.track, session.state, segment,
                             sender == session.initiator ? Direction::kForward : Direction::kReverse, {});
    };
    const TcpVerdict verdict = offer();
    if (verdict != TcpVerdict::kReopen) return verdict;
    end(session);
    session = {};
    session.initiator = sender;
    return offer();
  }

  void follow(Session& session, const flow::TcpSegment& segment, unsigned from, MutableBytes payload) {
    using namespace net::tcp_flag;
    Side& side = session.sides[from];
    if (segment.has(kAck)) session.sides[1 - from].stream.acknowledged(segment.acknowledgment);
    std::uint32_t sequence = segment.sequence;
    if (segment.has(kSyn)) {
      ++sequence;
      if (side.stream.window() == 0 || side.first != sequence) {
        side.stream.end(pool_);
        side = {};
        side.first = sequence;
        side.stream.begin(sequence, settings_);
      }
    }
    if (side.stream.window() == 0 || payload.empty() || segment.has(kRst)) return;
    const std::array pieces = {payload.first(payload.size() / 3), payload.subspan(payload.size() / 3)};
    const Offer offer = side.stream.offer(pool_, sequence, pieces, settings_);
    ++verdicts_[offer.verdict];
    if (refused(offer.verdict)) return;
    side.keep(sequence - side.first, payload);
  }
  void end(Session& session) {
    for (Side& side : session.sides) {
      const auto expected = side.in_order();
      EXPECT_TRUE(std::ranges::equal(side.stream.bytes(pool_), expected));
      bytes_compared_ += expected.size();
      side.stream.end(pool_);
    }
  }

  const StreamSettings settings_{.inspect_bytes = StreamSettings::kMostInspectBytes};
  BufferPool& pool_;
  std::map<std::string, Session> sessions_;
  std::map<StreamVerdict, int> verdicts_;
  std::size_t bytes_compared_ = 0;
};

// SYNs that a script made, which carry different data under one number.
const std::set<std::string> kMadeUp = {"bgp-shutdown-msg-variations.pcap"};

TEST(StreamCorpus, RecordedConnectionsAreReadAsTheirReceiversDo) {
  if (!fs::exists(captures())) GTEST_SKIP() << "no captures in " << captures() << "; set MILLRACE_CORPUS";
  BufferPool pool(std::size_t{16} << 20);
  std::map<StreamVerdict, int> verdicts;
  std::size_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(captures())) {
    if (!entry.is_regular_file() || kMadeUp.contains(entry.path().filename().string())) continue;
    const auto packets = testing::read_capture(entry.path());
    if (!packets) continue;
    Recording recording(pool);
    for (const auto& packet : *packets) {
      if (packet.link_type == testing::link_type::kEthernet) recording.play(packet.bytes);
    }
    recording.finish();
    bytes += recording.bytes_compared();
    for (const auto& [verdict, count] : recording.verdicts()) {
      EXPECT_FALSE(refused(verdict)) << entry.path() << ": " << name(verdict);
      verdicts[verdict] += count;
    }
  }
  EXPECT_GT(bytes, 1'000'000U);
  EXPECT_GT(verdicts[StreamVerdict::kHeld], 0);
  EXPECT_GT(verdicts[StreamVerdict::kOld], 0);
}

}  // namespace
}  // namespace millrace::firewall::inspection
