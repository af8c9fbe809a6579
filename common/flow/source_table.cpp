// SPDX-License-Identifier: BSD-3-Clause
#include "common/flow/source_table.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "common/flow/key.h"

namespace millrace::flow {

SourceKey::SourceKey(const net::IpAddress& address, Segment segment, std::uint32_t scope) noexcept
    : rest(std::uint64_t{scope} | std::uint64_t{segment.number()} << 32 |
           std::uint64_t{static_cast<std::uint8_t>(address.family())} << 61) {
  std::memcpy(&first, address.bytes().data(), sizeof first);
  std::memcpy(&second, address.bytes().data() + sizeof first, sizeof second);
}

SourceKey SourceKey::of_network(const net::IpAddress& address, unsigned ipv6_bits, Segment segment) noexcept {
  SourceKey key(address, segment, kEverywhere);
  if (address.is_v4()) return key;
  const auto mask = [](unsigned ones) noexcept {
    return ones == 0 ? std::uint64_t{0} : byte_swap(~std::uint64_t{0} << (64 - ones));
  };
  key.first &= mask(std::min(ipv6_bits, 64U));
  key.second &= mask(ipv6_bits > 64 ? std::min(ipv6_bits, 128U) - 64 : 0);
  return key;
}

net::IpAddress SourceKey::address() const noexcept {
  net::Ipv6Address bytes;
  std::memcpy(bytes.bytes.data(), &first, sizeof first);
  std::memcpy(bytes.bytes.data() + sizeof first, &second, sizeof second);
  if (rest >> 61 == static_cast<std::uint8_t>(net::Family::kIpv6)) return bytes;
  std::uint32_t wire = 0;
  std::memcpy(&wire, bytes.bytes.data(), sizeof wire);
  return net::Ipv4Address{be32::from_wire(wire)};
}

SourceTable::SourceTable(std::uint32_t capacity, std::uint64_t seed)
    : seed_(seed), entries_(std::size_t{capacity} + 1), chains_(std::bit_ceil(std::size_t{capacity} + 1)) {
  for (SourceIndex i = 1; i <= capacity; ++i) link_idle(i);
}

std::uint64_t SourceTable::chain_of(std::uint64_t first, std::uint64_t second,
                                    std::uint64_t rest) const noexcept {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
  return mix(mix(first ^ seed_, second ^ kOdd) ^ rest, seed_ | 1) & (chains_.size() - 1);
}

void SourceTable::link_idle(SourceIndex index) noexcept {
  Entry& entry = entries_[index];
  entry.older = newest_;
  entry.newer = kNoSource;
  (newest_ == kNoSource ? oldest_ : entries_[newest_].newer) = index;
  newest_ = index;
}

void SourceTable::unlink_idle(SourceIndex index) noexcept {
  const Entry& entry = entries_[index];
  (entry.older == kNoSource ? oldest_ : entries_[entry.older].newer) = entry.newer;
  (entry.newer == kNoSource ? newest_ : entries_[entry.newer].older) = entry.older;
}

void SourceTable::unlink_chain(SourceIndex index) noexcept {
  const Entry& entry = entries_[index];
  SourceIndex* at = &chains_[chain_of(entry.first, entry.second, entry.rest)];
  while (*at != index) at = &entries_[*at].next;
  *at = entry.next;
}

SourceIndex SourceTable::find_or_add(const SourceKey& key) noexcept {
  SourceIndex& head = chains_[chain_of(key.first, key.second, key.rest)];
  for (SourceIndex at = head; at != kNoSource; at = entries_[at].next) {
    const Entry& entry = entries_[at];
    if (entry.first != key.first || entry.second != key.second || entry.rest != key.rest) continue;
    if (entry.open == 0) {  // used again: the last to give way
      unlink_idle(at);
      link_idle(at);
    }
    return at;
  }
  const SourceIndex taken = oldest_;
  if (taken == kNoSource) {
    unlimited_.add(1);
    return kNoSource;
  }
  unlink_idle(taken);
  if (entries_[taken].rest != 0) {
    unlink_chain(taken);
    evicted_.add(1);
  } else {
    used_.add(1);
  }
  entries_[taken] = {.first = key.first,
                     .second = key.second,
                     .rest = key.rest,
                     .open = 0,
                     .rate = {},
                     .next = head,
                     .older = kNoSource,
                     .newer = kNoSource};
  head = taken;
  link_idle(taken);
  return taken;
}

void SourceTable::opened(SourceIndex index) noexcept {
  if (index == kNoSource) return;
  if (entries_[index].open++ == 0) unlink_idle(index);
}

void SourceTable::ended(SourceIndex index) noexcept {
  if (index == kNoSource) return;
  assert(entries_[index].open != 0);
  if (--entries_[index].open == 0) link_idle(index);
}

}  // namespace millrace::flow
