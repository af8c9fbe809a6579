// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/nat_ipfix.h"

#include "common/control/flow_log/ipfix_encoder.h"

namespace millrace::nat {
namespace {

// Groups of elements.
constexpr std::uint32_t kIpv4 = 0x01;     // the subscriber's
constexpr std::uint32_t kIpv6 = 0x02;     // the same
constexpr std::uint32_t kOutside = 0x04;  // an address
constexpr std::uint32_t kProtocol = 0x08;
constexpr std::uint32_t kPorts = 0x10;
constexpr std::uint32_t kRemoteEnd = 0x20;
constexpr std::uint32_t kBlock = 0x40;
constexpr std::uint32_t kPool = 0x80;
constexpr std::uint32_t kQuota = 0x100;
constexpr std::uint32_t kMaxSessions = 0x200;
constexpr std::uint32_t kMaxMappings = 0x400;
constexpr std::uint32_t kMaxPerSubscriber = 0x800;
constexpr std::uint32_t kMaxSubscribers = 0x1000;

constexpr std::uint32_t kMapping = kOutside | kProtocol | kPorts;

// The names and values of RFC 8158 section 4.3 (natEvent, information element 230).
enum class IpfixNatEvent : std::uint8_t {
  kAddressesExhausted = 3,
  kNat44SessionCreate = 4,
  kNat44SessionDelete = 5,
  kNat64SessionCreate = 6,
  kNat64SessionDelete = 7,
  kNat44BibCreate = 8,
  kNat44BibDelete = 9,
  kNat64BibCreate = 10,
  kNat64BibDelete = 11,
  kPortsExhausted = 12,
  kQuotaExceeded = 13,
  kPortBlockAllocation = 16,
  kPortBlockDeallocation = 17,
};

IpfixNatEvent event_of(const NatEvent& event) noexcept {
  const bool ipv6 = event.family == net::Family::kIpv6;
  switch (event.kind) {
    case NatEventKind::kSessionOpened:
      return ipv6 ? IpfixNatEvent::kNat64SessionCreate : IpfixNatEvent::kNat44SessionCreate;
    case NatEventKind::kSessionEnded:
      return ipv6 ? IpfixNatEvent::kNat64SessionDelete : IpfixNatEvent::kNat44SessionDelete;
    case NatEventKind::kMappingOpened:
      return ipv6 ? IpfixNatEvent::kNat64BibCreate : IpfixNatEvent::kNat44BibCreate;
    case NatEventKind::kMappingEnded:
      return ipv6 ? IpfixNatEvent::kNat64BibDelete : IpfixNatEvent::kNat44BibDelete;
    case NatEventKind::kBlockGiven:
      return IpfixNatEvent::kPortBlockAllocation;
    case NatEventKind::kBlockReturned:
      return IpfixNatEvent::kPortBlockDeallocation;
    case NatEventKind::kAddressesExhausted:
      return IpfixNatEvent::kAddressesExhausted;
    case NatEventKind::kPortsExhausted:
      return IpfixNatEvent::kPortsExhausted;
    case NatEventKind::kQuotaExceeded:
      break;
  }
  return IpfixNatEvent::kQuotaExceeded;
}

std::uint32_t layout_of(const NatEvent& event) noexcept {
  const std::uint32_t family = event.family == net::Family::kIpv6 ? kIpv6 : kIpv4;
  switch (event.kind) {
    case NatEventKind::kSessionOpened:
    case NatEventKind::kSessionEnded:
      return family | kMapping | (event.remote == Endpoint{} ? 0 : kRemoteEnd);
    case NatEventKind::kMappingOpened:
    case NatEventKind::kMappingEnded:
      return family | kMapping;
    case NatEventKind::kBlockGiven:
    case NatEventKind::kBlockReturned:
      return family | kOutside | kBlock;
    case NatEventKind::kAddressesExhausted:
      return kPool;
    case NatEventKind::kPortsExhausted:
      return kOutside | kProtocol;
    case NatEventKind::kQuotaExceeded:
      break;
  }
  switch (event.quota) {
    case Quota::kMappings:
      return kQuota | kMaxMappings;
    case Quota::kPerSubscriber:
      return kQuota | kMaxPerSubscriber | family;
    case Quota::kSubscribers:
      return kQuota | kMaxSubscribers;
    case Quota::kSessions:
    case Quota::kNone:
      break;
  }
  return kQuota | kMaxSessions;
}

std::uint16_t host(std::uint16_t wire) noexcept { return be16::from_wire(wire).host(); }

}  // namespace

control::IpfixSchema nat_schema() {
  control::IpfixSchema schema{
      .elements =
          {
              {"observationTimeMilliseconds", 8},
              {"sourceIPv6Address", 16, kIpv6},
              {"sourceIPv4Address", 4, kIpv4},
              {"postNATSourceIPv4Address", 4, kOutside},
              {"destinationIPv4Address", 4, kRemoteEnd | kIpv4},
              {"postNATDestinationIPv4Address", 4, kRemoteEnd},
              {"ingressVRFID", 4},
              {"egressVRFID", 4, kOutside},
              {"natPoolId", 4, kPool},
              {"natQuotaExceededEvent", 4, kQuota},
              {"maxSessionEntries", 4, kMaxSessions},
              {"maxBIBEntries", 4, kMaxMappings},
              {"maxEntriesPerUser", 4, kMaxPerSubscriber},
              {"maxSubscribers", 4, kMaxSubscribers},
              {"sourceTransportPort", 2, kPorts},
              {"postNAPTSourceTransportPort", 2, kPorts},
              {"destinationTransportPort", 2, kRemoteEnd | kIpv4},
              {"postNAPTDestinationTransportPort", 2, kRemoteEnd},
              {"portRangeStart", 2, kBlock},
              {"portRangeEnd", 2, kBlock},
              {"portRangeNumPorts", 2, kBlock},
              {"protocolIdentifier", 1, kProtocol},
              {"natEvent", 1},
          },
      .templates = {},
      .record_bytes = sizeof(IpfixNat),
  };
  std::uint16_t id = control::IpfixSchema::kFirstId;
  for (const std::uint32_t family : {kIpv4, kIpv6}) {
    for (const std::uint32_t what :
         {kMapping, kMapping | kRemoteEnd, kOutside | kBlock, kQuota | kMaxPerSubscriber})
      schema.templates.push_back({id++, family | what});
  }
  for (const std::uint32_t what :
       {kPool, kOutside | kProtocol, kQuota | kMaxSessions, kQuota | kMaxMappings, kQuota | kMaxSubscribers})
    schema.templates.push_back({id++, what});
  return schema;
}

control::IpfixRecord to_ipfix(const NatRecord& record) noexcept {
  const NatEvent& event = record.event;
  IpfixNat out{};
  out.time_milliseconds = control::ipfix_milliseconds(record.time);
  if (record.inside.is_v4()) {
    out.source_ipv4 = record.inside.v4().value.host();
  } else {
    out.source_ipv6 = event.inside;
  }
  out.outside_ipv4 = event.outside.ipv4().value.host();
  out.destination_ipv4 = out.outside_destination_ipv4 = event.remote.ipv4().value.host();
  out.ingress_vrf = event.domain;
  out.egress_vrf = event.outside_domain;
  out.pool = std::uint32_t{event.pool} + 1;
  out.quota_event = static_cast<std::uint32_t>(event.quota);
  out.max_sessions = out.max_mappings = out.max_per_subscriber = out.max_subscribers = event.limit;
  out.source_port = host(event.inside_port);
  out.outside_port = host(event.outside.port);
  out.destination_port = out.outside_destination_port = host(event.remote.port);
  out.first_port = event.first_port;
  out.last_port = event.last_port;
  out.ports = static_cast<std::uint16_t>(event.last_port - event.first_port + 1);
  out.protocol = event.protocol;
  out.nat_event = static_cast<std::uint8_t>(event_of(event));
  return control::IpfixRecord::of(layout_of(event), out);
}

}  // namespace millrace::nat
