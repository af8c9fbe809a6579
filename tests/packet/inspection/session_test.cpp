// SPDX-License-Identifier: BSD-3-Clause
// What a session that is looked into may do, and what becomes of it.
#include <algorithm>

#include "tests/packet/inspection/inspection_bed.h"
#include "vnfs/firewall/drops.h"

namespace millrace::testing {
namespace {

using firewall::Drop;
using inspection::EventKind;
using inspection::OnMatch;
using inspection::Outcome;

constexpr std::string_view kGet = "GET /index.html HTTP/1.1\r\nHost: example.org\r\nUser-Agent: test\r\n\r\n";

std::string request(const std::string& target, const std::string& fields = "", const std::string& body = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: example.org\r\n" + fields + "\r\n" + body;
}

std::string text_of(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

TEST(Inspected, PartsOfHttpAreJudgedBeforeTheyPass) {
  const InspectionSpec spec{
      .signatures =
          "drop http any any -> any any (content:\"/forbidden\"; http_uri; sid:1;)\n"
          "alert http any any -> any any (content:\"example.org\"; http_host; sid:2;)\n"};
  for_each_routed_bed(spec, [](InspectionBed& bed) {
    bed.client_says(0, kGet);
    EXPECT_EQ(bed.reached_server(), 1U);
    auto events = bed.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].outcome, Outcome::kAllowed);
    EXPECT_EQ(events[0].speech, inspection::Speech::kHttp);
    EXPECT_EQ(text_of(events[0].host.view()), "example.org");
    EXPECT_EQ(text_of(events[0].target.view()), "/index.html");
    const std::string bad = request("/a/../%66orbidden");
    const auto at = static_cast<std::uint32_t>(kGet.size());
    for (std::size_t i = 0; i < bad.size(); ++i)
      bed.client_says(at + static_cast<std::uint32_t>(i), std::string_view(bad).substr(i, 1));
    // The last byte of the head is the one that does not pass.
    EXPECT_EQ(bed.server_reads(false), std::string(kGet) + bad.substr(0, bad.size() - 1));
    EXPECT_EQ(bed.bed.dropped(Drop::kInspectionMatch), 1U);
    events = bed.events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(text_of(events[0].target.view()), "/a/../%66orbidden");
  });
}

TEST(Inspected, UriAndBodyTogether) {
  const InspectionSpec spec{
      .signatures =
          "drop http any any -> any any (content:\"/login\"; http_uri; content:\"name=\"; "
          "http_client_body; content:\"admin\"; http_client_body; distance:0; sid:1;)\n"};
  for_each_routed_bed(spec, [](InspectionBed& bed) {
    const std::string head = "POST /login HTTP/1.1\r\nHost: example.org\r\nContent-Length: 30\r\n\r\n";
    const auto size = static_cast<std::uint32_t>(head.size());
    bed.client_says(0, head);
    bed.client_says(size, "user=x&na");
    bed.client_says(size + 9, "me=1234");
    EXPECT_EQ(bed.reached_server(), 3U);
    bed.client_says(size + 16, "&and&admin&012");
    EXPECT_EQ(bed.reached_server(), 0U);
    EXPECT_EQ(bed.matches(), 1U);
  });
}

TEST(Inspected, AnswersInChunks) {
  const InspectionSpec spec{
      .signatures =
          "drop http any any -> any any (flow:to_client; file_data; content:\"top secret\"; sid:1;)\n"};
  for_each_routed_bed(spec, [](InspectionBed& bed) {
    bed.client_says(0, kGet);
    bed.take_all();
    const auto asked = static_cast<std::uint32_t>(kGet.size());
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    bed.server_says(0, head + "6\r\nto", asked);
    bed.server_says(static_cast<std::uint32_t>(head.size()) + 5, "p se\r\n", asked);
    EXPECT_EQ(bed.reached_client(), 2U);
    bed.server_says(static_cast<std::uint32_t>(head.size()) + 11, "4\r\ncret\r\n0\r\n\r\n", asked);
    EXPECT_EQ(bed.reached_client(), 0U);
    EXPECT_EQ(bed.matches(), 1U);
    EXPECT_EQ(bed.events().size(), 1U);
  });
}

TEST(Inspected, RejectTellsBothSides) {
  const InspectionSpec spec{.signatures = "reject tcp any any -> any any (content:\"bad\"; sid:1;)"};
  for_each_routed_bed(spec, [](InspectionBed& bed) {
    bed.client_says(0, "something bad");
    const Frame to_server = bed.bed.sent_one(ProtectBed::kOutside);
    const std::size_t l4 = bed.ipv6 ? 54 : 34;
    EXPECT_EQ(to_server[l4 + 13], 0x14);  // RST, ACK
    EXPECT_EQ(number_at(to_server, l4 + 4), bed.c);
    const Frame to_client = bed.bed.sent_one(ProtectBed::kInside);
    EXPECT_EQ(to_client[l4 + 13] & 0x04, 0x04);
    bed.client_says(0, "something bad");
    EXPECT_EQ(bed.reached_server(), 0U);
  });
}

TEST(Inspected, WhatTheProfileMakesOfActions) {
  const std::string signatures =
      "alert tcp any any -> any any (content:\"one\"; sid:1;)\n"
      "drop tcp any any -> any any (content:\"two\"; sid:2;)\n"
      "pass tcp any any -> any any (content:\"three\"; sid:3;)\n";
  for_each_routed_bed({.signatures = signatures, .on_match = OnMatch::kAlert}, [](InspectionBed& bed) {
    bed.client_says(0, "one two ");
    EXPECT_EQ(bed.reached_server(), 1U);
    EXPECT_EQ(bed.events().size(), 2U);
    bed.client_says(8, "three");  // from here on nobody looks
    bed.client_says(13, "two");
    EXPECT_EQ(bed.reached_server(), 2U);
    EXPECT_EQ(bed.in_use(), 0U);
  });
  for_each_routed_bed({.signatures = signatures, .on_match = OnMatch::kDrop}, [](InspectionBed& bed) {
    bed.client_says(0, "one");
    EXPECT_EQ(bed.reached_server(), 0U);
  });
}

TEST(Inspected, FlowBitsJoinBothSides) {
  const InspectionSpec spec{
      .signatures =
          "alert tcp any any -> any any (flow:to_server; content:\"question\"; flowbits:set,asked; "
          "flowbits:noalert; sid:1;)\n"
          "drop tcp any any -> any any (flow:to_client; content:\"answer\"; flowbits:isset,asked; sid:2;)\n"};
  for_each_routed_bed(spec, [](InspectionBed& bed) {
    bed.server_says(0, "answer");
    EXPECT_EQ(bed.reached_client(), 1U);
    bed.client_says(0, "question");
    bed.server_says(6, "answer", 8);
    EXPECT_EQ(bed.reached_client(), 0U);
    EXPECT_EQ(bed.events().size(), 1U);
  });
}

TEST(Inspected, PastTheWindowNobodyLooks) {
  const InspectionSpec spec{.signatures = "drop tcp any any -> any any (content:\"FORBIDDEN\"; sid:1;)",
                            .inspect_bytes = 1024};
  for_each_routed_bed(spec, [](InspectionBed& bed) {
    const std::string half(512, 'x');
    bed.client_says(0, half);
    EXPECT_GT(bed.bytes_in_use(), 0U);
    bed.client_says(512, half);
    bed.client_says(1024, "FORBIDDEN");
    EXPECT_EQ(bed.reached_server(), 3U);
    // What was judged can still be replaced until the server has it.
    bed.client_says(0, "FORBIDDEN");
    EXPECT_EQ(bed.bed.dropped(Drop::kStreamConflict), 1U);
    bed.server_acknowledges(1033);
    EXPECT_EQ(bed.bytes_in_use(), 0U);
    bed.server_says(0, half, 1033);
    bed.server_says(512, half, 1033);
    bed.client_sends(bed.from_client("A", bed.c + 1033, bed.s + 1024));
    bed.client_sends(bed.from_client("A", bed.c + 1033, bed.s + 1024));
    EXPECT_EQ(bed.in_use(), 0U);
    EXPECT_EQ(bed.bytes_in_use(), 0U);
  });
}

TEST(Inspected, SessionsThatEndGiveAllBack) {
  const InspectionSpec spec{.signatures = "alert tcp any any -> any any (content:\"x\"; sid:1;)"};
  for_each_routed_bed(spec, [](InspectionBed& bed) {
    bed.client_says(0, kGet);
    EXPECT_EQ(bed.in_use(), 1U);
    bed.client_sends(bed.from_client("RA", bed.c + static_cast<std::uint32_t>(kGet.size()), bed.s));
    bed.bed.set_time(60'000);
    bed.bed.run();
    EXPECT_EQ(bed.bed.open_sessions(), 0U);
    EXPECT_EQ(bed.in_use(), 0U);
    EXPECT_EQ(bed.bytes_in_use(), 0U);
  });
}

TEST(Inspected, WithoutRoomItPassesOrNot) {
  for (const bool drop : {false, true}) {
    for_each_shape([&](const Shape& shape) {
      const InspectionSpec spec{.signatures = "drop tcp any any -> any any (content:\"bad\"; sid:1;)",
                                .drop_when_overloaded = drop};
      InspectionBed bed(shape, spec, Forwarding::kRouted, inspection_limits(1));
      // As many sessions as there are workers are looked into; of four of each some are not.
      for (std::uint16_t port = 1; port <= 8; ++port)
        bed.client_sends(bed.from_client("S", bed.c - 1, 0).tcp(port, 80));
      const std::uint64_t looked_at = bed.in_use();
      EXPECT_LE(looked_at, shape.workers);
      EXPECT_EQ(bed.reached_server(), drop ? looked_at : 8U);
      EXPECT_EQ(bed.bed.dropped(Drop::kInspectionOverloaded), drop ? 8 - looked_at : 0U);
      EXPECT_EQ(bed.bed.open_sessions(), drop ? looked_at : 8U);
      EXPECT_EQ(bed.events().size(), 8 - looked_at);
    });
  }
}

TEST(Inspected, WithoutMemoryItPassesOrNot) {
  for (const bool drop : {false, true}) {
    const InspectionSpec spec{.signatures = "drop tcp any any -> any any (content:\"bad\"; sid:1;)",
                              .drop_when_overloaded = drop};
    InspectionBed bed({.burst = 32, .workers = 1, .ipv6 = false}, spec, Forwarding::kRouted,
                      inspection_limits(64, 8192));
    bed.open();
    std::uint32_t at = 0;
    for (int i = 0; i < 8; ++i, at += 1000) bed.client_says(at, std::string(1000, 'x'));
    EXPECT_EQ(bed.reached_server(), drop ? 4U : 8U);
    const auto events = bed.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].kind, EventKind::kUnseen);
    EXPECT_EQ(static_cast<inspection::Notable>(events[0].reason), inspection::Notable::kNoMemory);
    EXPECT_EQ(bed.in_use(), drop ? 1U : 0U);
  }
}

