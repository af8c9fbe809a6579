// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/address_checks.h"

namespace millrace::core {
namespace {

AddressVerdict judge(std::uint32_t source, std::uint32_t destination) noexcept {
  const auto special = [](std::uint32_t a) { return a >= 0xe0000000U || a >> 24 == 127 || a >> 24 == 0; };
  const bool asks_for_address = source == 0 && destination == 0xffffffffU;
  if (source == destination) return {Drop::kLand};
  if (special(source) && !asks_for_address) return {Drop::kMartianSource};
  if (destination >> 24 == 127 || destination >> 24 == 0) return {Drop::kMartianDestination};
  if (destination >> 8 == 0xe00000 || destination == 0xffffffffU) return {.to_host = true};  // RFC 5771
  if (destination >= 0xe0000000U) return {Drop::kMulticast};
  return {};
}

AddressVerdict judge(const net::Ipv6Address& source, const net::Ipv6Address& destination) noexcept {
  constexpr net::Ipv6Address kUnspecified{};
  constexpr net::Ipv6Address kLoopback{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  if (source.is_multicast() || source == kLoopback) return {Drop::kMartianSource};
  if (destination == kUnspecified || destination == kLoopback) return {Drop::kMartianDestination};
  if (source == destination) return {Drop::kLand};
  const bool near_group = destination.is_multicast() && (destination.bytes[1] & 0x0fU) <= 2;
  if (near_group || destination.is_link_local()) return {.to_host = true};
  if (destination.is_multicast()) return {Drop::kMulticast};
  return {};
}

}  // namespace

AddressVerdict judge_addresses(const Packet& packet) noexcept {
  if (packet.headers.is_ipv4()) {
    const auto& ip = packet.l3_as<net::Ipv4Header>();
    return judge(ip.source.value.host(), ip.destination.value.host());
  }
  const auto& ip = packet.l3_as<net::Ipv6Header>();
  return judge(ip.source, ip.destination);
}

}  // namespace millrace::core
