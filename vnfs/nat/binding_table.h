// SPDX-License-Identifier: BSD-3-Clause
// One worker's subscribers, mappings and sessions, found by what packets show of them. Fixed capacity,
// nothing allocated after construction.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/base/counter.h"
#include "common/flow/bucket_index.h"
#include "common/flow/timer_wheel.h"
#include "common/net/checksum.h"
#include "vnfs/nat/alg_records.h"
#include "vnfs/nat/leases.h"
#include "vnfs/nat/ports.h"
#include "vnfs/nat/record_pool.h"
#include "vnfs/nat/records.h"
#include "vnfs/nat/timeouts.h"

namespace millrace::nat {

enum class SessionEnd : std::uint8_t { kTimeout, kClosed, kPolicy, kFlushed, kStopped };

// Told of what begins and ends, while it stands in the table.
class BindingObserver : public BlockObserver {
 public:
  virtual void session_opened(SessionIndex index, const Session& session) noexcept = 0;
  virtual void session_ended(SessionIndex index, const Session& session, SessionEnd why,
                             Tick now) noexcept = 0;
  virtual void mapping_opened(MappingIndex index, const Mapping& mapping) noexcept = 0;
  virtual void mapping_ended(MappingIndex index, const Mapping& mapping, Tick now) noexcept = 0;
};

// Why a binding could not be made.
enum class Refusal : std::uint8_t {
  kNone,
  kTableFull,
  kPool,        // no port is free
  kSubscriber,  // the subscriber has as much as it may
};

// A tuple to look up.
struct Lookup {
  Tuple tuple;
  std::uint64_t hash = 0;
};

// A session and which of its directions shows the tuple that was looked up.
struct Found {
  SessionIndex session = kNoIndex;
  Direction direction = Direction::kForward;
};

// Not thread-safe: the worker's own.
class BindingTable {
 public:
  struct Limits {
    std::uint32_t sessions = 250'000;
    std::uint32_t subscribers = 65'536;
    std::uint32_t leases = 16'384;
    std::uint32_t alg_sessions = 8'192;
  };

  // `seed` is secret. There are as many mappings as sessions.
  BindingTable(const Limits& limits, std::uint64_t seed, const AddressBook& book, Tick now,
               core::WorkerShare share = {});

  // Before the first session.
  void observe(BindingObserver* observer) noexcept {
    observer_ = observer;
    ports_.observe(observer);
  }

  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
  [[nodiscard]] const AddressBook& book() const noexcept { return book_; }
  [[nodiscard]] Session& session(SessionIndex index) noexcept { return sessions_[index]; }
  [[nodiscard]] const Session& session(SessionIndex index) const noexcept { return sessions_[index]; }
  [[nodiscard]] Mapping& mapping(MappingIndex index) noexcept { return mappings_[index]; }
  [[nodiscard]] const Mapping& mapping(MappingIndex index) const noexcept { return mappings_[index]; }
  [[nodiscard]] Subscriber& subscriber(SubscriberIndex index) noexcept { return subscribers_[index]; }
  [[nodiscard]] const Subscriber& subscriber(SubscriberIndex index) const noexcept {
    return subscribers_[index];
  }
  [[nodiscard]] const RecordPool<Session>& sessions() const noexcept { return sessions_; }
  [[nodiscard]] const RecordPool<Mapping>& mappings() const noexcept { return mappings_; }
  [[nodiscard]] const RecordPool<Subscriber>& subscribers() const noexcept { return subscribers_; }
  [[nodiscard]] Leases& leases() noexcept { return leases_; }
  [[nodiscard]] const Leases& leases() const noexcept { return leases_; }
  [[nodiscard]] AlgRecords& algs() noexcept { return algs_; }
  [[nodiscard]] const AlgRecords& algs() const noexcept { return algs_; }

  // A look-up in three steps, each for a whole batch before the next (flow/bucket_index.h).
  void prefetch_bucket(std::uint64_t hash) const noexcept { session_index_.prefetch(hash); }
  [[nodiscard]] std::uint32_t prefetch_session(std::uint64_t hash) const noexcept {
    const std::uint32_t guess = session_index_.guess(hash);
    sessions_.prefetch(guess >> kEntryBits);
    return guess;
  }
  [[nodiscard]] Found find(const Lookup& lookup, std::uint32_t guess) const noexcept {
    if (shows(guess, lookup.tuple)) [[likely]]
      return found_at(guess);
    return find(lookup);
  }
  // The same in one step.
  [[nodiscard]] Found find(const Lookup& lookup) const noexcept {
    const std::uint32_t entry =
        session_index_.find(lookup.hash, [&](std::uint32_t at) { return shows(at, lookup.tuple); });
    return entry == flow::BucketIndex::kNone ? Found{} : found_at(entry);
  }
  [[nodiscard]] Found find(const Tuple& tuple) const noexcept { return find({tuple, tuple.hash(seed_)}); }

