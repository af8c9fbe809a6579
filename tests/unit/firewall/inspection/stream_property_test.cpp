// SPDX-License-Identifier: BSD-3-Clause
// Senders that lose, repeat, reorder, overlap and lie, against a naive model, with a receiver behind. They
// share one pool, at times far too small for them.
#include <algorithm>
#include <memory>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "tests/support/stream_watch.h"
#include "vnfs/firewall/inspection/stream.h"

namespace millrace::firewall::inspection {
namespace {

using testing::Keeps;
using testing::StreamWatch;

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(bound));
  }
  bool chance(int percent) { return below(100) < percent; }

 private:
  std::mt19937_64 engine_;
};

struct Setting {
  StreamSettings stream;
  std::size_t pool_bytes;
  int lies;           // of 100 segments, those that carry a byte that is not the sender's
  int in_order = 40;  // of 100, those that are the next bytes; what is left of 60 comes early
};

class Sender {
 public:
  Sender(Random& random, BufferPool& pool, const Setting& setting)
      : random_(random),
        setting_(setting),
        data_(setting.stream.inspect_bytes + 200U),
        watch_(pool, first_sequence(random), setting.stream,
               random.chance(50) ? Keeps::kFirst : Keeps::kLast) {
    for (auto& byte : data_) byte = static_cast<std::uint8_t>(random.below(256));
  }

  void step() {
    const int kind = static_cast<int>(random_.below(100));
    const std::int64_t end = watch_.in_order_end();
    const std::int64_t most =
        1 + random_.below(random_.chance(50) ? 3 : setting_.stream.inspect_bytes / 4 + 2);
    if (kind < setting_.in_order) {
      send(end, most);  // the next bytes
    } else if (kind < 60) {
      send(end + random_.below(setting_.stream.inspect_bytes / 2 + 20), most);
    } else if (kind < 75) {
      send(end - random_.below(200) - 1, most);
    } else if (kind < 80) {
      send(watch_.delivered(), most);  // as a sender does that was not acknowledged
    } else if (kind < 84) {
      watch_.acknowledge();
      keepalive();
    } else if (kind < 98) {
      watch_.acknowledge();
    } else if (kind < 99) {
      watch_.acknowledge_falsely(static_cast<std::uint32_t>(random_.below(1000)));
    } else {
      watch_.renege();
    }
  }
  // What is still missing, in order and acknowledged.
  void finish() {
    for (int tries = 0; !watch_.done() && tries < 10000; ++tries) {
      send_honestly(watch_.delivered(), 1 + random_.below(300));
      watch_.acknowledge();
    }
  }
  [[nodiscard]] bool done() const { return watch_.done(); }
  [[nodiscard]] const std::set<StreamVerdict>& seen() const { return seen_; }

 private:
  static std::uint32_t first_sequence(Random& random) {
    const std::int64_t bound = std::int64_t{1} << 32;
    return static_cast<std::uint32_t>(random.chance(50) ? bound - random.below(3000) : random.below(bound));
  }
  std::vector<std::uint8_t> bytes_at(std::int64_t& position, std::int64_t length) const {
    position = std::max<std::int64_t>(position, -5);
    std::vector<std::uint8_t> bytes;
    for (std::int64_t at = position; at < position + length && at < static_cast<std::int64_t>(data_.size());
         ++at)
      bytes.push_back(at < 0 ? std::uint8_t{0x5a} : data_[static_cast<std::size_t>(at)]);
    return bytes;
  }
  void send(std::int64_t position, std::int64_t length) {
    std::vector<std::uint8_t> bytes = bytes_at(position, length);
    if (!bytes.empty() && random_.chance(setting_.lies))
      bytes[static_cast<std::size_t>(random_.below(static_cast<std::int64_t>(bytes.size())))] ^= 0x40;
    std::vector<std::size_t> cuts;
    while (random_.chance(30)) cuts.push_back(static_cast<std::size_t>(random_.below(length + 1)));
    seen_.insert(watch_.offer(position, std::move(bytes), cuts, random_.chance(20)));
  }
  void send_honestly(std::int64_t position, std::int64_t length) {
    std::vector<std::uint8_t> bytes = bytes_at(position, length);
    seen_.insert(watch_.offer(position, std::move(bytes), {}, false));
  }
  // RFC 9293 section 3.8.4: a byte of garbage below what comes next.
  void keepalive() {
    if (watch_.delivered() != watch_.in_order_end()) return;
    ASSERT_FALSE(refused(watch_.offer(watch_.delivered() - 1, {0}, {}, false)));
  }

