// SPDX-License-Identifier: BSD-3-Clause
// What hosts asked for by PCP or NAT-PMP, and until when: the explicit mappings of RFC 6887; and what ALGs
// open for them. One worker's own, fixed capacity.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "common/flow/bucket_index.h"
#include "common/flow/timer_wheel.h"
#include "vnfs/nat/record_pool.h"
#include "vnfs/nat/records.h"

namespace millrace::nat {

struct alignas(64) Lease {
  enum class Kind : std::uint8_t { kNone, kMapping, kSession };

  // Who may come in: a prefix of addresses in wire order, and one port of theirs or all.
  struct Remote {
    std::uint32_t address;
    std::uint32_t mask;
    std::uint16_t port;  // 0: all
    bool operator==(const Remote&) const noexcept = default;
  };
  static constexpr unsigned kMostRemotes = 7;
  using Nonce = std::array<std::uint8_t, 12>;

  std::uint32_t binding;  // a MappingIndex or a SessionIndex
  SubscriberIndex subscriber;
  LeaseIndex previous;  // of the subscriber's
  LeaseIndex next;
  Tick expires;
  Nonce nonce;  // RFC 6887 section 11.3: who does not know it may not change the lease
  Kind kind;
  std::uint8_t remote_count;  // 0: all may come in
  bool pinhole;               // an ALG's, not a host's (pinhole.h)
  std::array<Remote, kMostRemotes> remotes;

  [[nodiscard]] bool in_use() const noexcept { return kind != Kind::kNone; }
  [[nodiscard]] bool lets_in(Endpoint remote) const noexcept {
    if (remote_count == 0) return true;
    return std::any_of(remotes.begin(), remotes.begin() + remote_count, [&](const Remote& one) {
      return (remote.address & one.mask) == one.address && (one.port == 0 || one.port == remote.port);
    });
  }
};
static_assert(sizeof(Lease) == 128);

class Leases {
 public:
  Leases(std::uint32_t capacity, std::uint64_t seed, Tick now)
      : seed_(seed), records_(capacity), index_(capacity), wheel_(capacity, now) {}

  [[nodiscard]] Lease& operator[](LeaseIndex index) noexcept { return records_[index]; }
  [[nodiscard]] const Lease& operator[](LeaseIndex index) const noexcept { return records_[index]; }
  [[nodiscard]] const RecordPool<Lease>& records() const noexcept { return records_; }

  [[nodiscard]] LeaseIndex find(Lease::Kind kind, std::uint32_t binding) const noexcept {
    return index_.find(hash(kind, binding), [&](LeaseIndex index) {
      return records_[index].kind == kind && records_[index].binding == binding;
    });
  }
  // One that find() does not know, as the first of its subscriber's; kNoIndex when there is no room.
  [[nodiscard]] LeaseIndex open(Lease::Kind kind, std::uint32_t binding, SubscriberIndex number,
                                Subscriber& subscriber) noexcept {
    if (records_.full()) return kNoIndex;
    const LeaseIndex index = records_.take();
    if (!index_.insert(hash(kind, binding), index)) {
      records_.give_back(index);
      return kNoIndex;
    }
    Lease& lease = records_[index];
    lease.kind = kind;
    lease.binding = binding;
    lease.subscriber = number;
    lease.previous = kNoIndex;
    lease.next = subscriber.first_lease;
    if (lease.next != kNoIndex) records_[lease.next].previous = index;
    subscriber.first_lease = index;
    ++subscriber.leases;
    return index;
  }
  void renew(LeaseIndex index, Tick lifetime, Tick now) noexcept {
    records_[index].expires = now + lifetime;
    wheel_.schedule(index, now, now + lifetime);
  }
  void close(LeaseIndex index, Subscriber& subscriber) noexcept {
    const Lease& lease = records_[index];
    if (lease.next != kNoIndex) records_[lease.next].previous = lease.previous;
    (lease.previous == kNoIndex ? subscriber.first_lease : records_[lease.previous].next) = lease.next;
    --subscriber.leases;
    index_.erase(hash(lease.kind, lease.binding), index);
    wheel_.cancel(index);
    records_.give_back(index);
  }
  // Calls end(index) for what is due, at most `budget` times.
  template <class End>
  void expire(Tick now, unsigned budget, End&& end) noexcept {
    wheel_.advance(now, budget, [&](LeaseIndex index) -> std::optional<Tick> {
      const Tick expires = records_[index].expires;
      if (tick_after(expires, now)) return expires;
      end(index);
      return std::nullopt;
    });
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return records_.memory_bytes() + index_.memory_bytes() + wheel_.memory_bytes();
  }

 private:
  [[nodiscard]] std::uint64_t hash(Lease::Kind kind, std::uint32_t binding) const noexcept {
    return flow::hash_words(binding, static_cast<std::uint64_t>(kind), seed_);
  }

  std::uint64_t seed_;
  RecordPool<Lease> records_;
  flow::BucketIndex index_;
  flow::TimerWheel wheel_;
};

}  // namespace millrace::nat
