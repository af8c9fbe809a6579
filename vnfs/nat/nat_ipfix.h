// SPDX-License-Identifier: BSD-3-Clause
// Records of the NAT gateway for IPFIX, by the templates of RFC 8158 section 4.6: sessions and mappings (the
// BIB) of IPv4 and IPv6 subscribers, port blocks, exhausted pools and addresses, quotas. natEvent tells
// which.
#pragma once

#include <array>
#include <cstdint>

#include "common/control/flow_log/ipfix_exporter.h"
#include "vnfs/nat/nat_record.h"

namespace millrace::nat {

// The members of the elements of nat_schema().
struct IpfixNat {
  std::uint64_t time_milliseconds;
  std::array<std::uint8_t, 16> source_ipv6;
  std::uint32_t source_ipv4;
  std::uint32_t outside_ipv4;
  std::uint32_t destination_ipv4;
  std::uint32_t outside_destination_ipv4;
  std::uint32_t ingress_vrf;
  std::uint32_t egress_vrf;
  std::uint32_t pool;  // its place in the profile, from 1
  std::uint32_t quota_event;
  std::uint32_t max_sessions;
  std::uint32_t max_mappings;
  std::uint32_t max_per_subscriber;
  std::uint32_t max_subscribers;
  std::uint16_t source_port;
  std::uint16_t outside_port;
  std::uint16_t destination_port;
  std::uint16_t outside_destination_port;
  std::uint16_t first_port;
  std::uint16_t last_port;
  std::uint16_t ports;
  std::uint8_t protocol;
  std::uint8_t nat_event;
};
static_assert(sizeof(IpfixNat) == 88);

[[nodiscard]] control::IpfixSchema nat_schema();
[[nodiscard]] control::IpfixRecord to_ipfix(const NatRecord& record) noexcept;

using NatExporter = control::IpfixRecordExporter<NatRecord, nat_schema>;

}  // namespace millrace::nat
