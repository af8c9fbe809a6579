// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/join_fragments.h"

#include "vnfs/firewall/drops.h"

namespace millrace::firewall {
namespace {

using core::Batch;
using core::Packet;

// What was put together from fragments goes on in fragments: IPv4 by itself, IPv6 by the header that was
// kept.
void cut_again(Batch& batch, Packet& packet) noexcept {
  if (!packet.headers.is_ipv6() ||
      packet.l3_as<net::Ipv6Header>().next_header != net::protocol::kIpv6Fragment || !packet.egress.valid())
    return;
  packet.cut_to = batch.network->interfaces[packet.egress.value()].mtu;
  batch.unfinished |= std::uint64_t{1} << batch.lane(packet);
}

}  // namespace

void JoinFragments::join(Batch& batch, Packet& packet) noexcept {
  const core::InterfaceId ingress = packet.ingress;
  const core::PortId port = packet.port;
  core::WorkerCounters& counters = state.services.counters;
  counters.dropped[static_cast<std::size_t>(Drop::kJoined)].add(1);
  batch.take(packet);
  rte_mbuf* whole = state.joiner.join(packet, batch.tsc, core::FragmentJoiner::For::kForwarding);
  if (whole == nullptr) return;
  counters.originated.add(1);
  Packet joined;
  joined.mbuf = whole;
  joined.port = port;
  state.services.restart.send_piece(whole, joined, ingress, state.services.worker.value());
}

void JoinFragments::process(Batch& batch, const Policy& /*policy*/) noexcept {
  for (std::uint64_t lanes = state.inspected & batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    Packet& packet = batch[static_cast<unsigned>(std::countr_zero(lanes))];
    if (packet.headers.is_fragment) {
      join(batch, packet);
    } else if (packet.restarted) {
      cut_again(batch, packet);
    }
  }
}

}  // namespace millrace::firewall
