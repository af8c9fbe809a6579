// SPDX-License-Identifier: BSD-3-Clause
// Which sessions an operator means, with names resolved.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/control/appliance.h"
#include "common/core/network.h"
#include "vnfs/firewall/rule_slots.h"
#include "vnfs/firewall/session.h"

namespace millrace::firewall {

class SessionFilter {
 public:
  // Error::where is the member that names something unknown: "interface" or "rule".
  [[nodiscard]] static Result<SessionFilter> of(const control::PacketMatch& match,
                                                const core::Network& network, const RuleSlots& slots);

  [[nodiscard]] bool matches(const Session& session) const noexcept;

 private:
  std::optional<net::Prefix> source_;
  std::optional<net::Prefix> destination_;
  std::optional<std::uint8_t> protocol_;
  std::optional<std::uint16_t> port_;
  std::optional<std::uint16_t> interface_;
  std::optional<std::uint16_t> vlan_;
  std::optional<std::uint16_t> outer_vlan_;
  std::optional<std::uint32_t> rule_slot_;
};

}  // namespace millrace::firewall
