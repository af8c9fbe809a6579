// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/overlay.h"

#include <algorithm>

namespace millrace::core {

std::uint64_t OverlayTable::hash(const Key& key) noexcept {
  const auto mix = [](std::uint64_t sum, const net::IpAddress& address) {
    std::array<std::uint64_t, 2> words{};
    std::memcpy(words.data(), address.bytes().data(), sizeof words);
    return _mm_crc32_u64(_mm_crc32_u64(sum, words[0]), words[1]);
  };
  const std::uint64_t rest = std::uint64_t{key.id} << 32 | std::uint64_t{key.domain.value()} << 8 |
                             static_cast<std::uint64_t>(key.type);
  return _mm_crc32_u64(mix(mix(0, key.local), key.remote), rest);
}

bool OverlayTable::ends_at(net::OverlayType type, DomainId domain,
                           const net::IpAddress& local) const noexcept {
  return std::ranges::find(ends_, End{type, domain, local}) != ends_.end();
}

InterfaceId OverlayTable::find(const Key& key) const noexcept {
  const std::size_t mask = entries_.size() - 1;
  for (std::size_t at = hash(key) & mask;; at = (at + 1) & mask) {
    const Entry& entry = entries_[at];
    if (!entry.interface.valid() || entry.key == key) return entry.interface;
  }
}

void OverlayTable::insert(const Entry& entry) {
  const std::size_t mask = entries_.size() - 1;
  std::size_t at = hash(entry.key) & mask;
  while (entries_[at].interface.valid() && entries_[at].key != entry.key) at = (at + 1) & mask;
  entries_[at] = entry;
}

void OverlayTable::add(const Key& key, std::uint16_t udp_port, InterfaceId interface) {
  if (const End end{key.type, key.domain, key.local}; std::ranges::find(ends_, end) == ends_.end())
    ends_.push_back(end);
  if (key.type == net::OverlayType::kGre) {
    gre_ = true;
  } else if (const std::pair port(be16(udp_port), key.type);
             std::ranges::find(udp_ports_, port) == udp_ports_.end()) {
    udp_ports_.push_back(port);
  }
  if (2 * (used_ + 1) > entries_.size()) {
    const auto before =
        std::exchange(entries_, std::vector<Entry>(std::max<std::size_t>(16, 2 * entries_.size())));
    for (const Entry& entry : before) {
      if (entry.interface.valid()) insert(entry);
    }
  }
  ++used_;
  insert({key, interface});
}

void OverlayTable::add(const Ordinary& ordinary) {
  const auto insert = [this](const Ordinary& entry) {
    const std::size_t mask = ordinary_.size() - 1;
    std::size_t at = hash(entry.addresses, entry.vni) & mask;
    while (ordinary_[at].interface.valid()) at = (at + 1) & mask;
    ordinary_[at] = entry;
  };
  // Two that differ in the UDP port alone: the second is found the other way.
  if (find_ordinary(ordinary.addresses, ordinary.vni) != nullptr) return;
  if (2 * (ordinary_used_ + 1) > ordinary_.size()) {
    const auto before =
        std::exchange(ordinary_, std::vector<Ordinary>(std::max<std::size_t>(16, 2 * ordinary_.size())));
    for (const Ordinary& entry : before) {
      if (entry.interface.valid()) insert(entry);
    }
  }
  ++ordinary_used_;
  insert(ordinary);
}

}  // namespace millrace::core
