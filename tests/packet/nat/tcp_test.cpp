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
