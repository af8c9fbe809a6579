// SPDX-License-Identifier: BSD-3-Clause
// The notations only a firewall has: services, TCP flags, sets of addresses, days and times.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/control/profile/schema.h"
#include "common/net/address.h"
#include "vnfs/firewall/profile.h"

namespace millrace::firewall::profile {

// The most prefixes one group may hold.
inline constexpr std::size_t kMostPrefixes = 1'000'000;

// "tcp/80", "tcp/1000-2000", "icmp/echo-request", "icmpv6/135", "icmp/3/4", "proto/47", "gre".
[[nodiscard]] std::optional<Service> parse_service(std::string_view text);
[[nodiscard]] std::string print_service(const Service& service);
[[nodiscard]] std::optional<TcpFlags> parse_tcp_flags(std::string_view text);

[[nodiscard]] constexpr bool has_ports(std::uint8_t protocol) noexcept {
  return protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132 || protocol == 136;
}

[[nodiscard]] control::TypePtr<Service> service();
[[nodiscard]] control::TypePtr<TcpFlags> tcp_flags();
[[nodiscard]] control::TypePtr<std::uint8_t> dscp();
[[nodiscard]] control::TypePtr<AddressTerm> address_term();
[[nodiscard]] control::TypePtr<GroupEntry> group_word();      // addresses or "@group"
[[nodiscard]] control::TypePtr<std::uint8_t> days();          // bit 0 is Monday
[[nodiscard]] control::TypePtr<std::uint16_t> time_of_day();  // in minutes, 24:00 included

}  // namespace millrace::firewall::profile
