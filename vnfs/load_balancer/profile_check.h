// SPDX-License-Identifier: BSD-3-Clause
// What one value of the load balancer's section alone does not tell. Of a service some of which could not be
// read, only its name and its address are checked, so that one mistake gives one error.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/control/profile/section.h"
#include "vnfs/load_balancer/profile.h"

namespace millrace::load_balancer::profile {

// Bounds of Maglev's table, both primes; so what is between them has a prime above it.
inline constexpr std::uint32_t kLeastTable = 101;
inline constexpr std::uint32_t kMostTable = 9'999'991;

// Reports what does not fit together; gives all_down, Health::timeout and PassiveHealth::longest their values
// where the profile gives none; calls the next three.
void check(Section& profile, const control::CheckContext& context);

// The addresses of services and source pools, and that no two of them want the same ones.
void check_addresses(const Section& profile, const control::CheckContext& context);

// The addresses and ports of backends. Routes to them are looked for when `routes_known`: what could not be
// read of the file may be one.
void check_backends(const Section& profile, const control::CheckContext& context, bool routes_known);

// How backends are found and judged. Names of files become paths that can be opened.
void check_health(Section& profile, const control::CheckContext& context);

// Whose address no host has, completing "ADDRESS ..."; empty when one may have it.
[[nodiscard]] std::string_view not_a_host(const net::IpAddress& address) noexcept;
// "IPv4" or "IPv6".
[[nodiscard]] std::string_view name_of(net::Family family) noexcept;
[[nodiscard]] std::string_view name_of(Forwarding forwarding) noexcept;
// The interface of the domain that has the address; null when none has it.
[[nodiscard]] const control::Interface* interface_with(const net::IpAddress& address, std::string_view domain,
                                                       const control::Profile& common) noexcept;
// The least prime that is no less. At most kMostTable.
[[nodiscard]] std::uint32_t next_prime(std::uint32_t least) noexcept;

}  // namespace millrace::load_balancer::profile
