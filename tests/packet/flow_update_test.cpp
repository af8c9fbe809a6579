// SPDX-License-Identifier: BSD-3-Clause
// What is told of sessions while they last.
#include <map>

#include "common/control/flow_log/ipfix_exporter.h"
#include "tests/packet/flow_event_bed.h"
#include "tests/support/ipfix_tools.h"

namespace millrace::testing {
namespace {

// A flow of a packet a second each way, of sizes that differ, and what is told of it meanwhile.
TEST_P(FlowEvents, ASessionThatGoesOnIsToldOfByItsActiveTimeout) {
  using namespace std::chrono_literals;
  begin({.all_sessions = true, .active_timeout = 60'000});
  std::array<std::uint64_t, 2> bytes{};
  constexpr unsigned kSeconds = 200;
  for (unsigned second = 0; second < kSeconds; ++second) {
    in(kInside, client().udp(1025, 53).payload(second));
    in(kOutside, server().udp(53, 1025).payload(2 * second));
    bytes[0] += 28 + second;
    bytes[1] += 28 + 2 * second;
    wait(1'000);
  }
  auto found = records();
  ASSERT_EQ(found.size(), 3U);
  std::array<std::uint64_t, 2> told{};
  for (const FlowRecord& record : found) {
    EXPECT_EQ(record.kind, FlowEventKind::kUpdated);
    EXPECT_EQ(record.end, FlowEnd::kActive);
    EXPECT_EQ(record.reason, "active_timeout");
    EXPECT_EQ(record.new_packets[0], record.new_packets[1]);
    for (const unsigned side : {0U, 1U}) EXPECT_EQ(told[side] += record.new_bytes[side], record.bytes[side]);
    // Distances of times: the packets' clock is not the machine's, by which a record has its own moment.
    EXPECT_EQ(record.last - record.start, 1s * (record.packets[0] - 1)) << "a packet a second";
    const auto waited = record.time - record.new_start;
    EXPECT_GE(waited, 60s);
    EXPECT_LE(waited, 62s) << "a round of the sweep is a second";
    EXPECT_LE(record.new_start, record.last);
    EXPECT_NEAR(static_cast<double>(record.new_packets[0]), 60, 2);
  }
  wait(200'000);
  found = records();
  ASSERT_EQ(found.size(), 2U) << "the rest, told by its active timeout, and the end";
  EXPECT_EQ(found[0].kind, FlowEventKind::kUpdated);
  EXPECT_EQ(found[1].kind, FlowEventKind::kEnded);
  EXPECT_EQ(found[1].end, FlowEnd::kIdle);
  for (const unsigned side : {0U, 1U}) {
    EXPECT_EQ(told[side] + found[0].new_bytes[side], bytes[side]);
    EXPECT_EQ(found[1].bytes[side], bytes[side]);
    EXPECT_EQ(found[1].packets[side], kSeconds);
    EXPECT_EQ(found[1].new_packets[side], 0U);
    EXPECT_EQ(found[1].new_bytes[side], 0U);
  }
  EXPECT_EQ(found[1].new_start, found[1].last) << "nothing new has no duration";
}

TEST_P(FlowEvents, AnEndTellsWhatTheUpdatesDidNot) {
  begin({.all_sessions = true, .active_timeout = 60'000});
  for (int i = 0; i < 5; ++i) in(kInside, client().udp(1025, 53).payload(10));
  in(kOutside, server().udp(53, 1025));
  wait(50'000);
  in(kInside, client().udp(1025, 53).payload(10));
  wait(20'000);
  in(kInside, client().udp(1025, 53).payload(100));
  wait(150'000);
  const auto found = records();
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].new_packets, (std::array<std::uint64_t, 2>{6, 1}));
  EXPECT_EQ(found[1].new_packets, (std::array<std::uint64_t, 2>{1, 0}));
  EXPECT_EQ(found[1].new_bytes, (std::array<std::uint64_t, 2>{128, 0}));
  EXPECT_EQ(found[2].kind, FlowEventKind::kEnded);
  EXPECT_EQ(found[2].packets, (std::array<std::uint64_t, 2>{7, 1}));
}

TEST_P(FlowEvents, WithoutAnActiveTimeoutOnlyTheEndIsTold) {
  begin({.all_sessions = true});
  for (int i = 0; i < 300; ++i) {
    in(kInside, client().udp(1025, 53));
    wait(1'000);
  }
  EXPECT_EQ(records().size(), 0U);
  wait(60'000);
  const auto found = records();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].new_packets[0], 300U);
}

TEST_P(FlowEvents, AnUpdateWaitsForRoomAndIsNotLost) {
  begin({.all_sessions = true, .active_timeout = 20'000}, {.burst = GetParam(), .sessions = 64, .events = 8});
  const auto talk = [&](unsigned payload) {
    for (std::uint16_t i = 0; i < 20; ++i) {
      const auto port = static_cast<std::uint16_t>(2000 + i);
      in(kInside, client().udp(port, 53).payload(payload));
      in(kOutside, server().udp(53, port));
    }
  };
  talk(1);
  wait(25'000);
  EXPECT_EQ(states_[0]->flow_log.written(), 8U);
  talk(2);
  std::map<std::uint16_t, std::uint64_t> told;
  for (int i = 0; i < 6; ++i) {
    for (const FlowRecord& record : records()) {
      EXPECT_EQ(record.kind, FlowEventKind::kUpdated);
      told[record.source_port] += record.new_bytes[0];
    }
    wait(5'000);
  }
  EXPECT_EQ(states_[0]->flow_log.lost(), 0U);
  EXPECT_EQ(told.size(), 20U);
  for (const auto& [port, bytes] : told) EXPECT_EQ(bytes, 28U + 1 + 28 + 2) << port;
}

INSTANTIATE_TEST_SUITE_P(UpdatesAtBurst, FlowEvents, ::testing::Values(1, 7, 32),
                         [](const auto& test) { return std::to_string(test.param); });

// The way of an operator: by the exporter, over the loopback, into a collector of others.
TEST(FlowCollector, TheSumOfALongSessionsRecordsIsWhatItCarried) {
  using control::testing::split;
  if (!control::testing::have("nfcapd")) GTEST_SKIP() << "nfdump is not installed";
  const std::uint16_t port = control::testing::free_udp_port();
  control::testing::Nfcapd collector(port);
  std::array<std::uint64_t, 2> bytes{};
  std::array<std::uint64_t, 2> packets{};
  {
    auto exporter = control::IpfixExporter::start({.host = "127.0.0.1", .port = port});
    ASSERT_TRUE(exporter);
    const std::shared_ptr<control::IpfixExporter> sink = std::move(*exporter);
    FlowBed bed;
    bed.begin({.all_sessions = true, .active_timeout = 60'000}, {});
    bed.add_sink(sink);
    for (unsigned second = 0; second < 600; ++second) {
      const unsigned payload = second * 7 % 1400;
      bed.in(kInside, FlowBed::client().udp(1025, 53).payload(payload));
      ++packets[0];
      bytes[0] += 28 + payload;
      if (second % 3 == 0) {
        bed.in(kOutside, FlowBed::server().udp(53, 1025).payload(payload / 2));
        ++packets[1];
        bytes[1] += 28 + payload / 2;
      }
      bed.wait(1'000);
    }
    bed.wait(150'000);
    const auto found = bed.records();
    ASSERT_EQ(found.back().kind, FlowEventKind::kEnded);
    EXPECT_GE(found.size(), 10U);
    ASSERT_TRUE(sink->flush(std::chrono::seconds(30)));
    EXPECT_EQ(sink->status().written, found.size());
  }
  collector.stop();
  std::string text = collector.nfdump("-o 'fmt:%sp;%dp;%ipkt;%opkt;%ibyt;%obyt' -6");
  std::erase(text, ' ');
  std::array<std::uint64_t, 4> sums{};
  std::size_t lines = 0;
  for (const std::string& line : split(text, '\n')) {
    const auto fields = split(line, ';');
    if (fields.size() != 6) continue;
    ++lines;
    EXPECT_EQ(fields[0] + ">" + fields[1], "1025>53");
    for (std::size_t i = 0; i < 4; ++i) sums[i] += std::stoull(fields[2 + i]);
  }
  EXPECT_GE(lines, 10U) << collector.log();
  EXPECT_EQ(sums, (std::array{packets[0], packets[1], bytes[0], bytes[1]})) << text;
}

}  // namespace
}  // namespace millrace::testing
