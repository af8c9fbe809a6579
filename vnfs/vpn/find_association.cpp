// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/find_association.h"

#include "vnfs/vpn/drops.h"
#include "vnfs/vpn/esp_datagram.h"

namespace millrace::vpn {
namespace {

using core::Batch;
using core::Packet;

bool is_for_us(const Packet& packet, const core::Network& network) noexcept {
  return packet.next_hop.valid() &&
         network.next_hops[packet.next_hop.value()].kind == core::NextHop::Kind::kHost;
}

}  // namespace

[[gnu::always_inline]] inline void FindAssociation::find(Batch& batch, Packet& packet,
                                                         const Associations& associations) noexcept {
  const EspPlace place = find_esp(packet);
  switch (place.kind) {
    case EspPlace::Kind::kEsp:
      break;
    case EspPlace::Kind::kNone:
      return;
    case EspPlace::Kind::kShort:
      return batch.drop(packet, Drop::kEspTruncated);
    case EspPlace::Kind::kKeepalive:
      return batch.drop(packet, Drop::kKeepalive);
  }
  const Inbound* association = associations.find(place.spi(packet));
  if (association == nullptr) return batch.drop(packet, Drop::kUnknownSpi);
  if (association->state->lifetime.is_over()) return batch.drop(packet, Drop::kLifetimeOver);
  if (packet.mbuf->nb_segs != 1 && rte_pktmbuf_linearize(packet.mbuf) != 0)
    return batch.drop(packet, Drop::kNoTailroom);
  const unsigned lane = batch.lane(packet);
  state.inbound[lane] = association;
  state.esp[lane] = {.esp = packet.bytes() + place.offset,
                     .bytes = std::uint32_t{packet.headers.end_offset} - place.offset,
                     .number = 0};
  state.to_open |= std::uint64_t{1} << lane;
}

void FindAssociation::process(Batch& batch, const Policy& policy) noexcept {
  const core::Network& network = *batch.network;
  const Associations& associations = policy.associations();
  state.forget_batch();
  for (Packet& packet : batch) {
    if (!is_for_us(packet, network)) continue;
    state.ours |= std::uint64_t{1} << batch.lane(packet);
    if (!packet.headers.is_fragment) [[likely]]
      find(batch, packet, associations);
  }
  state.ours &= ~state.to_open;
}

}  // namespace millrace::vpn
