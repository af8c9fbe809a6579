// SPDX-License-Identifier: BSD-3-Clause
// Messages of FTP that are not whole, not right, too many, or not to be read.
#include "tests/packet/nat/ftp_connection.h"

namespace millrace::testing {
namespace {

using namespace ftp;

class FtpLimits : public NatTest {};
MILLRACE_NAT_VARIANTS(FtpLimits);

TEST_P(FtpLimits, HalfACommandWaitsForTheRest) {
  NatBed bed(variant(), short_ports());
  Control c{bed};
  c.open();
  bed.refused(kInside, Control::out("PA", kClientFirst, kServerFirst).payload("PORT 10,0,0"),
              nat::Drop::kAlgPartial);
  // What is behind a gap waits too.
  bed.refused(kInside, Control::out("PA", kClientFirst + 11, kServerFirst).payload(",10,8,1\r\n"),
              nat::Drop::kAlgPartial);
  EXPECT_EQ(bed.mappings(), 1U);
  const auto whole = c.say(kClientFirst, "PORT 10,0,0,10,8,1\r\n");
  ASSERT_TRUE(whole);
  EXPECT_EQ(numbers_in(text_of(*whole)).front(), 203U);
}

// A command begins a line, not a segment.
TEST_P(FtpLimits, WhatIsInTheMiddleOfALineIsNoCommand) {
  NatBed bed(variant(), short_ports());
  Control c{bed};
  c.open();
  ASSERT_TRUE(c.say(kClientFirst, "STOR a file of the name "));
  const auto rest = c.say(kClientFirst + 24, "PORT 10,0,0,10,8,1\r\n");
  ASSERT_TRUE(rest);
  EXPECT_EQ(text_of(*rest), "PORT 10,0,0,10,8,1\r\n");
  EXPECT_EQ(bed.mappings(), 1U);
  const auto command = c.say(kClientFirst + 44, "PORT 10,0,0,10,8,1\r\n");
  ASSERT_TRUE(command);
  EXPECT_EQ(numbers_in(text_of(*command)).front(), 203U);
}

TEST_P(FtpLimits, LongAndStrangeLinesPass) {
  NatBed bed(variant(), ftp_spec());
  Control c{bed};
  c.open();
  std::uint32_t seq = kClientFirst;
  for (const std::string& line :
       {"PORT " + std::string(1200, '1'), std::string(1200, '\n'), std::string("\0\xff\r\r\n", 5),
        std::string("PORT ") + std::string(600, ' ') + "10,0,0,10,8,1\r\n"}) {
    const auto said = c.say(seq, line);
    ASSERT_TRUE(said);
    EXPECT_EQ(text_of(*said), line);
    seq += static_cast<std::uint32_t>(line.size());
  }
}

TEST_P(FtpLimits, AControlConnectionOpensEightPortsAtATime) {
  NatBed bed(variant(), ftp_spec());
  Control c{bed};
  c.open();
  std::uint32_t seq = kClientFirst;
  const auto name = [&](unsigned i) {
    const std::string line = "PORT 10,0,0,10,200," + std::to_string(100 + i) + "\r\n";
    const auto said = c.say(seq, line);
    seq += static_cast<std::uint32_t>(line.size());
    return said ? text_of(*said) : "";
  };
  for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(name(i).substr(0, 8), "PORT 203") << i;
  EXPECT_EQ(name(8), "PORT 10,0,0,10,200,108\r\n");
  EXPECT_EQ(bed.mappings(), 9U);
  EXPECT_EQ(name(3).substr(0, 8), "PORT 203");  // one it has
  // Two minutes later those that nobody came to are closed again.
  bed.wait(121'000);
  EXPECT_EQ(name(9).substr(0, 8), "PORT 203");
}

TEST_P(FtpLimits, APortThatIsUsedStaysOpenAndAnUnusedOneCloses) {
  NatSpec spec = short_ports();
  spec.pools[0].quarantine = 0;
  NatBed bed(variant(), spec);
  Control c{bed};
  c.open();
  const auto said = c.say(kClientFirst, "PORT 10,0,0,10,8,1\r\nPORT 10,0,0,10,8,2\r\n");
  ASSERT_TRUE(said);
  const auto numbers = numbers_in(text_of(*said));
  ASSERT_EQ(numbers.size(), 12U);
  const unsigned used = 2048 + numbers[5];
  const unsigned unused = 2048 + numbers[11];
  ASSERT_TRUE(bed.one(kOutside, data_syn(kFtpServer, c.outside, used)));
  ASSERT_TRUE(bed.one(kInside, NatBed::inside(kFtpClient, kFtpServer).tcp(2049, 20).flags("SA")));
  bed.wait(125'000);
  EXPECT_TRUE(bed.one(kOutside, data_syn(kFtpServer, c.outside, used).flags("A").payload(100)));
  bed.refused(kOutside, data_syn(kFtpServer, c.outside, used, 999), nat::Drop::kFiltered);
  bed.refused(kOutside, data_syn(kFtpServer, c.outside, unused), nat::Drop::kNoBinding);
}

TEST_P(FtpLimits, WithoutAPortTheMessagePassesAsItIs) {
  NatSpec spec = ftp_spec();
  spec.pools[0].ports_per_subscriber = 1;
  NatBed bed(variant(), spec);
  Control c{bed};
  c.open();
  const auto said = c.say(kClientFirst, "PORT 10,0,0,10,200,21\r\n");
  ASSERT_TRUE(said);
  EXPECT_EQ(text_of(*said), "PORT 10,0,0,10,200,21\r\n");
  // And stays so when it comes again, though there is one by now.
  bed.change([](NatSpec& s) { s.pools[0].ports_per_subscriber = 8; });
  const auto again = c.say(kClientFirst, "PORT 10,0,0,10,200,21\r\n");
  ASSERT_TRUE(again);
  EXPECT_EQ(text_of(*again), "PORT 10,0,0,10,200,21\r\n");
}

TEST_P(FtpLimits, SwitchedOffMessagesPassAndNumbersGoOnDiffering) {
  NatBed bed(variant(), short_ports());
  Control c{bed};
  c.open();
  constexpr std::string_view kPort = "PORT 10,0,0,10,8,1\r\n";
  const auto said = c.say(kClientFirst, kPort);
  ASSERT_TRUE(said);
  const auto grown = static_cast<std::uint32_t>(said->payload.size() - kPort.size());
  bed.change([](NatSpec& spec) { spec.algs = {}; });
  const auto next = kClientFirst + static_cast<std::uint32_t>(kPort.size());
  const auto passed = c.say(next, kPort);
  ASSERT_TRUE(passed);
  EXPECT_EQ(text_of(*passed), kPort);
  EXPECT_EQ(seq_of(*passed), next + grown);
}

TEST_P(FtpLimits, OffMeansOff) {
  NatBed bed(variant());
  Control c{bed};
  c.open();
  const auto said = c.say(kClientFirst, "PORT 10,0,0,10,200,21\r\n");
  ASSERT_TRUE(said);
  EXPECT_EQ(text_of(*said), "PORT 10,0,0,10,200,21\r\n");
  EXPECT_EQ(bed.mappings(), 1U);
}

TEST_P(FtpLimits, AnotherConnectionOnTheSamePortsBeginsAnew) {
  NatBed bed(variant(), short_ports());
  Control c{bed};
  c.open();
  ASSERT_TRUE(c.say(kClientFirst, "PORT 10,0,0,10,8,1\r\n"));
  // The client has lost its memory, and so has the server.
  ASSERT_TRUE(bed.one(kInside, Control::out("S", 0x70000000, 0)));
  ASSERT_TRUE(bed.one(kOutside, c.in("SA", 99, 0x70000001)));
  const auto said = c.say(0x70000001, "PORT 10,0,0,10,8,1\r\n", 100);
  ASSERT_TRUE(said);
  EXPECT_EQ(seq_of(*said), 0x70000001U);
  EXPECT_EQ(ack_of(*said), 100U);
  EXPECT_EQ(numbers_in(text_of(*said)).front(), 203U);
}

TEST_P(FtpLimits, AMessageWithAWrongChecksumOpensNothing) {
  NatBed bed(variant(), short_ports());
  Control c{bed};
  c.open();
  bed.refused(kInside,
              Control::out("PA", kClientFirst, kServerFirst)
                  .payload("PORT 10,0,0,10,8,1\r\n")
                  .bad_transport_checksum(),
              core::Drop::kBadTransportChecksum);
  EXPECT_EQ(bed.mappings(), 1U);
  const auto said = c.say(kClientFirst, "PORT 10,0,0,10,8,1\r\n");
  ASSERT_TRUE(said);
  EXPECT_EQ(numbers_in(text_of(*said)).front(), 203U);
}

TEST_P(FtpLimits, WithoutARecordTheConnectionGoesOnUnread) {
  NatBed bed(variant(), short_ports(), {.sessions = 512, .subscribers = 64, .alg_sessions = 1});
  for (const std::uint16_t port : {std::uint16_t{50001}, std::uint16_t{50002}})
    ASSERT_TRUE(bed.one(kInside, NatBed::inside(kFtpClient, kFtpServer).tcp(port, 21).flags("S")));
  std::uint64_t unwatched = 0;
  for (nat::WorkerState* state : bed.states())
    unwatched += state->bindings.algs().counts(nat::AlgKind::kFtp).unwatched.read();
  EXPECT_EQ(unwatched, 1U);
  bed.wait(250'000);  // half-open ones end, and their record with them
  EXPECT_EQ(bed.sessions(), 0U);
  Control c{bed};
  c.open();
  const auto said = c.say(kClientFirst, "PORT 10,0,0,10,8,1\r\n");
  ASSERT_TRUE(said);
  EXPECT_EQ(numbers_in(text_of(*said)).front(), 203U);
}

// The server is 10.0.0.90, its port 21 is 203.0.113.9:21.
NatSpec server_inside() {
  NatSpec spec = ftp_spec();
  spec.pools[0].addresses = {"203.0.113.1", "203.0.113.9"};
  auto mapping = static_mapping("10.0.0.90", "203.0.113.9");
  mapping.whole = false;
  mapping.protocol = 6;
  mapping.inside_port = mapping.outside_port = 21;
  mapping.ports = 1;
  spec.statics = {mapping};
  return spec;
}

struct Served {
  NatBed& bed;

  [[nodiscard]] static PacketBuilder in(std::string_view flags, std::uint32_t seq, std::uint32_t ack) {
    return NatBed::outside(kFtpStranger, "203.0.113.9").tcp(50000, 21).flags(flags).seq(seq).ack(ack);
  }
  [[nodiscard]] static PacketBuilder out(std::string_view flags, std::uint32_t seq, std::uint32_t ack) {
    return NatBed::inside("10.0.0.90", kFtpStranger).tcp(21, 50000).flags(flags).seq(seq).ack(ack);
  }
  void open() {
    ASSERT_TRUE(bed.one(kOutside, in("S", kClientFirst - 1, 0)));
    ASSERT_TRUE(bed.one(kInside, out("SA", kServerFirst - 1, kClientFirst)));
    ASSERT_TRUE(bed.one(kOutside, in("A", kClientFirst, kServerFirst)));
  }
  [[nodiscard]] std::optional<Seen> reply(std::uint32_t seq, std::string_view text) const {
    return bed.one(kInside, out("PA", seq, kClientFirst).payload(text));
  }
};

}  // namespace
}  // namespace millrace::testing
