// SPDX-License-Identifier: BSD-3-Clause
// Records of flows for IPFIX.
//
// A record is a biflow (RFC 5103): counts of the other direction stand in the reverse elements, and
// biflowDirection says that the source is the initiator. There are eight templates: IPv4 or IPv6; with ports
// or with ICMP type and code; of a flow that has ended or goes on (counts, times, why) or of one that was
// opened or denied. firewallEvent tells which: 1 created, 2 deleted, 3 denied, 5 update. Counts are deltas:
// of what no earlier record of the flow told, as is the time from start to end.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "common/control/flow_log/flow_record.h"
#include "common/control/flow_log/ipfix_schema.h"

namespace millrace::control {

// The members of the elements of flow_schema().
struct IpfixFlow {
  std::uint64_t flow_start_milliseconds;
  std::uint64_t flow_end_milliseconds;
  std::uint64_t octets;
  std::uint64_t packets;
  std::uint64_t reverse_octets;
  std::uint64_t reverse_packets;
  std::uint64_t flow_id;
  std::array<std::uint8_t, 16> source_ipv6;
  std::array<std::uint8_t, 16> destination_ipv6;
  std::uint32_t source_ipv4;
  std::uint32_t destination_ipv4;
  std::uint32_t ingress_interface;
  std::uint32_t egress_interface;
  std::uint32_t ingress_vrf;
  std::uint16_t source_port;
  std::uint16_t destination_port;
  std::uint16_t icmp_ipv4;  // type * 256 + code
  std::uint16_t icmp_ipv6;
  std::uint16_t reverse_tcp_flags;
  std::uint16_t tcp_flags;
  std::uint16_t vlan;           // the outer of two tags, or the only one
  std::uint16_t customer_vlan;  // the inner of two
  std::uint8_t protocol;
  std::uint8_t flow_end_reason;
  std::uint8_t firewall_event;
  std::uint8_t biflow_direction;
};
static_assert(std::is_trivially_copyable_v<IpfixFlow>);
static_assert(sizeof(IpfixFlow) == 128);

[[nodiscard]] IpfixSchema flow_schema();
[[nodiscard]] IpfixRecord to_ipfix(const FlowRecord& record) noexcept;

}  // namespace millrace::control
