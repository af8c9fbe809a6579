// SPDX-License-Identifier: BSD-3-Clause
// FTP through the translation: RFC 959, RFC 2428, RFC 5382 REQ-6, RFC 2663 section 2.9. The server is outside
// unless a test says otherwise.
#include <charconv>

#include "tests/packet/nat/nat_bed.h"

namespace millrace::testing {
namespace {

class Ftp : public NatTest {};
MILLRACE_NAT_VARIANTS(Ftp);

constexpr std::string_view kClient = "10.0.0.10";
constexpr std::string_view kServer = "93.184.216.34";
constexpr std::string_view kStranger = "8.8.8.8";
constexpr std::uint32_t kClientFirst = 1001;  // sequence numbers of the first bytes
constexpr std::uint32_t kServerFirst = 0xffffffe0;

NatSpec ftp_spec() {
  NatSpec spec;
  spec.algs.add(nat::AlgKind::kFtp);
  return spec;
}

// All ports are 2048 to 2111: in PORT they are "8,0" to "8,63".
NatSpec short_ports() {
  NatSpec spec = ftp_spec();
  spec.pools[0].first_port = 2048;
  spec.pools[0].last_port = 2048 + 63;
  spec.pools[0].ports_per_subscriber = 64;
  return spec;
}

std::string text_of(const Seen& seen) { return {seen.payload.begin(), seen.payload.end()}; }

std::uint32_t word_of(const Seen& seen, std::size_t at) {  // of the TCP header
  const std::size_t l4 = 14 + 20;
  const Frame& f = seen.frame;
  return std::uint32_t{f.at(l4 + at)} << 24 | std::uint32_t{f.at(l4 + at + 1)} << 16 |
         std::uint32_t{f.at(l4 + at + 2)} << 8 | f.at(l4 + at + 3);
}
std::uint32_t seq_of(const Seen& seen) { return word_of(seen, 4); }
std::uint32_t ack_of(const Seen& seen) { return word_of(seen, 8); }

std::vector<unsigned> numbers_in(std::string_view text) {
  std::vector<unsigned> numbers;
  for (std::size_t at = 0; at < text.size();) {
    unsigned value = 0;
    const auto read = std::from_chars(text.data() + at, text.data() + text.size(), value);
    if (read.ec == std::errc{}) {
      numbers.push_back(value);
      at = static_cast<std::size_t>(read.ptr - text.data());
    } else {
      ++at;
    }
  }
  return numbers;
}

// A control connection from the client's port 40000.
struct Control {
  NatBed& bed;
  std::string outside{};
  std::uint16_t port = 0;

