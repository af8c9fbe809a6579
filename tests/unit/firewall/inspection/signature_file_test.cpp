// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/signature_file.h"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/support/corpus.h"
#include "tests/support/read_signature.h"

namespace millrace::firewall::inspection {
namespace {

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

TEST(SignatureFile, LinesThatGoOn) {
  const SignatureFile file = read(
      "#alert tcp any any -> any any \\\n"
      "  (msg:\"put out of force\"; \\\n"
      "  sid:1;)\n"
      "# a folder: C:\\rules\\\n"
      "alert tcp\\\n"
      " any any -> any any (content:\"a\\\n"
      " b\"; sid:2;)\r\n"
      "  # another \\\n"
      "# and another\n"
      "alert tcp any any -> any any (sid:3;)");
  ASSERT_EQ(file.signatures.size(), 2U);
  EXPECT_EQ(file.skipped.size(), 0U);
  EXPECT_EQ(file.signatures[0].line, 5U);
  EXPECT_EQ(test<Content>(file.signatures[0]).bytes, "a b");
  EXPECT_EQ(file.signatures[1].line, 10U);
}

TEST(SignatureFile, NamesWhatIsSkipped) {
  const SignatureFile file = read(
      "alert tcp any any -> any any (content:\"a; sid:77;\n"
      "alert tcp any any -> any any (sid:78;) and more\n"
      "alert tcp any any -> any any (sid:79;) # and a comment\n"
      "alert tcp any any -> any any (pcre:\"/a(b/\"; sid:80; rev:9;)\n"
      "alert tcp any any -> any any (pcre:\"/a(b)/\"; sid:80;)\n");
  ASSERT_EQ(file.skipped.size(), 3U);
  EXPECT_EQ(file.skipped[0].sid, 77U);
  EXPECT_EQ(file.skipped[1].keyword, "and more");
  EXPECT_EQ(file.skipped[2].keyword, "pcre");
  EXPECT_NE(file.skipped[2].reason.find("parenthes"), std::string::npos) << file.skipped[2].reason;
  ASSERT_EQ(file.signatures.size(), 2U);
  EXPECT_EQ(file.signatures[0].id, 79U);
  EXPECT_EQ(file.signatures[1].revision, 0U) << "one that can not be read takes the place of none";
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
