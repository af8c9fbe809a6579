// SPDX-License-Identifier: BSD-3-Clause
// TCP through the translation: RFC 5382, RFC 7857 section 2.
#include "tests/packet/nat/nat_bed.h"

namespace millrace::testing {
namespace {

class Tcp : public NatTest {};
MILLRACE_NAT_VARIANTS(Tcp);

constexpr std::string_view kWebServer = "93.184.216.34";

// A connection from 10.0.0.10:40000 to the server's port 80.
struct Connection {
  NatBed& bed;
  std::uint16_t outside_port = 0;
  std::string outside{};

  [[nodiscard]] PacketBuilder out(std::string_view flags, std::size_t bytes = 0) const {
    return NatBed::inside("10.0.0.10", kWebServer).tcp(40000, 80).flags(flags).payload(bytes);
  }
  [[nodiscard]] PacketBuilder in(std::string_view flags, std::size_t bytes = 0) const {
    return NatBed::outside(kWebServer, outside).tcp(80, outside_port).flags(flags).payload(bytes);
  }
  void open() {
    const auto syn = bed.one(kInside, out("S"));
    ASSERT_TRUE(syn);
    outside = syn->source;
    outside_port = syn->source_port;
    ASSERT_TRUE(bed.one(kOutside, in("SA")));
    ASSERT_TRUE(bed.one(kInside, out("A")));
  }
};

TEST_P(Tcp, AConnectionOpensCarriesDataAndCloses) {
  NatBed bed(variant());
  Connection c{bed};
  c.open();
  const auto request = bed.one(kInside, c.out("PA", 101));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->ends(), c.outside + ":" + std::to_string(c.outside_port) + " > 93.184.216.34:80");
  EXPECT_EQ(request->payload.size(), 101U);
  const auto response = bed.one(kOutside, c.in("PA", 1200));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->ends(), "93.184.216.34:80 > 10.0.0.10:40000");
  EXPECT_TRUE(bed.one(kInside, c.out("FA")));
  EXPECT_TRUE(bed.one(kOutside, c.in("FA")));
  EXPECT_TRUE(bed.one(kInside, c.out("A")));
  // RFC 5382 REQ-5: the last segments may come again for four minutes.
  bed.wait(239'000);
  EXPECT_TRUE(bed.one(kInside, c.out("FA")));
  bed.wait(241'000);
  bed.refused(kInside, c.out("FA"), nat::Drop::kTcpNotSyn);
}

// RFC 5382 REQ-5.
TEST_P(Tcp, AnEstablishedConnectionMayIdleForTwoHoursAndFourMinutes) {
  NatBed bed(variant());
  Connection c{bed};
  c.open();
  bed.wait(2 * 3'600'000 + 4 * 60'000 - 2'000);
  EXPECT_TRUE(bed.one(kOutside, c.in("A")));
  bed.wait(2 * 3'600'000 + 4 * 60'000 - 2'000);
  EXPECT_TRUE(bed.one(kInside, c.out("A")));
  bed.wait(2 * 3'600'000 + 4 * 60'000 + 1'000);
  bed.refused(kInside, c.out("A"), nat::Drop::kTcpNotSyn);
}

TEST_P(Tcp, AHalfOpenConnectionEndsAfterFourMinutes) {
  NatBed bed(variant());
  Connection c{bed};
  ASSERT_TRUE(bed.one(kInside, c.out("S")));
  bed.wait(239'000);
  EXPECT_EQ(bed.sessions(), 1U);
  bed.wait(2'000);
  EXPECT_EQ(bed.sessions(), 0U);
}

// RFC 7857 section 2.1.
TEST_P(Tcp, OpeningAndClosingHaveTimesOfTheirOwn) {
  NatSpec spec;
  spec.timeouts.tcp_opening = 250'000;
  spec.timeouts.tcp_transitory = 500'000;
  NatBed bed(variant(), spec);
  Connection c{bed};
  ASSERT_TRUE(bed.one(kInside, c.out("S")));
  bed.wait(249'000);
  EXPECT_EQ(bed.sessions(), 1U);
  bed.wait(2'000);
  EXPECT_EQ(bed.sessions(), 0U);
  c.open();
  ASSERT_TRUE(bed.one(kInside, c.out("FA")));
  ASSERT_TRUE(bed.one(kOutside, c.in("FA")));
  bed.wait(499'000);
  EXPECT_EQ(bed.sessions(), 1U);
  bed.wait(2'000);
  EXPECT_EQ(bed.sessions(), 0U);
}

// RFC 7857 section 2.1 and 2.2: four minutes after a reset, unless the connection shows that it lives.
TEST_P(Tcp, AResetEndsAConnectionThatSaysNothingMore) {
  NatBed bed(variant());
  Connection c{bed};
  c.open();
  ASSERT_TRUE(bed.one(kOutside, c.in("R")));
  bed.wait(239'000);
  EXPECT_EQ(bed.sessions(), 1U);
  bed.wait(2'000);
  EXPECT_EQ(bed.sessions(), 0U);
}

TEST_P(Tcp, AForgedResetDoesNotEndAConnection) {
  NatBed bed(variant());
  Connection c{bed};
  c.open();
  ASSERT_TRUE(bed.one(kOutside, c.in("R")));
  bed.wait(100'000);
  ASSERT_TRUE(bed.one(kInside, c.out("A", 5)));
  bed.wait(1'000'000);
  EXPECT_TRUE(bed.one(kOutside, c.in("A")));
}

// RFC 5382 REQ-2: both ends open at once.
TEST_P(Tcp, ASimultaneousOpenGoesThrough) {
  NatBed bed(variant());
  Connection c{bed};
  const auto syn = bed.one(kInside, c.out("S"));
  ASSERT_TRUE(syn);
  c.outside = syn->source;
  c.outside_port = syn->source_port;
  EXPECT_TRUE(bed.one(kOutside, c.in("S")));
  EXPECT_TRUE(bed.one(kInside, c.out("SA")));
  EXPECT_TRUE(bed.one(kOutside, c.in("SA")));
  bed.wait(1'000'000);
  EXPECT_EQ(bed.sessions(), 1U);
}

// RFC 5382 REQ-4.
struct Stranger {
  NatBed& bed;
  Connection c;

  explicit Stranger(NatBed& in) : bed(in), c{in} {
    const auto syn = bed.one(kInside, c.out("S"));
    if (!syn) return;
    c.outside = syn->source;
    c.outside_port = syn->source_port;
  }
  [[nodiscard]] PacketBuilder syn() const {
    return NatBed::outside("8.8.4.4", c.outside).tcp(5555, c.outside_port).flags("S").payload(0);
  }
};

TEST_P(Tcp, WhoSendsAnUnsolicitedSynHearsOfItAfterSixSeconds) {
  NatBed bed(variant());
  const Stranger stranger(bed);
  bed.refused(kOutside, stranger.syn(), nat::Drop::kFiltered);
  EXPECT_TRUE(bed.wait(5'990).empty());
  const auto told = bed.wait(20);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].port, kOutside);
  EXPECT_EQ(told[0].source, "198.51.100.2");
  EXPECT_EQ(told[0].destination, "8.8.4.4");
  EXPECT_EQ(told[0].icmp_type, 3);
  EXPECT_EQ(told[0].icmp_code, 3);
  EXPECT_EQ(told[0].embedded().ends(),
            "8.8.4.4:5555 > " + stranger.c.outside + ":" + std::to_string(stranger.c.outside_port));
  EXPECT_TRUE(bed.wait(60'000).empty());
}

TEST_P(Tcp, ToAPortThatNobodyHasLikewise) {
  NatBed bed(variant());
  const auto syn = NatBed::outside("8.8.4.4", "203.0.113.1").tcp(5555, 2222).flags("S").payload(0);
  bed.refused(kOutside, syn, nat::Drop::kNoBinding);
  EXPECT_TRUE(bed.wait(5'990).empty());
  EXPECT_EQ(bed.wait(20).size(), 1U);
}

TEST_P(Tcp, ASynThatCrossesOneFromInsideIsForgotten) {
  NatBed bed(variant());
  const Stranger stranger(bed);
  bed.refused(kOutside, stranger.syn(), nat::Drop::kFiltered);
  bed.wait(3'000);
  const auto own = NatBed::inside("10.0.0.10", "8.8.4.4").tcp(40000, 5555).flags("S").payload(0);
  EXPECT_TRUE(bed.one(kInside, own));
  EXPECT_TRUE(bed.wait(10'000).empty());
  EXPECT_TRUE(bed.one(kOutside, stranger.syn()));
}

TEST_P(Tcp, OtherUnsolicitedSegmentsAreDroppedWithoutAWord) {
  NatBed bed(variant());
  const Stranger stranger(bed);
  for (const std::string_view flags : {"A", "SA", "R", "FA"}) {
    bed.refused(kOutside,
                NatBed::outside("8.8.4.4", stranger.c.outside)
                    .tcp(5555, stranger.c.outside_port)
                    .flags(flags)
                    .payload(0),
                nat::Drop::kFiltered);
  }
  EXPECT_TRUE(bed.wait(10'000).empty());
}

TEST_P(Tcp, ThereIsRoomForSoManyUnsolicitedSynsAndNoMore) {
  NatBed bed(variant());
  const Stranger stranger(bed);
  constexpr unsigned kMore = 40;
  for (unsigned i = 0; i < nat::WaitingSyns::kCapacity + kMore; ++i)
    bed.refused(kOutside, stranger.syn(), nat::Drop::kFiltered);
  std::uint64_t unanswered = 0;
  for (const nat::WorkerState* state : bed.states()) unanswered += state->waiting_syns.unanswered();
  EXPECT_EQ(unanswered, kMore);
}

TEST_P(Tcp, TheSamePortsBeginAnewAfterTheEnd) {
  NatBed bed(variant());
  Connection c{bed};
  c.open();
  ASSERT_TRUE(bed.one(kInside, c.out("FA")));
  ASSERT_TRUE(bed.one(kOutside, c.in("FA")));
  ASSERT_TRUE(bed.one(kInside, c.out("A")));
  bed.wait(60'000);
  const auto syn = bed.one(kInside, c.out("S"));
  ASSERT_TRUE(syn);
  EXPECT_EQ(syn->source_port, c.outside_port);
  ASSERT_TRUE(bed.one(kOutside, c.in("SA")));
  bed.wait(3'600'000);
  EXPECT_EQ(bed.sessions(), 1U);
}

TEST_P(Tcp, WhatIsNotTheFirstSegmentOpensNothing) {
  NatBed bed(variant());
  Connection c{bed};
  for (const std::string_view flags : {"A", "SA", "R", "FA", "PA"})
    bed.refused(kInside, c.out(flags), nat::Drop::kTcpNotSyn);
  for (const std::string_view flags : {"SF", "SR", "", "FPU"})
    bed.refused(kInside, c.out(flags), nat::Drop::kTcpInvalidFlags);
  EXPECT_EQ(bed.sessions(), 0U);
}

}  // namespace
}  // namespace millrace::testing
