// SPDX-License-Identifier: BSD-3-Clause
// Meters against the text of RFC 2697 and RFC 2698, played token by token, and against DPDK's.
#include "common/core/policer.h"

#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <rte_cycles.h>
#include <rte_meter.h>

#include "tests/support/testbed.h"

namespace millrace::core {
namespace {

constexpr std::uint64_t kClock = 1'000'000'000;  // with the rates below a byte takes a whole number of ticks

// The RFCs' own words, with tokens in parts of a byte that come with each tick.
class Model {
 public:
  explicit Model(const PolicerSpec& spec)
      : spec_(spec), committed_(spec.committed_burst * kClock), second_(spec.excess_burst * kClock) {}

  Color color(std::uint64_t bytes, std::uint64_t now, Color before) {
    refill(now - last_);
    last_ = now;
    return spec_.peak_rate == 0 ? one_rate(bytes * kClock, before) : two_rates(bytes * kClock, before);
  }

 private:
  using Tokens = unsigned __int128;

  void refill(std::uint64_t ticks) {
    const Tokens added = Tokens{ticks} * spec_.committed_rate;
    const Tokens room = Tokens{spec_.committed_burst} * kClock - committed_;
    committed_ += std::min(added, room);
    const Tokens second =
        spec_.peak_rate != 0 ? Tokens{ticks} * spec_.peak_rate : added - std::min(added, room);
    second_ = std::min(second_ + second, Tokens{spec_.excess_burst} * kClock);
  }
  Color one_rate(Tokens tokens, Color before) {
    if (before == Color::kGreen && committed_ >= tokens) {
      committed_ -= tokens;
      return Color::kGreen;
    }
    if (before == Color::kRed || second_ < tokens) return Color::kRed;
    second_ -= tokens;
    return Color::kYellow;
  }
  Color two_rates(Tokens tokens, Color before) {
    if (before == Color::kRed || second_ < tokens) return Color::kRed;
    second_ -= tokens;
    if (before == Color::kYellow || committed_ < tokens) return Color::kYellow;
    committed_ -= tokens;
    return Color::kGreen;
  }

