// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/overlay.h"

#include <algorithm>

namespace millrace::core {

std::uint64_t OverlayTable::Key::hash() const noexcept {
  const auto mix = [](std::uint64_t sum, const net::IpAddress& address) {
    std::array<std::uint64_t, 2> words{};
    std::memcpy(words.data(), address.bytes().data(), sizeof words);
    return _mm_crc32_u64(_mm_crc32_u64(sum, words[0]), words[1]);
  };
  const std::uint64_t rest =
      std::uint64_t{id} << 32 | std::uint64_t{domain.value()} << 8 | static_cast<std::uint64_t>(type);
  return _mm_crc32_u64(mix(mix(0, local), remote), rest);
}

bool OverlayTable::ends_at(net::OverlayType type, DomainId domain,
                           const net::IpAddress& local) const noexcept {
  return std::ranges::find(ends_, End{type, domain, local}) != ends_.end();
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
  static_cast<void>(interfaces_.add(key, interface));
}

}  // namespace millrace::core
