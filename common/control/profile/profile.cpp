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

std::vector<Located<net::IpAddress>> Overlay::far_ends() const {
  std::vector<Located<net::IpAddress>> all = peers;
  if (remote.value) all.insert(all.begin(), {*remote.value, remote.at});
  return all;
}

std::optional<Interface::OverlayOf> Interface::overlay() const noexcept {
  if (vxlan) return OverlayOf{net::OverlayType::kVxlan, *vxlan};
  if (vxlan_gpe) return OverlayOf{net::OverlayType::kVxlanGpe, *vxlan_gpe};
  if (geneve) return OverlayOf{net::OverlayType::kGeneve, *geneve};
  if (gre) return OverlayOf{net::OverlayType::kGre, *gre};
  return std::nullopt;
}

bool Interface::OverlayOf::ethernet() const noexcept {
  if (given.payload.value) return *given.payload.value == Overlay::Payload::kEthernet;
  return type != net::OverlayType::kGre;
}

std::uint16_t Interface::OverlayOf::udp_port() const noexcept {
  if (given.udp_port.value) return *given.udp_port.value;
  switch (type) {
    case net::OverlayType::kVxlan:
      return net::kVxlanPort;
    case net::OverlayType::kVxlanGpe:
      return net::kVxlanGpePort;
    case net::OverlayType::kGeneve:
      return net::kGenevePort;
    case net::OverlayType::kGre:
      break;
  }
  return 0;
}

std::uint32_t Interface::OverlayOf::id() const noexcept {
  return type == net::OverlayType::kGre ? given.key.value.value_or(0) : *given.vni;
}

std::uint16_t overlay_overhead(const Interface::OverlayOf& overlay) noexcept {
  const std::size_t ip = overlay->local->is_v4() ? sizeof(net::Ipv4Header) : sizeof(net::Ipv6Header);
  const std::size_t shim = overlay.type == net::OverlayType::kGre
                               ? sizeof(net::GreHeader) + (overlay->key.value ? sizeof(be32) : 0)
                               : sizeof(net::UdpHeader) + sizeof(net::VxlanHeader);
  const std::size_t link = overlay.ethernet() ? sizeof(net::EthernetHeader) : 0;
  return static_cast<std::uint16_t>(ip + shim + link);
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
  constexpr std::uint16_t kOrdinaryNsh = sizeof(net::NshHeader) + 16 + sizeof(net::EthernetHeader);
  constexpr std::uint16_t kTunnelMtu = 1400;  // any headers of IPsec leave that much of 1500
  if (interface.mtu.value) return *interface.mtu.value;
  if (interface.tunnel.value) return kTunnelMtu;
  const Port* under = port(interface.port.value);
  const std::uint16_t whole = under != nullptr ? under->mtu : Port{}.mtu;
  if (interface.nsh) return static_cast<std::uint16_t>(whole - kOrdinaryNsh);
  if (interface.mpls) return static_cast<std::uint16_t>(whole - sizeof(net::MplsEntry));
  const auto overlay = interface.overlay();
  return overlay ? static_cast<std::uint16_t>(whole - overlay_overhead(*overlay)) : whole;
}

}  // namespace millrace::control
