// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/mapped_networks.h"

#include <algorithm>

namespace millrace::nat {

MappedNetworks::MappedNetworks(std::vector<MappedNetwork> networks, core::DomainId outside)
    : networks_(std::move(networks)), outside_domain_(outside) {
  std::vector<std::vector<net::PrefixTable::Entry>> insides;
  std::vector<net::PrefixTable::Entry> outsides;
  for (std::size_t i = 0; i < networks_.size(); ++i) {
    const MappedNetwork& one = networks_[i];
    const auto number = static_cast<std::uint32_t>(i);
    insides.resize(std::max<std::size_t>(insides.size(), std::size_t{one.domain.value()} + 1));
    insides[one.domain.value()].push_back({one.inside, number});
    outsides.push_back({one.outside, number});
  }
  for (const auto& entries : insides) by_inside_.emplace_back(entries);
  by_outside_ = net::PrefixTable(outsides);
}

}  // namespace millrace::nat