TEST(Inspected, PacketsFromTheMatchOnAreKept) {
  const InspectionSpec spec{.signatures = "alert tcp any any -> any any (content:\"odd\"; sid:1;)",
                            .copied_packets = 2};
  for_each_routed_bed(spec, [](InspectionBed& bed) {
    bed.client_says(0, "nothing ");
    EXPECT_TRUE(bed.copies().empty());
    const PacketBuilder match = bed.from_client("PA", bed.c + 8, bed.s).payload("odd");
    const PacketBuilder next = bed.from_server("PA", bed.s, bed.c + 11).payload("answer");
    bed.client_sends(match);
    bed.server_sends(next);
    bed.client_says(11, "odd again");
    const auto copies = bed.copies();
    ASSERT_EQ(copies.size(), 2U);
    const auto events = bed.events();
    for (const auto& copy : copies) EXPECT_EQ(copy.session, events.at(0).session);
    const auto frame_of = [](const inspection::PacketCopy& copy) {
      return Frame(copy.bytes.begin(), copy.bytes.begin() + copy.kept);
    };
    EXPECT_EQ(frame_of(copies[0]), match.bytes());
    EXPECT_EQ(frame_of(copies[1]), next.bytes());
  });
}

TEST(Inspected, KeptPacketsOfABlockedSession) {
  const InspectionSpec spec{.signatures = "drop tcp any any -> any any (content:\"bad\"; sid:1;)",
                            .copied_packets = 8};
  for_each_routed_bed(spec, [](InspectionBed& bed) {
    bed.client_says(0, "bad");
    bed.client_says(0, "bad");
    const auto copies = bed.copies();
    ASSERT_EQ(copies.size(), 1U) << "what follows is not looked into";
    EXPECT_EQ(copies[0].kept, copies[0].length);
  });
}

