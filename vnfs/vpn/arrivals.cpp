// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/arrivals.h"

namespace millrace::vpn {

core::InterfaceId Arrivals::find(const Inbound& association, const core::Network& network) noexcept {
  if (association.interface != 0) {
    for (std::size_t i = 0; i < network.interfaces.size(); ++i) {
      if (network.interfaces[i].tunnel == association.interface && network.interfaces[i].up)
        return core::InterfaceId(static_cast<std::uint16_t>(i));
    }
  }
  for (const net::Prefix& local : association.local_networks) {
    for (std::size_t i = 0; i < network.interfaces.size(); ++i) {
      const net::IpAddress* own = network.interfaces[i].address(local.address.family());
      if (own != nullptr && *own != association.local && local.contains(*own))
        return core::InterfaceId(static_cast<std::uint16_t>(i));
    }
  }
  return core::InterfaceId::none();
}

}  // namespace millrace::vpn
