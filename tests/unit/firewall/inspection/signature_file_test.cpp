// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/signature_file.h"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/support/corpus.h"

namespace millrace::firewall::inspection {
namespace {

constexpr std::string_view kHead = "alert tcp any any -> any any (";

SignatureFile read(const std::string& text) { return read_signatures(text, default_variables()); }

// A signature with these options, which is one.
Signature one(const std::string& options, std::string_view head = kHead) {
  SignatureFile file = read(std::string(head) + options + " sid:1;)");
  EXPECT_EQ(file.skipped.size(), 0U) << (file.skipped.empty()
                                             ? ""
                                             : file.skipped[0].keyword + ": " + file.skipped[0].reason);
  if (file.signatures.empty()) return {};
  return file.signatures[0];
}

// Why a signature with these options is none: the keyword, and the reason.
Skipped none(const std::string& options, std::string_view head = kHead) {
  SignatureFile file = read(std::string(head) + options + " sid:1;)");
  EXPECT_EQ(file.signatures.size(), 0U);
  if (file.skipped.empty()) return {};
  return file.skipped[0];
}

template <class T>
const T& test(const Signature& signature, std::size_t buffer = 0, std::size_t place = 0) {
  return std::get<T>(signature.buffers.at(buffer).tests.at(place));
}

TEST(SignatureFile, Header) {
  const Signature signature =
      one("", "drop udp [10.0.0.0/8,!10.1.0.0/16] 1024: <> !192.0.2.1 [53,!54,80:90,!85] (");
  EXPECT_EQ(signature.response, Response::kDrop);
  EXPECT_EQ(signature.protocol, 17);
  EXPECT_TRUE(signature.both_ways);
  EXPECT_EQ(signature.source.within.at(0).to_string(), "10.0.0.0/8");
  EXPECT_EQ(signature.source.except.at(0).to_string(), "10.1.0.0/16");
  EXPECT_EQ(signature.destination.within.size(), 0U);
  EXPECT_EQ(signature.destination.except.at(0).to_string(), "192.0.2.1/32");
  EXPECT_EQ(signature.source_ports, (PortSpec{{1024, 65'535}}));
  EXPECT_EQ(signature.destination_ports, (PortSpec{{53, 53}, {80, 84}, {86, 90}}));
}

TEST(SignatureFile, VariablesAndTheirOpposite) {
  const Signature out = one("", "alert tcp $HOME_NET any -> $EXTERNAL_NET $HTTP_PORTS (");
  EXPECT_EQ(out.source.within.size(), 4U);
  EXPECT_EQ(out.destination.within.size(), 0U);
  EXPECT_EQ(out.destination.except, out.source.within);
  EXPECT_EQ(out.destination_ports, (PortSpec{{80, 80}}));
  const Signature in = one("", "alert tcp !$HOME_NET !80 -> !$EXTERNAL_NET any (");
  EXPECT_EQ(in.source.except, out.source.within);
  EXPECT_EQ(in.destination.within, out.source.within);
  EXPECT_EQ(in.source_ports, (PortSpec{{0, 79}, {81, 65'535}}));
  EXPECT_EQ(in.destination_ports, PortSpec{});
  EXPECT_EQ(none("", "alert tcp $NOBODY any -> any any (").keyword, "$NOBODY");
  EXPECT_EQ(one("", "alert tcp 192.0.2.77/24 any -> any any (").source.within.at(0).to_string(),
            "192.0.2.0/24");
}

TEST(SignatureFile, ContentAndItsModifiers) {
  const Signature signature = one(
      "content:\"GET |2f 0D|a\\\"b\\;c\"; nocase; offset:2; depth:40; content:!\"x\"; distance:-3; within:9; "
      "fast_pattern;");
  ASSERT_EQ(signature.buffers.size(), 1U);
  EXPECT_EQ(signature.buffers[0].buffer, Buffer::kPayload);
  const auto& first = test<Content>(signature);
  EXPECT_EQ(first.bytes,
            "GET \x2f\x0d"
            "a\"b;c");
  EXPECT_TRUE(first.caseless);
  EXPECT_EQ(first.offset, Number{2});
  EXPECT_EQ(first.depth, Number{40});
  const auto& second = test<Content>(signature, 0, 1);
  EXPECT_TRUE(second.negated);
  EXPECT_EQ(second.distance, Number{-3});
  EXPECT_EQ(second.within, Number{9});
  EXPECT_TRUE(second.fast_pattern);
}

TEST(SignatureFile, ModifiersMoveAContentAndStickyBuffersHold) {
  const Signature moved =
      one("content:\"a\"; http_uri; content:\"b\"; content:\"c\"; nocase; http_uri; uricontent:\"d\";");
  ASSERT_EQ(moved.buffers.size(), 2U);
  EXPECT_EQ(moved.buffers[0].buffer, Buffer::kHttpUri);
  EXPECT_EQ(moved.buffers[0].tests.size(), 3U);
  EXPECT_EQ(test<Content>(moved, 0, 1).bytes, "c");
  EXPECT_TRUE(test<Content>(moved, 0, 1).caseless);
  EXPECT_EQ(moved.buffers[1].buffer, Buffer::kPayload);
  EXPECT_EQ(moved.speech, Speech::kHttp);
  const Signature sticky =
      one("http.uri; content:\"a\"; content:\"b\"; http.header; content:\"c\"; pkt_data; content:\"d\";");
  ASSERT_EQ(sticky.buffers.size(), 3U);
  EXPECT_EQ(sticky.buffers[0].tests.size(), 2U);
  EXPECT_EQ(sticky.buffers[1].buffer, Buffer::kHttpHeader);
  EXPECT_EQ(sticky.buffers[2].buffer, Buffer::kPayload);
  EXPECT_EQ(one("tls_sni; content:\"a\";").speech, Speech::kTls);
  EXPECT_EQ(one("dns.query; content:\"a\";", "alert dns any any -> any any (").protocol, std::nullopt);
}

TEST(SignatureFile, ModifiersFindTheirContentBehindOtherTests) {
  const Signature signature = one("content:\"a\"; pcre:\"/x/\"; nocase; fast_pattern;");
  EXPECT_TRUE(test<Content>(signature).caseless);
  EXPECT_TRUE(test<Content>(signature).fast_pattern);
  EXPECT_EQ(none("pcre:\"/x/\"; nocase;").keyword, "nocase");
}

TEST(SignatureFile, RegularExpressions) {
  const auto pcre = test<Pcre>(one("pcre:!\"/a\\/b\\;c/iUmR\";"));
  EXPECT_EQ(pcre.pattern, "a\\/b\\;c");
  EXPECT_TRUE(pcre.negated && pcre.caseless && pcre.multi_line && pcre.relative);
  EXPECT_EQ(one("pcre:\"/a/U\";").buffers[0].buffer, Buffer::kHttpUri);
  EXPECT_EQ(one("content:\"x\"; http_header; pcre:\"/a/R\";").buffers[0].tests.size(), 2U);
  EXPECT_EQ(none("pcre:\"/a/k\";").keyword, "pcre");
  EXPECT_EQ(none("pcre:\"a\";").keyword, "pcre");
}

TEST(SignatureFile, NumbersInTraffic) {
  const Signature signature =
      one("content:\"x\"; byte_test:4,>=,1000,-2,relative,little; byte_test:5,!&,0x10,0,string,hex; "
          "byte_extract:2,0,size,relative,multiplier 2; byte_jump:2,size,from_beginning,post_offset -4; "
          "content:\"y\"; within:size; isdataat:!10,relative;");
  const auto& first = test<ByteTest>(signature, 0, 1);
  EXPECT_EQ(first.numeral,
            (Numeral{.bytes = 4, .little_endian = true, .base = 0, .offset = {-2}, .relative = true}));
  EXPECT_EQ(first.operation, ByteTest::Operator::kGreaterEqual);
  EXPECT_EQ(first.value, Number{1000});
  const auto& second = test<ByteTest>(signature, 0, 2);
  EXPECT_TRUE(second.negated);
  EXPECT_EQ(second.operation, ByteTest::Operator::kAnd);
  EXPECT_EQ(second.value, Number{16});
  EXPECT_EQ(second.numeral.base, 16);
  EXPECT_EQ(test<ByteExtract>(signature, 0, 3).multiplier, 2U);
  const auto& jump = test<ByteJump>(signature, 0, 4);
  EXPECT_EQ(jump.numeral.offset, (Number{0, 0}));
  EXPECT_EQ(jump.post_offset, -4);
  EXPECT_TRUE(jump.from_beginning);
  EXPECT_EQ(test<Content>(signature, 0, 5).within, (Number{0, 0}));
  EXPECT_EQ(test<IsDataAt>(signature, 0, 6), (IsDataAt{.at = {10}, .relative = true, .negated = true}));
  EXPECT_EQ(none("byte_test:9,>,1,0;").keyword, "byte_test");
  EXPECT_EQ(none("content:\"x\"; within:size;").keyword, "within");
}

TEST(SignatureFile, PacketAndSession) {
  const Signature signature = one(
      "flow:established,from_server; flowbits:isset,a|b; flowbits:set,c; flowbits:noalert; dsize:!10<>20; "
      "flags:S,12; ttl:<5; threshold: type both, track by_dst, seconds 30, count 7;");
  EXPECT_EQ(signature.flow.from, Side::kServer);
  EXPECT_TRUE(signature.flow.established);
  ASSERT_EQ(signature.flow_bits.size(), 2U);
  EXPECT_EQ(signature.flow_bits[0].names, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(signature.silent);
  EXPECT_EQ(signature.payload_length, (Range{11, 19}));
  EXPECT_TRUE(signature.payload_length_negated);
  EXPECT_EQ(signature.tcp_flags,
            (TcpFlagSpec{.flags = 0x02, .ignore = 0xc0, .how = TcpFlagSpec::How::kExactly}));
  EXPECT_EQ(signature.ttl, (Range{0, 4}));
  EXPECT_EQ(signature.threshold, (Threshold{Threshold::Kind::kBoth, Threshold::Track::kDestination, 7, 30}));
  EXPECT_EQ(one("urilen:10<>20,norm;").buffers[0].buffer, Buffer::kHttpUri);
  EXPECT_EQ(test<Length>(one("urilen:>5;")), (Length{6, 65'535}));
  EXPECT_EQ(none("flowbits:set;").keyword, "flowbits");
  EXPECT_EQ(none("threshold: type limit, track by_src;").keyword, "threshold");
}

TEST(SignatureFile, WordsForPeople) {
  const Signature signature =
      one("msg:\"a \\\"b\\\"\\; c\"; classtype:web-application-attack; reference:url,example.org/x; rev:4; "
          "metadata: created_at 2012_05_04, tag X, tag Y;");
  EXPECT_EQ(signature.message, "a \"b\"; c");
  EXPECT_EQ(signature.priority, 1);
  EXPECT_EQ(signature.revision, 4U);
  EXPECT_EQ(signature.references[0], (std::pair<std::string, std::string>{"url", "example.org/x"}));
  EXPECT_EQ(signature.metadata.size(), 3U);
  EXPECT_EQ(one("classtype:web-application-attack; priority:9;").priority, 9);
}

TEST(SignatureFile, SkipsWholeSignaturesByLine) {
  const SignatureFile file = read(
      "# a comment\n"
      "alert tcp any any -> any any (msg:\"1\"; sid:1;)\r\n"
      "alert tcp any any -> any any (msg:\"2\"; lua:x.lua; sid:2;)\n"
      "alert tcp any any -> any any \\\n"
      "  (msg:\"3\"; \\\n"
      "  sid:3;)\n"
      "#alert tcp any any -> any any (sid:4;)\n"
      "nonsense\n"
      "alert tcp any any -> any any (sid:1; rev:2;)\n");
  ASSERT_EQ(file.signatures.size(), 2U);
  EXPECT_EQ(file.signatures[0].revision, 2U);
  EXPECT_EQ(file.signatures[1].line, 4U);
  ASSERT_EQ(file.skipped.size(), 3U);
  EXPECT_EQ(file.skipped[0].line, 2U);
  EXPECT_EQ(file.skipped[1].keyword, "lua");
  EXPECT_EQ(file.skipped[1].sid, 2U);
  EXPECT_EQ(file.skipped[2].line, 8U);
}

TEST(SignatureFile, WhatContradictsItself) {
  EXPECT_EQ(none("content:\"abcd\"; depth:3;").keyword, "content");
  EXPECT_EQ(none("content:\"a\"; content:\"b\"; distance:1; offset:3;").keyword, "content");
  EXPECT_EQ(none("content:\"a\"; http_uri; content:\"b\"; tls.sni; content:\"c\";").keyword, "tls.sni");
  EXPECT_EQ(none("nocase;").keyword, "nocase");
  EXPECT_EQ(none("content:\"a|0|\";").keyword, "content");
  EXPECT_EQ(none("content:\"\";").keyword, "content");
  EXPECT_EQ(none("", "alert quic any any -> any any (").keyword, "quic");
  EXPECT_EQ(none("", "alert tcp any 70000 -> any any (").keyword, "70000");
  EXPECT_EQ(none("", "alert tcp any any -> !any any (").keyword, "!any");
}

TEST(SignatureFile, OfOthersMoreThanNineTenths) {
  const auto path = testing::corpus_folder() / "rules/emerging-threats-odd.rules";
  std::ifstream in(path, std::ios::binary);
  if (!in) GTEST_SKIP() << "no " << path;
  std::stringstream text;
  text << in.rdbuf();
  const SignatureFile file = read(text.str());
  std::map<std::string, unsigned> reasons;
  for (const Skipped& skipped : file.skipped)
    ++reasons[skipped.keyword == "sid" ? "given twice" : skipped.keyword + ": " + skipped.reason];
  for (const auto& [reason, count] : reasons) std::cout << count << "  " << reason << "\n";
  const auto all = file.signatures.size() + file.skipped.size();
  std::cout << file.signatures.size() << " of " << all << "\n";
  EXPECT_GT(file.signatures.size() * 10, all * 9);
}

}  // namespace
}  // namespace millrace::firewall::inspection
