// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/tunnel_watch.h"

#include <utility>

#include "vnfs/vpn/compile_policy.h"

namespace millrace::vpn {

std::uint64_t TunnelWatch::replayed_since(const Inbound& association) {
  const std::uint64_t now = association.state->faults.replayed.read();
  const auto before = replayed_.find(association.spi);
  looked_[association.spi] = now;
  return before == replayed_.end() || now < before->second ? 0 : now - before->second;
}

std::vector<Alarms::Tunnel> TunnelWatch::look(const Associations& in_force,
                                              const std::vector<std::string>& profile_tunnels,
                                              const CharonControl* charon) {
  std::vector<Alarms::Tunnel> tunnels;
  tunnels.reserve(profile_tunnels.size());
  looked_.clear();
  for (const std::string& name : profile_tunnels)
    tunnels.push_back({.name = name, .wanted = false, .up = true, .trouble = {}});
  for (const auto& association : *in_force.content().inbound) {
    if (association->tunnel < kFirstProfileTunnel) continue;
    const std::size_t number = association->tunnel - kFirstProfileTunnel;
    if (number < tunnels.size()) tunnels[number].replayed += replayed_since(*association);
  }
  if (charon != nullptr) {
    std::map<std::string, Alarms::Tunnel> connections;
    for (auto& [name, always] : charon->connections())
      connections[name] = {.name = name, .wanted = always, .up = false, .trouble = {}};
    for (const auto& [id, sa] : charon->ike_sas()) {
      const auto found = connections.find(sa.connection);
      if (found == connections.end()) continue;
      for (const ChildSa& child : sa.children) {
        const Inbound* const association = in_force.find(child.spi_in);
        if (association == nullptr) continue;
        found->second.up = true;
        found->second.replayed += replayed_since(*association);
      }
    }
    for (auto& [name, tunnel] : connections) {
      // A connection that goes and comes again begins to count anew.
      const auto log = charon->logs().find(name);
      const ConnectionLog none;
      const ConnectionLog& said = log == charon->logs().end() ? none : log->second;
      tunnel.trouble = said.trouble;
      tunnel.authentication_failed = said.failures != 0 && said.failures != failures_[name];
      failures_[name] = said.failures;
      tunnels.push_back(std::move(tunnel));
    }
  }
  replayed_.swap(looked_);
  return tunnels;
}

}  // namespace millrace::vpn
