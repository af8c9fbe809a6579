// SPDX-License-Identifier: BSD-3-Clause
// full_nat between IPv6 and IPv4: the service is of one family, its backends are of the other (RFC 7915).
// Data path.
#pragma once

#include "vnfs/load_balancer/deltas.h"
#include "vnfs/load_balancer/worker_state.h"

namespace millrace::load_balancer {

struct CrossFamily {
  WorkerState& state;

  // Whether the packet can leave by this hop once it is of the other family. When not, it is dropped and its
  // sender told, of a size in the sender's own family.
  [[nodiscard]] bool goes_on(core::Batch& batch, core::Packet& packet, const core::NextHop& hop) noexcept;
  // Makes it a packet of the other family, with these ends; `delta` comes to its transport checksum. May drop
  // it.
  void write(core::Batch& batch, core::Packet& packet, const PacketEnds& ends, std::uint16_t delta) noexcept;
  // The same of an ICMP error from `teller` to `receiver`, about a packet with the ends `about`. Its way has
  // been found.
  struct Error {
    net::IpAddress teller;
    net::IpAddress receiver;
    PacketEnds about;
  };
  void write_error(core::Batch& batch, core::Packet& packet, const net::Headers& quoted,
                   const Error& error) noexcept;

 private:
  [[nodiscard]] bool make_ipv4(core::Batch& batch, core::Packet& packet, const PacketEnds& ends,
                               net::NewHeader& header) noexcept;
  [[nodiscard]] bool make_ipv6(core::Batch& batch, core::Packet& packet, const PacketEnds& ends,
                               net::NewHeader& header) noexcept;
  void refuse(core::Batch& batch, core::Packet& packet) noexcept;
};

}  // namespace millrace::load_balancer
