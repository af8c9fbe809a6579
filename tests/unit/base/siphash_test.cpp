// SPDX-License-Identifier: BSD-3-Clause
#include "common/base/siphash.h"

#include <array>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace millrace {
namespace {

// Test vectors of the authors' reference implementation (vectors.h, SipHash-2-4-64, bytes least significant
// first), of which the one for 15 bytes also stands in appendix A of the paper.
TEST(SipHash, GivesThePublishedValues) {
  std::array<std::uint8_t, 64> input{};
  std::iota(input.begin(), input.end(), std::uint8_t{0});
  const SipKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  EXPECT_EQ(siphash(Bytes(input).first(0), key), 0x726fdb47dd0e0e31U);
  EXPECT_EQ(siphash(Bytes(input).first(1), key), 0x74f839c593dc67fdU);
  EXPECT_EQ(siphash(Bytes(input).first(8), key), 0x93f5f5799a932462U);
  EXPECT_EQ(siphash(Bytes(input).first(15), key), 0xa129ca6149be45e5U);
}

// A piece of seven bytes and its length are one word, as eight bytes of a longer text are; after 32 of them
// the lengths agree too, of which a byte counts.
TEST(SipSequence, IsTheHashOfThePiecesWithTheirLengths) {
  const SipKey key{11, 12};
  const std::array<std::uint8_t, 11> last = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 255};
  SipSequence sequence(key);
  std::vector<std::uint8_t> text;
  for (std::uint8_t i = 0; i < 32; ++i) {
    const std::array<std::uint8_t, 7> piece = {i, 1, 2, 3, 4, 5, 6};
    sequence.add(piece);
    text.insert(text.end(), piece.begin(), piece.end());
    text.push_back(7);
  }
  text.insert(text.end(), last.begin(), last.end());
  sequence.add(last);
  EXPECT_EQ(sequence.value(), siphash(text, key));
}

TEST(SipSequence, WherePiecesArePartedCounts) {
  const std::array<std::uint8_t, 4> bytes = {1, 2, 3, 4};
  std::set<std::uint64_t> seen;
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    SipSequence sequence({1, 2});
    sequence.add(Bytes(bytes).first(cut));
    EXPECT_EQ(sequence.value(), siphash(Bytes(bytes).first(cut), {1, 2}));
    sequence.add(Bytes(bytes).subspan(cut));
    seen.insert(sequence.value());
  }
  EXPECT_EQ(seen.size(), bytes.size() + 1);
}

TEST(SipRandom, GivesOtherNumbersUnderAnotherKeyAndNoneTwice) {
  SipRandom one({1, 2});
  SipRandom same({1, 2});
  SipRandom other({1, 3});
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t number = one.next();
    EXPECT_EQ(same.next(), number);
    EXPECT_NE(other.next(), number);
    EXPECT_TRUE(seen.insert(number).second);
  }
}

}  // namespace
}  // namespace millrace