  [[nodiscard]] static PacketBuilder out(std::string_view flags, std::uint32_t seq, std::uint32_t ack) {
    return NatBed::inside(kClient, kServer).tcp(40000, 21).flags(flags).seq(seq).ack(ack);
  }
  [[nodiscard]] PacketBuilder in(std::string_view flags, std::uint32_t seq, std::uint32_t ack) const {
    return NatBed::outside(kServer, outside).tcp(21, port).flags(flags).seq(seq).ack(ack);
  }
  void open() {
    const auto syn = bed.one(kInside, out("S", kClientFirst - 1, 0));
    ASSERT_TRUE(syn);
    outside = syn->source;
    port = syn->source_port;
    ASSERT_TRUE(bed.one(kOutside, in("SA", kServerFirst - 1, kClientFirst)));
    ASSERT_TRUE(bed.one(kInside, out("A", kClientFirst, kServerFirst)));
  }
  // The client says something from this number on.
  [[nodiscard]] std::optional<Seen> say(std::uint32_t seq, std::string_view text,
                                        std::uint32_t ack = kServerFirst) const {
    return bed.one(kInside, out("PA", seq, ack).payload(text));
  }
};

PacketBuilder data_syn(std::string_view source, std::string_view outside, unsigned port,
                       std::uint16_t from = 20) {
  return NatBed::outside(source, outside).tcp(from, static_cast<std::uint16_t>(port)).flags("S");
}

TEST_P(Ftp, TheServerConnectsToThePortThatTheClientNames) {
  NatBed bed(variant(), short_ports());
  Control c{bed};
  c.open();
  const auto said = c.say(kClientFirst, "PORT 10,0,0,10,200,21\r\n");  // 51221
  ASSERT_TRUE(said);
  const auto numbers = numbers_in(text_of(*said));
  ASSERT_EQ(numbers.size(), 6U) << text_of(*said);
  const unsigned port = numbers[4] * 256 + numbers[5];
  EXPECT_EQ(text_of(*said), "PORT 203,0,113,1,8," + std::to_string(port - 2048) + "\r\n");
  EXPECT_NE(port, c.port);
  // Nobody else, neither to that port nor to others.
  bed.refused(kOutside, data_syn(kStranger, c.outside, port), nat::Drop::kFiltered);
  const auto syn = bed.one(kOutside, data_syn(kServer, c.outside, port));
  ASSERT_TRUE(syn);
  EXPECT_EQ(syn->ends(), "93.184.216.34:20 > 10.0.0.10:51221");
  const auto answer = bed.one(kInside, NatBed::inside(kClient, kServer).tcp(51221, 20).flags("SA"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->ends(), "203.0.113.1:" + std::to_string(port) + " > 93.184.216.34:20");
  bed.refused(kOutside, data_syn(kStranger, c.outside, port), nat::Drop::kFiltered);
}

TEST_P(Ftp, TheSameByTheExtendedCommand) {
  NatBed bed(variant(), ftp_spec());
  Control c{bed};
  c.open();
  const auto said = c.say(kClientFirst, "eprt |1|10.0.0.10|51221|\r\n");
  ASSERT_TRUE(said);
  const auto numbers = numbers_in(text_of(*said));
  ASSERT_EQ(numbers.size(), 6U) << text_of(*said);
  EXPECT_EQ(text_of(*said), "eprt |1|203.0.113.1|" + std::to_string(numbers[5]) + "|\r\n");
  bed.wait(110'000);  // the port waits for two minutes
  const auto syn = bed.one(kOutside, data_syn(kServer, c.outside, numbers[5], 50000));
  ASSERT_TRUE(syn);
  EXPECT_EQ(syn->ends(), "93.184.216.34:50000 > 10.0.0.10:51221");
}

// "10,0,0,10,200,21" of 16 bytes becomes "203,0,113,1,8,N".
TEST_P(Ftp, NumbersFollowAMessageThatBecameLonger) {
  NatBed bed(variant(), short_ports());
  Control c{bed};
  c.open();
  constexpr std::string_view kPort = "PORT 10,0,0,1,9,9\r\n";  // not the client's: it passes
  const auto foreign = c.say(kClientFirst, kPort);
  ASSERT_TRUE(foreign);
  EXPECT_EQ(text_of(*foreign), kPort);
  std::uint32_t seq = kClientFirst + static_cast<std::uint32_t>(kPort.size());

  constexpr std::string_view kOwn = "PORT 10,0,0,10,8,1\r\n";
  const auto own = c.say(seq, kOwn);
  ASSERT_TRUE(own);
  EXPECT_EQ(seq_of(*own), seq);
  const auto grown = static_cast<std::uint32_t>(own->payload.size() - kOwn.size());
  EXPECT_GE(grown, 2U);
  const auto own_end = seq + static_cast<std::uint32_t>(kOwn.size());

  // What follows, and what the server acknowledges.
  const auto retr = c.say(own_end, "RETR file\r\n");
  ASSERT_TRUE(retr);
  EXPECT_EQ(seq_of(*retr), own_end + grown);
  EXPECT_EQ(ack_of(*retr), kServerFirst);
  const auto acked = bed.one(kOutside, c.in("A", kServerFirst, own_end + grown));
  ASSERT_TRUE(acked);
  EXPECT_EQ(ack_of(*acked), own_end);
  const auto reply =
      bed.one(kOutside, c.in("PA", kServerFirst, own_end + grown + 11).payload("150 Here it comes.\r\n"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(text_of(*reply), "150 Here it comes.\r\n");
  EXPECT_EQ(seq_of(*reply), kServerFirst);
  EXPECT_EQ(ack_of(*reply), own_end + 11);
  const auto fin = bed.one(kInside, Control::out("FA", own_end + 11, kServerFirst + 20));
  ASSERT_TRUE(fin);
  EXPECT_EQ(seq_of(*fin), own_end + 11 + grown);
  EXPECT_EQ(ack_of(*fin), kServerFirst + 20);
}

// "10,0,0,10,200,121" of 17 bytes becomes "203,0,113,1,8,N", of 15 or 16.
TEST_P(Ftp, AMessageThatComesAgainIsRewrittenAsBefore) {
  NatBed bed(variant(), short_ports());
  Control c{bed};
  c.open();
  constexpr std::string_view kPort = "PORT 10,0,0,10,200,121\r\n";
  const auto end = kClientFirst + static_cast<std::uint32_t>(kPort.size());
  const auto first = c.say(kClientFirst, kPort);
  ASSERT_TRUE(first);
  const auto less = static_cast<std::uint32_t>(kPort.size() - first->payload.size());
  EXPECT_GE(less, 1U);
  for (unsigned i = 0; i < 3; ++i) {
    const auto again = c.say(kClientFirst, kPort);
    ASSERT_TRUE(again);
    EXPECT_EQ(seq_of(*again), kClientFirst);
    EXPECT_EQ(text_of(*again), text_of(*first));
  }
  // Together with what follows.
  const auto both = c.say(kClientFirst, std::string(kPort) + "LIST\r\n");
  ASSERT_TRUE(both);
  EXPECT_EQ(seq_of(*both), kClientFirst);
  EXPECT_EQ(text_of(*both), text_of(*first) + "LIST\r\n");
  const auto list = c.say(end, "LIST\r\n");
  ASSERT_TRUE(list);
  EXPECT_EQ(seq_of(*list), end - less);
  EXPECT_EQ(bed.mappings(), 2U);
}

TEST_P(Ftp, SelectiveAcknowledgmentsFollowToo) {
  NatBed bed(variant(), short_ports());
  Control c{bed};
  c.open();
  constexpr std::string_view kPort = "PORT 10,0,0,10,8,1\r\n";
  const auto said = c.say(kClientFirst, kPort);
  ASSERT_TRUE(said);
  const auto grown = static_cast<std::uint32_t>(said->payload.size() - kPort.size());
  const auto end = kClientFirst + static_cast<std::uint32_t>(kPort.size());
  ASSERT_TRUE(c.say(end, "NOOP\r\n"));
  ASSERT_TRUE(c.say(end + 6, "NOOP\r\n"));
  // The server lacks the first NOOP: RFC 2018 section 3.
  const auto put = [](std::vector<std::uint8_t>& to, std::uint32_t value) {
    for (const unsigned shift : {24U, 16U, 8U, 0U}) to.push_back(static_cast<std::uint8_t>(value >> shift));
  };
  const auto block = [&](std::uint32_t from, std::uint32_t to) {
    std::vector<std::uint8_t> option{1, 1, 5, 10};
    put(option, from);
    put(option, to);
    return option;
  };
  const auto received = bed.one(
      kOutside, c.in("A", kServerFirst, end + grown).option(block(end + grown + 6, end + grown + 12)));
  ASSERT_TRUE(received);
  EXPECT_EQ(ack_of(*received), end);
  EXPECT_EQ(word_of(*received, 24), end + 6);
  EXPECT_EQ(word_of(*received, 28), end + 12);
}

// It names another host: FTP bounce (RFC 2577 section 2).
TEST_P(Ftp, NothingOpensForAThirdParty) {
  NatBed bed(variant(), ftp_spec());
  Control c{bed};
  c.open();
  std::uint32_t seq = kClientFirst;
  for (const std::string_view line : {
           "PORT 10,0,0,11,200,21\r\n",            // another host's
           "PORT 10,0,0,10,3,255\r\n",             // 1023, a service's
           "PORT 203,0,113,1,200,21\r\n",          // outside already
           "PORT 10,0,0,10,200,256\r\n",           // no number of a byte
           "PORT 10,0,0,10,200\r\n",               // one is missing
           "PORT 10,0,0,10,99999999999,1\r\n",     //
           "EPRT |1|10.0.0.11|51221|\r\n",         //
           "EPRT |2|2001:db8:1::10|51221|\r\n",    //
           "EPRT |1|10.0.0.10|80|\r\n",            //
           "227 Entering (10,0,0,10,200,21)\r\n",  // the server says that
       }) {
    const auto said = c.say(seq, line);
    ASSERT_TRUE(said) << line;
    EXPECT_EQ(text_of(*said), line);
    seq += static_cast<std::uint32_t>(line.size());
  }
  EXPECT_EQ(bed.mappings(), 1U);
  // What comes from outside opens nothing either.
  const auto reply = bed.one(
      kOutside, c.in("PA", kServerFirst, seq).payload("PORT 10,0,0,10,200,21\r\n227 (10,0,0,10,200,21)\r\n"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(text_of(*reply), "PORT 10,0,0,10,200,21\r\n227 (10,0,0,10,200,21)\r\n");
  EXPECT_EQ(bed.mappings(), 1U);
}

TEST_P(Ftp, RepliesFromOutsideComeInAnyOrder) {
  NatBed bed(variant(), ftp_spec());
  Control c{bed};
  c.open();
  ASSERT_TRUE(bed.one(kOutside, c.in("PA", kServerFirst + 11, kClientFirst).payload("230 ok\r\n")));
  ASSERT_TRUE(bed.one(kOutside, c.in("PA", kServerFirst, kClientFirst).payload("220 hello\r\n")));
}

TEST_P(Ftp, SeveralCommandsOfOneSegmentAreEachLookedAt) {
  NatBed bed(variant(), short_ports());
  Control c{bed};
  c.open();
  const auto said = c.say(kClientFirst, "NOOP\r\nPORT 10,0,0,10,8,1\r\nEPRT |1|10.0.0.10|2050|\r\nNOOP\r\n");
  ASSERT_TRUE(said);
  const auto numbers = numbers_in(text_of(*said));
  ASSERT_EQ(numbers.size(), 12U) << text_of(*said);
  EXPECT_EQ(text_of(*said), "NOOP\r\nPORT 203,0,113,1,8," + std::to_string(numbers[5]) +
                                "\r\nEPRT |1|203.0.113.1|" + std::to_string(numbers[11]) + "|\r\nNOOP\r\n");
  const auto grown = static_cast<std::uint32_t>(said->payload.size() - 57);
  const auto next = c.say(kClientFirst + 57, "QUIT\r\n");
  ASSERT_TRUE(next);
  EXPECT_EQ(seq_of(*next), kClientFirst + 57 + grown);
}

// So many changes are remembered: one more of a segment, which might come again, is not made.
TEST_P(Ftp, MorePortsOfASegmentThanAreRememberedPassAsTheyAre) {
  constexpr unsigned kRemembered = nat::SequenceShift::kMostChanges;
  constexpr unsigned kCommands = kRemembered + 2;
  NatBed bed(variant(), short_ports());
  Control c{bed};
  c.open();
  std::string text;
  for (unsigned i = 0; i < kCommands; ++i) text += "PORT 10,0,0,10,8," + std::to_string(1 + i % 6) + "\r\n";
  const auto said = c.say(kClientFirst, text);
  ASSERT_TRUE(said);
  EXPECT_EQ(seq_of(*said), kClientFirst);
  const auto numbers = numbers_in(text_of(*said));
  ASSERT_EQ(numbers.size(), kCommands * 6);
  for (unsigned i = 0; i < kCommands; ++i) EXPECT_EQ(numbers[i * 6], i < kRemembered ? 203U : 10U) << i;
  const auto again = c.say(kClientFirst, text);
  ASSERT_TRUE(again);
  EXPECT_EQ(seq_of(*again), kClientFirst);
  EXPECT_EQ(text_of(*again), text_of(*said));
  const auto next = c.say(kClientFirst + static_cast<std::uint32_t>(text.size()), "NOOP\r\n");
  ASSERT_TRUE(next);
  EXPECT_EQ(seq_of(*next), kClientFirst + said->payload.size());
}

TEST_P(Ftp, HalfACommandWaitsForTheRest) {
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
TEST_P(Ftp, WhatIsInTheMiddleOfALineIsNoCommand) {
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

TEST_P(Ftp, LongAndStrangeLinesPass) {
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

TEST_P(Ftp, AControlConnectionOpensEightPortsAtATime) {
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

TEST_P(Ftp, APortThatIsUsedStaysOpenAndAnUnusedOneCloses) {
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
  ASSERT_TRUE(bed.one(kOutside, data_syn(kServer, c.outside, used)));
  ASSERT_TRUE(bed.one(kInside, NatBed::inside(kClient, kServer).tcp(2049, 20).flags("SA")));
  bed.wait(125'000);
  EXPECT_TRUE(bed.one(kOutside, data_syn(kServer, c.outside, used).flags("A").payload(100)));
  bed.refused(kOutside, data_syn(kServer, c.outside, used, 999), nat::Drop::kFiltered);
  bed.refused(kOutside, data_syn(kServer, c.outside, unused), nat::Drop::kNoBinding);
}

TEST_P(Ftp, WithoutAPortTheMessagePassesAsItIs) {
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

TEST_P(Ftp, SwitchedOffMessagesPassAndNumbersGoOnDiffering) {
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

TEST_P(Ftp, OffMeansOff) {
  NatBed bed(variant());
  Control c{bed};
  c.open();
  const auto said = c.say(kClientFirst, "PORT 10,0,0,10,200,21\r\n");
  ASSERT_TRUE(said);
  EXPECT_EQ(text_of(*said), "PORT 10,0,0,10,200,21\r\n");
  EXPECT_EQ(bed.mappings(), 1U);
}

TEST_P(Ftp, AnotherConnectionOnTheSamePortsBeginsAnew) {
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

TEST_P(Ftp, AMessageWithAWrongChecksumOpensNothing) {
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

TEST_P(Ftp, WithoutARecordTheConnectionGoesOnUnread) {
  NatBed bed(variant(), short_ports(), {.sessions = 512, .subscribers = 64, .alg_sessions = 1});
  for (const std::uint16_t port : {std::uint16_t{50001}, std::uint16_t{50002}})
    ASSERT_TRUE(bed.one(kInside, NatBed::inside(kClient, kServer).tcp(port, 21).flags("S")));
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
    return NatBed::outside(kStranger, "203.0.113.9").tcp(50000, 21).flags(flags).seq(seq).ack(ack);
  }
  [[nodiscard]] static PacketBuilder out(std::string_view flags, std::uint32_t seq, std::uint32_t ack) {
    return NatBed::inside("10.0.0.90", kStranger).tcp(21, 50000).flags(flags).seq(seq).ack(ack);
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

TEST_P(Ftp, TheClientConnectsToThePortThatAServerInsideNames) {
  NatBed bed(variant(), server_inside());
  Served s{bed};
  s.open();
  constexpr std::string_view kReply = "227 Entering Passive Mode (10,0,0,90,200,21).\r\n";
  const auto said = s.reply(kServerFirst, kReply);
  ASSERT_TRUE(said);
  const auto numbers = numbers_in(text_of(*said));
  ASSERT_EQ(numbers.size(), 7U) << text_of(*said);
  EXPECT_EQ(text_of(*said), "227 Entering Passive Mode (203,0,113,9," + std::to_string(numbers[5]) + "," +
                                std::to_string(numbers[6]) + ").\r\n");
  const unsigned port = numbers[5] * 256 + numbers[6];
  bed.refused(kOutside, data_syn(kServer, "203.0.113.9", port), nat::Drop::kFiltered);
  const auto syn = bed.one(kOutside, data_syn(kStranger, "203.0.113.9", port, 50001));
  ASSERT_TRUE(syn);
  EXPECT_EQ(syn->ends(), "8.8.8.8:50001 > 10.0.0.90:51221");
  // What the client acknowledges, and what the server says next.
  const auto end = kServerFirst + static_cast<std::uint32_t>(kReply.size());
  const auto grown = static_cast<std::uint32_t>(said->payload.size() - kReply.size());
  const auto acked = bed.one(kOutside, Served::in("PA", kClientFirst, end + grown).payload("LIST\r\n"));
  ASSERT_TRUE(acked);
  EXPECT_EQ(ack_of(*acked), end);
  const auto next = s.reply(end, "150 ok\r\n");
  ASSERT_TRUE(next);
  EXPECT_EQ(seq_of(*next), end + grown);
}

TEST_P(Ftp, TheSameByTheExtendedReply) {
  NatBed bed(variant(), server_inside());
  Served s{bed};
  s.open();
  const auto said = s.reply(kServerFirst, "229 Entering Extended Passive Mode (|||51221|)\r\n");
  ASSERT_TRUE(said);
  const auto numbers = numbers_in(text_of(*said));
  ASSERT_EQ(numbers.size(), 2U) << text_of(*said);
  EXPECT_EQ(text_of(*said),
            "229 Entering Extended Passive Mode (|||" + std::to_string(numbers[1]) + "|)\r\n");
  const auto syn = bed.one(kOutside, data_syn(kStranger, "203.0.113.9", numbers[1], 50001));
  ASSERT_TRUE(syn);
  EXPECT_EQ(syn->ends(), "8.8.8.8:50001 > 10.0.0.90:51221");
}

// RFC 4787 REQ-2: what the server has at the forwarded port's address is no reason to use that for the rest.
TEST_P(Ftp, PairingOutlivesAPortAtAnotherAddress) {
  for (const std::uint16_t block : {std::uint16_t{0}, std::uint16_t{64}}) {
    NatSpec spec = server_inside();
    spec.pools[0].block = block;
    NatBed bed(variant(), spec);
    const auto out = [&](unsigned i) {
      return NatBed::inside("10.0.0.90", kServer).udp(static_cast<std::uint16_t>(3000 + i), 53);
    };
    const auto first = bed.one(kInside, out(0));
    ASSERT_TRUE(first);
    Served s{bed};
    s.open();
    const auto said = s.reply(kServerFirst, "227 Entering Passive Mode (10,0,0,90,200,21).\r\n");
    ASSERT_TRUE(said);
    EXPECT_EQ(text_of(*said).substr(0, 39), "227 Entering Passive Mode (203,0,113,9,");
    for (unsigned i = 1; i < 20; ++i) {
      const auto more = bed.one(kInside, out(i));
      ASSERT_TRUE(more);
      EXPECT_EQ(more->source, first->source);
    }
  }
}

// The whole address is the server's: only the address changes.
TEST_P(Ftp, AServerWithAnAddressOfItsOwnKeepsItsPorts) {
  NatSpec spec = ftp_spec();
  spec.statics = {static_mapping("10.0.0.90", "203.0.113.9")};
  NatBed bed(variant(), spec);
  Served s{bed};
  s.open();
  const auto said = s.reply(kServerFirst, "227 Entering Passive Mode (10,0,0,90,200,21).\r\n");
  ASSERT_TRUE(said);
  EXPECT_EQ(text_of(*said), "227 Entering Passive Mode (203,0,113,9,200,21).\r\n");
  const auto extended = s.reply(kServerFirst + 47, "229 (|||51221|)\r\n");
  ASSERT_TRUE(extended);
  EXPECT_EQ(text_of(*extended), "229 (|||51221|)\r\n");
  ASSERT_TRUE(bed.one(kOutside, data_syn(kStranger, "203.0.113.9", 51221, 50001)));
}

TEST_P(Ftp, APcpClientNeitherSeesNorEndsWhatIsOpenForAMessage) {
  NatSpec spec = short_ports();
  spec.port_control = nat::PortControl{};
  NatBed bed(variant(), spec);
  Control c{bed};
  c.open();
  const auto said = c.say(kClientFirst, "PORT 10,0,0,10,8,1\r\n");
  ASSERT_TRUE(said);
  // RFC 6887 section 11.1: delete all mappings of TCP, with a nonce of zeros.
  Frame request{2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 10};
  request.resize(60);
  request[36] = 6;
  ASSERT_TRUE(bed.one(kInside, NatBed::inside(kClient, "10.0.0.1").udp(5350, 5351).payload(request)));
  const unsigned port = 2048 + numbers_in(text_of(*said))[5];
  EXPECT_TRUE(bed.one(kOutside, data_syn(kServer, c.outside, port)));
}

}  // namespace
}  // namespace millrace::testing
