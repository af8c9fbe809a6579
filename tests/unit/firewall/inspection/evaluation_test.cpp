// SPDX-License-Identifier: BSD-3-Clause
// Each test and modifier by itself. What is expected is what Suricata's documentation says of the keyword.
#include <limits>

#include <gtest/gtest.h>

#include "tests/support/signature_bed.h"

namespace millrace::firewall::inspection {
namespace {

Pcre pcre(std::string pattern) { return {.pattern = std::move(pattern)}; }

TEST(ContentTest, IsFoundAnywhere) {
  EXPECT_TRUE(matches({content("needle")}, "a needle in a haystack"));
  EXPECT_TRUE(matches({content("needle")}, "needle"));
  EXPECT_FALSE(matches({content("needle")}, "a needl"));
  EXPECT_FALSE(matches({content("needle")}, "NEEDLE"));
  EXPECT_TRUE(matches({content("NeEdLe").nocase()}, "a nEeDlE"));
  EXPECT_TRUE(matches({content(std::string("\0\xff", 2))}, std::string_view("a\0\xff", 3)));
}

TEST(ContentTest, CaselessIsOfLettersAlone) {
  EXPECT_FALSE(matches({content("a@").nocase()}, "A`"));
  EXPECT_FALSE(matches({content("[x").nocase()}, "{X"));
  EXPECT_FALSE(matches({content("a\xc4").nocase()}, "a\xe4"));
}

TEST(ContentTest, OffsetAndDepth) {
  EXPECT_TRUE(matches({content("abc").offset(2)}, "xxabc"));
  EXPECT_FALSE(matches({content("abc").offset(3)}, "xxabc"));
  EXPECT_TRUE(matches({content("abc").depth(3)}, "abcxx"));
  EXPECT_FALSE(matches({content("abc").depth(3)}, "xabcx"));
  EXPECT_TRUE(matches({content("abc").offset(2).depth(4)}, "xxxabc"));
  EXPECT_FALSE(matches({content("abc").offset(2).depth(3)}, "xxxabc"));
}

TEST(ContentTest, DistanceAndWithin) {
  EXPECT_TRUE(matches({content("ab"), content("cd").distance(0)}, "ab cd"));
  EXPECT_FALSE(matches({content("ab"), content("cd").distance(0)}, "cd ab"));
  EXPECT_TRUE(matches({content("ab"), content("cd").distance(2)}, "ab..cd"));
  EXPECT_FALSE(matches({content("ab"), content("cd").distance(3)}, "ab..cd"));
  EXPECT_TRUE(matches({content("ab"), content("cd").within(2)}, "abcd"));
  EXPECT_FALSE(matches({content("ab"), content("cd").within(2)}, "ab.cd"));
  EXPECT_TRUE(matches({content("ab"), content("cd").distance(1).within(3)}, "ab..cd"));
  EXPECT_FALSE(matches({content("ab"), content("cd").distance(1).within(2)}, "ab..cd"));
  EXPECT_TRUE(matches({content("abcd"), content("bc").distance(-3)}, "abcd"));
  EXPECT_TRUE(matches({content("cd"), content("ab").distance(-100)}, "ab cd"));
}

TEST(ContentTest, TriesTheNextPlaceWhenWhatFollowsIsNotThere) {
  EXPECT_TRUE(matches({content("ab"), content("cd").within(2)}, "ab.ab.abcd"));
  EXPECT_TRUE(matches({content("a"), content("b").within(1), content("c").within(1)}, "ab.aab.abc"));
  EXPECT_TRUE(matches({content("aa"), content("b").within(1)}, "aaab"));
  // The first two are to be found together only at a place where the third is not.
  EXPECT_FALSE(matches({content("a"), content("b").within(1), content("c").within(1)}, "ab.ac.bc"));
}

TEST(ContentTest, OneThatIsNotRelativeStartsAnew) {
  EXPECT_TRUE(matches({content("cd"), content("ab")}, "ab cd"));
  EXPECT_TRUE(matches({content("cd"), content("ab"), content(".").within(1)}, "ab.cd"));
}

TEST(ContentTest, Negated) {
  EXPECT_TRUE(matches({content("ab"), content("cd").no()}, "ab"));
  EXPECT_FALSE(matches({content("ab"), content("cd").no()}, "ab cd"));
  EXPECT_TRUE(matches({content("ab"), content("cd").no().depth(3)}, "ab cd"));
  EXPECT_TRUE(matches({content("ab"), content("cd").no().within(2)}, "ab.cd"));
  EXPECT_FALSE(matches({content("ab"), content("cd").no().within(3)}, "ab.cd"));
  EXPECT_TRUE(matches({content("ab"), content("cd").no().within(3)}, "ab.cd ab")) << "not behind the second";
  EXPECT_TRUE(matches({content("ab"), content("cd").no().offset(100)}, "ab cd")) << "no such place";
}

TEST(ContentTest, EndsWith) {
  EXPECT_TRUE(matches({content("ab").endswith()}, "ab.ab"));
  EXPECT_FALSE(matches({content("ab").endswith()}, "ab."));
  EXPECT_FALSE(matches({content("ab").endswith().depth(3)}, "ab.ab"));
  EXPECT_TRUE(matches({content("."), content("ab").no().endswith()}, "ab."));
  EXPECT_FALSE(matches({content("."), content("ab").no().endswith()}, ".ab"));
}

TEST(PcreTest, FindsAndIsRelative) {
  EXPECT_TRUE(matches({pcre("a[0-9]+b")}, "xa123b"));
  EXPECT_FALSE(matches({pcre("a[0-9]+b")}, "xab"));
  Pcre behind = pcre("^b");
  behind.relative = true;
  EXPECT_TRUE(matches({content("a"), behind}, "a.ab"));
  EXPECT_FALSE(matches({content("a"), behind}, "a.b"));
  EXPECT_TRUE(matches({pcre("a+"), content("b").within(1)}, "a.aab"));
}

TEST(PcreTest, Negated) {
  Pcre none = pcre("[0-9]");
  none.negated = true;
  EXPECT_TRUE(matches({content("a"), none}, "abc"));
  EXPECT_FALSE(matches({content("a"), none}, "ab1"));
}

TEST(PcreTest, Flags) {
  const auto with = [](bool Pcre::*flag, std::string pattern, std::string_view text) {
    Pcre flagged = pcre(std::move(pattern));
    const bool without = matches({flagged}, text);
    flagged.*flag = true;
    return std::pair(without, matches({flagged}, text));
  };
  const std::pair helps(false, true);
  const std::pair hurts(true, false);
  EXPECT_EQ(with(&Pcre::caseless, "ab", "AB"), helps);
  EXPECT_EQ(with(&Pcre::multi_line, "^b", "a\nb"), helps);
  EXPECT_EQ(with(&Pcre::dot_all, "a.b", "a\nb"), helps);
  EXPECT_EQ(with(&Pcre::extended, "a b", "ab"), helps);
  EXPECT_EQ(with(&Pcre::anchored, "b", "ab"), hurts);
  EXPECT_EQ(with(&Pcre::dollar_end, "a$", "a\n"), hurts);
}

TEST(PcreTest, ThatCanNotBeCompiledLeavesTheSignatureOut) {
  SignatureBed bed({in_payload({content("good")}, 1), in_payload({content("x"), pcre("(open")}, 2),
                    in_payload({content("bad")}, 3)});
  ASSERT_EQ(bed.made.left_out.size(), 1U);
  EXPECT_EQ(bed.made.left_out[0].signature, 1U);
  EXPECT_NE(bed.made.left_out[0].reason.find("parenthes"), std::string::npos) << bed.made.left_out[0].reason;
  EXPECT_EQ(bed.stream("good and bad"), (std::vector<std::uint32_t>{1, 3}));
}

TEST(PcreTest, OneThatTakesTooLongDoesNotMatch) {
  SignatureBed bed({in_payload({content("aaa"), pcre("^(a|a?)+$"), pcre("z")})});
  EXPECT_TRUE(bed.stream(std::string(64, 'a') + "bz").empty());
  EXPECT_GT(bed.matcher->regexes_given_up(), 0U);
}

TEST(IsDataAtTest, FromTheBeginningAndBehind) {
  const auto at = [](std::int64_t where, bool relative, bool negated) {
    return IsDataAt{number(where), relative, negated};
  };
  EXPECT_TRUE(matches({content("a"), at(3, false, false)}, "abcd"));
  EXPECT_FALSE(matches({content("a"), at(4, false, false)}, "abcd"));
  EXPECT_TRUE(matches({content("b"), at(2, true, false)}, "abcd"));
  EXPECT_FALSE(matches({content("b"), at(3, true, false)}, "abcd"));
  EXPECT_TRUE(matches({content("d"), at(1, true, true)}, "abcd"));
  EXPECT_FALSE(matches({content("c"), at(1, true, true)}, "abcd"));
}

Numeral numeral(std::uint8_t bytes, std::int64_t offset, bool relative = false) {
  return {.bytes = bytes, .offset = number(offset), .relative = relative};
}

TEST(ByteTestTest, EachOperator) {
  using Operator = ByteTest::Operator;
  const auto holds = [](Operator operation, std::int64_t value) {
    return matches(
        {content("x"), ByteTest{.numeral = numeral(2, 1), .operation = operation, .value = number(value)}},
        std::string_view("x\x01\x02", 3));
  };
  EXPECT_TRUE(holds(Operator::kEqual, 0x0102));
  EXPECT_FALSE(holds(Operator::kEqual, 0x0201));
  EXPECT_TRUE(holds(Operator::kLess, 0x0103));
  EXPECT_FALSE(holds(Operator::kLess, 0x0102));
  EXPECT_TRUE(holds(Operator::kGreater, 0x0101));
  EXPECT_FALSE(holds(Operator::kGreater, 0x0102));
  EXPECT_TRUE(holds(Operator::kLessEqual, 0x0102));
  EXPECT_FALSE(holds(Operator::kLessEqual, 0x0101));
  EXPECT_TRUE(holds(Operator::kGreaterEqual, 0x0102));
  EXPECT_FALSE(holds(Operator::kGreaterEqual, 0x0103));
  EXPECT_TRUE(holds(Operator::kAnd, 0x0002));
  EXPECT_FALSE(holds(Operator::kAnd, 0x0004));
  EXPECT_TRUE(holds(Operator::kXor, 0));
  EXPECT_FALSE(holds(Operator::kXor, 0x0102));
}

TEST(ByteTestTest, WhereAndHowTheNumberIsRead) {
  ByteTest test{.numeral = numeral(2, 1, true), .value = number(0x0201)};
  test.numeral.little_endian = true;
  EXPECT_TRUE(matches({content("x"), test}, std::string_view("..x.\x01\x02", 6)));
  EXPECT_FALSE(matches({content("x"), test}, std::string_view("..x.\x01", 5))) << "it is not all there";
  test.negated = true;
  EXPECT_FALSE(matches({content("x"), test}, std::string_view("..x.\x01", 5))) << "nor is it another number";
  EXPECT_FALSE(matches(
      {content("x"), ByteTest{.numeral = numeral(1, -3), .negated = true, .value = number(9)}}, "xyz"));

  ByteTest written{.numeral = {.bytes = 4, .base = 10, .offset = number(0), .relative = true},
                   .value = number(42)};
  EXPECT_TRUE(matches({content("n="), written}, "n= 42;"));
  EXPECT_FALSE(matches({content("n="), written}, "n= 4x2"));
  EXPECT_FALSE(matches({content("n="), written}, "n=abcd"));
  written.numeral.bytes = 0;  // as many digits as there are
  EXPECT_TRUE(matches({content("n="), written}, "n= 42;"));
  EXPECT_TRUE(matches({content("n="), written}, "n=0000042"));
  EXPECT_FALSE(matches({content("n="), written}, "n=421"));
  EXPECT_FALSE(matches({content("n="), written}, "n="));
  written.numeral.bytes = 4;
  written.numeral.base = 16;
  EXPECT_TRUE(matches({content("n="), written}, "n=0x2a"));
  ByteTest under_mask{.numeral = numeral(1, 1), .value = number(3), .mask = 0x30};
  EXPECT_TRUE(matches({content("x"), under_mask}, "x\x3f"));
}

TEST(ByteJumpTest, MovesWhereTheNextBegins) {
  const ByteJump jump{.numeral = numeral(1, 0, true)};
  EXPECT_TRUE(matches({content("x"), jump, content("y").within(1)}, "x\x02..y"));
  EXPECT_FALSE(matches({content("x"), jump, content("y").within(1)}, "x\x03..y..."));
  EXPECT_FALSE(matches({content("x"), jump}, "x\x03...")) << "behind the last byte";
  EXPECT_TRUE(matches(
      {content("x"), ByteJump{.numeral = numeral(1, 0, true), .multiplier = 2}, content("y").within(1)},
      "x\x02....y"));
  EXPECT_TRUE(
      matches({content("x"), ByteJump{.numeral = numeral(1, 0, true), .align = true}, content("y").within(1)},
              "x\x01....y"));
  EXPECT_TRUE(matches(
      {content("x"), ByteJump{.numeral = numeral(1, 0, true), .post_offset = -1}, content("y").within(1)},
      "x\x03..y"));
  EXPECT_TRUE(matches({content("x"), ByteJump{.numeral = numeral(1, 0, true), .from_beginning = true},
                       content("y").within(1)},
                      "y..x\x01zz") == false);
  EXPECT_TRUE(matches({content("x"), ByteJump{.numeral = numeral(1, 0, true), .from_beginning = true},
                       content("y").within(1)},
                      ".y.x\x01"));
  EXPECT_TRUE(
      matches({content("x"), ByteJump{.numeral = numeral(1, 0, true), .post_offset = -3, .from_end = true},
               content("y").within(1)},
              "x\x01..y."));
}

TEST(ByteExtractTest, OthersUseWhatItFound) {
  const ByteExtract length{.numeral = numeral(1, 0, true), .variable = 1};
  Content end = content("y").made;
  end.distance = variable(1);
  end.within = number(1);
  EXPECT_TRUE(matches({content("x"), length, end}, "x\x02..y"));
  EXPECT_FALSE(matches({content("x"), length, end}, "x\x02.y"));
  // The second x is the one whose number fits.
  EXPECT_TRUE(matches({content("x"), length, end}, "x\x01x\x02..y"));
  Content there = content("y").made;
  there.offset = variable(1);
  there.depth = number(1);
  EXPECT_TRUE(matches({content("x"), length, there}, "x\x01x\x05.y"));
  EXPECT_FALSE(matches({content("x"), length, there}, "x\x01x\x04.y"));
  EXPECT_TRUE(matches({content("x"), length, IsDataAt{variable(1), true, false}}, "x\x02.."));
  EXPECT_FALSE(matches({content("x"), length, IsDataAt{variable(1), true, false}}, "x\x02."));
  EXPECT_TRUE(matches({content("x"), length, ByteTest{.numeral = numeral(1, 0, true), .value = variable(1)}},
                      "x\x07\x07"));
}

TEST(LengthTest, OfTheBuffer) {
  const auto uri = [](std::string_view text) {
    SignatureBed bed({signature({{Buffer::kHttpUri, {content("/"), Length{3, 4}}}})});
    bed.put(Buffer::kHttpUri, text);
    return !bed.ids().empty();
  };
  EXPECT_FALSE(uri("/a"));
  EXPECT_TRUE(uri("/ab"));
  EXPECT_TRUE(uri("/abc"));
  EXPECT_FALSE(uri("/abcd"));
}

TEST(NumbersThatCanNotBe, LeaveTheSignatureOut) {
  const auto refused = [](inspection::Test test) {
    return SignatureBed({in_payload({content("x"), std::move(test)})}).made.left_out.size() == 1;
  };
  EXPECT_TRUE(refused(ByteTest{.numeral = numeral(9, 0), .value = {}}));
  EXPECT_TRUE(refused(ByteTest{.numeral = numeral(0, 0), .value = {}}));
  EXPECT_TRUE(refused(ByteTest{.numeral = {.bytes = 2, .base = 7, .offset = {}}, .value = {}}));
  EXPECT_TRUE(refused(ByteExtract{.numeral = numeral(1, 0), .variable = kMostVariables}));
  EXPECT_TRUE(refused(ByteExtract{.numeral = numeral(1, 0), .variable = -1}));
  EXPECT_TRUE(refused(IsDataAt{variable(kMostVariables), false, false}));
  EXPECT_TRUE(refused(content("")));
}

TEST(HugeNumbers, AreNoPlacesInABuffer) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  EXPECT_FALSE(matches({content("x"), content("y").distance(kMost)}, "xy"));
  EXPECT_TRUE(matches({content("x"), content("y").distance(kLeast)}, "xy"));
  EXPECT_TRUE(matches({content("x"), content("y").within(kMost)}, "xy"));
  EXPECT_TRUE(matches({content("x").offset(kLeast)}, "xy"));
  const ByteExtract huge{.numeral = numeral(8, 0), .variable = 0, .multiplier = 0xffffffff};
  Content behind = content("y").made;
  behind.distance = variable(0);
  behind.within = variable(0);
  EXPECT_FALSE(
      matches({content("x"), huge, behind, ByteJump{.numeral = numeral(8, 0), .multiplier = 0xffffffff}},
              "\xff\xff\xff\xff\xff\xff\xff\xffxy"));
}

}  // namespace
}  // namespace millrace::firewall::inspection