  [[nodiscard]] SubscriberIndex find_subscriber(const net::IpAddress& address,
                                                std::uint16_t domain) const noexcept;
  // By what an inside packet shows. `remote`: as far as the mapping depends on it, the rest zero.
  [[nodiscard]] MappingIndex find_mapping(SubscriberIndex subscriber, std::uint16_t inside_port,
                                          std::uint8_t protocol, Endpoint remote) const noexcept;
  // The same for a packet that goes out: a mapping that was asked for serves all remote ends.
  [[nodiscard]] MappingIndex find_outward(SubscriberIndex subscriber, std::uint16_t inside_port,
                                          std::uint8_t protocol, Endpoint remote) const noexcept;
  // By what an outside packet shows.
  [[nodiscard]] MappingIndex find_mapping(Endpoint outside, std::uint8_t protocol,
                                          std::uint16_t domain) const noexcept;
  // Whether a session of the mapping has this remote address, whatever its port. Sessions opened with
  // `list_remote` only.
  [[nodiscard]] bool has_remote(const Mapping& mapping, std::uint32_t remote_address) const noexcept;

  // Whether its port is one of a pool that is in no subscriber's block.
  [[nodiscard]] bool shares_port(const Mapping& mapping) const noexcept;

  // The subscriber, known or new; kNoIndex when there is no room.
  [[nodiscard]] SubscriberIndex open_subscriber(const net::IpAddress& address, std::uint16_t domain,
                                                unsigned bucket, Tick now) noexcept;
  // Now and then, for each subscriber: blocks that have rested go back, and who has nothing left is
  // forgotten.
  void tidy_subscriber(SubscriberIndex index, Tick rest, Tick now) noexcept;

  // A subscriber that may have nothing, as one for whom a mapping was to be opened.
  void forget_unused(SubscriberIndex index, Tick now) noexcept {
    const Subscriber& subscriber = subscribers_[index];
    if (subscriber.mappings == 0 && subscriber.block_count == 0) tidy_subscriber(index, 0, now);
  }

  struct NewMapping {
    SubscriberIndex subscriber = kNoIndex;
    std::uint16_t inside_port = 0;  // wire order
    std::uint8_t protocol = 0;
    std::uint8_t flags = 0;
    Endpoint remote;              // as far as the mapping depends on it, the rest zero
    Endpoint peer{};              // the remote end of the session it is for, if that is known
    Endpoint suggested{};         // outside end, if it is to be had; address or port may be zero: any
    bool only_suggested = false;  // that or none
    bool fixed_address = false;   // some port of the suggested address, or none
    bool even_port = false;       // of a fixed address, if it is to be had
  };
  struct Opened {
    MappingIndex mapping = kNoIndex;
    Refusal refusal = Refusal::kNone;
  };
  // One that find_mapping() does not know, with a port of the pool.
  [[nodiscard]] Opened open_mapping(const NewMapping& wanted, const Pool& pool, Tick now) noexcept;
  // The same with an outside end that is the mapping's by the profile.
  [[nodiscard]] Opened open_static(const NewMapping& wanted, Endpoint outside, std::uint16_t domain,
                                   Tick now) noexcept;
  // The same of a protocol whose ends no pool gives: whoever opens it knows that nobody else has this one.
  [[nodiscard]] Opened open_apart(const NewMapping& wanted, Endpoint outside, std::uint16_t domain,
                                  Tick now) noexcept;

  struct NewSession {
    MappingIndex mapping = kNoIndex;
    Tuple outward;
    Tuple inward;
    Direction first = Direction::kForward;
    bool list_remote = false;
    std::uint16_t generation = 0;
    // Of the addresses inside packets show, where they are of IPv6; of others it follows from the tuple.
    std::optional<net::ChecksumSum> inside_addresses{};
  };
  // kNoIndex when there is no room.
  [[nodiscard]] SessionIndex open_session(const NewSession& wanted, const Timeouts& timeouts,
                                          Tick now) noexcept;
  void close_session(SessionIndex index, SessionEnd why, Tick quarantine, Tick now) noexcept;
  // The session's idle time has become shorter.
  void reschedule(SessionIndex index, const Timeouts& timeouts, Tick now) noexcept;
  // Ends what is due, a bounded number per call. `quarantine_of(mapping)`: how long its port rests.
  template <class QuarantineOf>
  void expire(const Timeouts& timeouts, Tick now, QuarantineOf&& quarantine_of) noexcept;
  // A mapping that has no session rests as if the last had ended then; one whose port no pool shares ends.
  void rest_since(MappingIndex index, Tick since, Tick now) noexcept;
  // Gives a mapping up that has no session.
  void close_mapping(MappingIndex index, Tick now) noexcept;
  // The same if it has neither session nor lease.
  void close_unused(MappingIndex index, Tick now) noexcept {
    const Mapping& mapping = mappings_[index];
    if (mapping.sessions == 0 && !mapping.has(Mapping::kKept)) close_mapping(index, now);
  }