// More packets wait than the worker takes at once, round after round.
void fall_behind(InspectionBed& bed) {
  constexpr unsigned kPackets = 128;
  for (unsigned i = 0; i < kPackets; ++i)
    bed.bed.send(ProtectBed::kInside, bed.bed.from_client().udp(1, 1).payload("work"));
  bed.bed.run();
  bed.bed.set_time(60);
  bed.bed.run();
  bed.take_all();
}

TEST(Inspected, NewSessionsOfAWorkerThatIsBehind) {
  const std::string signatures = "drop tcp any any -> any any (content:\"bad\"; sid:1;)";
  struct Choice {
    InspectionSpec spec;
    std::size_t looked_into;
    std::size_t dropped;
  };
  const std::vector<Choice> choices{
      {{.signatures = signatures}, 0, 0},
      {{.signatures = signatures, .drop_when_overloaded = true}, 0, 8},
      {{.signatures = signatures, .sampled = 4}, 2, 0},
  };
  for (const Choice& choice : choices) {
    InspectionBed bed({.burst = 4, .workers = 1, .ipv6 = false}, choice.spec);
    fall_behind(bed);
    static_cast<void>(bed.events());
    const std::uint64_t before = bed.in_use();
    for (std::uint16_t port = 1; port <= 8; ++port)
      bed.client_sends(bed.from_client("S", bed.c - 1, 0).tcp(port, 80));
    EXPECT_EQ(bed.in_use() - before, choice.looked_into);
    EXPECT_EQ(bed.bed.dropped(Drop::kInspectionOverloaded), choice.dropped);
    const auto events = bed.events();
    EXPECT_EQ(events.size(), 8 - choice.looked_into);
    for (const auto& event : events)
      EXPECT_EQ(static_cast<inspection::Notable>(event.reason), inspection::Notable::kBehind);
    // Rounds without packets: it has caught up.
    bed.bed.set_time(120);
    for (unsigned round = 0; round < 32; ++round) bed.bed.run();
    bed.bed.set_time(180);
    bed.bed.run();
    bed.client_sends(bed.from_client("S", bed.c - 1, 0).tcp(9, 80));
    EXPECT_EQ(bed.in_use() - before, choice.looked_into + 1);
  }
}