  Random& random_;
  Setting setting_;
  std::vector<std::uint8_t> data_;
  StreamWatch watch_;
  std::set<StreamVerdict> seen_;
};

std::set<StreamVerdict> play(const Setting& setting, int rounds) {
  std::set<StreamVerdict> seen;
  for (int round = 0; round < rounds; ++round) {
    Random random(static_cast<std::uint64_t>(round) + 1000);
    BufferPool pool(setting.pool_bytes);
    std::vector<std::unique_ptr<Sender>> senders;
    for (int i = 0; i < 3; ++i) senders.push_back(std::make_unique<Sender>(random, pool, setting));
    for (int step = 0; step < 250; ++step) senders[static_cast<std::size_t>(random.below(3))]->step();
    for (const auto& sender : senders) {
      if (setting.lies == 0 && setting.pool_bytes > std::size_t{1} << 20) {
        sender->finish();
        EXPECT_TRUE(sender->done());
      }
      seen.insert(sender->seen().begin(), sender->seen().end());
    }
    senders.clear();
    EXPECT_EQ(pool.bytes_in_use(), 0U);
  }
  return seen;
}

constexpr std::size_t kAmple = std::size_t{4} << 20;

TEST(StreamProperty, HonestSendersAreNeverInConflict) {
  const Setting setting{
      {.inspect_bytes = 1500, .most_ahead = 600, .on_conflict = OnConflict::kDrop}, kAmple, 0};
  const auto seen = play(setting, 15);
  EXPECT_FALSE(seen.contains(StreamVerdict::kConflict));
  EXPECT_FALSE(seen.contains(StreamVerdict::kNoMemory));
  EXPECT_TRUE(seen.contains(StreamVerdict::kTooFarAhead));
  EXPECT_TRUE(seen.contains(StreamVerdict::kBeyond));
}

TEST(StreamProperty, LiarsAreRefused) {
  const Setting setting{{.inspect_bytes = 1200, .on_conflict = OnConflict::kDrop}, kAmple, 15};
  const auto seen = play(setting, 15);
  EXPECT_TRUE(seen.contains(StreamVerdict::kConflict));
  EXPECT_TRUE(seen.contains(StreamVerdict::kTooManyHoles));
}

TEST(StreamProperty, LiarsAreCorrected) {
  const Setting setting{{.inspect_bytes = 3000, .on_conflict = OnConflict::kRewrite}, kAmple, 50};
  const auto seen = play(setting, 15);
  EXPECT_FALSE(seen.contains(StreamVerdict::kConflict));
}

TEST(StreamProperty, ManyTinySegmentsWithManyHoles) {
  const Setting setting{{.inspect_bytes = 250, .on_conflict = OnConflict::kRewrite}, kAmple, 20, 5};
  const auto seen = play(setting, 15);
  EXPECT_TRUE(seen.contains(StreamVerdict::kTooManyHoles));
}

TEST(StreamProperty, MemoryRunsOut) {
  for (const OnConflict on_conflict : {OnConflict::kDrop, OnConflict::kRewrite}) {
    for (const std::size_t pool_bytes : {0U, 1024U, 4096U, 7168U}) {
      const Setting setting{{.inspect_bytes = 4000, .on_conflict = on_conflict}, pool_bytes, 10};
      EXPECT_TRUE(play(setting, 2).contains(StreamVerdict::kNoMemory)) << pool_bytes;
    }
  }
}

}  // namespace
}  // namespace millrace::firewall::inspection
