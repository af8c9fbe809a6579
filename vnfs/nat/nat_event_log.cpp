// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/nat_event_log.h"

#include <algorithm>

#include <x86intrin.h>

namespace millrace::nat {

NatEvent NatEventLog::event_of(NatEventKind kind, const net::IpAddress& inside,
                               std::uint16_t domain) const noexcept {
  NatEvent event{};
  event.tsc = __rdtsc();
  event.kind = kind;
  event.inside = inside.bytes();
  event.family = inside.family();
  event.domain = domain;
  event.worker = worker_;
  return event;
}

NatEvent NatEventLog::event_of(NatEventKind kind, const Mapping& mapping) const noexcept {
  const Subscriber& subscriber = bindings_.subscriber(mapping.subscriber);
  NatEvent event = event_of(kind, subscriber.address, subscriber.domain);
  event.inside_port = mapping.inside_port;
  event.outside = mapping.outside();
  event.outside_domain = mapping.domain;
  event.protocol = mapping.protocol;
  return event;
}

void NatEventLog::note_session(NatEventKind kind, const Session& session, std::uint8_t reason) noexcept {
  NatEvent event = event_of(kind, bindings_.mapping(session.mapping));
  if (logged_.destinations) event.remote = session.remote();
  event.reason = reason;
  events_.push(event);
}

// Of a port in a block the block tells whose it is, and of a static one the profile (RFC 6888 REQ-12 and
// section 4). Of the others nothing else does.
void NatEventLog::note_mapping(NatEventKind kind, const Mapping& mapping) noexcept {
  if (bindings_.shares_port(mapping)) events_.push(event_of(kind, mapping));
}

void NatEventLog::note_block(NatEventKind kind, const Subscriber& subscriber, const Block& block) noexcept {
  constexpr unsigned kRunPorts = OutsideAddress::kRunPorts;
  const OutsideAddress& address = book_[block.address];
  NatEvent event = event_of(kind, subscriber.address, subscriber.domain);
  event.outside = {address.address().value.wire(), 0};
  event.outside_domain = address.domain();
  event.first_port = static_cast<std::uint16_t>(block.first_run * kRunPorts);
  event.last_port = static_cast<std::uint16_t>((block.first_run + block.runs) * kRunPorts - 1U);
  events_.push(event);
}

bool NatEventLog::may_tell(SubscriberIndex subscriber, Tick now) noexcept {
  const bool known = subscriber != kNoIndex;
  Tick& last = refused_at_[known ? subscriber : bindings_.subscribers().capacity()];
  // The record may have been another subscriber's.
  const bool anothers = known && tick_after(bindings_.subscriber(subscriber).since, last);
  const bool rested = last == 0 || anothers || !tick_after(last + kRefusalPause, now);
  if (!rested || !refusals_.take(now)) return false;
  last = std::max<Tick>(now, 1);  // 0 says never
  return true;
}

void NatEventLog::set_quota(NatEvent& event, const RefusedPacket& packet) const noexcept {
  switch (packet.reason) {
    case Drop::kSubscriberPorts: {
      const Pool& pool = *packet.pool;
      event.quota = Quota::kPerSubscriber;
      event.limit = pool.ports_per_subscriber;
      if (pool.block_runs != 0) {
        const std::uint32_t blocks =
            std::uint32_t{pool.blocks_per_subscriber} * pool.block_runs * OutsideAddress::kRunPorts;
        event.limit = std::min(event.limit, blocks);
      }
      return;
    }
    case Drop::kSubscriberSessions:
      event.quota = Quota::kPerSubscriber;
      event.limit = packet.pool->sessions_per_subscriber;
      return;
    case Drop::kSubscriberTableFull:
      event.quota = Quota::kSubscribers;
      event.limit = bindings_.subscribers().capacity();
      return;
    default: {
      const bool mappings = bindings_.mappings().full() && !bindings_.sessions().full();
      event.quota = mappings ? Quota::kMappings : Quota::kSessions;
      event.limit = mappings ? bindings_.mappings().capacity() : bindings_.sessions().capacity();
    }
  }
}

void NatEventLog::note_refusal(const RefusedPacket& packet, Tick now) noexcept {
  if (!may_tell(packet.subscriber, now)) return suppressed_.add(1);
  NatEvent event = event_of(NatEventKind::kQuotaExceeded, packet.inside, packet.domain);
  event.inside_port = packet.inside_port;
  event.protocol = packet.protocol;
  event.reason = static_cast<std::uint8_t>(packet.reason);
  if (packet.pool != nullptr) event.pool = static_cast<std::uint16_t>(packet.pool - pools_);
  if (packet.reason == Drop::kPoolExhausted) {
    // A subscriber with an address must do with the ports of that one (RFC 4787 REQ-2).
    const Pool& pool = *packet.pool;
    const AddressId paired = bindings_.subscriber(packet.subscriber).paired;
    event.kind = NatEventKind::kAddressesExhausted;
    if (pool.paired && paired != kNoAddress && pool.has(book_[paired].address())) {
      event.kind = NatEventKind::kPortsExhausted;
      event.outside = {book_[paired].address().value.wire(), 0};
      event.outside_domain = pool.domain;
    }
  } else {
    set_quota(event, packet);
  }
  events_.push(event);
}

}  // namespace millrace::nat
