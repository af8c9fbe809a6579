// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/translate_errors.h"

#include <algorithm>

#include "common/core/answer_first.h"
#include "common/core/embedded.h"
#include "common/net/checksum.h"
#include "vnfs/nat/drops.h"
#include "vnfs/nat/rewrite.h"
#include "vnfs/nat/way_out.h"

namespace millrace::nat {
namespace {

using core::Batch;
using core::Packet;

// The ICMP message, all of it; empty when it is not in one piece.
MutableBytes message_of(const Packet& packet) noexcept {
  const net::Headers& headers = packet.headers;
  if (packet.mbuf->data_len < headers.end_offset) return {};
  return {packet.bytes() + headers.l4_offset, std::size_t{headers.end_offset} - headers.l4_offset};
}

}  // namespace

void TranslateErrors::translate(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  if (packet.session == kNoIndex) return batch.drop(packet, Drop::kIcmpUnrelated);
  const MutableBytes message = message_of(packet);
  net::Headers inner;
  if (message.empty() || !core::read_embedded(packet, inner))
    return batch.drop(packet, Drop::kIcmpBadEmbedded);
  // RFC 5508 REQ-3 a.
  if (net::fold(net::sum_bytes(message)) != 0xffff) return batch.drop(packet, Drop::kIcmpBadChecksum);

  // The error goes the way of the packets that show tuple[way]; what it is about went the other way.
  const Session& session = state.bindings.session(packet.session);
  const auto way = static_cast<std::size_t>(packet.direction);
  const Tuple& other = session.tuple[way ^ 1U];
  const bool outward = static_cast<Direction>(packet.direction) == Direction::kForward;
  const core::DomainId domain(other.domain());
  if (!find_way_out(batch, packet, other.source().ipv4(), domain, state.services.originator)) return;
  const core::Network& network = *batch.network;
  const core::NextHop& hop = network.next_hops[packet.next_hop.value()];
  if (!core::goes_on(batch, packet, hop, state.services.originator)) return;

  // The embedded packet becomes what its sender sent, which is the session's other face. A packet that goes
  // the error's way changes by the same deltas: source and destination trade places in both.
  std::uint8_t* const embedded = packet.bytes() + inner.l3_offset;
  const auto turned = static_cast<std::uint16_t>(outward ? 0 : 0xffff);
  write_addresses(embedded, other.source(), other.destination());
  net::adjust_at(embedded + offsetof(net::Ipv4Header, checksum),
                 static_cast<std::uint16_t>(session.ip_delta ^ turned));
  const std::size_t end = packet.headers.end_offset;
  const std::size_t present = end - std::min<std::size_t>(inner.l4_offset, end);
  if (inner.has_ports) {
    rewrite_transport(packet.bytes() + inner.l4_offset, present, inner.protocol, other.source(),
                      other.destination(), static_cast<std::uint16_t>(session.transport_delta ^ turned));
  }

  // From inside, a router's own address would mean nothing outside: RFC 5508 REQ-5.
  auto& ip = packet.l3_as<net::Ipv4Header>();
  if (outward) ip.source = other.destination().ipv4();
  ip.destination = other.source().ipv4();
  net::set_ipv4_checksum(ip);
  auto& icmp = packet.l4_as<net::IcmpHeader>();
  icmp.checksum = be16{};
  icmp.checksum = net::finish(net::sum_bytes(message));
  packet.domain = domain;
  packet.rewritten = true;
  if (hop.kind == core::NextHop::Kind::kFunction)
    turn_back(batch, packet, other.source(), inner.protocol, domain, policy, state.services.restart);
}

void TranslateErrors::process(Batch& batch, const Policy& policy) noexcept {
  for (std::uint64_t lanes = state.related & ~state.mixed & batch.live_mask(); lanes != 0; lanes &= lanes - 1)
    translate(batch, batch[static_cast<unsigned>(std::countr_zero(lanes))], policy);
}

}  // namespace millrace::nat
