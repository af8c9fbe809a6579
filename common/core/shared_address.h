// SPDX-License-Identifier: BSD-3-Clause
// One address that many share as the source of what they send, and whose each of its ports is.
//
// Ports go in runs of 64. A run in use belongs to one bucket of owners (owner.h): that of the flows that have
// ports of it, so that what comes back is led to the worker that has them, however many workers there are. A
// run is taken and given back by compare-and-swap on one byte, seldom; all else about it is touched only by
// the worker that has the bucket.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "common/core/owner.h"
#include "common/net/address.h"

namespace millrace::core {

using AddressId = std::uint16_t;  // of a SharedAddress, for as long as the process lives
inline constexpr AddressId kNoAddress = 0xffff;

// Ports of these are apart from each other: the same number can be in use in each. No function translates
// both echoes and SCTP, so one space has room for either.
enum class PortSpace : std::uint8_t { kTcp, kUdp, kIcmp, kSctp = kIcmp };
inline constexpr std::size_t kPortSpaces = 3;

class SharedAddress {
 public:
  static constexpr unsigned kRunPorts = 64;
  static constexpr unsigned kRuns = 65'536 / kRunPorts;
  static constexpr std::uint16_t kNoRun = 0xffff;

  struct Run {
    std::array<std::uint64_t, kPortSpaces> used;  // a bit per port, by PortSpace
    std::uint32_t holder;  // one more than the number of whom it is alone for; 0: shared
    std::uint16_t next;    // shared runs of one bucket are a ring
    std::uint16_t previous;

    [[nodiscard]] bool idle() const noexcept { return (used[0] | used[1] | used[2]) == 0; }
  };
  static_assert(sizeof(Run) == 32);

  SharedAddress(const net::IpAddress& address, std::uint16_t domain, AddressId id)
      : address_(address), domain_(domain), id_(id), words_(folded_words(address)) {
    rings_.fill(kNoRun);
  }
  SharedAddress(const SharedAddress&) = delete;
  SharedAddress& operator=(const SharedAddress&) = delete;

  [[nodiscard]] const net::IpAddress& address() const noexcept { return address_; }
  [[nodiscard]] std::uint16_t domain() const noexcept { return domain_; }
  [[nodiscard]] AddressId id() const noexcept { return id_; }
  // What it is in the hash that spreads packets over workers.
  [[nodiscard]] std::uint16_t words() const noexcept { return words_; }

  // Any thread. The bucket that has the port; nothing when nobody has.
  [[nodiscard]] std::optional<unsigned> bucket_of(std::uint16_t port) const noexcept {
    const std::uint8_t mark = marks_[port / kRunPorts].load(std::memory_order_relaxed);
    if (mark == 0) return std::nullopt;
    return mark - 1U;
  }
  // Any thread. Runs nobody has.
  [[nodiscard]] unsigned free_runs() const noexcept {
    return static_cast<unsigned>(std::ranges::count_if(
        marks_, [](const auto& mark) { return mark.load(std::memory_order_relaxed) == 0; }));
  }

  // The worker that has `bucket`. All of the runs, or none and false.
  [[nodiscard]] bool claim(unsigned first, unsigned count, unsigned bucket) noexcept {
    for (unsigned i = 0; i < count; ++i) {
      std::atomic<std::uint8_t>& mark = marks_[first + i];
      std::uint8_t nobody = 0;
      // Of an address that is used up most are somebody's: they are passed over without the bus.
      if (mark.load(std::memory_order_relaxed) == 0 &&
          mark.compare_exchange_strong(nobody, static_cast<std::uint8_t>(bucket + 1),
                                       std::memory_order_acquire, std::memory_order_relaxed))
        continue;
      give_back(first, i);
      return false;
    }
    return true;
  }
  // Idle runs, claimed before.
  void give_back(unsigned first, unsigned count) noexcept {
    for (unsigned i = 0; i < count; ++i) {
      runs_[first + i] = Run{};
      marks_[first + i].store(0, std::memory_order_release);
    }
  }

  // The worker that has the run's bucket.
  [[nodiscard]] Run& run(unsigned number) noexcept { return runs_[number]; }

  // The ring of shared runs of a bucket: its first, or kNoRun.
  [[nodiscard]] std::uint16_t ring(unsigned bucket) const noexcept { return rings_[bucket]; }
  void turn_ring(unsigned bucket, std::uint16_t first) noexcept { rings_[bucket] = first; }
  // Puts a run that was claimed into its bucket's ring, as the first.
  void link(std::uint16_t number, unsigned bucket) noexcept {
    Run& added = runs_[number];
    const std::uint16_t head = rings_[bucket];
    if (head == kNoRun) {
      added.next = added.previous = number;
    } else {
      added.next = head;
      added.previous = runs_[head].previous;
      runs_[added.previous].next = runs_[head].previous = number;
    }
    rings_[bucket] = number;
  }
  void unlink(std::uint16_t number, unsigned bucket) noexcept {
    const Run& gone = runs_[number];
    if (gone.next == number) {
      rings_[bucket] = kNoRun;
      return;
    }
    runs_[gone.next].previous = gone.previous;
    runs_[gone.previous].next = gone.next;
    if (rings_[bucket] == number) rings_[bucket] = gone.next;
  }

 private:
  net::IpAddress address_;
  std::uint16_t domain_;
  AddressId id_;
  std::uint16_t words_;
  std::array<std::atomic<std::uint8_t>, kRuns> marks_{};  // one more than the bucket; 0: nobody's
  std::array<Run, kRuns> runs_{};
  std::array<std::uint16_t, kOwnerBuckets> rings_{};
};
static_assert(kOwnerBuckets < 255);

}  // namespace millrace::core
