// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/address_list.h"

#include <algorithm>
#include <utility>

namespace millrace::firewall::inspection {
namespace {

// Overlapping ones become one: ranges, unlike prefixes, overlap in part.
template <class Interval>
void join_overlapping(std::vector<Interval>& intervals) {
  std::ranges::sort(intervals, {}, &Interval::first);
  std::size_t kept = 0;
  for (const Interval& interval : intervals) {
    if (kept != 0 && interval.first <= intervals[kept - 1].last) {
      intervals[kept - 1].last = std::max(intervals[kept - 1].last, interval.last);
    } else {
      intervals[kept++] = interval;
    }
  }
  intervals.resize(kept);
}

}  // namespace

AddressList::AddressList(const Room& room, const SipKey& /*seed*/) : AddressList() {
  v4_entries_.reserve(room.v4);
  v6_entries_.reserve(room.v6);
}

void AddressList::add(const Entry& entry) {
  if (entry.first.is_v4()) {
    v4_entries_.push_back({integer(entry.first.v4()), integer(entry.last.v4()), kPresent});
  } else {
    v6_entries_.push_back({integer(entry.first.v6()), integer(entry.last.v6()), kPresent});
  }
}

void AddressList::seal() {
  join_overlapping(v4_entries_);
  join_overlapping(v6_entries_);
  count_ = v4_entries_.size() + v6_entries_.size();
  v4_ = V4(std::exchange(v4_entries_, {}), kAbsent);
  v6_ = V6(std::exchange(v6_entries_, {}), kAbsent);
}

}  // namespace millrace::firewall::inspection
