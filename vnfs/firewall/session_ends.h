// SPDX-License-Identifier: BSD-3-Clause
// A session as people and other workers see it: who began it, and which worker it belongs to.
#pragma once

#include "common/net/address.h"
#include "vnfs/firewall/session.h"

namespace millrace::firewall {

struct SessionEnds {
  net::IpAddress initiator;
  net::IpAddress responder;
  std::uint16_t initiator_port = 0;  // both the identifier of an ICMP query
  std::uint16_t responder_port = 0;

  bool operator==(const SessionEnds&) const noexcept = default;
};

[[nodiscard]] SessionEnds ends_of(const Session& session) noexcept;

// What finds the session in a table with this seed.
[[nodiscard]] flow::FlowLookup lookup_of(const Session& session, std::uint64_t seed) noexcept;

// Sets the flow of a record that is otherwise the caller's: key, addresses, and who began it.
void set_flow(Session& session, const SessionEnds& ends, std::uint8_t protocol,
              flow::Segment segment) noexcept;

// The hash core/owner.h gives each of its packets that is not a fragment.
[[nodiscard]] std::uint32_t owner_hash(const Session& session) noexcept;

}  // namespace millrace::firewall
