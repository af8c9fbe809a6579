// SPDX-License-Identifier: BSD-3-Clause
// What the addresses of an IP packet tell by themselves: RFC 1122 section 3.2.1.3, RFC 6890, RFC 4291
// section 2.
#pragma once

#include <array>
#include <cstring>

#include "common/core/batch.h"
#include "common/core/drop_reason.h"

namespace millrace::core {

struct AddressVerdict {
  Drop reason = Drop::kNone;  // no packet has such addresses
  bool to_host = false;       // it goes no further than its link, so it is the twin's
};

// The exact question, of an IP packet whose headers were read. Off the fast path.
[[nodiscard]] AddressVerdict judge_addresses(const Packet& packet) noexcept;

// A source that means something on its own link only, and is not to be forwarded: RFC 4291 sections 2.5.2,
// 2.5.6.
[[nodiscard]] inline bool has_link_scope_source(const Packet& packet) noexcept {
  if (!packet.headers.is_ipv6()) return false;
  const net::Ipv6Address& source = packet.l3_as<net::Ipv6Header>().source;
  return source.is_link_local() || source == net::Ipv6Address{};
}

// Whether addresses that begin with this byte may need a closer look than forwarding gives: everything in
// judge_addresses() is about these.
inline constexpr auto kSpecialIpv4 = [] {
  std::array<bool, 256> special{};
  for (unsigned byte = 0; byte < special.size(); ++byte)
    special[byte] = byte == 0 || byte == 127 || byte >= 224;
  return special;
}();
inline constexpr auto kSpecialIpv6 = [] {
  std::array<bool, 256> special{};
  for (unsigned byte = 0; byte < special.size(); ++byte) special[byte] = byte == 0 || byte >= 0xfe;
  return special;
}();

template <class Ip>
[[nodiscard, gnu::always_inline]] inline bool ordinary_addresses(
    const Ip& ip, const std::array<bool, 256>& special) noexcept {
  const auto first_byte = [](const auto& address) {
    return *reinterpret_cast<const std::uint8_t*>(&address);
  };
  const unsigned unusual =
      static_cast<unsigned>(special[first_byte(ip.source)]) |
      static_cast<unsigned>(special[first_byte(ip.destination)]) |
      static_cast<unsigned>(std::memcmp(&ip.source, &ip.destination, sizeof ip.source) == 0);
  return unusual == 0;
}

// Of nearly all packets: there is nothing to judge_addresses() about.
[[nodiscard, gnu::always_inline]] inline bool ordinary_addresses(const Packet& packet) noexcept {
  if (packet.headers.is_ipv4()) [[likely]]
    return ordinary_addresses(packet.l3_as<net::Ipv4Header>(), kSpecialIpv4);
  return ordinary_addresses(packet.l3_as<net::Ipv6Header>(), kSpecialIpv6);
}

}  // namespace millrace::core
