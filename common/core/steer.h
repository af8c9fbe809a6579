// SPDX-License-Identifier: BSD-3-Clause
// A packet that leaves by the way to another address than its destination.
#pragma once

#include <cstring>

#include "common/core/batch.h"
#include "common/core/network.h"

namespace millrace::core {

// `hop` is the packet's next hop, found for `via`. While it waits for that neighbour, `via` is kept in the
// headroom of its buffer, for whoever looks for the way again. Data path.
inline void steer(Packet& packet, const net::IpAddress& via, const NextHop& hop) noexcept {
  if (hop.kind != NextHop::Kind::kResolve) [[likely]]
    return;
  static_assert(std::is_trivially_copyable_v<net::IpAddress> && sizeof via <= RTE_PKTMBUF_HEADROOM / 2);
  if (rte_pktmbuf_headroom(packet.mbuf) < sizeof via) return;  // it goes nowhere: its destination is here
  std::memcpy(packet.mbuf->buf_addr, &via, sizeof via);
  packet.steered = true;
}

// Of a packet that waits, with a note that says it is steered. Any thread.
[[nodiscard]] inline net::IpAddress steered_to(const rte_mbuf& mbuf) noexcept {
  net::IpAddress via;
  std::memcpy(&via, mbuf.buf_addr, sizeof via);
  return via;
}

}  // namespace millrace::core
