// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/syn_proxy.h"

#include "common/core/receive_marks.h"
#include "common/net/checksum.h"
#include "vnfs/firewall/drops.h"
#include "vnfs/firewall/worker_state.h"

namespace millrace::firewall {
namespace {

using core::Batch;
using core::Packet;
using net::TcpHeader;
using namespace net::tcp_flag;

constexpr std::uint8_t kHandshake = kSyn | kAck | kRst | kFin;

// The packet carries a TCP header.
bool has_tcp(const Packet& packet) noexcept {
  return packet.headers.protocol == net::protocol::kTcp && packet.headers.has_ports &&
         !packet.headers.later_fragment();
}

// The largest segment that fits the way a packet takes.
std::uint16_t segment_size_towards(const Packet& packet, const core::Network& network) noexcept {
  const unsigned headers = static_cast<unsigned>(sizeof(TcpHeader)) +
                           (packet.headers.is_ipv4() ? sizeof(net::Ipv4Header) : sizeof(net::Ipv6Header));
  const unsigned mtu = network.next_hops[packet.next_hop.value()].mtu;
  return static_cast<std::uint16_t>(mtu > headers ? mtu - headers : 0);
}

// What a client whose SYN does not say can take: RFC 9293 section 3.7.1.
std::uint16_t segment_size_of(const Packet& packet) noexcept {
  const auto& tcp = packet.l4_as<TcpHeader>();
  const std::uint16_t told = core::segment_size_option(
      {reinterpret_cast<const std::uint8_t*>(&tcp + 1), tcp.header_length() - sizeof(TcpHeader)});
  if (told != 0) return told;
  return packet.headers.is_ipv4() ? 536 : 1220;
}

const flow::TcpEndpoint& client(const Session& session) noexcept { return session.tcp.side[0]; }

// The SYN that the client's side of a connection begins with, as the server is to see it.
core::TcpFields opening(std::uint32_t initial_sequence, std::uint16_t window,
                        std::uint16_t segment_size) noexcept {
  return {.sequence = initial_sequence,
          .acknowledgment = 0,
          .flags = kSyn,
          .window = window,
          .segment_size = segment_size};
}

}  // namespace

bool SynProxy::answer(Batch& batch, Packet& packet, const flow::FlowLookup& lookup, std::uint32_t above,
                      core::Originator& originator) noexcept {
  if (above == 0 || !has_tcp(packet) || (packet.headers.tcp_flags & kHandshake) != kSyn) return false;
  // Transparent mode sees SYNs to groups; RFC 9293 section 3.9.2.3 has them ignored, so no cookie goes back.
  if (!core::has_single_ends(packet)) return false;
  if ((proven_ >> batch.lane(packet) & 1U) != 0) return false;
  if (begun_.ready(above, above, batch.now)) {
    begun_.take(above);
    return false;
  }
  const auto& tcp = packet.l4_as<TcpHeader>();
  const Bytes options(reinterpret_cast<const std::uint8_t*>(&tcp + 1), tcp.header_length() - sizeof tcp);
  if (flow::TcpOptions unused; !flow::parse_tcp_options(options, unused)) {
    batch.drop(packet, Drop::kTcpBadOption);
    return true;
  }
  const std::uint32_t sequence = tcp.sequence.host();
  const bool sent =
      core::answer_tcp(packet, *batch.network, originator,
                       {.sequence = cookies_.make(lookup, sequence, segment_size_of(packet), batch.now),
                        .acknowledgment = sequence + 1,
                        .flags = kSyn | kAck,
                        .window = 0,
                        .segment_size = segment_size_towards(packet, *batch.network)});
  if (sent) {
    outstanding_ = true;
    last_given_ = batch.now;
    batch.drop(packet, Drop::kSynCookie);
  } else {
    batch.drop(packet, core::Drop::kNoMemory);
  }
  return true;
}

// An ACK of no known connection, while there are cookies that may come back.
void GuardSyn::redeem(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  SynProxy& proxy = state.syn_proxy;
  const unsigned lane = batch.lane(packet);
  const auto& tcp = packet.l4_as<TcpHeader>();
  const std::uint32_t cookie = tcp.acknowledgment.host() - 1;
  std::uint32_t initial_sequence = tcp.sequence.host() - 1;
  auto segment_size = proxy.cookies_.check(state.lookups[lane], initial_sequence, cookie, batch.now);
  // When the ACK was lost, the client's probe of the closed window comes instead, numbered one below it: RFC
  // 1122 section 4.2.3.6, as for a keep-alive.
  if (!segment_size && packet.headers.payload_length() <= 1) {
    segment_size = proxy.cookies_.check(state.lookups[lane], ++initial_sequence, cookie, batch.now);
  }
  if (!segment_size || packet.headers.is_fragment) {
    // With mid-stream pick-up it may as well be of an old connection: the rules decide.
    if (!policy.tcp.midstream_pickup) batch.drop(packet, Drop::kTcpBadCookie);
    return;
  }
  // It opens a connection as a SYN does, which ingress has seen to.
  if (!core::checksum_believed(packet)) {
    batch.drop(packet, core::Drop::kBadTransportChecksum);
    return;
  }
  if (!core::rewrite_tcp(packet, opening(initial_sequence, tcp.window.host(), *segment_size))) {
    batch.drop(packet, core::Drop::kNoMemory);
    return;
  }
  proxy.proven_ |= std::uint64_t{1} << lane;
  proxy.proof_[lane] = {cookie, *segment_size};
}

// While the server has not answered, whatever the client says again asks the server again.
void GuardSyn::from_client(Batch& batch, Packet& packet, const Session& session) noexcept {
  if (!session.has(Session::kJoining)) return;  // its numbers are the client's already
  const auto& tcp = packet.l4_as<TcpHeader>();
  if ((tcp.flags & kSyn) != 0) {
    batch.drop(packet, Drop::kTcpSynInEstablished);
    return;
  }
  if ((tcp.flags & kRst) != 0) return;
  const bool waits = session.tcp_state == flow::TcpState::kSynSent;  // else the server has refused
  if (!waits || packet.headers.is_fragment || tcp.acknowledgment.host() != session.proxy_sequence + 1) {
    batch.drop(packet, Drop::kTcpBadAck);
    return;
  }
  if (!core::rewrite_tcp(packet,
                         opening(client(session).end - 1, tcp.window.host(), session.proxy_segment_size))) {
    batch.drop(packet, core::Drop::kNoMemory);
  }
}

void GuardSyn::from_server(Batch& batch, Packet& packet, Session& session) noexcept {
  auto& tcp = packet.l4_as<TcpHeader>();
  if (!session.has(Session::kJoining)) {
    core::set_number(tcp, tcp.sequence, tcp.sequence.host() + session.proxy_delta);
    return;
  }
  const std::uint8_t flags = tcp.flags & (kSyn | kAck | kRst);
  const bool acceptable = tcp.acknowledgment.host() == client(session).end;
  if (flags == (kSyn | kAck) && acceptable && !packet.headers.is_fragment) {
    session.proxy_delta = session.proxy_sequence - tcp.sequence.host();
    core::set_number(tcp, tcp.sequence, session.proxy_sequence);
    return;
  }
  if (flags == (kRst | kAck) && acceptable) {
    // The client takes a reset with the very number it expects (RFC 5961 section 3.2).
    core::set_number(tcp, tcp.sequence, session.proxy_sequence + 1);
    return;
  }
  // A server that holds an older connection answers for that one; RFC 9293 section 3.10.7.3 has it reset.
  if ((flags & (kAck | kRst)) == kAck && !acceptable) {
    core::answer_tcp(packet, *batch.network, state.services.originator,
                     {.sequence = tcp.acknowledgment.host(), .flags = kRst});
  }
  batch.drop(packet, Drop::kTcpBadAck);
}

bool GuardSyn::needed(const Batch& /*batch*/, const Policy& /*policy*/) const noexcept {
  const SynProxy& proxy = state.syn_proxy;
  return (state.proxied | proxy.proven_) != 0 || proxy.outstanding_;
}

void GuardSyn::process(Batch& batch, const Policy& policy) noexcept {
  SynProxy& proxy = state.syn_proxy;
  proxy.proven_ = 0;
  for (std::uint64_t lanes = state.proxied & batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    Packet& packet = batch[static_cast<unsigned>(std::countr_zero(lanes))];
    if (!has_tcp(packet)) continue;
    Session& session = state.sessions[packet.session];
    if (static_cast<Direction>(packet.direction) == Direction::kForward) {
      from_client(batch, packet, session);
    } else {
      from_server(batch, packet, session);
    }
  }
  if (!proxy.outstanding_) [[likely]]
    return;
  if (batch.now - proxy.last_given_ > flow::SynCookies::kLifetime) {
    proxy.outstanding_ = false;
    return;
  }
  for (std::uint64_t lanes = state.unsettled & batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    Packet& packet = batch[static_cast<unsigned>(std::countr_zero(lanes))];
    if (packet.session != kNoSession || !has_tcp(packet)) continue;
    if ((packet.headers.tcp_flags & (kSyn | kAck | kRst)) == kAck) redeem(batch, packet, policy);
  }
}

// Both sides have answered: the server gets the ACK it waits for, the client may send.
void JoinHalves::join(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  Session& session = state.sessions[packet.session];
  const std::uint16_t window = client(session).max_window;  // of its ACK, which was held back; never scaled
  if (packet.headers.is_fragment) {
    batch.drop(packet, Drop::kTcpSynInEstablished);
    return;
  }
  if (session.has(Session::kJoining)) {
    session.flags = static_cast<std::uint8_t>((session.flags & ~Session::kJoining) | Session::kReplied);
    const flow::TcpSegment ack{.sequence = client(session).end,
                               .acknowledgment = session.proxy_sequence + 1,
                               .window = window,
                               .flags = kAck,
                               .options = {}};
    static_cast<void>(flow::track_tcp(session.tcp, session.tcp_state, ack, Direction::kForward, policy.tcp));
    state.sessions.confirm(packet.session);
  }
  core::answer_tcp(packet, *batch.network, state.services.originator,
                   {.sequence = client(session).end,
                    .acknowledgment = client(session).max_ack - session.proxy_delta,
                    .flags = kAck,
                    .window = window});
  const auto& tcp = packet.l4_as<TcpHeader>();
  const core::TcpFields opens_window{.sequence = session.proxy_sequence + 1,
                                     .acknowledgment = tcp.acknowledgment.host(),
                                     .flags = kAck,
                                     .window = tcp.window.host()};
  if (!core::rewrite_tcp(packet, opens_window)) batch.drop(packet, core::Drop::kNoMemory);
}

bool JoinHalves::needed(const Batch& batch, const Policy& /*policy*/) const noexcept {
  return (state.proxied & batch.live_mask()) != 0;
}

void JoinHalves::process(Batch& batch, const Policy& policy) noexcept {
  for (std::uint64_t lanes = state.proxied & batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    Packet& packet = batch[static_cast<unsigned>(std::countr_zero(lanes))];
    if (!has_tcp(packet)) continue;
    auto& tcp = packet.l4_as<TcpHeader>();
    if (static_cast<Direction>(packet.direction) == Direction::kForward) {
      const std::uint32_t delta = state.sessions[packet.session].proxy_delta;
      if ((tcp.flags & kAck) != 0)
        core::set_number(tcp, tcp.acknowledgment, tcp.acknowledgment.host() - delta);
    } else if ((tcp.flags & kHandshake) == (kSyn | kAck)) {
      join(batch, packet, policy);
    }
  }
}

void translate_error(Packet& error, be32& embedded_sequence, const Session& session) noexcept {
  const be32 before = embedded_sequence;
  embedded_sequence = be32(before.host() - session.proxy_delta);
  auto& icmp = error.l4_as<net::IcmpHeader>();
  icmp.checksum = net::update(icmp.checksum, before, embedded_sequence);
}

}  // namespace millrace::firewall
