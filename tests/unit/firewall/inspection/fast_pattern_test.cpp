// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/fast_pattern.h"

#include <gtest/gtest.h>

#include "tests/support/signature_bed.h"

namespace millrace::firewall::inspection {
namespace {

std::string chosen(const Signature& from) {
  const auto pattern = fast_pattern_of(from);
  return pattern ? pattern->bytes : "";
}

TEST(FastPattern, IsTheOneThatIsMarked) {
  EXPECT_EQ(chosen(in_payload({content("a long and rare one"), content("ab").fast()})), "ab");
}

TEST(FastPattern, IsTheLeastLikely) {
  EXPECT_EQ(chosen(in_payload({content("abc"), content("abcdef"), content("abcd")})), "abcdef");
  EXPECT_EQ(chosen(in_payload({content("aaaaaaaa"), content("abcdef")})), "abcdef");
  EXPECT_EQ(chosen(in_payload({content("much longer but not there").no(), content("abc")})), "abc");
}

TEST(FastPattern, IsInANamedBufferWhenThereIsOneOfUse) {
  EXPECT_EQ(chosen(signature(
                {{Buffer::kPayload, {content("something long")}}, {Buffer::kHttpUri, {content("/evil")}}})),
            "/evil");
  EXPECT_EQ(chosen(signature(
                {{Buffer::kPayload, {content("something long")}}, {Buffer::kHttpUri, {content("/")}}})),
            "something long");
  EXPECT_EQ(chosen(signature(
                {{Buffer::kHttpMethod, {content("PROPFIND")}}, {Buffer::kPayload, {content("abcdef")}}})),
            "abcdef");
}

TEST(FastPattern, OfALongOneIsItsEnd) {
  const std::string text = std::string(40, 'x') + "the end of it, that is rather long";
  EXPECT_EQ(chosen(in_payload({content(text)})), text.substr(text.size() - FastPattern::kMostBytes));
}

TEST(FastPattern, KnowsWhereItMayEnd) {
  const auto of = [](const inspection::Test& test) { return *fast_pattern_of(in_payload({test})); };
  EXPECT_EQ(of(content("abc").offset(5).depth(10)).least_end, 8U);
  EXPECT_EQ(of(content("abc").offset(5).depth(10)).most_end, 15U);
  EXPECT_EQ(of(content("abc")).least_end, 3U);
  EXPECT_EQ(of(content("abc")).most_end, 0xffffffffU);
  Content varying = content("abc").depth(10).made;
  varying.offset = variable(0);
  EXPECT_EQ(of(varying).most_end, 0xffffffffU);
}

TEST(FastPattern, IsNoneWithoutAContentThatMustBeThere) {
  EXPECT_FALSE(fast_pattern_of(in_payload({content("abc").no(), Pcre{.pattern = "abc"}})));
}

TEST(CompileSignatures, CountsWhatItMade) {
  const SignatureBed bed({in_payload({content("evil")}, 1),
                          in_payload({content("evil"), content("x").no()}, 2),
                          in_payload({Pcre{.pattern = "[a-z]"}}, 3), signature({}, 4)});
  EXPECT_EQ(bed.made.report.signatures, 4U);
  EXPECT_EQ(bed.made.report.by_content, 2U);
  EXPECT_EQ(bed.made.report.always, 1U);
  EXPECT_EQ(bed.made.report.by_header, 1U);
  EXPECT_EQ(bed.made.report.patterns, 1U) << "the same for both, and for both sides";
  EXPECT_EQ(bed.made.report.databases, 1U);
}

}  // namespace
}  // namespace millrace::firewall::inspection
