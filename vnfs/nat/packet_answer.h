// SPDX-License-Identifier: BSD-3-Clause
// What explain_packet() answers, member by member as explain_packet.h names them.
#pragma once

#include "common/appliance/packet_answer.h"
#include "vnfs/nat/policy.h"

namespace millrace::nat {

// Control thread. The network and the policy outlive it.
class PacketAnswer : public appliance::PacketAnswer {
 public:
  PacketAnswer(const core::Network& network, const Policy& policy);

  // The rules that were asked of a packet of that interface, up to the one that matched; null: none did.
  void rules(const Rule* matched, core::InterfaceId interface, const net::IpAddress& source,
             const net::IpAddress& destination);
  void binding(boost::json::object binding) { set("binding", std::move(binding)); }

 private:
  const Policy& policy_;
};

}  // namespace millrace::nat
