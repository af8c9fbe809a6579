// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/nat_record.h"

#include <cstring>

#include "vnfs/nat/binding_table.h"
#include "vnfs/nat/drops.h"

namespace millrace::nat {
namespace {

std::string_view end_name(SessionEnd why) noexcept {
  switch (why) {
    case SessionEnd::kTimeout:
      return "idle_timeout";
    case SessionEnd::kClosed:
      return "closed";
    case SessionEnd::kPolicy:
      return "policy_changed";
    case SessionEnd::kFlushed:
      return "flushed";
    case SessionEnd::kStopped:
      return "stopped";
  }
  return "unknown";
}

std::string_view refusal_name(std::uint8_t reason) noexcept {
  const std::size_t at = std::size_t{reason} - core::kFirstFunctionReason;
  return at < drop_reasons().size() ? drop_reasons()[at].name : std::string_view("unknown");
}

std::string name_of(const std::vector<std::string>& names, std::uint16_t number) {
  if (number < names.size() && !names[number].empty()) return names[number];
  return "#" + std::to_string(number);
}

net::IpAddress inside_of(const NatEvent& event) noexcept {
  if (event.family == net::Family::kIpv6) return net::Ipv6Address{event.inside};
  net::Ipv4Address address;
  std::memcpy(&address.value, event.inside.data(), sizeof address.value);
  return address;
}

}  // namespace

NatRecord to_record(const NatEvent& event, const control::EventClock& clock, const NatNames& names) {
  NatRecord record;
  record.event = event;
  record.time = clock.at(event.tsc);
  record.inside = inside_of(event);
  record.domain = name_of(names.domains, event.domain);
  record.outside_domain = name_of(names.domains, event.outside_domain);
  if (is_refusal(event.kind)) {
    record.pool = name_of(names.pools, event.pool);
    record.reason = refusal_name(event.reason);
  } else if (event.kind == NatEventKind::kSessionEnded) {
    record.reason = end_name(static_cast<SessionEnd>(event.reason));
  }
  return record;
}

}  // namespace millrace::nat
