// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/regex.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace millrace::firewall::inspection {
namespace {

struct Found {
  Regex::Outcome outcome = Regex::Outcome::kNone;
  Regex::Place place;
};

Found find(const Pcre& pcre, const std::string& in, std::size_t from = 0) {
  auto room = RegexRoom::make();
  auto regex = Regex::compile(pcre);
  if (!room || !regex) throw std::runtime_error(regex ? "no room" : regex.error().message());
  Found found;
  found.outcome =
      regex->find({reinterpret_cast<const std::uint8_t*>(in.data()), in.size()}, from, *room, found.place);
  return found;
}

TEST(Regex, FindsTheFirstMatchHoweverFarIn) {
  for (const std::size_t before : {0U, 1U, 255U, 256U, 257U, 767U, 768U, 769U, 50'000U}) {
    const Found found = find({.pattern = "b+c"}, std::string(before, 'a') + "bbcbc");
    ASSERT_EQ(found.outcome, Regex::Outcome::kFound) << before;
    EXPECT_EQ(found.place.begin, before);
    EXPECT_EQ(found.place.end, before + 3);
  }
}

TEST(Regex, SeesWhatIsBeforeAndBehind) {
  for (const std::size_t before : {256U, 300U, 768U}) {
    const std::string in = std::string(before - 1, 'a') + "xb" + std::string(5000, 'a') + "z";
    EXPECT_EQ(find({.pattern = "(?<=x)b"}, in).place.begin, before);
    EXPECT_EQ(find({.pattern = "xb.*z"}, in).place.end, in.size());
    EXPECT_EQ(find({.pattern = "^b"}, in).outcome, Regex::Outcome::kNone);
    EXPECT_EQ(find({.pattern = "b", .anchored = true}, in).outcome, Regex::Outcome::kNone);
    EXPECT_EQ(find({.pattern = "\\Gb"}, in).outcome, Regex::Outcome::kNone);
    EXPECT_EQ(find({.pattern = "\\Gb"}, in, before).outcome, Regex::Outcome::kFound);
    EXPECT_EQ(find({.pattern = "z$"}, in).place.end, in.size());
  }
  EXPECT_EQ(find({.pattern = "$"}, std::string(255, 'a')).place.begin, 255U);
  EXPECT_EQ(find({.pattern = "$"}, std::string(256, 'a')).place.begin, 256U);
  EXPECT_EQ(find({.pattern = "^$"}, "").outcome, Regex::Outcome::kFound);
}

// Seconds for all of its beginnings, if it were let; each by itself is within the limit.
TEST(Regex, IsGivenUpWhenItIsSlow) {
  const std::string in(1 << 18, 'a');
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(find({.pattern = "a[^\n]{0,4000}[yz]"}, in).outcome, Regex::Outcome::kTooLong);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(3));
}

TEST(Regex, SaysWhatIsWrong) {
  const auto wrong = Regex::compile({.pattern = "a(b"});
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().reason.find("parenthes"), std::string::npos);
  EXPECT_FALSE(Regex::compile({.pattern = "(*UTF)a"})) << "bytes are no text";
  EXPECT_FALSE(Regex::compile({.pattern = "(*NO_JIT)a"})) << "nothing else runs on the data path";
}

}  // namespace
}  // namespace millrace::firewall::inspection
