// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/find_session.h"

#include <array>
#include <utility>

#include "common/core/packet_segment.h"
#include "common/net/icmp.h"
#include "vnfs/firewall/drops.h"
#include "vnfs/firewall/tcp_segment.h"

namespace millrace::firewall {
namespace {

using core::Batch;
using core::Packet;

}  // namespace

// The flow of the packet that an ICMP error is about. False, and the packet dropped, when it can not be read
// or is not the receiver's own (RFC 5927 section 4.3: the embedded source must be the error's destination).
bool FindSession::look_inside(Batch& batch, Packet& packet, flow::FlowLookup& lookup) noexcept {
  net::Headers inner;
  inner.family = packet.headers.family;
  inner.l3_offset = packet.headers.payload_offset;
  const std::size_t present = std::min<std::size_t>(packet.mbuf->data_len, packet.headers.end_offset);
  const auto error = net::parse_ip(packet.first_segment().first(present), present, inner,
                                   {.check_ipv4_checksum = false, .truncated = true});
  bool sound = error == net::ParseError::kNone && !inner.later_fragment();
  if (sound) {
    const std::uint8_t* l3 = packet.bytes() + inner.l3_offset;
    const auto same_host = [](const auto& outer, const auto& embedded) {
      return outer.destination == embedded.source;
    };
    sound = inner.is_ipv4()
                ? same_host(packet.l3_as<net::Ipv4Header>(), *reinterpret_cast<const net::Ipv4Header*>(l3))
                : same_host(packet.l3_as<net::Ipv6Header>(), *reinterpret_cast<const net::Ipv6Header*>(l3));
  }
  if (!sound) {
    batch.drop(packet, Drop::kIcmpBadEmbedded);
    return false;
  }
  flow::make_lookup(lookup, inner, packet.bytes() + inner.l3_offset, packet.domain.value(),
                    state.sessions.flows().seed());
  return true;
}

// Transparent mode: the lookups, made as for one routing domain, go to the segments of their packets.
[[gnu::noinline]] void FindSession::enter_wires(Batch& batch, std::uint64_t lanes) noexcept {
  const flow::FlowTable<Session>& flows = state.sessions.flows();
  for (; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    flow::FlowLookup& lookup = state.lookups[lane];
    flow::enter_wire(lookup, core::segment_of(batch[lane], *batch.network), flows.seed());
    flows.prefetch_bucket(lookup.hash);
  }
}

// An error belongs to its session when a TCP packet inside it could have been sent (RFC 5927 section 4.1):
// its sequence number lies between what the other side acknowledged and what this side sent.
// Errors belong to no session themselves: packet.session is none afterwards.
void FindSession::relate(Batch& batch, Packet& packet) noexcept {
  const SessionIndex index = std::exchange(packet.session, kNoSession);
  if (index == kNoSession) {
    batch.drop(packet, Drop::kIcmpUnrelated);
    return;
  }
  const Session& session = state.sessions[index];
  if (session.key.protocol() != net::protocol::kTcp) return;
  net::Headers inner;
  inner.family = packet.headers.family;
  inner.l3_offset = packet.headers.payload_offset;
  const std::size_t present = std::min<std::size_t>(packet.mbuf->data_len, packet.headers.end_offset);
  const auto parsed = net::parse_ip(packet.first_segment().first(present), present, inner,
                                    {.check_ipv4_checksum = false, .truncated = true});
  if (parsed != net::ParseError::kNone || inner.l4_offset + sizeof(net::UdpHeader) > present) {
    batch.drop(packet, Drop::kIcmpBadEmbedded);
    return;
  }
  be32 sequence;
  std::memcpy(&sequence, packet.bytes() + inner.l4_offset + 4, sizeof sequence);
  const auto& lookup = state.lookups[batch.lane(packet)];
  const auto side = static_cast<std::size_t>(session.direction(lookup.sender));
  const flow::TcpEndpoint& sender = session.tcp.side[side];
  const flow::TcpEndpoint& receiver = session.tcp.side[side ^ 1U];
  const std::uint32_t slack = flow::detail::window_of(receiver) + flow::detail::kMaxAckWindow;
  if (sender.end - sequence.host() > slack && sequence.host() != sender.end) {
    batch.drop(packet, Drop::kIcmpBadEmbedded);
  } else if (session.has(Session::kProxied) && static_cast<Direction>(side) == Direction::kReverse) {
    translate_error(packet, *reinterpret_cast<be32*>(packet.bytes() + inner.l4_offset + 4), session);
  }
}

// A SYN on the ports of a connection that has ended: the old session gives way, and the rules are asked
// again.
bool FindSession::reopens(const Packet& packet, const Session& session, flow::Sender sender,
                          const Policy& policy) const noexcept {
  if (packet.headers.protocol != net::protocol::kTcp || packet.headers.later_fragment()) return false;
  flow::TcpTrack track = session.tcp;
  flow::TcpState tcp_state = session.tcp_state;
  return flow::track_tcp(track, tcp_state, tcp_segment(packet), session.direction(sender), policy.tcp) ==
         flow::TcpVerdict::kReopen;
}

// A session that is known, but not like most: ended, opened by a cookie, looked into, or accepted by another
// policy.
void FindSession::settle(Packet& packet, unsigned lane, const Policy& policy, Tick now) noexcept {
  const Session& session = state.sessions[packet.session];
  if (session.tcp_state >= flow::TcpState::kTimeWait &&
      reopens(packet, session, state.lookups[lane].sender, policy)) {
    state.sessions.close(packet.session, SessionEnd::kReopened, now);
    packet.session = kNoSession;
    state.unsettled |= std::uint64_t{1} << lane;
    return;
  }
  if (session.has(Session::kProxied)) state.proxied |= std::uint64_t{1} << lane;
  if (session.has(Session::kInspected)) state.inspected |= std::uint64_t{1} << lane;
  if (session.generation != policy.generation) state.unsettled |= std::uint64_t{1} << lane;
}

void FindSession::process(Batch& batch, const Policy& policy) noexcept {
  const flow::FlowTable<Session>& flows = state.sessions.flows();
  state.unsettled = state.proxied = state.related = state.inspected = state.repeated = 0;
  const std::uint64_t asked = batch.live_mask() & ~std::exchange(state.link_local, 0);
  for (std::uint64_t lanes = asked; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    Packet& packet = batch[lane];
    flow::FlowLookup& lookup = state.lookups[lane];
    if (net::is_icmp_error(packet.headers)) [[unlikely]] {
      if (!look_inside(batch, packet, lookup)) continue;
      state.related |= std::uint64_t{1} << lane;
    } else {
      flow::make_lookup(lookup, packet.headers, packet.l3(), packet.domain.value(), flows.seed());
    }
    flows.prefetch_bucket(lookup.hash);
  }

  const std::uint64_t wanted = asked & batch.live_mask();
  if (batch.network->forwarding == core::Forwarding::kTransparent) enter_wires(batch, wanted);
  std::array<SessionIndex, Batch::kMaxSize> guesses;
  for (std::uint64_t lanes = wanted; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    guesses[lane] = flows.prefetch_record(state.lookups[lane]);
  }

  for (std::uint64_t lanes = wanted; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    const flow::FlowLookup& lookup = state.lookups[lane];
    Packet& packet = batch[lane];
    packet.session = flows.find(lookup, guesses[lane]);
    if (((state.related >> lane) & 1U) != 0) [[unlikely]] {
      relate(batch, packet);
      continue;
    }
    if (packet.session == kNoSession) [[unlikely]] {
      state.unsettled |= std::uint64_t{1} << lane;
      continue;
    }
    const Session& session = flows[packet.session];
    packet.direction = static_cast<std::uint8_t>(session.direction(lookup.sender));
    const auto another_policy = static_cast<unsigned>(session.generation ^ policy.generation);
    const auto ended = static_cast<unsigned>(session.tcp_state >= flow::TcpState::kTimeWait);
    if ((another_policy | ended | (session.flags & (Session::kProxied | Session::kInspected))) != 0)
        [[unlikely]]
      settle(packet, lane, policy, batch.now);
  }
}

}  // namespace millrace::firewall
