// SPDX-License-Identifier: BSD-3-Clause
// What a port says of a packet beside its bytes (rte_mbuf_core.h), and what is owed to the packet then: a
// checksum that was found wrong, one that nobody has looked at or written yet, a tag that was taken off,
// TCP segments that were put together.
#pragma once

#include <rte_mbuf.h>

#include "common/core/batch.h"

namespace millrace::core {

// "None" is two bits, those of "bad" and "good": the data are sound, the checksum is still to be written.
// NOLINTBEGIN(misc-redundant-expression): what it says is that they are the same
static_assert(RTE_MBUF_F_RX_L4_CKSUM_NONE == (RTE_MBUF_F_RX_L4_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_GOOD));
static_assert(RTE_MBUF_F_RX_IP_CKSUM_NONE == (RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_IP_CKSUM_GOOD));
// NOLINTEND(misc-redundant-expression)

// Marks that ask for something. A port that found all good sets none of them.
inline constexpr std::uint64_t kReceiveMarks = RTE_MBUF_F_RX_L4_CKSUM_BAD | RTE_MBUF_F_RX_IP_CKSUM_BAD |
                                               RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_VLAN_STRIPPED |
                                               RTE_MBUF_F_RX_QINQ_STRIPPED;

// The IPv4 header needs no check: its checksum was right, or there is none to check.
[[nodiscard]] inline bool ipv4_checked(const rte_mbuf& mbuf) noexcept {
  return (mbuf.ol_flags & RTE_MBUF_F_RX_IP_CKSUM_GOOD) != 0;
}

// The checksum of TCP or UDP is still to be written.
[[nodiscard]] inline bool checksum_is_open(const rte_mbuf& mbuf) noexcept {
  return (mbuf.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE;
}

// Whether heed_marks() has to look: a mark, or a TCP segment that opens or ends a connection. (Some ICMP
// types share those bits; it lets them go.)
[[nodiscard]] inline bool asks_for_heed(const Packet& packet) noexcept {
  constexpr std::uint8_t kOpensOrEnds = net::tcp_flag::kSyn | net::tcp_flag::kFin | net::tcp_flag::kRst;
  return ((packet.mbuf->ol_flags & kReceiveMarks) | (packet.headers.tcp_flags & kOpensOrEnds)) != 0;
}

// After the headers were read, and once for each. Returns why the packet is to be dropped, or kNone. Tags
// that were taken off are put back, and the headers read again. What egress has to finish is marked in
// batch.unfinished.
[[nodiscard]] Drop heed_marks(Batch& batch, Packet& packet) noexcept;

// Whether the checksum of a whole TCP or UDP datagram is right; true too where it can not be told.
[[nodiscard]] bool transport_checksum_ok(const Packet& packet) noexcept;

// The same, unless the port has found it right or says that there is none yet: for segments that ingress lets
// go and a stage would take for the opening or the end of a connection.
[[nodiscard]] inline bool checksum_believed(const Packet& packet) noexcept {
  return (packet.mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_GOOD) != 0 || transport_checksum_ok(packet);
}

// Writes the checksum of a whole TCP or UDP datagram, whatever stood there.
void write_transport_checksum(Packet& packet) noexcept;

// The packet's marks from here on: its transport checksum is written.
inline void mark_checksum_good(rte_mbuf& mbuf) noexcept {
  mbuf.ol_flags = (mbuf.ol_flags & ~RTE_MBUF_F_RX_L4_CKSUM_MASK) | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}

[[nodiscard]] Drop drop_of(net::ParseError error) noexcept;

}  // namespace millrace::core
