// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/signature_bed.h"

namespace millrace::firewall::inspection {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

net::Prefix prefix(const char* text) { return *net::Prefix::parse(text); }
net::IpAddress address(const char* text) { return *net::IpAddress::parse(text); }

TEST(Matcher, FindsWhatComesInPieces) {
  const std::string all = "GET /evil HTTP/1.1";
  for (std::size_t cut = 1; cut < all.size(); ++cut) {
    SignatureBed bed({in_payload({content("/evil"), content("HTTP/1.1").distance(1)})});
    EXPECT_THAT(bed.stream(all.substr(0, cut)), IsEmpty()) << cut;
    EXPECT_THAT(bed.stream(all), ElementsAre(1)) << cut;
  }
}

TEST(Matcher, FindsALongContentByItsEnd) {
  const std::string wanted = std::string(100, 'x') + "0123456789" + std::string(20, 'y');
  SignatureBed bed({in_payload({content(wanted)})});
  EXPECT_THAT(bed.stream("." + wanted.substr(1)), IsEmpty());
  bed.next_session();
  const std::string all = "..." + wanted;
  EXPECT_THAT(bed.stream(all.substr(0, 60)), IsEmpty());
  EXPECT_THAT(bed.stream(all), ElementsAre(1));
}

TEST(Matcher, TellsInTheOrderOfWhatIsDone) {
  const auto with = [](Response response, std::uint8_t priority, std::uint32_t id) {
    Signature made = in_payload({content("evil")}, id);
    made.response = response;
    made.priority = priority;
    return made;
  };
  SignatureBed bed({with(Response::kAlert, 3, 1), with(Response::kAlert, 1, 2), with(Response::kReject, 3, 3),
                    with(Response::kDrop, 3, 4)});
  EXPECT_THAT(bed.stream("evil"), ElementsAre(4, 3, 2, 1));
  EXPECT_FALSE(bed.outcome.passed);
}

TEST(Matcher, LooksNoFurtherThanAPass) {
  Signature pass = in_payload({content("fine")}, 1);
  pass.response = Response::kPass;
  SignatureBed bed({in_payload({content("evil")}, 2), pass});
  EXPECT_THAT(bed.stream("evil"), ElementsAre(2));
  EXPECT_THAT(bed.stream("evil, fine, evil"), ElementsAre(1));
  EXPECT_TRUE(bed.outcome.passed);
}

TEST(Matcher, HitsOnceInADirection) {
  SignatureBed bed({in_payload({content("evil")})});
  EXPECT_THAT(bed.stream("evil"), ElementsAre(1));
  EXPECT_THAT(bed.stream("evil evil"), IsEmpty());
  bed.next_session();
  EXPECT_THAT(bed.stream("evil evil"), ElementsAre(1));
}

TEST(Matcher, HitsOnceInAMessage) {
  SignatureBed bed({signature({{Buffer::kHttpUri, {content("/evil")}}}), in_payload({content("evil")}, 2)});
  bed.put(Buffer::kHttpUri, "/evil");
  bed.put(Buffer::kPayload, "GET /evil", true);
  EXPECT_THAT(bed.ids(), ElementsAre(1, 2));
  bed.put(Buffer::kHttpUri, "/evil");
  EXPECT_THAT(bed.ids(), IsEmpty());
  bed.state.next_message();
  bed.put(Buffer::kHttpUri, "/evil");
  bed.put(Buffer::kPayload, "GET /evil GET /evil", true);
  EXPECT_THAT(bed.ids(), ElementsAre(1));
}

TEST(Matcher, SaysWhatItWaitsFor) {
  SignatureBed bed(
      {signature({{Buffer::kHttpUri, {content("/form")}}, {Buffer::kHttpRequestBody, {content("evil")}}})});
  bed.put(Buffer::kHttpUri, "/other");
  EXPECT_THAT(bed.ids(), IsEmpty());
  EXPECT_EQ(bed.outcome.waits, 0U);
  bed.put(Buffer::kHttpUri, "/form");
  EXPECT_THAT(bed.ids(), IsEmpty());
  EXPECT_EQ(bed.outcome.waits, bit(Buffer::kHttpRequestBody));
  bed.put(Buffer::kHttpRequestBody, "x=ev", true);
  EXPECT_THAT(bed.ids(), IsEmpty());
  EXPECT_EQ(bed.outcome.waits, bit(Buffer::kHttpRequestBody));
  bed.put(Buffer::kHttpRequestBody, "x=evil", true);
  EXPECT_THAT(bed.ids(), ElementsAre(1));
  EXPECT_EQ(bed.outcome.waits, 0U);
}

TEST(Matcher, DoesNotWaitForWhatIsNotComing) {
  SignatureBed bed(
      {signature({{Buffer::kHttpUri, {content("/form")}}, {Buffer::kHttpCookie, {content("evil")}}})});
  bed.subject.coming = bit(Buffer::kHttpRequestBody);
  bed.put(Buffer::kHttpUri, "/form");
  EXPECT_THAT(bed.ids(), IsEmpty());
  EXPECT_EQ(bed.outcome.waits, 0U);
  EXPECT_EQ(bed.state.waiting_count, 0);
}

TEST(Matcher, WaitsForSeveralThingsInAnyOrder) {
  SignatureBed bed({signature({{Buffer::kPayload, {content("x")}},
                               {Buffer::kHttpUri, {content("yy")}},
                               {Buffer::kHttpRequestBody, {content("body").fast()}}})});
  bed.put(Buffer::kHttpRequestBody, "body");
  EXPECT_THAT(bed.stream("-"), IsEmpty());
  EXPECT_THAT(bed.stream("-x"), IsEmpty());
  EXPECT_THAT(bed.stream("-x-"), IsEmpty());
  bed.put(Buffer::kHttpUri, "/yy");
  EXPECT_THAT(bed.ids(), ElementsAre(1));
}

TEST(Matcher, WaitsForWhatIsCountedFromTheEnd) {
  const ByteJump back{
      .numeral = {.bytes = 1, .offset = {}, .relative = true}, .post_offset = -3, .from_end = true};
  SignatureBed bed({in_payload({content("xxx").depth(3), back, content("y").within(1)})});
  EXPECT_THAT(bed.stream(std::string_view("xxx\0....", 8)), IsEmpty());
  EXPECT_THAT(bed.stream(std::string_view("xxx\0....y..", 11)), ElementsAre(1));
}

TEST(Matcher, DoesNotWaitForWhatCanNotHappen) {
  SignatureBed bed({in_payload({content("evil"), content("GET").depth(3)})});
  EXPECT_THAT(bed.stream("POST evil"), IsEmpty());
  EXPECT_EQ(bed.outcome.waits, 0U);
}

TEST(Matcher, WhatMoreBytesCouldUndoWaitsForTheEndOfAPart) {
  SignatureBed bed({signature({{Buffer::kHttpRequestBody, {content("a"), content("z").no()}}}),
                    in_payload({content("a"), content("z").no()}, 2)});
  bed.put(Buffer::kHttpRequestBody, "abc", true);
  EXPECT_THAT(bed.ids(), IsEmpty());
  bed.put(Buffer::kHttpRequestBody, "abcd", false);
  EXPECT_THAT(bed.ids(), ElementsAre(1));
  EXPECT_THAT(bed.stream("abc"), ElementsAre(2)) << "a stream has no end to wait for";
}

TEST(Matcher, ManyThatWaitAreFoundByScanningAgain) {
  std::vector<Signature> all;
  for (std::uint32_t id = 1; id <= 3 * MatchState::kMostWaiting; ++id)
    all.push_back(
        in_payload({content("begin").fast(), content("end" + std::to_string(id) + ";").distance(0)}, id));
  SignatureBed bed(all);
  EXPECT_THAT(bed.stream("begin ..."), IsEmpty());
  EXPECT_TRUE(bed.state.scan_again);
  EXPECT_NE(bed.outcome.waits & bit(Buffer::kPayload), 0U);
  EXPECT_THAT(bed.stream("begin ... end1; end40; end48;"), ElementsAre(1, 40, 48));
}

TEST(Matcher, LooksAtSegmentsWhenPlacesAreOfPackets) {
  Signature both = in_payload({content("evil").depth(4)}, 1);
  Signature stream_alone = in_payload({content("evil")}, 2);
  Signature segments_alone = in_payload({content("evil")}, 3);
  segments_alone.flow.no_stream = true;
  Signature by_length = in_payload({content("evil")}, 4);
  by_length.payload_length = Range{4, 4};
  SignatureBed bed({both, stream_alone, segments_alone, by_length});
  bed.subject.payload_length = 4;
  bed.subject.by_segment = true;
  bed.put(Buffer::kPayload, "evil");
  EXPECT_THAT(bed.ids(), ElementsAre(1, 3, 4));
  bed.subject.by_segment = false;
  EXPECT_THAT(bed.stream("not evil"), ElementsAre(2));
}

TEST(Matcher, LooksAtDatagramsOfOtherProtocols) {
  Signature dns = in_payload({content("evil").offset(2)}, 1);
  dns.protocol = 17;
  Signature ping = in_payload({content("evil")}, 2);
  ping.protocol = 1;
  Signature any = in_payload({content("evil")}, 3);
  any.protocol.reset();
  SignatureBed bed({dns, ping, any});
  const auto found = [&](std::uint8_t protocol) {
    bed.next_session();
    bed.subject.protocol = protocol;
    bed.put(Buffer::kPayload, "..evil");
    return bed.ids();
  };
  EXPECT_THAT(found(17), ElementsAre(1, 3));
  EXPECT_THAT(found(1), ElementsAre(2, 3));
  EXPECT_THAT(found(58), ElementsAre(2, 3));
  EXPECT_THAT(found(6), ElementsAre(3));
  EXPECT_THAT(found(47), ElementsAre(3));
}

TEST(Matcher, AsksForSidesSessionAndSpeech) {
  Signature from_server = in_payload({content("evil")}, 1);
  from_server.flow.from = Side::kServer;
  Signature established = in_payload({content("evil")}, 2);
  established.flow.established = true;
  Signature not_established = in_payload({content("evil")}, 3);
  not_established.flow.not_established = true;
  Signature http = in_payload({content("evil")}, 4);
  http.speech = Speech::kHttp;
  SignatureBed bed({from_server, established, not_established, http});
  EXPECT_THAT(bed.stream("evil"), ElementsAre(2));
  bed.next_session();
  bed.subject.side = Side::kServer;
  bed.subject.established = false;
  bed.subject.speech = Speech::kHttp;
  EXPECT_THAT(bed.stream("evil"), ElementsAre(1, 3, 4));
}

TEST(Matcher, AsksForAddressesAndPorts) {
  Signature out = in_payload({content("evil")}, 1);
  out.source.within = {prefix("10.0.0.0/8"), prefix("fd00::/8")};
  out.source.except = {prefix("10.9.0.0/16")};
  out.destination.except = {prefix("10.0.0.0/8")};
  out.destination_ports = {{80, 80}, {8000, 8100}};
  Signature either = out;
  either.id = 2;
  either.both_ways = true;
  SignatureBed bed({out, either});
  const auto found = [&](const char* source, const char* destination, std::uint16_t source_port,
                         std::uint16_t destination_port) {
    bed.next_session();
    bed.subject.source = address(source);
    bed.subject.destination = address(destination);
    bed.subject.source_port = source_port;
    bed.subject.destination_port = destination_port;
    return bed.stream("evil");
  };
  EXPECT_THAT(found("10.1.1.1", "192.0.2.1", 5000, 80), ElementsAre(1, 2));
  EXPECT_THAT(found("10.1.1.1", "192.0.2.1", 5000, 8100), ElementsAre(1, 2));
  EXPECT_THAT(found("10.1.1.1", "192.0.2.1", 5000, 8101), IsEmpty());
  EXPECT_THAT(found("10.9.1.1", "192.0.2.1", 5000, 80), IsEmpty());
  EXPECT_THAT(found("10.1.1.1", "10.2.2.2", 5000, 80), IsEmpty());
  EXPECT_THAT(found("fd00::1", "2001:db8::1", 5000, 80), ElementsAre(1, 2));
  EXPECT_THAT(found("192.0.2.1", "10.1.1.1", 80, 5000), ElementsAre(2));
}

TEST(Matcher, AsksThoseWithoutBytesWhenASessionBegins) {
  Signature listed = signature({}, 1);
  listed.destination.within = {prefix("192.0.2.1/32")};
  listed.destination_ports = {{81, 81}};
  Signature scan = signature({}, 2);
  scan.tcp_flags = TcpFlagSpec{.flags = 0x03};
  SignatureBed bed({listed, scan});
  bed.subject.destination = address("192.0.2.1");
  bed.subject.destination_port = 81;
  EXPECT_THAT(bed.ids(), IsEmpty());
  bed.subject.opening = true;
  EXPECT_THAT(bed.ids(), ElementsAre(1));
  EXPECT_THAT(bed.ids(), IsEmpty());
  bed.next_session();
  bed.subject.by_segment = true;
  bed.subject.tcp_flags = 0x03;
  EXPECT_THAT(bed.ids(), ElementsAre(1, 2));
  bed.next_session();
  bed.subject.destination_port = 82;
  EXPECT_THAT(bed.ids(), ElementsAre(2));
}

TEST(Matcher, AsksForFlagsLengthsAndTypes) {
  const auto holds = [](const auto& ask, const auto& set) {
    Signature made = signature({}, 1);
    made.protocol.reset();
    ask(made);
    SignatureBed bed({made});
    bed.subject.by_segment = true;
    set(bed.subject);
    return !bed.ids().empty();
  };
  const auto flags = [&](TcpFlagSpec wanted, std::uint8_t there) {
    return holds([&](Signature& s) { s.tcp_flags = wanted; }, [&](Subject& s) { s.tcp_flags = there; });
  };
  using How = TcpFlagSpec::How;
  EXPECT_TRUE(flags({.flags = 0x12}, 0x12));
  EXPECT_FALSE(flags({.flags = 0x12}, 0x1a));
  EXPECT_TRUE(flags({.flags = 0x12, .ignore = 0x08}, 0x1a));
  EXPECT_TRUE(flags({.flags = 0x12, .how = How::kAll}, 0x1a));
  EXPECT_FALSE(flags({.flags = 0x12, .how = How::kAll}, 0x0a));
  EXPECT_TRUE(flags({.flags = 0x12, .how = How::kAny}, 0x0a));
  EXPECT_FALSE(flags({.flags = 0x12, .how = How::kAny}, 0x08));
  EXPECT_TRUE(flags({.flags = 0x12, .how = How::kNone}, 0x08));
  EXPECT_FALSE(flags({.flags = 0x12, .how = How::kNone}, 0x0a));

  const auto length = [&](bool negated, std::uint32_t there) {
    return holds(
        [&](Signature& s) {
          s.payload_length = Range{10, 20};
          s.payload_length_negated = negated;
        },
        [&](Subject& s) { s.payload_length = there; });
  };
  EXPECT_TRUE(length(false, 10));
  EXPECT_FALSE(length(false, 21));
  EXPECT_FALSE(length(true, 20));
  EXPECT_TRUE(length(true, 9));
  const auto icmp = [](std::uint8_t type, std::uint8_t code, std::uint8_t ttl) {
    return [=](Subject& s) { s.icmp_type = type, s.icmp_code = code, s.ttl = ttl; };
  };
  EXPECT_TRUE(holds([](Signature& s) { s.icmp_type = Range{8, 8}; }, icmp(8, 0, 0)));
  EXPECT_FALSE(holds([](Signature& s) { s.icmp_type = Range{8, 8}; }, icmp(0, 8, 8)));
  EXPECT_TRUE(holds([](Signature& s) { s.icmp_code = Range{1, 3}; }, icmp(0, 3, 0)));
  EXPECT_FALSE(holds([](Signature& s) { s.icmp_code = Range{1, 3}; }, icmp(2, 0, 2)));
  EXPECT_TRUE(holds([](Signature& s) { s.ttl = Range{0, 1}; }, icmp(9, 9, 1)));
  EXPECT_FALSE(holds([](Signature& s) { s.ttl = Range{0, 1}; }, icmp(1, 1, 2)));
}

Signature with_bit(Signature made, FlowBit::Do what, std::vector<std::string> names) {
  made.flow_bits.push_back({what, std::move(names)});
  return made;
}

TEST(Matcher, FlowBitsTieSignaturesTogether) {
  SignatureBed bed({with_bit(in_payload({content("second")}, 1), FlowBit::Do::kIsSet, {"seen", "other"}),
                    with_bit(in_payload({content("first")}, 2), FlowBit::Do::kSet, {"seen"}),
                    with_bit(in_payload({content("third")}, 3), FlowBit::Do::kIsNotSet, {"seen"}),
                    with_bit(in_payload({content("undo")}, 4), FlowBit::Do::kUnset, {"seen"}),
                    with_bit(in_payload({content("turn")}, 5), FlowBit::Do::kToggle, {"seen"})});
  EXPECT_THAT(bed.stream("second"), IsEmpty());
  bed.next_session();
  EXPECT_THAT(bed.stream("first second"), ElementsAre(2, 1)) << "who sets comes before who asks";
  EXPECT_THAT(bed.stream("first second third....."), IsEmpty());
  EXPECT_THAT(bed.stream("first second third.....undo"), ElementsAre(4))
      << "the third came too early, and is past";
  EXPECT_THAT(bed.stream("first second third.....undo third"), ElementsAre(3));
  bed.next_session();
  EXPECT_THAT(bed.stream("turn second"), ElementsAre(5, 1));
}

TEST(Matcher, FlowBitsKeepTheirNumbersInANewSet) {
  SignatureBed bed({with_bit(in_payload({content("first")}, 1), FlowBit::Do::kSet, {"seen"})});
  EXPECT_THAT(bed.stream("first"), ElementsAre(1));
  auto next =
      compile_signatures({with_bit(in_payload({content("x")}, 7), FlowBit::Do::kIsSet, {"new"}),
                          with_bit(in_payload({content("second")}, 8), FlowBit::Do::kIsSet, {"seen"})},
                         bed.names);
  ASSERT_TRUE(next);
  bed.made = std::move(*next);
  bed.matcher = std::move(*Matcher::make(bed.made.set));
  EXPECT_THAT(bed.stream("first x second"), ElementsAre(8));
}

TEST(Matcher, ANewSetTakesOverInMidStream) {
  SignatureBed bed(
      {in_payload({content("begin"), content("end").distance(0)}, 1), in_payload({content("once")}, 2)});
  EXPECT_THAT(bed.stream("once begin ev"), ElementsAre(2));
  auto next = compile_signatures(
      {in_payload({content("other")}, 3), in_payload({content("evil")}, 4), in_payload({content("once")}, 2)},
      bed.names);
  ASSERT_TRUE(next);
  bed.made = std::move(*next);
  bed.matcher = std::move(*Matcher::make(bed.made.set));
  EXPECT_THAT(bed.stream("once begin evil once end"), ElementsAre(4)) << "what has hit does not hit again";
}

TEST(Matcher, ThresholdsSayWhetherToTell) {
  Signature limited = in_payload({content("evil")}, 1);
  limited.response = Response::kDrop;
  limited.threshold = Threshold{.count = 1, .seconds = 60};
  Signature silent = in_payload({content("evil")}, 2);
  silent.silent = true;
  Signature filtered = in_payload({content("evil")}, 3);
  filtered.detection_filter = Threshold{.kind = Threshold::Kind::kFilter, .count = 1, .seconds = 60};
  SignatureBed bed({limited, silent, filtered});
  EXPECT_THAT(bed.stream("evil"), ElementsAre(1, 2));
  EXPECT_TRUE(bed.hits.hits[0].told);
  EXPECT_FALSE(bed.hits.hits[1].told);
  bed.next_session();
  EXPECT_THAT(bed.stream("evil"), ElementsAre(1, 2, 3));
  EXPECT_FALSE(bed.hits.hits[0].told) << "it drops all the same";
  EXPECT_TRUE(bed.hits.hits[2].told);
}

TEST(Matcher, SaysWhereItEnded) {
  SignatureBed bed({in_payload({content("evil"), content("!").distance(0)})});
  EXPECT_THAT(bed.stream("so evil..!.."), ElementsAre(1));
  EXPECT_EQ(bed.hits.hits[0].end, 10U);
  EXPECT_EQ(bed.hits.hits[0].buffer, Buffer::kPayload);
}

TEST(Matcher, CountsHitsThatHaveNoRoom) {
  std::vector<Signature> all;
  for (std::uint32_t id = 1; id <= Hits::kMost + 3; ++id) all.push_back(in_payload({content("evil")}, id));
  SignatureBed bed(all);
  EXPECT_EQ(bed.stream("evil").size(), Hits::kMost);
  EXPECT_EQ(bed.hits.more, 3U);
}

// Each byte by itself, and each makes many candidates look at all that was there before.
TEST(Matcher, WorkInAllIsBounded) {
  std::vector<Signature> all;
  for (std::uint32_t id = 1; id <= 64; ++id)
    all.push_back(in_payload({content("a").fast(), content("b" + std::to_string(id)).distance(0)}, id));
  SignatureBed bed(all);
  const std::string stream(8192, 'a');
  std::size_t exhausted = 0;
  for (std::size_t end = 1; end <= stream.size(); ++end) {
    EXPECT_THAT(bed.stream(std::string_view(stream).substr(0, end)), IsEmpty());
    exhausted += bed.outcome.exhausted ? 1 : 0;
  }
  EXPECT_GT(exhausted, 0U);
  // Each check costs 16.
  const std::size_t work = MatchState::kFirstWork + stream.size() * MatchState::kWorkPerByte;
  EXPECT_LT(bed.matcher->evaluations(), work / 16 + stream.size());
}

TEST(Matcher, HasNothingToDoWithoutSignatures) {
  SignatureBed bed({});
  bed.subject.opening = true;
  EXPECT_THAT(bed.stream("anything"), IsEmpty());
  EXPECT_EQ(bed.outcome.waits, 0U);
}

}  // namespace
}  // namespace millrace::firewall::inspection
