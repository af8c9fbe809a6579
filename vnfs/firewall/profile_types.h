// SPDX-License-Identifier: BSD-3-Clause
// The notations only a firewall has: TCP flags, sets of addresses, days and times.
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

[[nodiscard]] std::optional<TcpFlags> parse_tcp_flags(std::string_view text);

[[nodiscard]] control::TypePtr<TcpFlags> tcp_flags();
[[nodiscard]] control::TypePtr<AddressTerm> address_term();
[[nodiscard]] control::TypePtr<GroupEntry> group_word();      // addresses or "@group"
[[nodiscard]] control::TypePtr<std::uint8_t> days();          // bit 0 is Monday
[[nodiscard]] control::TypePtr<std::uint16_t> time_of_day();  // in minutes, 24:00 included

}  // namespace millrace::firewall::profile
