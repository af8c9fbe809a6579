// SPDX-License-Identifier: BSD-3-Clause
// What gets past nobody: forbidden bytes however they are cut, ordered, repeated and disguised.
#include <algorithm>
#include <random>

#include "common/core/drop_reason.h"
#include "tests/packet/inspection/inspection_bed.h"
#include "vnfs/firewall/drops.h"

namespace millrace::testing {
namespace {

using firewall::Drop;
using inspection::OnConflict;

constexpr std::string_view kForbidden = "FORBIDDEN";
constexpr std::string_view kText = "hello FORBIDDEN world";
const InspectionSpec kSpec{.signatures = "drop tcp any any -> any any (content:\"FORBIDDEN\"; sid:1;)"};

TEST(Evasion, WholeSegmentIsDroppedAndTheSessionBlocked) {
  for_each_bed(kSpec, [](InspectionBed& bed) {
    bed.client_says(0, "first ");
    EXPECT_EQ(bed.reached_server(), 1U);
    bed.client_says(6, kText);
    EXPECT_EQ(bed.reached_server(), 0U);
    EXPECT_EQ(bed.bed.dropped(Drop::kInspectionMatch), 1U);
    bed.client_says(6, "something else that is");
    bed.server_says(0, "an answer");
    EXPECT_EQ(bed.reached_server() + bed.reached_client(), 0U);
    EXPECT_EQ(bed.bed.dropped(Drop::kInspectionBlocked), 2U);
    const auto events = bed.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].kind, inspection::EventKind::kAlert);
    EXPECT_EQ(events[0].outcome, inspection::Outcome::kBlocked);
    EXPECT_EQ(events[0].destination_port, 80);
    EXPECT_TRUE(events[0].stream);
    EXPECT_EQ(bed.bytes_in_use(), 0U);
  });
}

TEST(Evasion, CutAtEveryPlace) {
  for_each_bed(kSpec, [](InspectionBed& bed) {
    // One connection for each place, by the client's port.
    for (std::size_t cut = 1; cut < kText.size(); ++cut) {
      bed.bed.send(ProtectBed::kInside,
                   bed.from_client("S", bed.c - 1, 0).tcp(static_cast<std::uint16_t>(cut + 1), 80));
      bed.bed.run();
      const auto part = [&](std::size_t from, std::size_t length) {
        bed.bed.send(ProtectBed::kInside,
                     bed.from_client("PA", bed.c + static_cast<std::uint32_t>(from), bed.s)
                         .tcp(static_cast<std::uint16_t>(cut + 1), 80)
                         .payload(kText.substr(from, length)));
        bed.bed.run();
      };
      bed.bed.send(ProtectBed::kOutside,
                   bed.from_server("SA", bed.s - 1, bed.c).tcp(80, static_cast<std::uint16_t>(cut + 1)));
      bed.bed.run();
      static_cast<void>(bed.bed.sent(ProtectBed::kOutside));
      part(0, cut);
      part(cut, kText.size() - cut);
      // The segment in which the last forbidden byte lies does not get through.
      const std::size_t end = kText.find(kForbidden) + kForbidden.size();
      EXPECT_EQ(bed.bed.sent(ProtectBed::kOutside).size(), cut < end ? 1U : 0U) << cut;
    }
  });
}

TEST(Evasion, SingleBytes) {
  for_each_bed(kSpec, [](InspectionBed& bed) {
    for (std::size_t i = 0; i < kText.size(); ++i)
      bed.client_says(static_cast<std::uint32_t>(i), kText.substr(i, 1));
    EXPECT_EQ(bed.server_reads(false), "hello FORBIDDE");
    bed.server_never_reads(kForbidden);
  });
}

TEST(Evasion, AnyOrder) {
  for_each_bed(kSpec, [](InspectionBed& bed) {
    bed.client_says(10, kText.substr(10));
    bed.client_says(5, kText.substr(5, 3));
    bed.client_says(8, kText.substr(8, 2));
    EXPECT_EQ(bed.reached_server(), 3U);  // nothing can be read yet
    bed.client_says(0, kText.substr(0, 5));
    EXPECT_EQ(bed.reached_server(), 0U);
    EXPECT_EQ(bed.matches(), 1U);
    bed.server_never_reads(kForbidden);
  });
}

