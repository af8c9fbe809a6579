// SPDX-License-Identifier: BSD-3-Clause
// What explain_packet() answers, member by member.
#pragma once

#include <string_view>

#include "common/appliance/packet_answer.h"
#include "vnfs/load_balancer/explain_choice.h"

namespace millrace::load_balancer {

// Control thread. The network and the policy outlive it.
class PacketAnswer : public appliance::PacketAnswer {
 public:
  PacketAnswer(const core::Network& network, const Policy& policy);

  // {name, address, scheduler, forwarding}
  void service(ServiceId id);
  // [{address, why}] of that service.
  void not_eligible(ServiceId id, const PoolKeeper& pools);
  // As the listing of connections has it.
  void connection(const Connection& connection, Tick now, unsigned worker);
  // {address, state, worker, why}
  void backend(BackendId id, unsigned worker, std::string_view why);
  // {egress, next_hop} to the backend.
  void way_to_backend(const core::NextHop& hop);
  void no_service(std::string_view why);

  // A packet that leaves by `hop`: the last word, unless egress has another.
  void leave(const core::NextHop& hop, std::string_view action, std::string_view summary);

 private:
  const Policy& policy_;
};

}  // namespace millrace::load_balancer
