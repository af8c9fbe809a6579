// SPDX-License-Identifier: BSD-3-Clause
// What all workers together saw of each subject, over three windows of time. Control side, one thread.
//
// A window is two panes of half its length: the one being filled and the one before, so that it covers
// between half of its length and all of it. Fixed capacity in groups of eight: in a full group the subject of
// least weight gives way, and of several the one longest untouched. A weight is halved in every ten minutes
// in which its subject does nothing.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/page_array.h"
#include "common/base/siphash.h"
#include "vnfs/firewall/inspection/activity.h"
#include "vnfs/firewall/inspection/baseline.h"

namespace millrace::firewall::inspection {

inline constexpr std::size_t kWindows = 3;
inline constexpr std::array<std::uint32_t, kWindows> kWindowSeconds = {10, 300, 3600};

struct ActivitySubject {
  flow::SourceKey who;
  std::array<std::uint8_t, 16> other;  // Track::kPair
  std::uint64_t domain_hash;           // Track::kDomain
  std::uint16_t port;                  // Track::kPort, kService
  std::uint8_t protocol;               // the same

  bool operator==(const ActivitySubject&) const noexcept = default;
};

struct Seen {
  Counts counts;
  Distinct distinct;
};

struct ActivityRecord {
  ActivitySubject subject;
  std::uint32_t first;    // second in which it was first seen
  std::uint32_t touched;  // and last
  // Of the look at second `touched`: their answers may still come.
  std::uint32_t fresh_opened;
  std::uint32_t fresh_refused;
  std::uint32_t fresh_answered;
  std::array<std::uint8_t, 16> last_other;  // examples
  std::uint16_t last_port;
  std::uint8_t domain_length;
  std::array<char, NameActivity::kDomainBytes> domain;
  std::array<std::uint32_t, kWindows> pane_number;
  std::array<std::array<Seen, 2>, kWindows> panes;  // by window: being filled, and the one before
  Baseline opened_rate;                             // of Track::kService, a second
  Baseline unanswered_rate;

  // Brings the panes up to this second.
  void roll(std::uint32_t second) noexcept;
  [[nodiscard]] Counts counts(std::size_t window) const noexcept;
  [[nodiscard]] double distinct(std::size_t window) const noexcept;
  // Openings of the window that had time to be answered, and were not.
  [[nodiscard]] std::uint32_t unanswered(std::size_t window, std::uint32_t second) const noexcept;
  // The part of the window that has passed since `began`, at least 1.
  [[nodiscard]] std::uint32_t covered(std::size_t window, std::uint32_t second,
                                      std::uint32_t began) const noexcept;
};

class ActivityHistory {
 public:
  ActivityHistory(Track track, std::uint32_t capacity, const SipKey& seed);

  // Adds what one worker saw; `second` never goes back. The record, for what else is to be kept.
  ActivityRecord& add(const ActivitySubject& subject, const Counts& counts, const Distinct& distinct,
                      std::uint32_t second) noexcept;
  // Of every record that did something in the longest window, rolled to `second`.
  template <class Visit>
  void for_each(std::uint32_t second, Visit&& visit) {
    for (std::size_t i = 0; i < records_.size(); ++i) {
      if (heads_[i].tag == 0) continue;
      if (second - records_[i].touched > kWindowSeconds.back()) {
        heads_[i] = {};
        continue;
      }
      records_[i].roll(second);
      visit(records_[i]);
    }
  }

  [[nodiscard]] std::uint64_t evicted() const noexcept { return evicted_; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return heads_.bytes() + records_.bytes(); }

 private:
  static constexpr std::size_t kGroup = 8;
  struct Head {
    std::uint32_t tag;  // 0: not in use
    std::uint32_t weight;
    std::uint32_t touched;
  };

  [[nodiscard]] std::uint64_t hash_of(const ActivitySubject& subject) const noexcept;
  [[nodiscard]] std::size_t victim_of(std::size_t group, std::uint32_t second) const noexcept;
  [[nodiscard]] std::uint32_t weight_of(const ActivityRecord& record) const noexcept;

  Track track_;
  SipKey seed_;
  PageArray<Head> heads_;
  PageArray<ActivityRecord> records_;
  std::size_t mask_;
  std::uint64_t evicted_ = 0;
};

}  // namespace millrace::firewall::inspection
