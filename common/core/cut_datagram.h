// SPDX-License-Identifier: BSD-3-Clause
// Cuts IPv4 datagrams: RFC 791 section 3.2. Data path.
#pragma once

#include <array>

#include <rte_ip_frag.h>

#include "common/net/checksum.h"

namespace millrace::core {

// `whole` begins with the IP header, ends with the datagram, and stays the caller's. `take(piece, last)` owns
// a fragment of at most `mtu` bytes, which begins with its IP header, checksum included. False, and nothing
// taken, when buffers ran out.
template <class Take>
[[nodiscard]] bool cut_datagram(rte_mbuf* whole, std::uint16_t mtu, rte_mempool* pool, Take take) noexcept {
  constexpr unsigned kMostFragments = 128;  // of 65,535 bytes over the smallest MTU a port may have (576)
  std::array<rte_mbuf*, kMostFragments> pieces{};
  const int count = rte_ipv4_fragment_packet(whole, pieces.data(), kMostFragments, mtu, pool, pool);
  for (int i = 0; i < count; ++i) {
    rte_mbuf* piece = pieces[static_cast<unsigned>(i)];
    // Into one buffer, where it has room: net_af_xdp sends no chains, and does not say so.
    rte_pktmbuf_linearize(piece);
    net::set_ipv4_checksum(*rte_pktmbuf_mtod(piece, net::Ipv4Header*));
    take(piece, i + 1 == count);
  }
  return count >= 0;
}

}  // namespace millrace::core
