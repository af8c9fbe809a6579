// SPDX-License-Identifier: BSD-3-Clause
// One worker's notes of who had which outside address and port, for a reader on the control side. Nothing
// waits for that reader: when it is behind, events are lost and counted. What the policy does not ask for
// costs a test of a flag.
#pragma once

#include "common/base/counter.h"
#include "common/base/event_ring.h"
#include "common/base/page_array.h"
#include "common/core/originator.h"
#include "vnfs/nat/binding_table.h"
#include "vnfs/nat/drops.h"
#include "vnfs/nat/nat_event.h"
#include "vnfs/nat/policy.h"

namespace millrace::nat {

// A first packet that got no session.
struct RefusedPacket {
  Drop reason;
  net::IpAddress inside;
  std::uint16_t domain = 0;  // of the inside
  std::uint16_t inside_port = 0;
  std::uint8_t protocol = 0;
  SubscriberIndex subscriber = kNoIndex;
  const Pool* pool = nullptr;  // of the rule; null from outside
};

// Written by the worker. events() is read by one thread at a time, the counts by any.
class NatEventLog final : public BindingObserver {
 public:
  // Of all subscribers: RFC 8158 section 4.6 wants the rate of such events limited.
  static constexpr std::uint32_t kRefusalsPerSecond = 100;
  // Of one subscriber.
  static constexpr Tick kRefusalPause = 1'000;

  // `bindings` and `book` outlive it.
  NatEventLog(std::uint32_t capacity, const BindingTable& bindings, const AddressBook& book,
              std::uint16_t worker)
      : events_(capacity),
        bindings_(bindings),
        book_(book),
        refused_at_(bindings.subscribers().capacity() + 1),
        worker_(worker) {}

  // The policy in force from here on.
  void follow(const Policy& policy) noexcept {
    logged_ = policy.logged;
    pools_ = policy.pools.data();
  }

  void session_opened(SessionIndex /*index*/, const Session& session) noexcept override {
    if (logged_.sessions) note_session(NatEventKind::kSessionOpened, session, 0);
  }
  void session_ended(SessionIndex /*index*/, const Session& session, SessionEnd why,
                     Tick /*now*/) noexcept override {
    if (logged_.sessions) note_session(NatEventKind::kSessionEnded, session, static_cast<std::uint8_t>(why));
  }
  void mapping_opened(MappingIndex /*index*/, const Mapping& mapping) noexcept override {
    if (logged_.blocks) note_mapping(NatEventKind::kMappingOpened, mapping);
  }
  void mapping_ended(MappingIndex /*index*/, const Mapping& mapping, Tick /*now*/) noexcept override {
    if (logged_.blocks) note_mapping(NatEventKind::kMappingEnded, mapping);
  }
  void block_given(const Subscriber& subscriber, const Block& block) noexcept override {
    if (logged_.blocks) note_block(NatEventKind::kBlockGiven, subscriber, block);
  }
  void block_returned(const Subscriber& subscriber, const Block& block) noexcept override {
    if (logged_.blocks) note_block(NatEventKind::kBlockReturned, subscriber, block);
  }
  void refused(const RefusedPacket& packet, Tick now) noexcept {
    if (logged_.refusals) note_refusal(packet, now);
  }

  [[nodiscard]] EventRing<NatEvent>& events() noexcept { return events_; }
  [[nodiscard]] std::uint64_t written() const noexcept { return events_.written(); }
  [[nodiscard]] std::uint64_t lost() const noexcept { return events_.lost(); }
  // Refusals that were not noted, for the limits of their rate.
  [[nodiscard]] std::uint64_t suppressed() const noexcept { return suppressed_.read(); }

 private:
  void note_session(NatEventKind kind, const Session& session, std::uint8_t reason) noexcept;
  void note_mapping(NatEventKind kind, const Mapping& mapping) noexcept;
  void note_block(NatEventKind kind, const Subscriber& subscriber, const Block& block) noexcept;
  void note_refusal(const RefusedPacket& packet, Tick now) noexcept;
  [[nodiscard]] NatEvent event_of(NatEventKind kind, const net::IpAddress& inside,
                                  std::uint16_t domain) const noexcept;
  [[nodiscard]] NatEvent event_of(NatEventKind kind, const Mapping& mapping) const noexcept;
  [[nodiscard]] bool may_tell(SubscriberIndex subscriber, Tick now) noexcept;
  void set_quota(NatEvent& event, const RefusedPacket& packet) const noexcept;

  EventRing<NatEvent> events_;
  const BindingTable& bindings_;
  const AddressBook& book_;
  LoggedEvents logged_;
  const Pool* pools_ = nullptr;  // of the policy in force: a pool's place is its distance from here
  PageArray<Tick> refused_at_;   // by SubscriberIndex, and of those for whom there was no room; 0: never
  core::TokenBucket refusals_{kRefusalsPerSecond, kRefusalsPerSecond};
  Counter suppressed_;
  std::uint16_t worker_;
};

}  // namespace millrace::nat
