// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/conditioning.h"

#include <algorithm>
#include <cstring>

namespace millrace::core {

AddressMatch::AddressMatch(const net::Prefix& prefix) noexcept : family(prefix.address.is_v4() ? 4 : 6) {
  const auto bytes = prefix.address.bytes();
  std::array<std::uint8_t, 16> mask{};
  for (unsigned bit = 0; bit < prefix.length; ++bit)
    mask[bit / 8] = static_cast<std::uint8_t>(mask[bit / 8] | 0x80U >> bit % 8);
  if (family == 4) {
    std::memcpy(&low, bytes.data(), sizeof(net::Ipv4Address));
    std::memcpy(&low_mask, mask.data(), sizeof(net::Ipv4Address));
  } else {
    std::memcpy(&high, bytes.data(), sizeof high);
    std::memcpy(&low, bytes.data() + sizeof high, sizeof low);
    std::memcpy(&high_mask, mask.data(), sizeof high_mask);
    std::memcpy(&low_mask, mask.data() + sizeof high_mask, sizeof low_mask);
  }
}

void Conditioning::settle() {
  first_.assign(at.size() * kCodePoints, nullptr);
  for (std::size_t interface = 0; interface < at.size(); ++interface) {
    std::vector<TrafficRule>& here = at[interface];
    for (TrafficRule& rule : here) {
      rule.is_last = &rule == &here.back();
      rule.asks_more = rule.protocol || rule.by_ports || rule.icmp_type != TrafficRule::kAnyIcmp ||
                       rule.from.family != 0 || rule.to.family != 0;
    }
    for (unsigned dscp = 0; dscp < kCodePoints; ++dscp) {
      const auto has = [dscp](const TrafficRule& rule) { return (rule.dscps >> dscp & 1) != 0; };
      const auto found = std::ranges::find_if(here, has);
      if (found != here.end()) first_[interface * kCodePoints + dscp] = &*found;
    }
  }
}

}  // namespace millrace::core
