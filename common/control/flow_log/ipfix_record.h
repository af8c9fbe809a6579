// SPDX-License-Identifier: BSD-3-Clause
// A flow's record as libfixbuf takes it: the members of flow_elements() in ipfix_encoder.cpp, in that order
// and without gaps, integers in host byte order.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "common/control/flow_log/flow_record.h"

namespace millrace::control {

struct IpfixRecord {
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
  // Not sent: which template it goes out by.
  std::uint64_t layout;
};
static_assert(std::is_trivially_copyable_v<IpfixRecord>);
static_assert(sizeof(IpfixRecord) == 136);

// An interface's number on the wire; 0, which stands for none, is not given to an interface.
[[nodiscard]] constexpr std::uint32_t ipfix_interface(std::uint16_t id) noexcept {
  return std::uint32_t{id} + 1;
}

[[nodiscard]] IpfixRecord to_ipfix(const FlowRecord& record) noexcept;

}  // namespace millrace::control
