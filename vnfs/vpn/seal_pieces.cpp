// SPDX-License-Identifier: BSD-3-Clause
// What does not fit a tunnel is cut before it is sealed, where it may be.
#include <cstring>

#include "common/core/cut_aggregate.h"
#include "common/core/cut_datagram.h"
#include "common/net/transport.h"
#include "vnfs/vpn/seal_packets.h"

namespace millrace::vpn {

using core::Batch;
using core::Packet;

// Its segments begin anew, each to be sealed by itself.
void SealPackets::cut_aggregate(Batch& batch, Packet& packet, const Outbound& association,
                                unsigned segment) noexcept {
  rte_mbuf* whole = packet.mbuf;
  unsigned pieces = 0;
  const bool all = core::cut_aggregate(
      whole, packet.headers, segment, whole->pool,
      [&](rte_mbuf* piece, const net::Headers& headers, unsigned /*index*/, bool /*last*/) noexcept {
        auto* frame = rte_pktmbuf_mtod(piece, std::uint8_t*);
        net::set_transport_checksum(MutableBytes(frame, headers.end_offset), headers);
        state.services.restart.send_piece(piece, packet, packet.ingress, association.bucket);
        ++pieces;
      });
  // One packet came in; all pieces but one are counted as made here.
  if (pieces != 0) state.services.counters.originated.add(pieces - (all ? 1U : 0U));
  if (!all) return batch.drop(packet, core::Drop::kNoMemory);
  state.services.counters.segmented.add(1);
  batch.take(packet);
  rte_pktmbuf_free(whole);
}

// Its fragments begin anew, each to be sealed by itself.
void SealPackets::cut_datagram(Batch& batch, Packet& packet, const Outbound& association,
                               std::uint16_t room) noexcept {
  rte_mbuf* whole = packet.mbuf;
  const std::uint16_t l3_offset = packet.headers.l3_offset;
  const std::uint8_t* const link = packet.bytes();
  rte_pktmbuf_adj(whole, l3_offset);
  rte_pktmbuf_trim(whole, static_cast<std::uint16_t>(whole->pkt_len - packet.ip_length()));  // padding
  unsigned pieces = 0;
  const bool all = core::cut_datagram(whole, room, whole->pool, [&](rte_mbuf* piece, bool /*last*/) noexcept {
    char* front = rte_pktmbuf_prepend(piece, l3_offset);
    if (front == nullptr) return rte_pktmbuf_free(piece);
    std::memcpy(front, link, l3_offset);
    state.services.restart.send_piece(piece, packet, packet.ingress, association.bucket);
    ++pieces;
  });
  if (!all || pieces == 0) {
    rte_pktmbuf_prepend(whole, l3_offset);
    return batch.drop(packet, core::Drop::kNoMemory);
  }
  // One packet came in; all pieces but one are counted as made here.
  state.services.counters.originated.add(pieces - 1U);
  state.services.counters.fragmented.add(1);
  batch.take(packet);
  rte_pktmbuf_free(whole);
}

}  // namespace millrace::vpn