// Two copies of a stretch that differ, the second longer or shorter at either end, or within the first.
struct Overlap {
  std::uint32_t first_at;
  std::string_view first;
  std::uint32_t second_at;
  std::string_view second;
};
constexpr Overlap kOverlaps[] = {
    {6, "harmless!", 6, "FORBIDDEN"},           // the same
    {6, "harm", 6, "FORBIDDEN"},                // longer behind
    {8, "rmless!", 6, "FORBIDDEN"},             // longer in front
    {9, "ml", 6, "FORBIDDEN"},                  // around it
    {0, "nothing to see here", 6, "FORBIDDEN"}  // within it
};

TEST(Evasion, OverlapsThatDifferAreDropped) {
  for (const Overlap& overlap : kOverlaps) {
    for_each_bed(kSpec, [&](InspectionBed& bed) {
      bed.client_says(overlap.first_at, overlap.first);
      EXPECT_EQ(bed.reached_server(), 1U);
      bed.client_says(overlap.second_at, overlap.second);
      EXPECT_EQ(bed.reached_server(), 0U);
      EXPECT_EQ(bed.bed.dropped(Drop::kStreamConflict), 1U);
      bed.client_says(0, "hello ");
      bed.server_never_reads(kForbidden);
      // The session goes on with what was said first.
      bed.client_says(overlap.first_at, overlap.first);
    });
  }
}

TEST(Evasion, OverlapsThatDifferAreRewritten) {
  InspectionSpec spec = kSpec;
  spec.on_conflict = OnConflict::kRewrite;
  for (const Overlap& overlap : kOverlaps) {
    for_each_bed(spec, [&](InspectionBed& bed) {
      bed.client_says(overlap.first_at, overlap.first);
      bed.client_says(overlap.second_at, overlap.second);
      bed.client_says(0, "hello ");
      bed.server_never_reads(kForbidden);
      EXPECT_EQ(bed.server_reads(false), bed.server_reads(true));
      EXPECT_EQ(bed.bed.dropped(Drop::kStreamConflict), 0U);
    });
  }
}

TEST(Evasion, RewrittenSegmentHasItsChecksum) {
  InspectionSpec spec = kSpec;
  spec.on_conflict = OnConflict::kRewrite;
  for_each_bed(spec, [&](InspectionBed& bed) {
    bed.client_says(0, "harmless");
    bed.take_all();
    const auto other = bed.from_client("PA", bed.c, bed.s).payload("FORBIDDEN");
    bed.client_sends(other);
    const Frame got = bed.bed.sent_one(ProtectBed::kOutside);
    PacketBuilder wanted = bed.from_client("PA", bed.c, bed.s).payload("harmlessN");
    if (bed.routed) wanted.ethernet(interface_mac(1), neighbor_mac(1)).hop();
    EXPECT_TRUE(same_packet(wanted.bytes(), got));
  });
}

TEST(Evasion, RetransmissionsThatAreTheSamePass) {
  for_each_bed(kSpec, [](InspectionBed& bed) {
    bed.client_says(0, "hello ");
    bed.client_says(0, "hello ");
    bed.client_says(3, "lo and more");
    EXPECT_EQ(bed.reached_server(), 3U);
    EXPECT_EQ(bed.server_reads(false), "hello and more");
  });
}

// Seen here, it will not come as far as the server.
TEST(Evasion, SegmentThatDiesOnItsWay) {
  for_each_bed(kSpec, [](InspectionBed& bed) {
    bed.client_sends(bed.from_client("PA", bed.c, bed.s).payload("harmless ").ttl(2));
    bed.client_says(0, kForbidden);
    bed.take_all();
    EXPECT_EQ(bed.bed.dropped(Drop::kStreamConflict), 1U);
    bed.server_never_reads(kForbidden);
  });
}

