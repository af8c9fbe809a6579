// SPDX-License-Identifier: BSD-3-Clause
// What the ways to the far ends of tunnels carry, as routers said: the soft state that RFC 2003 section 5.1
// asks of a tunnel's entry. Shared by all workers, and handed from policy to policy. Data path.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/base/clock.h"

namespace millrace::core {

// Far ends have numbers, as many as it was made for.
class PathMtus {
 public:
  explicit PathMtus(std::size_t far_ends) : entries_(far_ends) {}

  // So long nothing larger is tried: RFC 1191 section 6.3, RFC 8201 section 5.3.
  static constexpr Tick kKept = 10 * 60'000;
  // Whoever claims that a way carries less is not believed: with a forged word he would have all packets cut
  // to crumbs. 576 bytes: RFC 791 section 3.1; 1280: RFC 8200 section 5.
  static constexpr unsigned kLeastIpv4 = 576;
  static constexpr unsigned kLeastIpv6 = 1280;

  // A router on the way to the far end carries no more than `mtu` bytes. Any worker.
  void lower(std::uint32_t far_end, unsigned mtu, Tick now) noexcept;
  // The number is another host's from now on.
  void forget(std::uint32_t far_end) noexcept { entries_[far_end].store(0, std::memory_order_relaxed); }

  struct Found {
    std::uint16_t mtu = 0;  // 0: nobody said anything
    Tick left = 0;          // so long it is kept
  };
  [[nodiscard]] Found find(std::uint32_t far_end, Tick now) const noexcept {
    return read(entries_[far_end].load(std::memory_order_relaxed), now);
  }
  // Another number after each lower() that changed something.
  [[nodiscard]] std::uint32_t changes() const noexcept { return changes_.load(std::memory_order_acquire); }

 private:
  // When it was said, and the MTU in the lower 16 bits.
  using Entry = std::atomic<std::uint64_t>;

  // What was said by another worker may be a little ahead of this one's clock.
  static constexpr Tick kAhead = 1000;

  // By its age, for nobody takes away what is too old: by tick_after() it would be back when half the clock's
  // turn has gone by.
  [[nodiscard]] static Found read(std::uint64_t entry, Tick now) noexcept {
    const auto age = static_cast<Tick>(now + kAhead - static_cast<Tick>(entry >> 16));
    if (entry == 0 || age > kKept + kAhead) return {};
    return {.mtu = static_cast<std::uint16_t>(entry), .left = kKept + kAhead - age};
  }

  std::vector<Entry> entries_;
  std::atomic<std::uint32_t> changes_ = 0;
};

inline void PathMtus::lower(std::uint32_t far_end, unsigned mtu, Tick now) noexcept {
  Entry& entry = entries_[far_end];
  std::uint64_t before = entry.load(std::memory_order_relaxed);
  const std::uint64_t after = std::uint64_t{now} << 16 | static_cast<std::uint16_t>(mtu);
  unsigned known = 0;
  do {
    known = read(before, now).mtu;
    if (known != 0 && known < mtu) return;  // another router, further on
  } while (!entry.compare_exchange_weak(before, after, std::memory_order_relaxed));
  if (known != mtu) changes_.fetch_add(1, std::memory_order_release);
}

}  // namespace millrace::core
