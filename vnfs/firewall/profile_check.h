// SPDX-License-Identifier: BSD-3-Clause
// What one value of the firewall's section alone does not tell, and the filling of its groups.
#pragma once

#include "common/control/profile/section.h"
#include "vnfs/firewall/profile.h"

namespace millrace::firewall::profile {

// Reports what does not fit together; replaces `any` by no criterion, and reverse_path by off where there are
// no routes; calls fill_groups.
void check(Section& profile, const control::CheckContext& context);

// Reads the files and databases that groups name, resolves groups in groups, sets Group::prefixes.
void fill_groups(std::vector<Group>& groups, const control::CheckContext& context);

// Appends the networks of the countries. Errors stand at the value they are about.
void read_geoip(const GeoIp& geoip, const std::string& path, std::vector<net::Prefix>& out,
                control::Diagnostics& diagnostics);

}  // namespace millrace::firewall::profile
