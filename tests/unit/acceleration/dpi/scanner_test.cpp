// SPDX-License-Identifier: BSD-3-Clause
// What is found, in blocks, in pieces and in streams, beside a search that is plain to see.
#include "common/acceleration/dpi/scanner.h"

#include <algorithm>
#include <random>
#include <set>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::dpi {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using Found = std::set<std::pair<std::uint32_t, std::uint64_t>>;  // pattern, end

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::shared_ptr<const Database> compiled(const std::vector<Pattern>& patterns, Mode mode) {
  auto made = Database::compile(patterns, mode);
  EXPECT_TRUE(made) << made.error().error.message();
  return made ? std::move(*made) : nullptr;
}

Scratch scratch_for(const std::shared_ptr<const Database>& database) {
  auto made = Scratch::make({{database}});
  if (!made) throw std::runtime_error(made.error().message());
  return std::move(*made);
}

auto into(Found& found) {
  return [&found](Match match) noexcept {
    found.emplace(match.pattern, match.end);
    return true;
  };
}

Found found_in(const std::vector<Pattern>& patterns, std::string_view text) {
  const auto database = compiled(patterns, Mode::kBlock);
  const Scratch scratch = scratch_for(database);
  Found found;
  EXPECT_EQ(scan(*database, scratch, bytes_of(text), into(found)), Outcome::kDone);
  return found;
}

Pattern literal(std::string text, std::uint32_t id, bool caseless = false) {
  return {.text = std::move(text), .id = id, .caseless = caseless};
}
Pattern regex(std::string text, std::uint32_t id) {
  return {.text = std::move(text), .syntax = Syntax::kRegex, .id = id};
}

// Every end of every literal, one after the other.
Found plainly_found(const std::vector<Pattern>& patterns, std::string_view text) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  Found found;
  for (const Pattern& pattern : patterns) {
    const std::string_view wanted = pattern.text;
    for (std::size_t at = 0; at + wanted.size() <= text.size(); ++at) {
      const bool same = std::ranges::equal(text.substr(at, wanted.size()), wanted, [&](char a, char b) {
        return pattern.caseless ? lower(a) == lower(b) : a == b;
      });
      const std::uint64_t end = at + wanted.size();
      if (same && end >= pattern.least_end && end <= pattern.most_end) found.emplace(pattern.id, end);
    }
  }
  return found;
}

TEST(DpiScan, FindsLiteralsOfAnyBytes) {
  const std::string text("a.b*c\0\xff\r\nA.B", 12);
  EXPECT_THAT(found_in({literal("a.b", 1), literal("a.b", 2, true), literal(std::string("\0\xff", 2), 3),
                        literal("\r\n", 4), literal("(", 5)},
                       text),
              ElementsAre(Pair(1, 3), Pair(2, 3), Pair(2, 12), Pair(3, 7), Pair(4, 9)));
}

TEST(DpiScan, FindsExpressions) {
  Pattern lines = regex("^get", 1);
  EXPECT_THAT(found_in({lines}, "x\nget"), IsEmpty());
  lines.multi_line = true;
  EXPECT_THAT(found_in({lines}, "x\nget"), ElementsAre(Pair(1, 5)));
  Pattern dot = regex("a.c", 2);
  EXPECT_THAT(found_in({dot}, "a\nc"), IsEmpty());
  dot.dot_all = true;
  EXPECT_THAT(found_in({dot}, "a\nc"), ElementsAre(Pair(2, 3)));
}

TEST(DpiScan, HeedsWhereAMatchMayEnd) {
  Pattern bounded = literal("ab", 1);
  bounded.least_end = 4;
  bounded.most_end = 6;
  EXPECT_THAT(found_in({bounded}, "abababab"), ElementsAre(Pair(1, 4), Pair(1, 6)));
}

TEST(DpiScan, TellsTheFirstMatchAloneWhereThatIsEnough) {
  Pattern once = literal("ab", 1);
  once.once = true;
  EXPECT_THAT(found_in({once, literal("ab", 2)}, "ababab"),
              ElementsAre(Pair(1, 2), Pair(2, 2), Pair(2, 4), Pair(2, 6)));
}

TEST(DpiScan, StopsWhenNoMoreIsWanted) {
  const auto database = compiled({literal("ab", 1)}, Mode::kBlock);
  const Scratch scratch = scratch_for(database);
  unsigned told = 0;
  const auto first = [&](Match /*match*/) noexcept { return ++told < 2; };
  EXPECT_EQ(scan(*database, scratch, bytes_of("abababab"), first), Outcome::kStopped);
  EXPECT_EQ(told, 2U);
  Found found;
  EXPECT_EQ(scan(*database, scratch, bytes_of("ab"), into(found)), Outcome::kDone)
      << "the scratch is free again";
}

