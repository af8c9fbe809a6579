// SPDX-License-Identifier: BSD-3-Clause
// Protocol and port as one number, so that a range of ports of a protocol is a range of numbers.
//
// (ports unknown) << 24 | protocol << 16 | port. For ICMP and ICMPv6 the destination port's place holds type
// and code, the source port's place nothing.
#pragma once

#include <cstdint>

#include "common/net/wire.h"
#include "vnfs/firewall/rule.h"

namespace millrace::firewall::service_space {

inline constexpr std::uint32_t kUnknownPorts = 1U << 24;
inline constexpr std::uint32_t kEnd = 1U << 25;
inline constexpr std::size_t kNoTcpFlags = 256;  // not TCP, or a fragment that does not show them

[[nodiscard]] constexpr std::uint32_t place(std::uint8_t protocol, std::uint16_t port) noexcept {
  return (std::uint32_t{protocol} << 16) | port;
}

[[nodiscard]] constexpr std::uint16_t icmp_port(std::uint8_t type, std::uint8_t code) noexcept {
  return static_cast<std::uint16_t>((type << 8) | code);
}

[[nodiscard]] inline std::uint32_t destination(const RuleKey& key) noexcept {
  if (!key.has_ports) return kUnknownPorts | place(key.protocol, 0);
  return place(key.protocol, net::protocol::is_icmp(key.protocol) ? icmp_port(key.icmp_type, key.icmp_code)
                                                                  : key.destination_port);
}

[[nodiscard]] inline std::uint32_t source(const RuleKey& key) noexcept {
  if (!key.has_ports) return kUnknownPorts | place(key.protocol, 0);
  return place(key.protocol, net::protocol::is_icmp(key.protocol) ? 0 : key.source_port);
}

[[nodiscard]] inline std::size_t tcp_flags(const RuleKey& key) noexcept {
  return key.protocol == net::protocol::kTcp && key.has_ports ? key.tcp_flags : kNoTcpFlags;
}

// A small number: applications that are not known, that could not be named, and those with names.
[[nodiscard]] constexpr std::size_t application(dpi::ApplicationId id) noexcept {
  if (id == kOtherApplication) return 1;
  return id == dpi::ApplicationId::kUnknown ? 0 : static_cast<std::size_t>(id) + 1;
}

}  // namespace millrace::firewall::service_space
