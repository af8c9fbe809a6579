// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/flow_log/ipfix_flow.h"

#include <chrono>

#include "common/control/flow_log/ipfix_encoder.h"

namespace millrace::control {
namespace {

constexpr std::uint32_t kIpv4 = 0x01;
constexpr std::uint32_t kIpv6 = 0x02;
constexpr std::uint32_t kPorts = 0x04;
constexpr std::uint32_t kIcmp = 0x08;
constexpr std::uint32_t kCounted = 0x10;
constexpr std::uint32_t kEvent = 0x20;
constexpr std::uint32_t kTagged = 0x40;
constexpr std::uint32_t kTwoTags = 0x80;  // and kTagged

// IANA's registry of IPFIX information elements; those that begin with "reverse" are RFC 5103's.
std::vector<IpfixElement> flow_elements() {
  return {
      {"flowStartMilliseconds", 8},
      {"flowEndMilliseconds", 8},
      {"octetDeltaCount", 8},
      {"packetDeltaCount", 8},
      {"reverseOctetDeltaCount", 8, kCounted},
      {"reversePacketDeltaCount", 8, kCounted},
      {"flowId", 8},
      {"sourceIPv6Address", 16, kIpv6},
      {"destinationIPv6Address", 16, kIpv6},
      {"sourceIPv4Address", 4, kIpv4},
      {"destinationIPv4Address", 4, kIpv4},
      {"ingressInterface", 4},
      {"egressInterface", 4},
      {"ingressVRFID", 4},
      {"sourceTransportPort", 2, kPorts},
      {"destinationTransportPort", 2, kPorts},
      {"icmpTypeCodeIPv4", 2, kIcmp | kIpv4},
      {"icmpTypeCodeIPv6", 2, kIcmp | kIpv6},
      // Before its counterpart: nfdump keeps the last of the two.
      {"reverseTcpControlBits", 2, kPorts | kCounted},
      {"tcpControlBits", 2, kPorts},
      {"dot1qVlanId", 2, kTagged},
      {"dot1qCustomerVlanId", 2, kTwoTags},
      {"protocolIdentifier", 1},
      {"flowEndReason", 1, kCounted},
      {"firewallEvent", 1},
      {"biflowDirection", 1, kCounted},
  };
}

std::uint32_t layout_of(const FlowRecord& record) noexcept {
  return (record.source.is_v4() ? kIpv4 : kIpv6) | (record.is_icmp() ? kIcmp : kPorts) |
         (record.counted() ? kCounted : kEvent) | (record.vlan != 0 ? kTagged : 0) |
         (record.outer_vlan != 0 ? kTwoTags : 0);
}

// RFC 5102 section 5.11.3.
std::uint8_t end_reason(FlowEnd end) noexcept {
  switch (end) {
    case FlowEnd::kIdle:
      return 1;
    case FlowEnd::kActive:
      return 2;
    case FlowEnd::kFinished:
      return 3;
    case FlowEnd::kForced:
      return 4;
    case FlowEnd::kLackOfResources:
      return 5;
    case FlowEnd::kNone:
      break;
  }
  return 0;
}

std::uint8_t firewall_event(FlowEventKind kind) noexcept {
  switch (kind) {
    case FlowEventKind::kOpened:
      return 1;
    case FlowEventKind::kEnded:
      return 2;
    case FlowEventKind::kUpdated:
      return 5;
    case FlowEventKind::kDenied:
      break;
  }
  return 3;
}

}  // namespace

IpfixSchema flow_schema() {
  IpfixSchema schema{.elements = flow_elements(), .templates = {}, .record_bytes = sizeof(IpfixFlow)};
  std::uint16_t id = IpfixSchema::kFirstId;
  for (const std::uint32_t tags : {std::uint32_t{0}, kTagged, kTagged | kTwoTags}) {
    for (const std::uint32_t family : {kIpv4, kIpv6}) {
      for (const std::uint32_t transport : {kPorts, kIcmp}) {
        for (const std::uint32_t kind : {kCounted, kEvent})
          schema.templates.push_back({id++, tags | family | transport | kind});
      }
    }
  }
  return schema;
}

IpfixRecord to_ipfix(const FlowRecord& record) noexcept {
  IpfixFlow out{};
  // The record's own time: collectors divide its counts by it.
  out.flow_start_milliseconds = ipfix_milliseconds(record.new_start);
  out.flow_end_milliseconds = ipfix_milliseconds(record.last);
  out.octets = record.new_bytes[0];
  out.packets = record.new_packets[0];
  out.reverse_octets = record.new_bytes[1];
  out.reverse_packets = record.new_packets[1];
  out.flow_id = record.session;
  if (record.source.is_v4()) {
    out.source_ipv4 = record.source.v4().value.host();
    out.destination_ipv4 = record.destination.v4().value.host();
  } else {
    out.source_ipv6 = record.source.bytes();
    out.destination_ipv6 = record.destination.bytes();
  }
  if (record.ingress.id) out.ingress_interface = ipfix_interface(*record.ingress.id);
  if (record.egress.id) out.egress_interface = ipfix_interface(*record.egress.id);
  out.ingress_vrf = record.domain_id;
  if (record.is_icmp()) {
    out.icmp_ipv4 = out.icmp_ipv6 = static_cast<std::uint16_t>(record.icmp_type << 8 | record.icmp_code);
  } else {
    out.source_port = record.source_port;
    out.destination_port = record.destination_port;
  }
  out.reverse_tcp_flags = record.tcp_flags[1];
  out.tcp_flags = record.tcp_flags[0];
  // The outer of two is the service's; an only tag is no customer's.
  out.vlan = record.outer_vlan != 0 ? record.outer_vlan : record.vlan;
  out.customer_vlan = record.outer_vlan != 0 ? record.vlan : std::uint16_t{0};
  out.protocol = record.protocol;
  out.flow_end_reason = end_reason(record.end);
  out.firewall_event = firewall_event(record.kind);
  out.biflow_direction = 1;  // initiator, RFC 5103 section 6.3
  return IpfixRecord::of(layout_of(record), out);
}

}  // namespace millrace::control
