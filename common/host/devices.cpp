// SPDX-License-Identifier: BSD-3-Clause
#include "common/host/devices.h"

#include <utility>

#include "common/host/link_settings.h"

namespace millrace::host {
namespace {

// Addresses and MTU change while the device stays; the rest makes it another one.
bool serves(const Device& device, const core::Network& network) {
  if (device.interface.value() >= network.interfaces.size()) return false;
  const core::Interface& wanted = network.interfaces[device.interface.value()];
  return wanted.up && !wanted.service && wanted.port == device.port && wanted.domain == device.domain &&
         wanted.mac == device.mac && wanted.tunnel == device.tunnel &&
         wanted.is_point_to_point() == device.point_to_point;
}

}  // namespace

Result<void> Devices::match(const core::Network& network) {
  if (auto done = remove_others(network); !done) return done;
  for (std::size_t i = 0; i < network.interfaces.size(); ++i) {
    const core::Interface& interface = network.interfaces[i];
    if (!interface.up || interface.service || network.forwarding != core::Forwarding::kRouted) continue;
    if (auto done = set_up(core::InterfaceId(static_cast<std::uint16_t>(i)), network); !done) return done;
  }
  match_tunnels();
  return {};
}

Result<void> Devices::remove_others(const core::Network& network) {
  for (auto at = devices_.begin(); at != devices_.end();) {
    const Device& device = at->second;
    const bool stays = serves(device, network);
    if (!stays && device.domain.value() != 0) {
      const std::string& domain = network.domains[device.domain.value()].name;
      if (auto done = domains_.detach(device.tap.name(), domain); !done) return done;
    }
    at = stays ? std::next(at) : devices_.erase(at);
  }
  return {};
}

Result<void> Devices::add(core::InterfaceId id, const core::Interface& interface) {
  Tap::Options options{.name = interface.name, .mac = interface.mac, .mtu = interface.mtu};
  if (interface.is_point_to_point()) options.mac.reset();
  auto tap = Tap::create(options, netlink_);
  if (!tap) return tl::unexpected(tap.error());
  devices_.emplace(id, Device{.tap = std::move(*tap),
                              .interface = id,
                              .port = interface.port,
                              .domain = interface.domain,
                              .mac = interface.mac,
                              .tunnel = interface.tunnel,
                              .point_to_point = interface.is_point_to_point()});
  for (const Error& error : apply_twin_settings(interface.name)) trouble_(error);
  return {};
}

Result<void> Devices::set_up(core::InterfaceId id, const core::Network& network) {
  const core::Interface& interface = network.interfaces[id.value()];
  const bool fresh = !devices_.contains(id);
  if (fresh) {
    if (auto done = add(id, interface); !done) return done;
  }
  devices_.at(id).mtu = interface.mtu;
  const LinkIndex link = devices_.at(id).tap.index();
  const std::string& domain = network.domains[interface.domain.value()].name;
  if (fresh) {
    if (auto done = netlink_.stop_address_generation(link); !done) trouble_(done.error());
    if (interface.domain.value() != 0) {
      const auto found = netlink_.link(interface.name);
      if (!found) return tl::unexpected(found.error());
      if (auto done = domains_.attach(*found, domain); !done) return done;
    }
  } else if (auto done = netlink_.set_mtu(link, interface.mtu); !done) {
    return done;
  }
  if (auto done = netlink_.set_up(link, true); !done) return done;
  const auto addresses = with_link_local(interface.addresses, interface.mac);
  return interface.domain.value() == 0 ? netlink_.set_addresses(link, addresses)
                                       : domains_.set_addresses(link, domain, addresses);
}

bool Devices::forget_gone() {
  return std::erase_if(devices_, [](const auto& entry) { return entry.second.tap.gone(); }) != 0;
}

void Devices::set_carrier(Device& device, bool link) {
  device.carrier = link;
  if (auto done = device.tap.set_carrier(link); !done) trouble_(done.error());
}

void Devices::set_carrier(core::PortId port, bool link) {
  for (auto& [id, device] : devices_)
    if (device.port == port && device.carrier != link) set_carrier(device, link);
}

void Devices::set_down(std::set<std::uint32_t> tunnels) {
  tunnels_down_ = std::move(tunnels);
  match_tunnels();
}

void Devices::match_tunnels() {
  for (auto& [id, device] : devices_) {
    const bool link = !tunnels_down_.contains(device.tunnel);
    if (device.tunnel == 0 || device.carrier == link) continue;
    set_carrier(device, link);
    log_("tunnel " + device.tap.name() + (link ? " is up" : " is down"));
  }
}

Device* Devices::find(core::InterfaceId interface) {
  const auto found = devices_.find(interface);
  return found == devices_.end() ? nullptr : &found->second;
}

}  // namespace millrace::host
