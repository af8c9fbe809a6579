// SPDX-License-Identifier: BSD-3-Clause
// Meters that color packets: one rate and two bursts (RFC 2697) or two rates (RFC 2698), color-blind and
// color-aware. All workers share one without a lock.
//
// Tokens are kept as time. A bucket is one word, the moment at which it will be full: tokens of `bytes` are
// taken by moving it bytes / rate into the future, which may go no further than burst / rate from now (the
// virtual scheduling algorithm of ITU-T I.371 annex A).
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "common/base/counter.h"
#include "common/core/ids.h"

namespace millrace::core {

enum class Color : std::uint8_t { kGreen, kYellow, kRed };
inline constexpr unsigned kColors = 3;

// Bytes are those of IP datagrams.
struct PolicerSpec {
  std::uint64_t committed_rate = 0;   // bytes a second
  std::uint64_t committed_burst = 0;  // bytes
  std::uint64_t peak_rate = 0;        // bytes a second, RFC 2698; 0: RFC 2697
  std::uint64_t excess_burst = 0;     // bytes: peak burst size, or excess burst size

  bool operator==(const PolicerSpec&) const noexcept = default;
};

class Policer {
 public:
  // Least bytes a second that can be told from none, and most bytes of a burst.
  static constexpr std::uint64_t kLeastRate = 1000;
  static constexpr std::uint64_t kMostBurst = std::uint64_t{1} << 32;

  struct alignas(64) Counters {
    std::array<Counter, kColors> packets;
    std::array<Counter, kColors> bytes;
  };

  // `clock`: ticks a second of the time that is given below. The buckets are full.
  Policer(const PolicerSpec& spec, std::uint64_t clock) noexcept;
  Policer(const Policer&) = delete;
  Policer& operator=(const Policer&) = delete;

  // The color of one packet. `before`: what it was marked with, green where that is not asked for.
  [[nodiscard]] Color color(std::uint32_t bytes, std::uint64_t now, Color before = Color::kGreen) noexcept;
  // Takes so many bytes of several packets, not marked before, when all of them are green; else takes
  // nothing.
  [[nodiscard]] bool all_green(std::uint64_t bytes, std::uint64_t now) noexcept;

  [[nodiscard]] const PolicerSpec& spec() const noexcept { return spec_; }
  [[nodiscard]] Counters& counters(WorkerId worker) noexcept { return counters_[worker.value()]; }
  [[nodiscard]] std::uint64_t packets(Color color) const noexcept;
  [[nodiscard]] std::uint64_t bytes(Color color) const noexcept;

 private:
  // Time is counted in parts of the clock's ticks, so that rounding does not bend fast rates.
  static constexpr unsigned kTimeBits = 4;
  static constexpr unsigned kCostBits = 16;

  // Bytes a second as time a byte.
  class Pace {
   public:
    Pace(std::uint64_t rate, std::uint64_t burst, std::uint64_t clock) noexcept;
    [[nodiscard]] std::uint64_t cost(std::uint64_t bytes) const noexcept {
      constexpr std::uint64_t kHalf = std::uint64_t{1} << (kCostBits - 1);
      return static_cast<std::uint64_t>((static_cast<unsigned __int128>(bytes) * per_byte_ + kHalf) >>
                                        kCostBits);
    }
    [[nodiscard]] std::uint64_t room() const noexcept { return room_; }

   private:
    std::uint64_t per_byte_;  // with kCostBits behind the point
    std::uint64_t room_;
  };

  // Refills all the time.
  class Bucket {
   public:
    // False, and nothing taken, when there is not as much. `idle`: for how long it had been full.
    [[nodiscard]] bool take(std::uint64_t cost, std::uint64_t room, std::uint64_t now,
                            std::uint64_t& idle) noexcept {
      std::uint64_t full_at = full_at_.load(std::memory_order_relaxed);
      while (true) {
        const std::uint64_t from = std::max(full_at, now);
        if (from - now + cost > room) return false;
        if (full_at_.compare_exchange_weak(full_at, from + cost, std::memory_order_relaxed)) {
          idle = from - full_at;
          return true;
        }
      }
    }
    void give_back(std::uint64_t cost) noexcept { full_at_.fetch_sub(cost, std::memory_order_relaxed); }
    // For how long it has been full; from now on that is counted anew.
    [[nodiscard]] std::uint64_t take_idle(std::uint64_t now) noexcept {
      std::uint64_t full_at = full_at_.load(std::memory_order_relaxed);
      while (full_at < now) {
        if (full_at_.compare_exchange_weak(full_at, now, std::memory_order_relaxed)) return now - full_at;
      }
      return 0;
    }

   private:
    std::atomic<std::uint64_t> full_at_{0};
  };

  // Refills while another is full: by what that one has no room for.
  class OverflowBucket {
   public:
    [[nodiscard]] bool take(std::uint64_t cost, std::uint64_t room) noexcept {
      std::uint64_t taken = taken_.load(std::memory_order_relaxed);
      do {
        if (taken + cost > room) return false;
      } while (!taken_.compare_exchange_weak(taken, taken + cost, std::memory_order_relaxed));
      return true;
    }
    void refill(std::uint64_t time) noexcept {
      std::uint64_t taken = taken_.load(std::memory_order_relaxed);
      while (taken != 0 &&
             !taken_.compare_exchange_weak(taken, taken - std::min(taken, time), std::memory_order_relaxed)) {
      }
    }

   private:
    std::atomic<std::uint64_t> taken_{0};
  };

  [[nodiscard]] Color color_one_rate(std::uint32_t bytes, std::uint64_t now, Color before) noexcept;
  [[nodiscard]] Color color_two_rates(std::uint32_t bytes, std::uint64_t now, Color before) noexcept;

  PolicerSpec spec_;
  Pace committed_pace_;
  Pace peak_pace_;             // RFC 2698
  std::uint64_t excess_room_;  // RFC 2697
  alignas(64) Bucket committed_;
  Bucket peak_;
  OverflowBucket excess_;
  std::array<Counters, kMaxWorkers> counters_;
};

}  // namespace millrace::core
