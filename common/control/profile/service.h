// SPDX-License-Identifier: BSD-3-Clause
// What packets are asked for by: services, as "tcp/443", and code points of DiffServ (RFC 2474), as "ef".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::control {

// Both ends included.
struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 65535;

  constexpr bool operator==(const PortRange&) const noexcept = default;
  [[nodiscard]] constexpr bool any() const noexcept { return first == 0 && last == 65535; }
  [[nodiscard]] constexpr bool contains(std::uint16_t port) const noexcept {
    return port >= first && port <= last;
  }
  [[nodiscard]] constexpr std::uint32_t size() const noexcept { return std::uint32_t{last} - first + 1; }
  [[nodiscard]] constexpr bool overlaps(const PortRange& other) const noexcept {
    return first <= other.last && other.first <= last;
  }
};

// "80" or "1000-2000".
[[nodiscard]] std::optional<PortRange> parse_ports(std::string_view text);
[[nodiscard]] std::string print_ports(const PortRange& range);

struct Service {
  std::uint8_t protocol = 0;              // IANA protocol number
  PortRange ports;                        // destination; where has_ports()
  std::optional<std::uint8_t> icmp_type;  // ICMP and ICMPv6 only; empty: any
  std::optional<std::uint8_t> icmp_code;

  constexpr bool operator==(const Service&) const noexcept = default;
};

// TCP, UDP, UDP-Lite, DCCP and SCTP.
[[nodiscard]] bool has_ports(const Service& service) noexcept;

// "tcp/80", "tcp/1000-2000", "icmp/echo-request", "icmpv6/135", "icmp/3/4", "proto/47", "gre".
[[nodiscard]] std::optional<Service> parse_service(std::string_view text);
[[nodiscard]] std::string print_service(const Service& service);
[[nodiscard]] std::string service_pattern();

// A code point: 0 to 63, or the name that IANA has for it.
[[nodiscard]] std::optional<std::uint8_t> parse_dscp(std::string_view text);
[[nodiscard]] std::string print_dscp(std::uint8_t dscp);

}  // namespace millrace::control
