// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/activity_history.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/flow/key.h"

namespace millrace::firewall::inspection {
namespace {

constexpr std::uint32_t kHalfLifeSeconds = 600;

std::uint32_t pane_seconds(std::size_t window) noexcept { return kWindowSeconds[window] / 2; }

void add(Counts& to, const Counts& more) noexcept {
  to.opened += more.opened;
  to.refused += more.refused;
  to.answered += more.answered;
  to.marked += more.marked;
}

}  // namespace

void ActivityRecord::roll(std::uint32_t second) noexcept {
  for (std::size_t w = 0; w < kWindows; ++w) {
    const std::uint32_t number = second / pane_seconds(w);
    if (number == pane_number[w]) continue;
    panes[w][1] = number - pane_number[w] == 1 ? panes[w][0] : Seen{};
    panes[w][0] = {};
    pane_number[w] = number;
  }
}

Counts ActivityRecord::counts(std::size_t window) const noexcept {
  Counts both = panes[window][0].counts;
  add(both, panes[window][1].counts);
  return both;
}

double ActivityRecord::distinct(std::size_t window) const noexcept {
  Distinct both = panes[window][0].distinct;
  both.merge(panes[window][1].distinct);
  return both.estimate();
}

std::uint32_t ActivityRecord::unanswered(std::size_t window, std::uint32_t second) const noexcept {
  const Counts seen = counts(window);
  const std::uint32_t settled = seen.opened - (touched == second ? fresh_opened : 0);
  return seen.refused + (settled > seen.answered ? settled - seen.answered : 0);
}

std::uint32_t ActivityRecord::covered(std::size_t window, std::uint32_t second,
                                      std::uint32_t began) const noexcept {
  const std::uint32_t half = pane_seconds(window);
  const std::uint32_t number = pane_number[window];
  const std::uint32_t from = std::max(number == 0 ? 0 : (number - 1) * half, began);
  return std::max<std::uint32_t>(second > from ? second - from : 0, 1);
}

ActivityHistory::ActivityHistory(Track track, std::uint32_t capacity, const SipKey& seed)
    : track_(track),
      seed_(seed),
      heads_(std::bit_ceil(std::max<std::size_t>(capacity, kGroup))),
      records_(heads_.size()),
      mask_(heads_.size() / kGroup - 1) {}

std::uint64_t ActivityHistory::hash_of(const ActivitySubject& subject) const noexcept {
  std::array<std::uint64_t, 2> other{};
  std::memcpy(other.data(), subject.other.data(), sizeof other);
  const std::uint64_t service = std::uint64_t{subject.protocol} << 16 | subject.port;
  std::uint64_t hash = flow::hash_words(subject.who.first, subject.who.second, seed_[0]);
  hash = flow::hash_words(hash ^ subject.who.rest, other[0], seed_[1]);
  return flow::hash_words(hash ^ other[1], subject.domain_hash ^ service, seed_[0]);
}

std::size_t ActivityHistory::victim_of(std::size_t group, std::uint32_t second) const noexcept {
  std::size_t victim = group * kGroup;
  std::uint64_t least = ~std::uint64_t{0};
  for (std::size_t i = group * kGroup; i < (group + 1) * kGroup; ++i) {
    if (heads_[i].tag == 0) return i;
    const std::uint32_t idle = second - heads_[i].touched;
    const std::uint32_t weight = heads_[i].weight >> std::min(idle / kHalfLifeSeconds, 31U);
    // Weight first, then the time since it did something.
    const std::uint64_t rank = std::uint64_t{weight} << 32 | (0xffffffff - idle);
    if (rank >= least) continue;
    least = rank;
    victim = i;
  }
  return victim;
}

std::uint32_t ActivityHistory::weight_of(const ActivityRecord& record) const noexcept {
  const Counts seen = record.counts(kWindows - 1);
  const std::uint32_t all = seen.opened + seen.refused;
  // Sources are of interest by what fails or is marked, services by how busy they are.
  return track_ == Track::kService ? all : (all > seen.answered ? all - seen.answered : 0) + seen.marked;
}

ActivityRecord& ActivityHistory::add(const ActivitySubject& subject, const Counts& counts,
                                     const Distinct& distinct, std::uint32_t second) noexcept {
  const std::uint64_t hash = hash_of(subject);
  const std::size_t group = hash & mask_;
  const std::uint32_t tag = static_cast<std::uint32_t>(hash >> 32) | 1;
  std::size_t at = group * kGroup;
  while (at != (group + 1) * kGroup && (heads_[at].tag != tag || records_[at].subject != subject)) ++at;
  if (at == (group + 1) * kGroup) {
    at = victim_of(group, second);
    if (heads_[at].tag != 0) ++evicted_;
    std::memset(static_cast<void*>(&records_[at]), 0, sizeof(ActivityRecord));
    records_[at].subject = subject;
    records_[at].first = records_[at].touched = second;
  }
  ActivityRecord& record = records_[at];
  record.roll(second);
  if (record.touched != second) record.fresh_opened = record.fresh_refused = record.fresh_answered = 0;
  record.touched = second;
  record.fresh_opened += counts.opened;
  record.fresh_refused += counts.refused;
  record.fresh_answered += counts.answered;
  for (auto& panes : record.panes) {
    inspection::add(panes[0].counts, counts);
    panes[0].distinct.merge(distinct);
  }
  heads_[at] = {.tag = tag, .weight = weight_of(record), .touched = second};
  return record;
}

}  // namespace millrace::firewall::inspection
