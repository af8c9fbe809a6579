// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/stream.h"

#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::firewall::inspection {

void PrintTo(StreamVerdict verdict, std::ostream* out) { *out << name(verdict); }

namespace {

using enum StreamVerdict;

constexpr std::uint32_t kFirst = 0xfffffff8;  // numbers wrap behind the eighth byte

struct Bench {
  explicit Bench(const StreamSettings& with = {}, std::size_t pool_bytes = std::size_t{4} << 20)
      : settings(with), pool(pool_bytes) {
    stream.begin(kFirst, settings);
  }
  ~Bench() { stream.end(pool); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  // In as many pieces as are given. What they hold afterwards is `sent`.
  Offer offer_pieces(std::int64_t position, std::vector<std::string> pieces) {
    std::vector<MutableBytes> spans;
    for (auto& piece : pieces)
      spans.emplace_back(reinterpret_cast<std::uint8_t*>(piece.data()), piece.size());
    const Offer offer = stream.offer(pool, kFirst + static_cast<std::uint32_t>(position), spans, settings);
    sent.clear();
    for (const auto& piece : pieces) sent += piece;
    return offer;
  }
  StreamVerdict offer(std::int64_t position, std::string_view bytes) {
    return offer_pieces(position, {std::string(bytes)}).verdict;
  }
  void acknowledge(std::int64_t position) {
    stream.acknowledged(kFirst + static_cast<std::uint32_t>(position));
  }
  [[nodiscard]] std::string text() const {
    const Bytes bytes = stream.bytes(pool);
    return {bytes.begin(), bytes.end()};
  }

  StreamSettings settings;
  BufferPool pool;
  Stream stream{};
  std::string sent;
};

constexpr StreamSettings kRewriting{.on_conflict = OnConflict::kRewrite};

TEST(Stream, IsASmallPlainRecord) {
  static_assert(std::is_trivially_copyable_v<Stream>);
  EXPECT_LE(sizeof(Stream), 96U);
}

TEST(Stream, UnusedItIsDoneAndLetsAllBy) {
  BufferPool pool(4096);
  Stream stream{};
  std::vector<std::uint8_t> bytes{1, 2, 3};
  const std::vector<MutableBytes> pieces{bytes};
  for (const std::uint32_t sequence : {0U, 1U, 0x7fffffffU, 0x80000000U, 0xffffffffU})
    EXPECT_FALSE(refused(stream.offer(pool, sequence, pieces, {}).verdict));
  EXPECT_TRUE(stream.done());
  EXPECT_EQ(stream.window(), 0U);
  EXPECT_TRUE(stream.bytes(pool).empty());
  EXPECT_EQ(pool.bytes_in_use(), 0U);
}

TEST(Stream, JoinsSegmentsInOrder) {
  Bench b;
  EXPECT_EQ(b.offer(0, "GET /"), kNew);
  EXPECT_EQ(b.text(), "GET /");
  EXPECT_EQ(b.offer_pieces(5, {"et", "", "c/pass"}).verdict, kNew) << "in pieces, and across 2^32";
  EXPECT_EQ(b.offer(13, "w"), kNew) << "a probe of a closed window";
  EXPECT_EQ(b.offer(14, "d"), kNew);
  EXPECT_EQ(b.text(), "GET /etc/passwd");
  EXPECT_EQ(b.stream.in_order_end(), 15U);
}

TEST(Stream, SegmentsWithoutBytesSayNothing) {
  Bench b;
  EXPECT_EQ(b.offer(0, ""), kOld);
  EXPECT_EQ(b.offer_pieces(0, {}).verdict, kOld);
  EXPECT_EQ(b.offer_pieces(0, {"", ""}).verdict, kOld);
  EXPECT_EQ(b.offer(9, ""), kOld) << "a FIN past a hole";
  EXPECT_EQ(b.pool.bytes_in_use(), 0U);
}

TEST(Stream, HoldsWhatComesEarly) {
  Bench b;
  EXPECT_EQ(b.offer(6, "world"), kHeld);
  EXPECT_EQ(b.text(), "");
  EXPECT_EQ(b.offer(3, "lo "), kHeld);
  EXPECT_EQ(b.offer(0, "hel"), kNew);
  EXPECT_EQ(b.text(), "hello world");
}

TEST(Stream, ANewSegmentMayLieAcrossHolesAndWhatIsHeld) {
  Bench b;
  EXPECT_EQ(b.offer(0, "ab"), kNew);
  EXPECT_EQ(b.offer(4, "e"), kHeld);
  EXPECT_EQ(b.offer(7, "hi"), kHeld);
  EXPECT_EQ(b.offer_pieces(1, {"bcd", "ef", "ghij", "k"}).verdict, kNew);
  EXPECT_EQ(b.text(), "abcdefghijk");
}

TEST(Stream, RepeatsAreOld) {
  Bench b;
  b.offer(0, "abcdef");
  b.offer(10, "klm");
  EXPECT_EQ(b.offer(0, "abcdef"), kOld);
  EXPECT_EQ(b.offer(2, "cd"), kOld);
  EXPECT_EQ(b.offer(10, "klm"), kOld);
  EXPECT_EQ(b.offer(11, "l"), kOld);
  EXPECT_EQ(b.offer(-4, "wxyz"), kOld) << "before the first byte there is nothing to compare";
  EXPECT_EQ(b.offer(-2, "yzabc"), kOld);
  EXPECT_EQ(b.text(), "abcdef");
}

// The overlaps of Ptacek and Newsham, figure 12, and more: where the other bytes lie, in "abcdef....klmnop".
struct Overlap {
  std::string what;
  std::int64_t position;
  std::vector<std::string> pieces;
  std::string corrected;
};

const Overlap kOverlaps[] = {
    {"the same place", 0, {"abcXef"}, "abcdef"},
    {"the head of what was seen", -2, {"yzaX"}, "yzab"},
    {"the tail of what was seen", 4, {"eXgh"}, "efgh"},
    {"inside", 2, {"cX"}, "cd"},
    {"all around", -1, {"zabcdeXgh"}, "zabcdefgh"},
    {"first byte", 0, {"X"}, "a"},
    {"last byte", 5, {"X"}, "f"},
    {"the head of what is held", 8, {"ijXl"}, "ijkl"},
    {"the tail of what is held", 14, {"oXqr"}, "opqr"},
    {"inside what is held", 12, {"Xn"}, "mn"},
    {"around what is held", 9, {"jklXnopq"}, "jklmnopq"},
    {"across the hole", 3, {"defgh", "ijkl", "mX"}, "defghijklmn"},
    {"on both sides of the hole", 5, {"XghijX"}, "fghijk"},
    {"in a later piece", 0, {"a", "b", "", "cX", "ef"}, "abcdef"},
};

class StreamOverlap : public ::testing::TestWithParam<Overlap> {
 protected:
  static void see(Bench& b) {
    ASSERT_EQ(b.offer(0, "abcdef"), kNew);
    ASSERT_EQ(b.offer(10, "klmnop"), kHeld);
  }
};

TEST_P(StreamOverlap, IsRefusedAsAWhole) {
  Bench b;
  see(b);
  std::string bytes;
  for (const auto& piece : GetParam().pieces) bytes += piece;
  EXPECT_EQ(b.offer_pieces(GetParam().position, GetParam().pieces), (Offer{kConflict, false}));
  EXPECT_EQ(b.sent, bytes) << "it is left as it came";
  EXPECT_EQ(b.text(), "abcdef");
  EXPECT_EQ(b.offer(6, "ghij"), kNew);
  EXPECT_EQ(b.text(), "abcdefghijklmnop") << "nothing of it was kept";
}

TEST_P(StreamOverlap, IsMadeEqualToWhatWasSeen) {
  Bench b(kRewriting);
  see(b);
  const Offer offer = b.offer_pieces(GetParam().position, GetParam().pieces);
  EXPECT_TRUE(offer.rewritten);
  EXPECT_FALSE(refused(offer.verdict));
  EXPECT_EQ(b.sent, GetParam().corrected);
  EXPECT_NE(b.offer(6, "ghij"), kConflict);
  EXPECT_THAT(b.text(), ::testing::StartsWith("abcdefghijklmnop"));
}

TEST_P(StreamOverlap, WithTheSameBytesPasses) {
  Bench b;
  see(b);
  const Offer offer = b.offer_pieces(GetParam().position, {GetParam().corrected});
  EXPECT_FALSE(offer.rewritten);
  EXPECT_FALSE(refused(offer.verdict));
  EXPECT_EQ(b.sent, GetParam().corrected);
}

INSTANTIATE_TEST_SUITE_P(Kinds, StreamOverlap, ::testing::ValuesIn(kOverlaps), [](const auto& param) {
  std::string text = param.param.what;
  std::ranges::replace(text, ' ', '_');
  return text;
});

TEST(Stream, KeepalivesCarryAnyByte) {
  Bench b;
  EXPECT_EQ(b.offer(-1, std::string_view("\0", 1)), kOld) << "before all data";
  b.offer(0, "abcdef");
  EXPECT_EQ(b.offer(5, std::string_view("\0", 1)), kConflict) << "the receiver may not have it yet";
  b.acknowledge(6);
  EXPECT_EQ(b.offer(5, std::string_view("\0", 1)), kOld);
  EXPECT_EQ(b.text(), "abcdef") << "the byte is not the stream's";
}

TEST(Stream, AcknowledgedBytesAreNotCompared) {
  Bench b(kRewriting);
  b.offer(0, "abcdef");
  b.acknowledge(3);
  EXPECT_EQ(b.offer_pieces(0, {"XXXdef"}), (Offer{kOld, false})) << "the receiver cuts off three bytes";
  EXPECT_EQ(b.offer_pieces(0, {"XXXdXf"}), (Offer{kOld, true}));
  EXPECT_EQ(b.sent, "XXXdef");
  b.acknowledge(1);
  EXPECT_EQ(b.offer_pieces(0, {"XXXdef"}), (Offer{kOld, false}))
      << "an old acknowledgment takes nothing back";
}

TEST(Stream, AnAcknowledgmentOfWhatDidNotGoByIsNotBelieved) {
  Bench b;
  b.offer(0, "abc");
  b.offer(6, "ghi");
  b.acknowledge(9);
  EXPECT_EQ(b.offer(6, "gXi"), kConflict);
  EXPECT_EQ(b.offer(3, "def"), kNew);
  EXPECT_EQ(b.offer(3, "dXf"), kConflict);
  b.acknowledge(-5);
  EXPECT_EQ(b.offer(3, "dXf"), kConflict);
}

TEST(Stream, TheWindowEnds) {
  Bench b({.inspect_bytes = 8});
  EXPECT_EQ(b.offer(8, "out"), kBeyond);
  EXPECT_EQ(b.offer(6, "ghout"), kHeld) << "what lies past the window is not kept";
  EXPECT_EQ(b.offer(0, "abcdef"), kNew);
  EXPECT_EQ(b.text(), "abcdefgh");
  EXPECT_EQ(b.offer(6, "ghOUT"), kOld) << "nor compared";
  EXPECT_FALSE(b.stream.done()) << "its bytes may be sent again";
  EXPECT_EQ(b.offer(7, "X"), kConflict);
  b.acknowledge(7);
  EXPECT_FALSE(b.stream.done());
  b.acknowledge(11);
  EXPECT_TRUE(b.stream.done());
  EXPECT_EQ(b.offer(7, "X"), kOld);
  EXPECT_EQ(b.offer(11, "more"), kBeyond);
  b.stream.end(b.pool);
  EXPECT_EQ(b.pool.bytes_in_use(), 0U);
  EXPECT_EQ(b.stream.window(), 0U);
}

TEST(Stream, AFinIsAcknowledgedToo) {
  Bench b({.inspect_bytes = 3});
  b.offer(0, "abc");
  b.acknowledge(4);
  EXPECT_TRUE(b.stream.done());
}

TEST(Stream, ASegmentAcrossTheWindowsEndInOrder) {
  Bench b({.inspect_bytes = 4});
  EXPECT_EQ(b.offer(0, "abcdef"), kNew);
  EXPECT_EQ(b.text(), "abcd");
}

TEST(Stream, TheWindowIsThatOfItsBeginning) {
  Bench b({.inspect_bytes = 4});
  b.settings.inspect_bytes = 100;
  EXPECT_EQ(b.offer(4, "e"), kBeyond);
  Bench largest({.inspect_bytes = 0xffffffff});
  EXPECT_EQ(largest.stream.window(), StreamSettings::kMostInspectBytes);
}

TEST(Stream, HolesAreCounted) {
  Bench b;
  for (int i = 0; i < static_cast<int>(Stream::kMostHeld); ++i) EXPECT_EQ(b.offer(2 + 4 * i, "xy"), kHeld);
  EXPECT_EQ(b.offer(50, "x"), kTooManyHoles);
  EXPECT_EQ(b.offer(5, "Q"), kHeld) << "it touches what is held";
  EXPECT_EQ(b.offer(32, "z"), kHeld);
  EXPECT_EQ(b.offer(6, "x"), kOld);
  EXPECT_EQ(b.offer(0, "a"), kNew) << "in order there is no hole";
  EXPECT_EQ(b.offer(4, "P"), kHeld) << "two ranges become one";
  EXPECT_EQ(b.offer(50, "x"), kHeld);
  EXPECT_EQ(b.offer(60, "x"), kTooManyHoles);
  EXPECT_EQ(b.offer(1, "b"), kNew);
  EXPECT_EQ(b.text(), "abxyPQxy");
  EXPECT_EQ(b.offer(60, "x"), kHeld);
}

TEST(Stream, ADistantSegmentIsRefused) {
  Bench b({.inspect_bytes = 4096, .most_ahead = 100});
  b.offer(0, "ab");
  EXPECT_EQ(b.offer(101, "c"), kHeld);
  EXPECT_EQ(b.offer(102, "x"), kTooFarAhead);
  EXPECT_EQ(b.offer(4000, "x"), kTooFarAhead);
  EXPECT_EQ(b.offer(2, std::string(500, 'c')), kNew) << "in order it takes no more than it brings";
}

TEST(Stream, WithoutMemoryASegmentIsRefused) {
  Bench b(kRewriting, 3072);
  EXPECT_EQ(b.offer(0, std::string(1000, 'a')), kNew);
  EXPECT_EQ(b.offer(1000, std::string(1000, 'b')), kNew);
  EXPECT_EQ(b.offer(2000, std::string(1000, 'c')), kNoMemory);
  EXPECT_EQ(b.offer_pieces(1999, {"X" + std::string(1000, 'c')}), (Offer{kNoMemory, false}));
  EXPECT_EQ(b.sent[0], 'X') << "a refused segment stays as it came";
  EXPECT_EQ(b.pool.refusals(), 2U);
  EXPECT_EQ(b.offer(2000, std::string(48, 'c')), kNew) << "there is room in its block";
  EXPECT_EQ(b.text(), std::string(1000, 'a') + std::string(1000, 'b') + std::string(48, 'c'));
}

TEST(Stream, WhatIsHeldMovesWithTheBuffer) {
  Bench b(
      {.inspect_bytes = StreamSettings::kMostInspectBytes, .most_ahead = StreamSettings::kMostInspectBytes});
  const auto letters = [](std::size_t at, std::size_t count) {
    std::string text(count, ' ');
    for (std::size_t i = 0; i < count; ++i) text[i] = static_cast<char>('a' + (at + i) * 31 / 7 % 26);
    return text;
  };
  EXPECT_EQ(b.offer(0, letters(0, 100)), kNew);
  EXPECT_EQ(b.offer(500, letters(500, 300)), kHeld);
  EXPECT_EQ(b.offer(30000, letters(30000, 2000)), kHeld);
  EXPECT_EQ(b.offer(900000, letters(900000, 1460)), kHeld);
  EXPECT_EQ(b.pool.bytes_in_use(), std::uint64_t{1} << 20);
  for (std::size_t at = 0; at < 901000; at += 50000) {
    const auto position = static_cast<std::int64_t>(at);
    EXPECT_EQ(b.offer(position, letters(at, 50000)), kNew);
  }
  EXPECT_TRUE(b.text() == letters(0, b.text().size()));
  EXPECT_EQ(b.text().size(), 950000U);
}

TEST(Stream, VerdictsHaveNames) {
  EXPECT_EQ(name(kConflict), "conflict");
  EXPECT_EQ(name(kTooFarAhead), "too_far_ahead");
  for (const auto verdict : {kNew, kHeld, kOld, kBeyond}) EXPECT_FALSE(refused(verdict)) << name(verdict);
  for (const auto verdict : {kConflict, kNoMemory, kTooManyHoles, kTooFarAhead})
    EXPECT_TRUE(refused(verdict)) << name(verdict);
}

}  // namespace
}  // namespace millrace::firewall::inspection
