// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/profile/profile.h"

#include <algorithm>

namespace millrace::control {
namespace {

template <class T>
const T* named(const std::vector<T>& all, std::string_view wanted) noexcept {
  const auto found = std::ranges::find_if(all, [&](const T& one) { return one.name.value == wanted; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

std::uint32_t tunnel_number(std::string_view name) noexcept {
  // FNV-1a, draft-eastlake-fnv section 2.
  std::uint32_t number = 0x811c9dc5;
  for (const char c : name) number = (number ^ static_cast<std::uint8_t>(c)) * 0x01000193U;
  return number == 0 ? 1 : number;
}

const Port* Profile::port(std::string_view wanted) const noexcept { return named(ports, wanted); }

const Interface* Profile::interface(std::string_view wanted) const noexcept {
  return named(interfaces, wanted);
}

std::string_view Profile::domain_of(const Route& route) const noexcept {
  if (route.domain.value) return *route.domain.value;
  const Interface* out = route.interface.value ? interface(*route.interface.value) : nullptr;
  return out != nullptr ? std::string_view(out->domain.value) : "default";
}

std::uint16_t Profile::mtu_of(const Interface& interface) const noexcept {
  constexpr std::uint16_t kTunnelMtu = 1400;  // any headers of IPsec leave that much of 1500
  if (interface.mtu.value) return *interface.mtu.value;
  if (interface.tunnel.value) return kTunnelMtu;
  const Port* under = port(interface.port.value);
  return under != nullptr ? under->mtu : Port{}.mtu;
}

}  // namespace millrace::control