// Of random text over few letters, so that patterns overlap and are cut everywhere: the same is found in one
// block, in pieces behind each other and in a stream.
TEST(DpiScan, FindsInPiecesAndStreamsWhatIsInTheWhole) {
  std::mt19937 random(20'260'701);
  const auto letters = [&](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += "abA"[random() % 3];
    return text;
  };
  for (unsigned round = 0; round < 40; ++round) {
    std::vector<Pattern> patterns;
    for (std::uint32_t id = 0; id < 12; ++id)
      patterns.push_back(literal(letters(1 + random() % 5), id, random() % 2 == 0));
    const std::string text = letters(300);
    const Found expected = plainly_found(patterns, text);
    EXPECT_EQ(found_in(patterns, text), expected);

    std::vector<Bytes> pieces;
    for (std::string_view rest = text; !rest.empty();) {
      const std::size_t length = pieces.size() + 1 == kMostPieces
                                     ? rest.size()
                                     : std::min<std::size_t>(rest.size(), 1 + random() % 20);
      pieces.push_back(bytes_of(rest.substr(0, length)));
      rest.remove_prefix(length);
    }
    const auto vectored = compiled(patterns, Mode::kVector);
    Found in_pieces;
    EXPECT_EQ(scan(*vectored, scratch_for(vectored), pieces, into(in_pieces)), Outcome::kDone);
    EXPECT_EQ(in_pieces, expected);

    const auto streaming = compiled(patterns, Mode::kStream);
    const Scratch scratch = scratch_for(streaming);
    auto pool = StreamPool::make(streaming, 2);
    ASSERT_TRUE(pool);
    // Beside another stream, and after one that had the same place.
    for (unsigned again = 0; again < 2; ++again) {
      const auto stream = pool->take();
      const auto other = pool->take();
      ASSERT_NE(other, StreamPool::kNone);
      Found in_stream;
      Found elsewhere;
      for (const Bytes piece : pieces) {
        EXPECT_EQ(pool->scan(stream, scratch, piece, into(in_stream)), Outcome::kDone);
        EXPECT_EQ(pool->scan(other, scratch, bytes_of("b"), into(elsewhere)), Outcome::kDone);
      }
      EXPECT_EQ(in_stream, expected);
      EXPECT_EQ(elsewhere, plainly_found(patterns, std::string(pieces.size(), 'b')));
      pool->give_back(stream);
      pool->give_back(other);
    }
  }
}

TEST(DpiStreams, AreAsManyAsThereIsRoomFor) {
  const auto database = compiled({regex("ab+c", 1)}, Mode::kStream);
  EXPECT_GT(database->stream_bytes(), 0U);
  auto pool = StreamPool::make(database, 3);
  ASSERT_TRUE(pool);
  std::set<StreamPool::Number> taken{pool->take(), pool->take(), pool->take()};
  EXPECT_EQ(taken.size(), 3U);
  EXPECT_EQ(pool->taken(), 3U);
  EXPECT_EQ(pool->take(), StreamPool::kNone);
  pool->give_back(*taken.begin());
  EXPECT_EQ(pool->take(), *taken.begin());
  EXPECT_FALSE(StreamPool::make(compiled({literal("a", 1)}, Mode::kBlock), 1))
      << "patterns for blocks have no streams";
}

// One is made for all databases of a policy, and every worker has its own.
TEST(DpiScratch, ServesSeveralDatabasesAndWorkers) {
  const auto small = compiled({literal("needle", 1)}, Mode::kBlock);
  std::vector<Pattern> many;
  for (std::uint32_t i = 0; i < 500; ++i) many.push_back(regex("x" + std::to_string(i) + "[a-f]{2,9}y", i));
  const auto large = compiled(many, Mode::kBlock);
  const std::vector<std::shared_ptr<const Database>> both{small, large};
  const auto scratch = Scratch::make(both);
  ASSERT_TRUE(scratch);
  EXPECT_GT(scratch->bytes(), 0U);
  const auto of_another = scratch->clone();
  ASSERT_TRUE(of_another);
  for (const Scratch* one : {&*scratch, &*of_another}) {
    Found found;
    EXPECT_EQ(scan(*small, *one, bytes_of("hay needle hay"), into(found)), Outcome::kDone);
    EXPECT_EQ(scan(*large, *one, bytes_of("x123abcy"), into(found)), Outcome::kDone);
    EXPECT_THAT(found, ElementsAre(Pair(1, 10), Pair(123, 8)));
  }
  Found nothing;
  const Scratch for_small = scratch_for(small);
  EXPECT_EQ(scan(*large, for_small, bytes_of("x1aby"), into(nothing)), Outcome::kFailed);
  EXPECT_THAT(nothing, IsEmpty());
}

}  // namespace
}  // namespace millrace::dpi