  // Keeps a mapping or a session for `lifetime` from now on, whatever its traffic, by a new lease or the one
  // it has; kNoIndex when there is no room.
  [[nodiscard]] LeaseIndex lease(Lease::Kind kind, std::uint32_t binding, const Lease::Nonce& nonce,
                                 Tick lifetime, Tick now) noexcept;
  // What has no other reason to stay ends; a port rests for `quarantine`.
  void end_lease(LeaseIndex index, Tick quarantine, Tick now) noexcept;
  [[nodiscard]] MappingIndex mapping_of(const Lease& lease) const noexcept;
  // Whom a mapping that has a lease lets in.
  [[nodiscard]] bool lease_lets_in(MappingIndex index, Endpoint remote) const noexcept {
    const LeaseIndex lease = leases_.find(Lease::Kind::kMapping, index);
    return lease != kNoIndex && leases_[lease].lets_in(remote);
  }
  // Whether its filter lets a remote end open a session: RFC 4787 section 5.
  [[nodiscard]] bool lets_in(MappingIndex index, Endpoint remote) const noexcept;
  // How long the session lasts without packets.
  [[nodiscard]] Tick idle_left(SessionIndex index, const Timeouts& timeouts, Tick now) const noexcept {
    const Tick deadline = sessions_[index].last_seen + timeout_of(sessions_[index], timeouts);
    return tick_after(deadline, now) ? deadline - now : 0;
  }
  // The outside address whose ports a subscriber of this address has or gets; null when the pool has none.
  [[nodiscard]] OutsideAddress* outside_address(const net::IpAddress& address, std::uint16_t domain,
                                                const Pool& pool) const noexcept;

  // From another table, whose ports are this one's from now on: a subscriber first, then its mappings, those
  // that rest by the time they began to, then their sessions. kNoIndex when there is no room.
  [[nodiscard]] SubscriberIndex adopt_subscriber(const Subscriber& from) noexcept;
  [[nodiscard]] MappingIndex adopt_mapping(const Mapping& from, SubscriberIndex subscriber) noexcept;
  [[nodiscard]] SessionIndex adopt_session(const Session& from, MappingIndex mapping,
                                           const Timeouts& timeouts, Tick now) noexcept;
  // The lease of an adopted binding; without room the binding goes on without one.
  void adopt_lease(const Lease& from, std::uint32_t binding, Tick now) noexcept;

  // A record for a session without one. Without room there is none, which is counted.
  void attach_alg(SessionIndex session, AlgKind kind) noexcept;
  // Ends the session of a call's tunnel, if there is one.
  void close_tunnel(const Session& control, const PptpCall& call, SessionEnd why, Tick now) noexcept;
  // The record of an adopted session.
  void adopt_alg(const AlgRecord& from, SessionIndex session) noexcept;

  // After what idle time the session ends.
  [[nodiscard]] static Tick timeout_of(const Session& session, const Timeouts& timeouts) noexcept;
  // The time of the last expire(): at most one round of the worker's loop ago.
  [[nodiscard]] Tick now() const noexcept { return now_; }

