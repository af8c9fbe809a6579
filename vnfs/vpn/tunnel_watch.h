// SPDX-License-Identifier: BSD-3-Clause
// What the alarms are told of each tunnel. Control thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "vnfs/vpn/alarms.h"
#include "vnfs/vpn/associations.h"
#include "vnfs/vpn/charon_control.h"

namespace millrace::vpn {

class TunnelWatch {
 public:
  // `charon` is null without key exchange. Names as in tunnel_report().
  [[nodiscard]] std::vector<Alarms::Tunnel> look(const Associations& in_force,
                                                 const std::vector<std::string>& profile_tunnels,
                                                 const CharonControl* charon);

 private:
  [[nodiscard]] std::uint64_t replayed_since(const Inbound& association);

  std::map<std::uint32_t, std::uint64_t> replayed_;  // by number of the association: at the look before
  std::map<std::uint32_t, std::uint64_t> looked_;
  std::map<std::string, std::uint64_t> failures_;  // by connection
};

}  // namespace millrace::vpn
