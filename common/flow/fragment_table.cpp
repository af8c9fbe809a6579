// SPDX-License-Identifier: BSD-3-Clause
#include "common/flow/fragment_table.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/flow/key.h"
#include "common/net/wire.h"

namespace millrace::flow {

namespace {

// What a first fragment must hold, and no later fragment may touch.
constexpr std::uint32_t minimum_header(std::uint8_t protocol) noexcept {
  switch (protocol) {
    case net::protocol::kTcp:
      return 20;
    case net::protocol::kUdp:
    case net::protocol::kIcmp:
    case net::protocol::kIcmpv6:
      return 8;
    case net::protocol::kSctp:
      return 12;
    default:
      return 0;
  }
}

// The longest payload a datagram can have: IPv4's total length counts at least 20 bytes of header.
constexpr std::uint32_t longest(net::Family family) noexcept {
  return family == net::Family::kIpv4 ? 65535 - 20 : 65535;
}

}  // namespace

FragmentKey FragmentKey::ipv4(net::Ipv4Address source, net::Ipv4Address destination, std::uint16_t id,
                              std::uint8_t protocol, Segment segment) noexcept {
  FragmentKey key;
  const std::uint32_t from = source.value.wire();
  const std::uint32_t to = destination.value.wire();
  std::memcpy(key.source.bytes.data(), &from, sizeof from);
  std::memcpy(key.destination.bytes.data(), &to, sizeof to);
  key.id = id;
  key.segment = segment;
  key.protocol = protocol;
  return key;
}

FragmentKey FragmentKey::ipv6(const net::Ipv6Address& source, const net::Ipv6Address& destination,
                              std::uint32_t id, Segment segment) noexcept {
  FragmentKey key;
  key.source = source;
  key.destination = destination;
  key.id = id;
  key.segment = segment;
  key.family = net::Family::kIpv6;
  return key;
}

FragmentTable::FragmentTable(const FragmentSettings& settings, std::uint64_t seed)
    : settings_(settings),
      seed_(seed),
      bucket_mask_(std::bit_ceil(std::max(settings.datagrams, 1U) * 2) - 1),
      buckets_(bucket_mask_ + 1U, kNone),
      table_(std::max(settings.datagrams, 1U)),
      ranges_(table_.size()),
      held_(settings.held) {
  for (auto i = static_cast<std::uint32_t>(table_.size()); i-- > 0;) {
    table_[i].bucket_next = free_datagram_;
    free_datagram_ = i;
  }
  for (auto i = static_cast<std::uint32_t>(held_.size()); i-- > 0;) {
    held_[i].next = free_held_;
    free_held_ = i;
  }
}

std::uint32_t FragmentTable::bucket_of(const FragmentKey& key) const noexcept {
  const std::uint64_t rest = key.id | std::uint64_t{key.segment.number()} << 32;
  const std::uint64_t kind = key.protocol | std::uint64_t{static_cast<std::uint8_t>(key.family)} << 8;
  std::uint64_t hash =
      mix(key.source.high() ^ seed_, key.source.low() ^ 0x9e3779b97f4a7c15);  // 2^64 / golden ratio
  hash = mix(hash ^ key.destination.high(), seed_ ^ key.destination.low());
  hash = mix(hash ^ rest, (seed_ ^ kind << 1) | 1);
  return static_cast<std::uint32_t>(hash) & bucket_mask_;
}

FragmentDecision FragmentTable::offer(const Fragment& fragment, void* packet, Tick now) noexcept {
  FragmentDecision decision;
  const bool first = fragment.offset == 0;
  if (fragment.length == 0 || (fragment.more && fragment.length % 8 != 0) || fragment.offset % 8 != 0 ||
      (first && !fragment.more) || fragment.offset > longest(fragment.key.family) ||
      fragment.length > longest(fragment.key.family) - fragment.offset) {
    return decision;  // kInvalid
  }
  const std::uint32_t index = find_or_create(fragment.key, now);
  Datagram& datagram = table_[index];
  decision.datagram = {index, datagram.generation};
  if (datagram.state == State::kEnded) {
    decision.verdict = datagram.why;
    return decision;
  }
  const std::uint32_t header =
      std::max<std::uint32_t>(minimum_header(fragment.protocol), first ? fragment.header_length : 0);
  FragmentVerdict verdict = note_range(index, fragment);
  if (verdict == FragmentVerdict::kPass && (first ? fragment.length < header : fragment.offset < header)) {
    verdict = FragmentVerdict::kTiny;
  }
  if (verdict != FragmentVerdict::kPass) {
    // A repeat may be the network's doing; anything else is the sender's.
    if (verdict != FragmentVerdict::kDuplicate) end_datagram(index, verdict);
    decision.verdict = verdict;
    return decision;
  }
  if (first) {
    decision.verdict = FragmentVerdict::kPass;
    decision.first = true;
    datagram.state = State::kPending;
    return decision;
  }
  if (datagram.state == State::kWaiting || datagram.state == State::kPending) return hold(index, packet, now);
  decision.verdict = datagram.state == State::kAccepted ? FragmentVerdict::kPass : FragmentVerdict::kRefused;
  decision.note = datagram.note;
  forget_if_complete(index);
  return decision;
}

std::uint32_t FragmentTable::find_or_create(const FragmentKey& key, Tick now) noexcept {
  const std::uint32_t bucket = bucket_of(key);
  for (std::uint32_t i = buckets_[bucket]; i != kNone; i = table_[i].bucket_next) {
    if (!(table_[i].key == key)) continue;
    if (tick_after(table_[i].deadline, now)) return i;
    forget(i, FragmentVerdict::kHeldTimeout);
    break;
  }
  if (free_datagram_ == kNone) {
    ++evictions_;
    forget(oldest_datagram(), FragmentVerdict::kEvicted);
  }
  const std::uint32_t index = free_datagram_;
  Datagram& datagram = table_[index];
  free_datagram_ = datagram.bucket_next;
  const bool v6 = key.family == net::Family::kIpv6;
  Age& age = age_of(key.family);
  datagram = {.key = key,
              .note = {},
              .generation = datagram.generation,
              .bucket_next = buckets_[bucket],
              .older = age.newest,
              .newer = kNone,
              .held_head = kNone,
              .held_tail = kNone,
              .bucket = bucket,
              .deadline = now + (v6 ? settings_.ipv6_timeout_ms : settings_.ipv4_timeout_ms),
              .covered = 0,
              .end = 0,
              .ranges = 0,
              .held = 0,
              .state = State::kWaiting,
              .why = FragmentVerdict::kPass};
  buckets_[bucket] = index;
  (age.newest == kNone ? age.oldest : table_[age.newest].newer) = index;
  age.newest = index;
  ++datagrams_in_use_;
  return index;
}

// Adds the fragment's bytes to those seen, unless they contradict them.
FragmentVerdict FragmentTable::note_range(std::uint32_t index, const Fragment& fragment) noexcept {
  Datagram& datagram = table_[index];
  Ranges& ranges = ranges_[index];
  const std::uint32_t begin = fragment.offset;
  const std::uint32_t end = begin + fragment.length;
  std::uint32_t at = datagram.ranges;  // fragments mostly come in order: look from the end
  while (at > 0 && ranges[at - 1].begin >= begin) --at;
  if (at < datagram.ranges) {
    const Range& next = ranges[at];
    if (next.begin == begin && next.end == end && (fragment.more || datagram.end == end)) {
      return fragment.more && datagram.end == end ? FragmentVerdict::kWrongEnd : FragmentVerdict::kDuplicate;
    }
    if (next.begin < end) return FragmentVerdict::kOverlap;
  }
  if (at > 0 && ranges[at - 1].end > begin) return FragmentVerdict::kOverlap;
  if (datagram.end != 0 && (end > datagram.end || !fragment.more)) return FragmentVerdict::kWrongEnd;
  if (!fragment.more && at < datagram.ranges) return FragmentVerdict::kWrongEnd;
  if (datagram.ranges == kMaxFragments) return FragmentVerdict::kTooMany;

  std::copy_backward(ranges.begin() + at, ranges.begin() + datagram.ranges,
                     ranges.begin() + datagram.ranges + 1);
  ranges[at] = {static_cast<std::uint16_t>(begin), static_cast<std::uint16_t>(end)};
  ++datagram.ranges;
  datagram.covered += fragment.length;
  if (!fragment.more) datagram.end = end;
  return FragmentVerdict::kPass;
}

FragmentDecision FragmentTable::hold(std::uint32_t index, void* packet, Tick now) noexcept {
  Datagram& datagram = table_[index];
  FragmentDecision decision;
  decision.datagram = {index, datagram.generation};
  decision.verdict = FragmentVerdict::kHeldFull;
  if (datagram.held >= settings_.held_per_datagram) return decision;
  if (free_held_ == kNone) {
    if (held_age_.oldest == kNone) return decision;
    // The oldest packet stands at the head of its own datagram's list.
    const std::uint32_t oldest = take_held(table_[held_[held_age_.oldest].datagram]);
    decision.evicted = held_[oldest].packet;
    free_held(oldest);
  }
  const std::uint32_t slot = free_held_;
  Held& held = held_[slot];
  free_held_ = held.next;
  held = {.packet = packet,
          .datagram = index,
          .next = kNone,
          .older = held_age_.newest,
          .newer = kNone,
          .deadline = now + settings_.held_timeout_ms,
          .why = FragmentVerdict::kHeldTimeout};
  (held_age_.newest == kNone ? held_age_.oldest : held_[held_age_.newest].newer) = slot;
  held_age_.newest = slot;
  (datagram.held_tail == kNone ? datagram.held_head : held_[datagram.held_tail].next) = slot;
  datagram.held_tail = slot;
  ++datagram.held;
  ++held_in_use_;
  decision.verdict = FragmentVerdict::kHeld;
  return decision;
}

// Takes the oldest held packet off its datagram and off the age list; the slot is the caller's.
std::uint32_t FragmentTable::take_held(Datagram& datagram) noexcept {
  const std::uint32_t index = datagram.held_head;
  const Held& held = held_[index];
  datagram.held_head = held.next;
  if (datagram.held_head == kNone) datagram.held_tail = kNone;
  --datagram.held;
  (held.older == kNone ? held_age_.oldest : held_[held.older].newer) = held.newer;
  (held.newer == kNone ? held_age_.newest : held_[held.newer].older) = held.older;
  return index;
}

void FragmentTable::free_held(std::uint32_t index) noexcept {
  held_[index].packet = nullptr;
  held_[index].next = free_held_;
  free_held_ = index;
  --held_in_use_;
}

void FragmentTable::give_up_held(std::uint32_t index, FragmentVerdict why) noexcept {
  Datagram& datagram = table_[index];
  while (datagram.held_head != kNone) {
    const std::uint32_t slot = take_held(datagram);
    held_[slot].why = why;
    held_[slot].next = dropped_;
    dropped_ = slot;
  }
}

void FragmentTable::end_datagram(std::uint32_t index, FragmentVerdict why) noexcept {
  table_[index].state = State::kEnded;
  table_[index].why = why;
  give_up_held(index, why);
}

void FragmentTable::forget(std::uint32_t index, FragmentVerdict why) noexcept {
  give_up_held(index, why);
  Datagram& datagram = table_[index];
  std::uint32_t* link = &buckets_[datagram.bucket];
  while (*link != index) link = &table_[*link].bucket_next;
  *link = datagram.bucket_next;
  Age& age = age_of(datagram.key.family);
  (datagram.older == kNone ? age.oldest : table_[datagram.older].newer) = datagram.newer;
  (datagram.newer == kNone ? age.newest : table_[datagram.newer].older) = datagram.older;
  ++datagram.generation;
  datagram.bucket_next = free_datagram_;
  free_datagram_ = index;
  --datagrams_in_use_;
}

void FragmentTable::forget_if_complete(std::uint32_t index) noexcept {
  const Datagram& datagram = table_[index];
  // Ranges do not overlap and none passes the end, so counting bytes suffices.
  if (datagram.end != 0 && datagram.covered == datagram.end) forget(index, FragmentVerdict::kEvicted);
}

std::uint32_t FragmentTable::oldest_datagram() const noexcept {
  const std::uint32_t v4 = ages_[0].oldest;
  const std::uint32_t v6 = ages_[1].oldest;
  if (v4 == kNone || v6 == kNone) return v4 == kNone ? v6 : v4;
  const Tick v4_made = table_[v4].deadline - settings_.ipv4_timeout_ms;
  const Tick v6_made = table_[v6].deadline - settings_.ipv6_timeout_ms;
  return tick_after(v4_made, v6_made) ? v6 : v4;
}

void FragmentTable::expire(Tick now, std::uint32_t budget) noexcept {
  for (std::uint32_t n = budget; n > 0 && held_age_.oldest != kNone; --n) {
    const std::uint32_t slot = held_age_.oldest;
    if (tick_after(held_[slot].deadline, now)) break;
    (void)take_held(table_[held_[slot].datagram]);
    held_[slot].next = dropped_;
    dropped_ = slot;
  }
  for (Age& age : ages_) {
    for (; budget > 0 && age.oldest != kNone; --budget) {
      if (tick_after(table_[age.oldest].deadline, now)) break;
      forget(age.oldest, FragmentVerdict::kHeldTimeout);
    }
  }
}

void FragmentTable::clear() noexcept {
  while (datagrams_in_use_ > 0) forget(oldest_datagram(), FragmentVerdict::kEvicted);
}

std::string_view name(FragmentVerdict verdict) noexcept {
  switch (verdict) {
    case FragmentVerdict::kPass:
      return "pass";
    case FragmentVerdict::kHeld:
      return "held";
    case FragmentVerdict::kRefused:
      return "refused";
    case FragmentVerdict::kOverlap:
      return "overlap";
    case FragmentVerdict::kDuplicate:
      return "duplicate";
    case FragmentVerdict::kTiny:
      return "tiny";
    case FragmentVerdict::kInvalid:
      return "invalid";
    case FragmentVerdict::kWrongEnd:
      return "wrong_end";
    case FragmentVerdict::kTooMany:
      return "too_many";
    case FragmentVerdict::kHeldFull:
      return "held_full";
    case FragmentVerdict::kHeldTimeout:
      return "held_timeout";
    case FragmentVerdict::kEvicted:
      return "evicted";
  }
  return "unknown";
}

}  // namespace millrace::flow
