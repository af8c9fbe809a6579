// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/translate.h"

#include "common/core/answer_first.h"
#include "vnfs/nat/drops.h"
#include "vnfs/nat/follow.h"
#include "vnfs/nat/rewrite.h"
#include "vnfs/nat/way_out.h"

namespace millrace::nat {
namespace {

using core::Batch;
using core::Packet;

}  // namespace

[[gnu::always_inline]] inline void Translate::translate(Batch& batch, Packet& packet,
                                                        const Policy& policy) noexcept {
  Session& session = state.bindings.session(packet.session);
  const auto direction = static_cast<Direction>(packet.direction);
  const auto way = static_cast<std::size_t>(packet.direction);
  // Another packet of the batch may have ended the session.
  if (session.tuple[way] != state.lookups[batch.lane(packet)].tuple) [[unlikely]]
    return batch.drop(packet, Drop::kSessionEnded);

  const Tuple& other = session.tuple[way ^ 1U];
  const Endpoint source = other.destination();
  const Endpoint destination = other.source();
  const bool outward = direction == Direction::kForward;
  if (!outward || other.domain() != packet.domain.value() || !packet.next_hop.valid()) {
    if (!find_way_out(batch, packet, destination.ipv4(), core::DomainId(other.domain()),
                      state.services.originator)) [[unlikely]]
      return;
  }
  const core::Network& network = *batch.network;
  const core::NextHop& hop = network.next_hops[packet.next_hop.value()];
  if (!core::goes_on(batch, packet, hop, state.services.originator)) [[unlikely]]
    return;

  const net::Headers& headers = packet.headers;
  follow(state.bindings, session, packet, policy, batch.now);

  std::uint8_t* ip = packet.l3();
  const auto turned = static_cast<std::uint16_t>(outward ? 0 : 0xffff);
  write_addresses(ip, source, destination);
  net::adjust_at(ip + offsetof(net::Ipv4Header, checksum),
                 static_cast<std::uint16_t>(session.ip_delta ^ turned));
  if (!headers.later_fragment()) [[likely]] {
    rewrite_transport(packet.bytes() + headers.l4_offset,
                      std::size_t{headers.payload_offset} - headers.l4_offset, headers.protocol, source,
                      destination, static_cast<std::uint16_t>(session.transport_delta ^ turned));
  }
  packet.domain = core::DomainId(other.domain());
  packet.rewritten = true;
  if (hop.kind == core::NextHop::Kind::kFunction) [[unlikely]]
    turn_back(batch, packet, destination, headers.protocol, packet.domain, policy, state.services.restart);
}

void Translate::process(Batch& batch, const Policy& policy) noexcept {
  for (std::uint64_t lanes = state.bound & batch.live_mask(); lanes != 0; lanes &= lanes - 1)
    translate(batch, batch[static_cast<unsigned>(std::countr_zero(lanes))], policy);
}

}  // namespace millrace::nat