  // Readable from any thread.
  [[nodiscard]] std::uint64_t open_sessions() const noexcept { return open_sessions_.read(); }
  [[nodiscard]] std::uint64_t open_mappings() const noexcept { return open_mappings_.read(); }
  [[nodiscard]] std::uint64_t resting_mappings() const noexcept { return resting_.read(); }
  [[nodiscard]] std::uint64_t open_subscribers() const noexcept { return open_subscribers_.read(); }
  [[nodiscard]] std::uint64_t sessions_opened() const noexcept { return sessions_opened_.read(); }
  [[nodiscard]] std::uint64_t mappings_opened() const noexcept { return mappings_opened_.read(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

 private:
  // An entry of the session index is a session's number and what of it the entry stands for.
  static constexpr unsigned kEntryBits = 2;
  enum Entry : std::uint32_t { kOutward = 0, kInward = 1, kRemote = 2 };
  static constexpr unsigned kExpiriesPerCall = 32;

  [[nodiscard]] static std::uint32_t entry(SessionIndex index, Entry what) noexcept {
    return index << kEntryBits | what;
  }
  [[nodiscard]] bool shows(std::uint32_t at, const Tuple& tuple) const noexcept {
    // An entry of a remote address is looked for by has_remote() alone; its tuple is not in the record.
    return sessions_[at >> kEntryBits].tuple[at & 1U] == tuple && (at & kRemote) == 0;
  }
  [[nodiscard]] static Found found_at(std::uint32_t at) noexcept {
    return {at >> kEntryBits, static_cast<Direction>(at & 1U)};
  }
  [[nodiscard]] std::uint64_t subscriber_hash(const net::IpAddress& address,
                                              std::uint16_t domain) const noexcept;
  [[nodiscard]] std::uint64_t inside_hash(SubscriberIndex subscriber, std::uint16_t port,
                                          std::uint8_t protocol, Endpoint remote) const noexcept;
  [[nodiscard]] std::uint64_t outside_hash(Endpoint outside, std::uint8_t protocol,
                                           std::uint16_t domain) const noexcept;
  [[nodiscard]] std::uint64_t remote_hash(Endpoint outside, std::uint8_t protocol, std::uint16_t domain,
                                          std::uint32_t remote_address) const noexcept;
  [[nodiscard]] Opened insert_mapping(const NewMapping& wanted, Endpoint outside, AddressId address,
                                      std::uint16_t domain, Tick since) noexcept;
  [[nodiscard]] Opened begin_mapping(const NewMapping& wanted, Endpoint outside, AddressId address,
                                     std::uint16_t domain, Tick now) noexcept;
  [[nodiscard]] SessionIndex insert_session(const Session& wanted, Tick deadline, Tick now) noexcept;
  [[nodiscard]] PortWish wish_of(const NewMapping& wanted, const Pool& pool) noexcept {
    return {.subscriber = subscribers_[wanted.subscriber],
            .number = wanted.subscriber,
            .pool = pool,
            .space = *port_space(wanted.protocol),
            .peer = wanted.peer};
  }
  [[nodiscard]] Shortage take_port(const NewMapping& wanted, const Pool& pool, OutsidePort& out,
                                   Tick now) noexcept;
  [[nodiscard]] Shortage take_port_at(OutsideAddress& address, const NewMapping& wanted, const Pool& pool,
                                      OutsidePort& out, Tick now) noexcept;
  void drop_lease(Lease::Kind kind, std::uint32_t binding) noexcept;
  void drop_alg(SessionIndex index, SessionEnd why, Tick now) noexcept;
  void retire_mapping(MappingIndex index, Tick quarantine, Tick now) noexcept;
  void rest(MappingIndex index, Tick now) noexcept;
  void wake(MappingIndex index) noexcept;
  [[nodiscard]] bool has_room(Tick now) noexcept;

  std::uint64_t seed_;
  const AddressBook& book_;
  Ports ports_;
  RecordPool<Session> sessions_;
  RecordPool<Mapping> mappings_;
  RecordPool<Subscriber> subscribers_;
  flow::BucketIndex session_index_;
  flow::BucketIndex mapping_index_;  // two entries each: number << 1 | 1 for the outside end
  flow::BucketIndex subscriber_index_;
  flow::TimerWheel wheel_;
  Leases leases_;
  AlgRecords algs_;
  BindingObserver* observer_ = nullptr;
  Tick now_;
  MappingIndex oldest_ = kNoIndex;  // of those in quarantine
  MappingIndex newest_ = kNoIndex;
  Counter open_sessions_;
  Counter open_mappings_;
  Counter resting_;
  Counter open_subscribers_;
  Counter sessions_opened_;
  Counter mappings_opened_;
};

template <class QuarantineOf>
void BindingTable::expire(const Timeouts& timeouts, Tick now, QuarantineOf&& quarantine_of) noexcept {
  now_ = now;
  wheel_.advance(now, kExpiriesPerCall, [&](SessionIndex index) -> std::optional<Tick> {
    const Session& session = sessions_[index];
    const Tick timeout = timeout_of(session, timeouts);
    const Tick deadline = session.last_seen + timeout;
    if (tick_after(deadline, now)) return deadline;
    const bool closed =
        (session.tcp & tcp_seen::kFins) == tcp_seen::kFins || (session.tcp & tcp_seen::kReset) != 0;
    if (session.has(Session::kKept) && !closed) return now + timeout;
    close_session(index, closed ? SessionEnd::kClosed : SessionEnd::kTimeout,
                  quarantine_of(mappings_[session.mapping]), now);
    return std::nullopt;
  });
  leases_.expire(now, kExpiriesPerCall, [&](LeaseIndex index) {
    end_lease(index, quarantine_of(mappings_[mapping_of(leases_[index])]), now);
  });
  // In the order in which they came to rest: one that rests longer than those behind it holds them up.
  for (unsigned i = 0; i < kExpiriesPerCall && oldest_ != kNoIndex; ++i) {
    const Mapping& mapping = mappings_[oldest_];
    if (tick_after(mapping.since + quarantine_of(mapping), now)) break;
    close_mapping(oldest_, now);
  }
}

}  // namespace millrace::nat
