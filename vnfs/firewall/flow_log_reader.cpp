// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/flow_log_reader.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <span>
#include <string_view>

#include "vnfs/firewall/application_text.h"
#include "vnfs/firewall/drops.h"

namespace millrace::firewall {
namespace {

using control::EventClock;
using control::FlowEnd;
using control::FlowRecord;

struct EndTold {
  FlowEnd end;
  std::string_view reason;
  std::string_view sentence;
};

EndTold tell_end(SessionEnd why, flow::TcpState state) noexcept {
  switch (why) {
    case SessionEnd::kTimeout:
      return {FlowEnd::kIdle, "idle_timeout", "No packet came for the session's idle time."};
    case SessionEnd::kClosed:
      if (state == flow::TcpState::kClosed)
        return {FlowEnd::kFinished, "reset", "One side reset the connection."};
      if (state == flow::TcpState::kNone)
        return {FlowEnd::kFinished, "refused", "The packet that would have opened the session was refused."};
      return {FlowEnd::kFinished, "closed", "Both sides closed the connection."};
    case SessionEnd::kReset:
      return {FlowEnd::kFinished, "reset", "One side reset the connection."};
    case SessionEnd::kPolicy:
      return {FlowEnd::kForced, "policy_changed",
              "The session was accepted once; the present rules refuse it."};
    case SessionEnd::kEvicted:
      return {FlowEnd::kLackOfResources, "evicted",
              "The session table was full and this session could be spared."};
    case SessionEnd::kFlushed:
      return {FlowEnd::kForced, "flushed", "An operator ended the session."};
    case SessionEnd::kReopened:
      return {FlowEnd::kFinished, "reopened", "A new connection began on the same addresses and ports."};
    case SessionEnd::kStopped:
      return {FlowEnd::kForced, "stopped", "The appliance stopped while the session was open."};
  }
  return {FlowEnd::kForced, "unknown", "The session ended."};
}

const core::DropReason* find_reason(std::span<const core::DropReason> reasons, std::uint8_t id) noexcept {
  if (reasons.empty() || id < reasons.front().id) return nullptr;
  const std::size_t at = std::size_t{id} - reasons.front().id;
  return at < reasons.size() ? &reasons[at] : nullptr;
}

std::string name_of(const std::vector<std::string>& names, std::uint32_t number) {
  if (number < names.size() && !names[number].empty()) return names[number];
  return "#" + std::to_string(number);
}

control::FlowInterface interface_of(const FlowNames& names, std::uint16_t number) {
  const core::InterfaceId id(number);
  if (!id.valid()) return {};
  return {number, name_of(names.interfaces, number)};
}

net::IpAddress address_of(net::Family family, const std::array<std::uint8_t, 16>& bytes) noexcept {
  if (family == net::Family::kIpv6) return net::Ipv6Address{bytes};
  net::Ipv4Address address;
  std::memcpy(&address.value, bytes.data(), sizeof address.value);
  return address;
}

}  // namespace

FlowRecord to_record(const FlowEvent& event, const EventClock& clock, const FlowNames& names) {
  FlowRecord record;
  record.time = clock.at(event.tsc);
  const auto before = [&](Tick tick) { return record.time - std::chrono::milliseconds(event.now - tick); };
  record.start = before(event.created);
  record.last = before(event.last_seen);
  record.new_start = std::min(before(event.told_until), record.last);
  record.source = address_of(event.family, event.source);
  record.destination = address_of(event.family, event.destination);
  record.source_port = event.source_port;
  record.destination_port = event.destination_port;
  record.protocol = event.protocol;
  record.icmp_type = event.icmp_type;
  record.icmp_code = event.icmp_code;
  record.tcp_flags = event.tcp_flags;
  record.packets = event.packets;
  record.bytes = event.bytes;
  record.new_packets = event.new_packets;
  record.new_bytes = event.new_bytes;
  record.session = event.session;
  record.rule = name_of(names.rules, event.rule_slot);
  const flow::Segment segment = flow::Segment::from_number(event.segment);
  record.domain_id = segment.domain_id();
  record.domain = name_of(names.domains, record.domain_id);
  record.outer_vlan = segment.tags().outer;
  record.vlan = segment.tags().vlan;
  record.ingress = interface_of(names, event.ingress);
  record.egress = interface_of(names, event.egress);
  record.generation = event.generation;
  record.worker = event.worker;
  Session known{};
  known.unpack_application(event.packed_application());
  record.application = application_text(known);
  switch (event.kind) {
    case FlowEventKind::kOpened:
      record.kind = control::FlowEventKind::kOpened;
      break;
    case FlowEventKind::kUpdated:
      record.kind = control::FlowEventKind::kUpdated;
      record.end = FlowEnd::kActive;
      record.reason = "active_timeout";
      record.sentence = "The session goes on; this is what it has counted so far.";
      break;
    case FlowEventKind::kEnded: {
      record.kind = control::FlowEventKind::kEnded;
      const EndTold told = tell_end(static_cast<SessionEnd>(event.reason), event.tcp_state);
      record.end = told.end;
      record.reason = told.reason;
      record.sentence = told.sentence;
      break;
    }
    case FlowEventKind::kDenied: {
      record.kind = control::FlowEventKind::kDenied;
      const core::DropReason* reason = find_reason(drop_reasons(), event.reason);
      if (reason == nullptr) reason = find_reason(core::core_drop_reasons(), event.reason);
      if (reason != nullptr) {
        record.reason = reason->name;
        record.sentence = reason->sentence;
      }
      break;
    }
  }
  if (record.counted() && event.protocol == net::protocol::kTcp)
    record.tcp_state = flow::name(event.tcp_state);
  return record;
}

unsigned FlowLogReader::poll(FlowEventLog& log) {
  unsigned total = 0;
  while (total < kMostPerPoll) {
    const std::size_t count = log.events().pop(events_);
    if (count == 0) break;
    total += static_cast<unsigned>(count);
    if (sinks_.empty()) continue;
    const EventClock clock = EventClock::now(tsc_per_second_);
    records_.clear();
    for (std::size_t i = 0; i < count; ++i) records_.push_back(to_record(events_[i], clock, names_));
    for (const auto& sink : sinks_) sink->write(records_);
  }
  return total;
}

}  // namespace millrace::firewall
