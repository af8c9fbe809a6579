// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/check_interfaces.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "common/control/profile/text.h"

namespace millrace::vpn::profile {
namespace {

using control::Interface;
using control::quote;

class InterfaceChecker {
 public:
  InterfaceChecker(Section& profile, const control::CheckContext& context)
      : profile_(profile), context_(context) {}

  void run() {
    for (Tunnel& one : profile_.tunnels) add(one);
    for (Connection& one : profile_.connections) add(one);
    for (const Interface& interface : context_.common.interfaces) {
      if (interface.tunnel.value) {
        check(interface, *interface.tunnel.value);
      } else if (!interface.port.at.known() && !interface.tunnel.at.known() && interface.name.at.known()) {
        error(interface.name.at, fmt::format("the interface {} has nothing under it; give port or tunnel",
                                             quote(*interface.name)));
      }
    }
  }

 private:
  // One that may have an interface.
  struct Carrier {
    Mode mode;
    std::uint32_t* interface;
  };

  void error(Position at, std::string message) { context_.diagnostics.error(at, std::move(message)); }

  template <class T>
  void add(T& one) {
    names_.push_back(*one.name);
    const bool is_new = carriers_.emplace(*one.name, Carrier{one.mode, &one.interface}).second;
    if (!is_new && one.name.at.known())
      error(one.name.at,
            fmt::format("{} is a tunnel and a connection; give one of them another name", quote(*one.name)));
  }

  void check(const Interface& interface, const std::string& name) {
    const Position at = interface.tunnel.at;
    if (interface.port.at.known())
      return error(at, "tunnel: the interface has a port, and takes no tunnel; remove one of them");
    if (interface.vlan.at.known()) error(interface.vlan.at, "vlan: a tunnel has no VLANs; remove it");
    const auto carrier = carriers_.find(name);
    if (carrier == carriers_.end()) return error(at, control::undefined("tunnel", name, names_));
    if (carrier->second.mode != Mode::kTunnel)
      error(at, fmt::format("tunnel: {} is of transport mode, which carries no routed packets; give it mode: "
                            "tunnel",
                            quote(name)));
    const std::uint32_t number = control::tunnel_number(name);
    const auto [before, is_new] = by_number_.emplace(number, &interface);
    if (!is_new) {
      const std::string& other = *before->second->tunnel.value;
      return error(at, other == name ? fmt::format("tunnel: {} is under the interface {} already; give each "
                                                   "interface a tunnel of its own",
                                                   quote(name), quote(*before->second->name))
                                     : fmt::format("tunnel: the names {} and {} give the same number; give "
                                                   "one of them another name",
                                                   quote(other), quote(name)));
    }
    *carrier->second.interface = number;
  }

  Section& profile_;
  const control::CheckContext& context_;
  std::vector<std::string> names_;
  std::map<std::string_view, Carrier> carriers_;
  std::map<std::uint32_t, const Interface*> by_number_;
};

}  // namespace

void check_interfaces(Section& profile, const control::CheckContext& context) {
  InterfaceChecker(profile, context).run();
}

}  // namespace millrace::vpn::profile
