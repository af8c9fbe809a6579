// SPDX-License-Identifier: BSD-3-Clause
// What explain_packet() answers, member by member as explain_packet.h names them.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "common/appliance/packet_path.h"
#include "common/control/packet_description.h"
#include "common/core/network.h"
#include "vnfs/nat/policy.h"

namespace millrace::nat {

// Control thread. The network and the policy outlive it.
class PacketAnswer {
 public:
  PacketAnswer(const core::Network& network, const Policy& policy) : network_(network), policy_(policy) {}

  void packet(const control::PacketDescription& described);
  // Its ingress, its route and the checks of the core. `packet`: after find_path().
  void path(const appliance::PacketPath& path, const core::Packet& packet);
  // The rules that were asked of a packet of that interface, up to the one that matched; null: none did.
  void rules(const Rule* matched, core::InterfaceId interface, const net::IpAddress& source,
             const net::IpAddress& destination);
  void binding(boost::json::object binding) { out_["binding"] = std::move(binding); }
  void becomes(std::string_view source, std::string_view destination);

  // Each the last word.
  void verdict(std::string_view action, std::string_view summary);
  template <class Reason>  // the core's, the gateway's, or a number of either
  void drop(Reason reason) {
    drop_for(static_cast<std::uint8_t>(reason));
  }

  [[nodiscard]] boost::json::object take() { return std::move(out_); }

 private:
  void drop_for(std::uint8_t reason);

  const core::Network& network_;
  const Policy& policy_;
  boost::json::object out_;
};

}  // namespace millrace::nat
