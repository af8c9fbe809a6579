// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/flow_event_log.h"

#include <algorithm>

#include <x86intrin.h>

#include "common/flow/table_sweep.h"
#include "common/net/wire.h"

namespace millrace::firewall {
namespace {

using flow::TcpState;

// The flags known to have been seen from one side. The session keeps states, not every flag: PSH and URG are
// not among them, and RST, whose sender is not kept, counts for both.
std::uint8_t seen_tcp_flags(const Session& session, Direction direction) noexcept {
  using namespace net::tcp_flag;
  if (session.key.protocol() != net::protocol::kTcp) return 0;
  const flow::TcpEndpoint& side = session.tcp.side[static_cast<std::size_t>(direction)];
  unsigned flags = 0;
  if (direction == Direction::kForward) {
    flags = session.first_tcp_flags;
  } else if (session.tcp_state > TcpState::kSynSent && session.tcp_state < TcpState::kClosed &&
             (side.flags & flow::tcp_side::kPickedUp) == 0) {
    flags = kSyn;
  }
  if ((side.flags & flow::tcp_side::kAcked) != 0) flags |= kAck;
  if ((side.flags & flow::tcp_side::kFinSent) != 0) flags |= kFin;
  if (session.tcp_state == TcpState::kClosed) flags |= kRst;
  return static_cast<std::uint8_t>(flags);
}

}  // namespace

FlowEvent FlowEventLog::of_session(const Session& session, Tick now) const noexcept {
  const flow::FlowKey& key = session.key;
  const bool high = session.has(Session::kInitiatorHigh);
  const auto address = [&](bool of_high) -> net::IpAddress {
    if (key.is_ipv6()) return of_high ? session.addresses.high : session.addresses.low;
    return net::Ipv4Address{be32::from_wire(of_high ? key.high_word() : key.low_word())};
  };
  const net::IpAddress source = address(high);
  FlowEvent event{};
  event.tsc = __rdtsc();
  event.session = session.id;
  event.source = source.bytes();
  event.destination = address(!high).bytes();
  event.now = now;
  event.created = session.created;
  event.last_seen = session.last_seen;
  event.told_until = session.created;
  event.rule_slot = session.rule_slot;
  event.source_port = (high ? key.high_port() : key.low_port()).host();
  event.destination_port = (high ? key.low_port() : key.high_port()).host();
  event.segment = session.segment().number();
  event.ingress = session.ingress;
  event.egress = session.egress;
  event.generation = session.generation;
  event.worker = worker_;
  event.protocol = key.protocol();
  event.family = source.family();
  event.tcp_state = session.tcp_state;
  event.set_application(session.packed_application());
  if (net::protocol::is_icmp(event.protocol)) {
    event.icmp_type = session.icmp_type();
    event.icmp_code = session.icmp_code;
  }
  return event;
}

void FlowEventLog::note_opened(const Session& session, Tick now) noexcept {
  FlowEvent event = of_session(session, now);
  event.kind = FlowEventKind::kOpened;
  if (event.protocol == net::protocol::kTcp) event.tcp_flags[0] = session.first_tcp_flags;
  events_.push(event);
}

FlowEvent FlowEventLog::account_of(SessionIndex index, const Session& session, Tick now) const noexcept {
  FlowEvent event = of_session(session, now);
  const ReportedCounts told = session.reported != 0 ? reported_[index] : ReportedCounts{};
  for (const Direction direction : {Direction::kForward, Direction::kReverse}) {
    const auto side = static_cast<std::size_t>(direction);
    event.packets[side] = session.total_packets(direction);
    event.bytes[side] = session.total_bytes(direction);
    event.new_packets[side] = event.packets[side] - told.packets[side];
    event.new_bytes[side] = event.bytes[side] - told.bytes[side];
    event.tcp_flags[side] = seen_tcp_flags(session, direction);
  }
  event.told_until = session.reported != 0 ? session.reported_at : session.created;
  return event;
}

void FlowEventLog::note_updated(SessionIndex index, Session& session, Tick active_timeout,
                                Tick now) noexcept {
  // Quiet for so long that a sweep has found it due since its last packet.
  if (now - session.last_seen > active_timeout + 2 * flow::TableSweep::kLongestRound) return;
  if (now - (session.reported != 0 ? session.reported_at : session.created) < active_timeout) return;
  FlowEvent event = account_of(index, session, now);
  if ((event.new_packets[0] | event.new_packets[1]) == 0 || events_.full()) return;
  event.kind = FlowEventKind::kUpdated;
  events_.push(event);
  reported_[index] = {event.packets, event.bytes};
  session.reported = 1;
  session.reported_at = now;
}

void FlowEventLog::note_ended(SessionIndex index, const Session& session, SessionEnd why, Tick now) noexcept {
  FlowEvent event = account_of(index, session, now);
  event.kind = FlowEventKind::kEnded;
  event.reason = static_cast<std::uint8_t>(why);
  events_.push(event);
}

// A token bucket that holds one second's worth.
bool FlowEventLog::may_note_denied(Tick now) noexcept {
  constexpr std::uint32_t kFull = kDeniedPerSecond * 1000;
  const std::uint32_t elapsed = std::min<Tick>(now - filled_, 1000);
  filled_ = now;
  tokens_ = std::min(kFull, tokens_ + elapsed * kDeniedPerSecond);
  if (tokens_ < 1000) return false;
  tokens_ -= 1000;
  return true;
}

void FlowEventLog::note_denied(const core::Packet& packet, flow::Segment segment, std::uint32_t slot,
                               std::uint16_t generation, Tick now, std::uint32_t application) noexcept {
  if (!may_note_denied(now)) {
    suppressed_.add(1);
    return;
  }
  const net::Headers& headers = packet.headers;
  FlowEvent event{};
  event.tsc = __rdtsc();
  event.kind = FlowEventKind::kDenied;
  event.set_application(application);
  event.reason = packet.drop_reason;
  const net::IpAddress source = packet.source();
  event.source = source.bytes();
  event.destination = packet.destination().bytes();
  event.family = source.family();
  event.packets[0] = event.new_packets[0] = 1;
  event.bytes[0] = event.new_bytes[0] = packet.ip_length();
  event.now = event.created = event.last_seen = event.told_until = now;
  event.rule_slot = slot;
  event.source_port = headers.source_port.host();
  event.destination_port = headers.destination_port.host();
  event.segment = segment.number();
  event.ingress = packet.ingress.value();
  event.egress = packet.egress.value();
  event.generation = generation;
  event.worker = worker_;
  event.protocol = headers.protocol;
  if (net::protocol::is_icmp(headers.protocol)) {
    event.icmp_type = headers.icmp_type();
    event.icmp_code = headers.icmp_code;
  } else if (headers.protocol == net::protocol::kTcp) {
    event.tcp_flags[0] = headers.tcp_flags;
  }
  events_.push(event);
}

}  // namespace millrace::firewall
