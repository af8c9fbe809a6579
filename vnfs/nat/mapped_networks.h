// SPDX-License-Identifier: BSD-3-Clause
// Networks of IPv6 that have another prefix outside (RFC 6296), and which of them an address is in.
#pragma once

#include <cstdint>
#include <vector>

#include "common/core/ids.h"
#include "common/net/prefix_map.h"
#include "common/net/prefix_table.h"

namespace millrace::nat {

struct MappedNetwork {
  net::Prefix inside;
  net::Prefix outside;
  net::PrefixMap map;
  core::DomainId domain{0};  // of the inside
};

// Immutable once it is made.
class MappedNetworks {
 public:
  MappedNetworks() = default;
  // No two overlap on one side. All outside prefixes are in one domain.
  MappedNetworks(std::vector<MappedNetwork> networks, core::DomainId outside);

  [[nodiscard]] bool empty() const noexcept { return networks_.empty(); }
  [[nodiscard]] core::DomainId outside_domain() const noexcept { return outside_domain_; }
  // Null when the address is in none.
  [[nodiscard]] const MappedNetwork* of_inside(core::DomainId domain,
                                               const net::Ipv6Address& address) const noexcept {
    return domain.value() < by_inside_.size() ? find(by_inside_[domain.value()], address) : nullptr;
  }
  [[nodiscard]] const MappedNetwork* of_outside(const net::Ipv6Address& address) const noexcept {
    return find(by_outside_, address);
  }

 private:
  [[nodiscard]] const MappedNetwork* find(const net::PrefixTable& table,
                                          const net::Ipv6Address& address) const noexcept {
    const std::uint32_t number = table.lookup(address);
    return number == net::PrefixTable::kNoMatch ? nullptr : &networks_[number];
  }

  std::vector<MappedNetwork> networks_;
  std::vector<net::PrefixTable> by_inside_;  // by domain
  net::PrefixTable by_outside_;
  core::DomainId outside_domain_{0};
};

}  // namespace millrace::nat