TEST(Evasion, SegmentWithAWrongChecksumIsNotBelieved) {
  for_each_bed(kSpec, [](InspectionBed& bed) {
    bed.client_sends(bed.from_client("PA", bed.c, bed.s).payload("harmless ").bad_transport_checksum());
    EXPECT_EQ(bed.reached_server(), 0U);
    EXPECT_EQ(bed.bed.dropped(core::Drop::kBadTransportChecksum), 1U);
    bed.client_says(0, kForbidden);
    EXPECT_EQ(bed.reached_server(), 0U);
    EXPECT_EQ(bed.matches(), 1U);
  });
}

TEST(Evasion, UrgentBytesAreReadWithTheOthers) {
  for_each_bed(kSpec, [](InspectionBed& bed) {
    bed.client_sends(bed.from_client("PAU", bed.c, bed.s).payload("hello"));
    const Frame got = bed.bed.sent_one(ProtectBed::kOutside);
    PacketBuilder wanted = bed.from_client("PA", bed.c, bed.s).payload("hello");
    if (bed.routed) wanted.ethernet(interface_mac(1), neighbor_mac(1)).hop();
    EXPECT_TRUE(same_packet(wanted.bytes(), got));
    bed.client_sends(bed.from_client("PAU", bed.c + 5, bed.s).payload(kForbidden));
    EXPECT_EQ(bed.reached_server(), 0U);
  });
}

TEST(Evasion, OutOfTheWindow) {
  for_each_bed(kSpec, [](InspectionBed& bed) {
    bed.client_sends(bed.from_client("PA", bed.c + 10'000'000, bed.s).payload(kForbidden));
    EXPECT_EQ(bed.bed.dropped(Drop::kTcpOutOfWindow), 1U);
    bed.client_says(0, kForbidden);
    EXPECT_EQ(bed.matches(), 1U);
    bed.server_never_reads(kForbidden);
  });
}

TEST(Evasion, ResetThatIsNoneEndsNothing) {
  for_each_bed(kSpec, [](InspectionBed& bed) {
    bed.client_says(0, "hello FOR");
    bed.client_sends(
        bed.from_client("R", bed.c + 5000, 0));  // not the next number: a challenge, or out of window
    bed.client_sends(bed.from_client("R", bed.c + 9, 0).bad_transport_checksum());
    bed.client_says(9, "BIDDEN");
    bed.server_never_reads(kForbidden);
  });
}

TEST(Evasion, DataBehindAFin) {
  for_each_bed(kSpec, [](InspectionBed& bed) {
    bed.client_sends(bed.from_client("FA", bed.c + 6, bed.s));
    bed.client_says(0, "hello ");
    bed.client_says(6, kForbidden);
    bed.server_never_reads(kForbidden);
  });
}

TEST(Evasion, DataInASyn) {
  for_each_bed(kSpec, [](InspectionBed& bed) {
    const std::uint16_t port = 3333;
    bed.bed.send(ProtectBed::kInside,
                 bed.from_client("S", bed.c - 1, 0).tcp(port, 80).payload("hello FORBID"));
    bed.bed.run();
    bed.bed.send(ProtectBed::kOutside, bed.from_server("SA", bed.s - 1, bed.c + 12).tcp(80, port));
    bed.bed.run();
    bed.take_all();
    bed.bed.send(ProtectBed::kInside, bed.from_client("PA", bed.c + 12, bed.s).tcp(port, 80).payload("DEN"));
    bed.bed.run();
    EXPECT_EQ(bed.reached_server(), 0U);
    EXPECT_EQ(bed.matches(), 1U);
  });
}

