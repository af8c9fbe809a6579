// SPDX-License-Identifier: BSD-3-Clause
// The twin's devices: one for each routed interface, a TAP device, or a TUN device where that is a tunnel.
// One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "common/base/result.h"
#include "common/core/network.h"
#include "common/host/domain.h"
#include "common/host/netlink.h"
#include "common/host/tap.h"

namespace millrace::host {

struct Device {
  Tap tap;
  core::InterfaceId interface;
  core::PortId port;  // none under a tunnel or an overlay
  core::DomainId domain;
  net::MacAddress mac;
  std::uint32_t tunnel = 0;  // core::Interface::tunnel
  bool point_to_point = false;
  std::uint16_t mtu = 0;
  bool carrier = true;
};

class Devices {
 public:
  // Both outlive it. `trouble` is told what went wrong and could be passed over, `log` what has changed.
  Devices(Netlink& netlink, Domains& domains, std::function<void(const Error&)> trouble,
          std::function<void(const std::string&)> log)
      : netlink_(netlink), domains_(domains), trouble_(std::move(trouble)), log_(std::move(log)) {}

  // Those that the network wants, with their addresses. What is so already is left alone, so that running
  // connections stay. Its domains are there.
  Result<void> match(const core::Network& network);
  // Those that somebody deleted are forgotten; false when there are none.
  bool forget_gone();

  // Of those of a port: the state of its link.
  void set_carrier(core::PortId port, bool link);
  // Of tunnels: these have no carrier, all others have one, also those that are still to come.
  void set_down(std::set<std::uint32_t> tunnels);

  [[nodiscard]] std::map<core::InterfaceId, Device>& all() noexcept { return devices_; }
  [[nodiscard]] const std::map<core::InterfaceId, Device>& all() const noexcept { return devices_; }
  // Null when the interface has none.
  [[nodiscard]] Device* find(core::InterfaceId interface);

 private:
  Result<void> remove_others(const core::Network& network);
  Result<void> set_up(core::InterfaceId id, const core::Network& network);
  Result<void> add(core::InterfaceId id, const core::Interface& interface);
  void set_carrier(Device& device, bool link);
  void match_tunnels();

  Netlink& netlink_;
  Domains& domains_;
  std::function<void(const Error&)> trouble_;
  std::function<void(const std::string&)> log_;
  std::map<core::InterfaceId, Device> devices_;
  std::set<std::uint32_t> tunnels_down_;
};

}  // namespace millrace::host
