// SPDX-License-Identifier: BSD-3-Clause
// What one value of the NAT gateway's section alone does not tell.
#pragma once

#include <string>
#include <vector>

#include "common/control/profile/section.h"
#include "vnfs/nat/profile.h"

namespace millrace::nat::profile {

// The most addresses in all pools together.
inline constexpr std::uint64_t kMostPoolAddresses = 8192;
// Of a deterministic mapping. A bound of ours, no RFC's: with fewer a host soon has no port left.
inline constexpr std::uint64_t kLeastPortsPerSubscriber = 64;

// Reports what does not fit together; gives udp_well_known its value where the profile gives none; calls
// the next two.
void check(Section& profile, const control::CheckContext& context);

// The addresses of pools, static and deterministic mappings, and that no two of them want the same ones.
// Sets Pool::usable.
void check_addresses(Section& profile, const control::CheckContext& context);

// The prefixes of nptv6.
void check_prefixes(const Section& profile, const control::CheckContext& context);

// Each once. Interfaces that are not defined have none.
[[nodiscard]] std::vector<std::string> domains_of(const std::vector<Located<std::string>>& interfaces,
                                                  const control::Profile& common);

}  // namespace millrace::nat::profile
