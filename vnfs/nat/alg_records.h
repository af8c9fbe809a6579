// SPDX-License-Identifier: BSD-3-Clause
// What application-level gateways (RFC 2663 section 2.9) remember of sessions whose messages they read. One
// worker's own, fixed capacity.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "common/base/clock.h"
#include "common/base/counter.h"
#include "common/base/siphash.h"
#include "common/flow/bucket_index.h"
#include "common/flow/key.h"
#include "common/net/wire.h"
#include "vnfs/nat/leases.h"
#include "vnfs/nat/record_pool.h"
#include "vnfs/nat/records.h"
#include "vnfs/nat/sequence_shift.h"
#include "vnfs/nat/sip_state.h"

namespace millrace::nat {

enum class AlgKind : std::uint8_t { kNone, kFtp, kSip, kPptp };
inline constexpr std::size_t kAlgKinds = 4;

// Those that a policy has on.
class AlgSet {
 public:
  constexpr void add(AlgKind kind) noexcept { bits_ |= bit(kind); }
  [[nodiscard]] constexpr bool has(AlgKind kind) const noexcept { return (bits_ & bit(kind)) != 0; }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }

 private:
  [[nodiscard]] static constexpr unsigned bit(AlgKind kind) noexcept {
    return 1U << static_cast<unsigned>(kind);
  }
  unsigned bits_ = 0;
};

using AlgIndex = std::uint32_t;

// A call of PPTP (RFC 2637), ids in wire order.
struct PptpCall {
  std::uint16_t inside;   // the inside host's own
  std::uint16_t outside;  // what it is called outside
  std::uint16_t peer;     // the other end's own
  bool known;             // the first two are
  bool peer_known;
  bool over;

  // What packets of its tunnel show that go out; `control` is the control connection's session.
  [[nodiscard]] Tuple tunnel(const Session& control) const noexcept {
    return Tuple::of({control.tuple[0].source().address, 0}, {control.remote().address, peer},
                     net::protocol::kGre, control.tuple[0].domain());
  }
};

// Plain data that means the same in another worker's table, but for `session`.
struct alignas(64) AlgRecord {
  static constexpr unsigned kMostPinholes = 8;

  // A port of the session's inside host that was opened for it (pinhole.h).
  struct Pinhole {
    std::uint16_t inside_port;  // wire order
    std::uint8_t protocol;      // 0: none
    Tick until;
  };

  SessionIndex session;
  AlgKind kind;
  // FTP: what passed last of the inside host's messages was not the end of a line.
  bool mid_line;
  PptpCall pptp;
  std::uint32_t offered;               // of TCP: what follows the last SYN that was no answer
  std::array<SequenceShift, 2> shift;  // likewise, by Direction
  std::array<Pinhole, kMostPinholes> pinholes;
  SipState sip;

  [[nodiscard]] bool in_use() const noexcept { return kind != AlgKind::kNone; }
};

class AlgRecords {
 public:
  AlgRecords(std::uint32_t capacity, std::uint64_t seed)
      : seed_(seed), nonce_(secret_nonce(seed)), records_(capacity), index_(capacity) {}

  struct Counts {
    Counter rewritten;  // messages
    Counter refused;    // messages that ask for what they do not get, and pass as they are
    Counter unwatched;  // sessions for which there was no record
  };

  [[nodiscard]] AlgRecord& operator[](AlgIndex index) noexcept { return records_[index]; }
  [[nodiscard]] const AlgRecord& operator[](AlgIndex index) const noexcept { return records_[index]; }
  [[nodiscard]] const RecordPool<AlgRecord>& records() const noexcept { return records_; }
  [[nodiscard]] AlgIndex find(SessionIndex session) const noexcept {
    return index_.find(hash(session), [&](AlgIndex at) { return records_[at].session == session; });
  }
  // One that find() does not know; kNoIndex when there is no room.
  [[nodiscard]] AlgIndex open(SessionIndex session, const AlgRecord& from) noexcept {
    if (records_.full()) return kNoIndex;
    const AlgIndex index = records_.take();
    if (!index_.insert(hash(session), index)) {
      records_.give_back(index);
      return kNoIndex;
    }
    records_[index] = from;
    records_[index].session = session;
    open_.set(records_.size());
    return index;
  }
  void close(AlgIndex index) noexcept {
    index_.erase(hash(records_[index].session), index);
    records_.give_back(index);
    open_.set(records_.size());
  }

  // Of leases that are pinholes: no host knows it, so none can change them.
  [[nodiscard]] const Lease::Nonce& nonce() const noexcept { return nonce_; }
  [[nodiscard]] Counts& counts(AlgKind kind) noexcept { return counts_[static_cast<std::size_t>(kind)]; }
  // Readable from any thread, as is the next.
  [[nodiscard]] const Counts& counts(AlgKind kind) const noexcept {
    return counts_[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] std::uint64_t open_records() const noexcept { return open_.read(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return records_.memory_bytes() + index_.memory_bytes();
  }

 private:
  [[nodiscard]] std::uint64_t hash(SessionIndex session) const noexcept {
    return flow::hash_words(session, 1, seed_);
  }
  [[nodiscard]] static Lease::Nonce secret_nonce(std::uint64_t seed) noexcept {
    constexpr std::array<std::uint8_t, 2> kPurpose{'p', 'h'};
    SipRandom random({siphash(kPurpose, {seed, 0}), siphash(kPurpose, {seed, 1})});
    const std::array<std::uint64_t, 2> words{random.next(), random.next()};
    Lease::Nonce nonce;
    std::memcpy(nonce.data(), words.data(), nonce.size());
    return nonce;
  }

  std::uint64_t seed_;
  Lease::Nonce nonce_;
  RecordPool<AlgRecord> records_;
  flow::BucketIndex index_;
  std::array<Counts, kAlgKinds> counts_;
  Counter open_;
};

}  // namespace millrace::nat
