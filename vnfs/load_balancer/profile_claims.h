// SPDX-License-Identifier: BSD-3-Clause
// Who wants which ports of which address: of services, and of what stands behind them.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "vnfs/load_balancer/profile.h"

namespace millrace::load_balancer::profile {

struct Claim {
  std::string_view domain;
  net::IpAddress address;
  ServicePorts ports;
  const Service* service = nullptr;
  const Backend* backend = nullptr;  // null: the service itself has the address
  Position at;
};

// Adds what the service takes of the address, a claim for each entry of its ports; without ports one for all
// of each protocol. With `port`, that port takes the place of the service's own, once for each protocol.
void add_claims(const Service& service, const Located<net::IpAddress>& address,
                std::optional<std::uint16_t> port, std::vector<Claim>& out);

// Calls `report` for claims that overlap, the one that stands first in the file first. Once it has returned
// true, nothing more is said of the second one's place; if that lies within the first, others are compared
// with the first alone. Sorts the claims.
void find_overlaps(std::vector<Claim>& claims,
                   const std::function<bool(const Claim& first, const Claim& second)>& report);

}  // namespace millrace::load_balancer::profile