TEST(Evasion, SynsThatDiffer) {
  for_each_bed(kSpec, [](InspectionBed& bed) {
    const std::uint16_t port = 3333;
    const auto syn = [&](std::uint32_t number, std::string_view text) {
      bed.bed.send(ProtectBed::kInside, bed.from_client("S", number - 1, 0).tcp(port, 80).payload(text));
      bed.bed.run();
      return bed.reached_server();
    };
    EXPECT_EQ(syn(bed.c, "hello FORBID"), 1U);
    EXPECT_EQ(syn(bed.c, ""), 1U);
    EXPECT_EQ(syn(bed.c, "hello FORBID"), 1U);
    EXPECT_EQ(syn(bed.c, "hello harmle"), 0U);
    EXPECT_EQ(syn(bed.c + 77, ""), 0U);
    EXPECT_EQ(bed.bed.dropped(Drop::kStreamConflict), 2U);
    bed.bed.send(ProtectBed::kOutside, bed.from_server("SA", bed.s - 1, bed.c + 12).tcp(80, port));
    bed.bed.run();
    bed.take_all();
    bed.bed.send(ProtectBed::kInside, bed.from_client("PA", bed.c + 12, bed.s).tcp(port, 80).payload("DEN"));
    bed.bed.run();
    EXPECT_EQ(bed.reached_server(), 0U);
  });
}

TEST(Evasion, FragmentsAreJudgedAsAWhole) {
  for_each_bed(kSpec, [](InspectionBed& bed) {
    const auto whole = bed.from_client("PA", bed.c, bed.s).payload(kText);
    bed.client_sends(whole.piece(0, 24, 7));
    bed.client_sends(whole.piece(24, 17, 7));
    EXPECT_EQ(bed.reached_server(), 0U);
    EXPECT_EQ(bed.bed.dropped(Drop::kJoined), 2U);
    EXPECT_EQ(bed.bed.dropped(Drop::kInspectionMatch), 1U);
  });
}

TEST(Evasion, FragmentsThatAreCleanPass) {
  for_each_bed(kSpec, [](InspectionBed& bed) {
    const auto whole = bed.from_client("PA", bed.c, bed.s).payload("nothing that is forbidden");
    bed.client_sends(whole.piece(24, 21, 7));
    bed.client_sends(whole.piece(0, 24, 7));
    EXPECT_EQ(bed.reached_server(), 1U);
    EXPECT_EQ(bed.bed.dropped(Drop::kJoined), 2U);
  });
}

TEST(Evasion, WhatIsHeldHasALimit) {
  for_each_bed(kSpec, [](InspectionBed& bed) {
    // Every second byte: as many holes as nobody keeps.
    for (std::uint32_t i = 0; i < 20; ++i) bed.client_says(1 + 2 * i, "x");
    EXPECT_GT(bed.bed.dropped(Drop::kStreamHoles), 5U);
    bed.client_says(0, "hello FORBIDDEN");
    bed.server_never_reads(kForbidden);
  });
}

// Whatever an attacker makes of the text, no receiver reads it whole.
TEST(Evasion, AtRandom) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    InspectionSpec spec = kSpec;
    if (seed % 2 == 1) spec.on_conflict = OnConflict::kRewrite;
    InspectionBed bed({.burst = 1 + seed % 32, .workers = 1 + seed % 2, .ipv6 = seed % 3 == 0}, spec,
                      seed % 5 == 0 ? Forwarding::kTransparent : Forwarding::kRouted);
    bed.open();
    for (int step = 0; step < 200; ++step) {
      const auto at = static_cast<std::uint32_t>(random() % kText.size());
      const std::size_t length = 1 + random() % 8;
      std::string text(kText.substr(at, length));
      if (random() % 4 == 0) text[random() % text.size()] = 'x';
      auto segment = bed.from_client("PA", bed.c + at, bed.s).payload(text);
      if (random() % 8 == 0) segment.bad_transport_checksum();
      if (random() % 8 == 0) segment.flags("PAU");
      bed.client_sends(segment);
      if (random() % 16 == 0) {
        const auto read = static_cast<std::uint32_t>(bed.server_reads(false).size());
        bed.server_acknowledges(read);
      }
    }
    bed.server_never_reads(kForbidden);
  }
}

}  // namespace
}  // namespace millrace::testing