TEST(Inspected, DatagramsAreJudgedOneByOne) {
  const InspectionSpec spec{
      .signatures =
          "drop udp any any -> any 53 (content:\"|01 00|\"; offset:2; depth:2; content:\"bad\"; sid:1;)"};
  for_each_shape([&](const Shape& shape) {
    InspectionBed bed(shape, spec, Forwarding::kRouted, inspection_limits(), 53);
    const auto datagram = [&](std::string_view text) {
      return bed.bed.from_client().udp(5555, 53).payload(text);
    };
    bed.client_sends(datagram(std::string_view("id\x01\x00good", 8)));
    bed.client_sends(datagram("bad at another place"));
    EXPECT_EQ(bed.reached_server(), 2U);
    bed.client_sends(
        datagram(std::string_view("id\x01\x00"
                                  "bad",
                                  7)));
    EXPECT_EQ(bed.reached_server(), 0U);
    bed.client_sends(datagram("good again"));
    EXPECT_EQ(bed.reached_server(), 0U);
    EXPECT_EQ(bed.bed.dropped(Drop::kInspectionBlocked), 1U);
  });
}

TEST(Inspected, AnotherSetHoldsInMidStream) {
  const InspectionSpec before{.signatures = "drop tcp any any -> any any (content:\"nothing\"; sid:1;)"};
  const InspectionSpec after{.signatures = "drop tcp any any -> any any (content:\"FORBIDDEN\"; sid:2;)"};
  for_each_shape([&](const Shape& shape) {
    InspectionBed bed(shape, before);
    bed.open();
    bed.client_says(0, "hello FOR");
    bed.bed.publish(InspectionBed::by(after, shape.workers));
    bed.client_says(9, "BIDDEN");
    EXPECT_EQ(bed.reached_server(), 1U);
    EXPECT_EQ(bed.matches(), 1U);
  });
}

TEST(Inspected, RuleThatNoLongerWantsItEndsIt) {
  const InspectionSpec spec{.signatures = "drop tcp any any -> any any (content:\"FORBIDDEN\"; sid:1;)"};
  for_each_shape([&](const Shape& shape) {
    InspectionBed bed(shape, spec);
    bed.open();
    bed.client_says(0, "hello ");
    bed.bed.publish({});
    bed.client_says(6, "FORBIDDEN");
    EXPECT_EQ(bed.reached_server(), 2U);
    EXPECT_EQ(bed.in_use(), 0U);
    // And one that wants it again sees what comes from there on.
    bed.bed.publish(InspectionBed::by(spec, shape.workers));
    bed.client_says(15, "once more FORBIDDEN");
    EXPECT_EQ(bed.reached_server(), 0U);
  });
}

TEST(Inspected, ThresholdsTellLess) {
  const InspectionSpec spec{.signatures =
                                "alert tcp any any -> any 80 (flow:to_server; flags:S; threshold:type limit, "
                                "track by_src, count 1, seconds 60; sid:1;)"};
  InspectionBed bed({.burst = 32, .workers = 1, .ipv6 = false}, spec);
  for (std::uint16_t port = 1; port <= 8; ++port)
    bed.client_sends(bed.from_client("S", bed.c - 1, 0).tcp(port, 80));
  EXPECT_EQ(bed.reached_server(), 8U);
  EXPECT_EQ(bed.events().size(), 1U);
  EXPECT_EQ(bed.matches(), 8U);
}

TEST(Inspected, RequestsThatAreReadInTwoWaysAreTold) {
  const InspectionSpec spec{.signatures = "alert http any any -> any any (content:\"/x\"; http_uri; sid:1;)"};
  for_each_routed_bed(spec, [](InspectionBed& bed) {
    bed.client_says(0, request("/", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"));
    EXPECT_EQ(bed.reached_server(), 1U);
    const auto events = bed.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].kind, EventKind::kAnomaly);
    EXPECT_EQ(static_cast<inspection::HttpAnomaly>(events[0].reason),
              inspection::HttpAnomaly::kLengthAndChunked);
  });
}

}  // namespace
}  // namespace millrace::testing
