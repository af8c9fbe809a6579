// SPDX-License-Identifier: BSD-3-Clause
// What one worker remembers of the sources whose sessions are limited: how many are open, how fast they
// begin. A session is a connection, or whatever the appliance keeps of a flow.
//
// A source is one address of one segment, IPv4 or IPv6. A sender that owns an IPv6 network has as many
// sources as it likes; limits on all sources together and SYN cookies are what holds against that.
//
// Fixed capacity, not thread-safe, nothing allocated after construction. An entry without open sessions gives
// way when room is needed, the one longest unused first. When every entry has open sessions, a further source
// is not limited (and counted): to refuse it would let those who fill the table shut out everybody else.
#pragma once

#include <cstdint>

#include "common/base/counter.h"
#include "common/base/page_array.h"
#include "common/base/rate_bucket.h"
#include "common/flow/segment.h"
#include "common/net/address.h"

namespace millrace::flow {

using SourceIndex = std::uint32_t;
inline constexpr SourceIndex kNoSource = 0;  // of a source that is not, or can not be, limited

struct SourceKey {
  static constexpr std::uint32_t kEverywhere = 0;

  // `scope`: kEverywhere, or one more than the number of the rule or service that limits.
  SourceKey(const net::IpAddress& address, Segment segment, std::uint32_t scope) noexcept;
  // Of all addresses of the IPv6 network the address lies in; an IPv4 address has a key of its own.
  [[nodiscard]] static SourceKey of_network(const net::IpAddress& address, unsigned ipv6_bits,
                                            Segment segment) noexcept;
  // Equal to no source's.
  [[nodiscard]] static SourceKey none() noexcept { return {}; }
  bool operator==(const SourceKey&) const noexcept = default;

  [[nodiscard]] net::IpAddress address() const noexcept;
  [[nodiscard]] Segment segment() const noexcept {
    return Segment::from_number(static_cast<std::uint32_t>(rest >> 32) & 0x1fffffff);
  }

  std::uint64_t first;
  std::uint64_t second;
  std::uint64_t rest;  // scope 32 | segment 29 | family 3

 private:
  SourceKey() noexcept : first(0), second(0), rest(0) {}
};

class SourceTable {
 public:
  // `seed` is secret, so a sender can not aim at a chain.
  SourceTable(std::uint32_t capacity, std::uint64_t seed);

  // The entry of the source, made when there is none. kNoSource when all entries have open sessions.
  [[nodiscard]] SourceIndex find_or_add(const SourceKey& key) noexcept;

  [[nodiscard]] std::uint32_t open_sessions(SourceIndex index) const noexcept { return entries_[index].open; }
  [[nodiscard]] RateBucket& rate(SourceIndex index) noexcept { return entries_[index].rate; }
  // A session of the source begins, or ends. Nothing for kNoSource.
  void opened(SourceIndex index) noexcept;
  void ended(SourceIndex index) noexcept;

  [[nodiscard]] std::uint32_t capacity() const noexcept {
    return static_cast<std::uint32_t>(entries_.size()) - 1;
  }
  [[nodiscard]] std::uint64_t used() const noexcept { return used_.read(); }
  [[nodiscard]] std::uint64_t evicted() const noexcept { return evicted_.read(); }
  [[nodiscard]] std::uint64_t unlimited() const noexcept { return unlimited_.read(); }  // found no entry free
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return entries_.bytes() + chains_.bytes(); }

 private:
  struct Entry {
    std::uint64_t first;
    std::uint64_t second;
    std::uint64_t rest;  // 0: not in use
    std::uint32_t open;
    RateBucket rate;
    SourceIndex next;  // of its chain
    SourceIndex older;
    SourceIndex newer;
  };

  [[nodiscard]] std::uint64_t chain_of(std::uint64_t first, std::uint64_t second,
                                       std::uint64_t rest) const noexcept;
  void link_idle(SourceIndex index) noexcept;
  void unlink_idle(SourceIndex index) noexcept;
  void unlink_chain(SourceIndex index) noexcept;

  std::uint64_t seed_;
  PageArray<Entry> entries_;        // [0] stands for kNoSource
  PageArray<SourceIndex> chains_;   // heads, a power of two
  SourceIndex oldest_ = kNoSource;  // of those without open sessions, unused ones first
  SourceIndex newest_ = kNoSource;
  Counter used_;
  Counter evicted_;
  Counter unlimited_;
};

}  // namespace millrace::flow