  PolicerSpec spec_;
  std::uint64_t last_ = 0;
  Tokens committed_;
  Tokens second_;
};

const std::vector<PolicerSpec>& specs() {
  static const std::vector<PolicerSpec> kAll{
      {.committed_rate = 1'000'000, .committed_burst = 10'000},
      {.committed_rate = 1'000'000, .committed_burst = 3'000, .excess_burst = 20'000},
      {.committed_rate = 100'000'000, .committed_burst = 100'000, .excess_burst = 1500},
      {.committed_rate = 1'000'000, .committed_burst = 10'000, .peak_rate = 2'000'000, .excess_burst = 5'000},
      {.committed_rate = 500'000, .committed_burst = 1500, .peak_rate = 1'000'000, .excess_burst = 50'000}};
  return kAll;
}

// Packets at about a share of a rate that swings between nothing and a lot.
struct Arrivals {
  explicit Arrivals(std::uint64_t bytes_a_second) : rate(bytes_a_second) {}

  std::uint32_t next() {
    const auto bytes = std::uniform_int_distribution<std::uint32_t>(20, 1500)(random);
    if (one_in(200)) load = std::array{0.1, 0.5, 0.9, 1.1, 2.0, 20.0}[random() % 6];
    if (one_in(500)) now += kClock / 50;
    now +=
        static_cast<std::uint64_t>(bytes * static_cast<double>(kClock) / (static_cast<double>(rate) * load));
    return bytes;
  }
  bool one_in(unsigned n) { return random() % n == 0; }

  std::uint64_t rate;
  std::mt19937 random{1};
  double load = 1.0;
  std::uint64_t now = kClock;
};

TEST(Policer, ColorsAsTheTextSays) {
  for (const bool aware : {false, true}) {
    for (const PolicerSpec& spec : specs()) {
      Policer policer(spec, kClock);
      Model model(spec);
      Arrivals arrivals(spec.committed_rate);
      std::array<unsigned, kColors> seen{};
      for (unsigned i = 0; i < 100'000; ++i) {
        const std::uint32_t bytes = arrivals.next();
        const auto before = aware ? static_cast<Color>(arrivals.random() % kColors) : Color::kGreen;
        const Color color = policer.color(bytes, arrivals.now, before);
        ASSERT_EQ(color, model.color(bytes, arrivals.now, before)) << "packet " << i;
        ++seen[static_cast<unsigned>(color)];
      }
      EXPECT_GT(seen[0], 1000U);
      EXPECT_GT(seen[2], 1000U);
      EXPECT_EQ(seen[1] > 100, spec.excess_burst != 0) << seen[1];
    }
  }
}

TEST(Policer, SeveralAtOnceAreAsOneByOne) {
  for (const PolicerSpec& spec : specs()) {
    Policer together(spec, kClock);
    Policer alone(spec, kClock);
    Arrivals arrivals(spec.committed_rate);
    unsigned at_once = 0;
    for (unsigned i = 0; i < 10'000; ++i) {
      std::vector<std::uint32_t> bytes(1 + arrivals.random() % 32);
      std::uint64_t sum = 0;
      for (std::uint32_t& one : bytes) sum += one = arrivals.next();
      const bool green = together.all_green(sum, arrivals.now);
      at_once += green ? 1 : 0;
      for (const std::uint32_t one : bytes) {
        const Color color = alone.color(one, arrivals.now);
        ASSERT_EQ(green ? Color::kGreen : together.color(one, arrivals.now), color);
      }
    }
    EXPECT_GT(at_once, 100U);
  }
}

// rte_meter refills in steps of its own, so the sums are compared.
TEST(Policer, LetsThroughWhatDpdksMeterDoes) {
  testing::ensure_eal(64);
  const std::uint64_t clock = rte_get_tsc_hz();
  for (const PolicerSpec& spec : specs()) {
    if (spec.excess_burst == 0) continue;  // DPDK's has two buckets
    Policer policer(spec, clock);
    rte_meter_srtcm_profile srtcm_profile;
    rte_meter_srtcm srtcm;
    rte_meter_trtcm_profile trtcm_profile;
    rte_meter_trtcm trtcm;
    rte_meter_srtcm_params one{
        .cir = spec.committed_rate, .cbs = spec.committed_burst, .ebs = spec.excess_burst};
    rte_meter_trtcm_params two{.cir = spec.committed_rate,
                               .pir = spec.peak_rate,
                               .cbs = spec.committed_burst,
                               .pbs = spec.excess_burst};
    const bool two_rates = spec.peak_rate != 0;
    if (two_rates) {
      ASSERT_EQ(rte_meter_trtcm_profile_config(&trtcm_profile, &two), 0);
      ASSERT_EQ(rte_meter_trtcm_config(&trtcm, &trtcm_profile), 0);
    } else {
      ASSERT_EQ(rte_meter_srtcm_profile_config(&srtcm_profile, &one), 0);
      ASSERT_EQ(rte_meter_srtcm_config(&srtcm, &srtcm_profile), 0);
    }
    const std::uint64_t start = rte_get_tsc_cycles();
    Arrivals arrivals(spec.committed_rate);
    std::array<double, kColors> ours{};
    std::array<double, kColors> theirs{};
    for (unsigned i = 0; i < 200'000; ++i) {
      const std::uint32_t bytes = arrivals.next();
      const auto now = start + static_cast<std::uint64_t>(static_cast<double>(arrivals.now) *
                                                          static_cast<double>(clock) / kClock);
      ours[static_cast<unsigned>(policer.color(bytes, now))] += bytes;
      const rte_color color = two_rates
                                  ? rte_meter_trtcm_color_blind_check(&trtcm, &trtcm_profile, now, bytes)
                                  : rte_meter_srtcm_color_blind_check(&srtcm, &srtcm_profile, now, bytes);
      theirs[static_cast<unsigned>(color)] += bytes;
    }
    for (unsigned color = 0; color < kColors; ++color)
      EXPECT_NEAR(ours[color] / theirs[color], 1, 0.02)
          << "color " << color << ", rate " << spec.committed_rate;
  }
}

TEST(Policer, ThreadsShareOneRate) {
  const PolicerSpec spec{.committed_rate = 1'000'000, .committed_burst = 10'000, .excess_burst = 5'000};
  Policer policer(spec, kClock);
  constexpr unsigned kThreads = 4;
  constexpr unsigned kPackets = 20'000;
  constexpr std::uint64_t kBetween = 50'000;  // of all threads: 100 bytes each 50 us, twice the rate
  std::atomic<std::uint64_t> now{kClock};
  std::array<std::array<std::uint64_t, kColors>, kThreads> bytes{};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (unsigned n = 0; n < kPackets; ++n) {
        const std::uint64_t at = now.fetch_add(kBetween);
        bytes[i][static_cast<unsigned>(policer.color(100, at))] += 100;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::uint64_t green = 0;
  std::uint64_t yellow = 0;
  for (const auto& one : bytes) {
    green += one[0];
    yellow += one[1];
  }
  const std::uint64_t in_time = kThreads * kPackets * kBetween / 1000;  // a byte each 1,000 ticks
  EXPECT_NEAR(static_cast<double>(green), static_cast<double>(in_time + spec.committed_burst),
              0.02 * in_time);
  EXPECT_LE(green, in_time + spec.committed_burst);
  EXPECT_LE(yellow, spec.excess_burst + in_time / 50);
}

TEST(Policer, FastRatesAreNotBent) {
  // 100 Gbit/s by a clock of 2 GHz: a byte takes less than a tick.
  const PolicerSpec spec{.committed_rate = 12'500'000'000, .committed_burst = 1'000'000};
  Policer policer(spec, 2'000'000'000);
  std::uint64_t green = 0;
  std::uint64_t now = 1;
  for (unsigned i = 0; i < 1'000'000; ++i, now += 5)  // 64 bytes each 2.5 ns: twice the rate
    green += policer.color(64, now) == Color::kGreen ? 64 : 0;
  const double most = 5'000'000 / 2e9 * 12.5e9 + 1'000'000;
  EXPECT_NEAR(static_cast<double>(green), most, 0.005 * most);
}

}  // namespace
}  // namespace millrace::core
