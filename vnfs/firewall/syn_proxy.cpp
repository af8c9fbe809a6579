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

const flow::TcpEndpoint& client(const Session& session) noexcept { return session.tcp.side[0]; }

}  // namespace

bool SynProxy::answer(Batch& batch, Packet& packet, const flow::FlowLookup& lookup, std::uint32_t above,
                      core::Originator& originator) noexcept {
  using Answer = core::SynProxy::Answer;
  if (above == 0 || !core::may_get_cookie(packet)) return false;  // transparent mode sees SYNs to groups
  if ((proven_ >> batch.lane(packet) & 1U) != 0) return false;
  if (begun_.ready(above, above, batch.now)) {
    begun_.take(above);
    return false;
  }
  const core::Network& network = *batch.network;
  const std::uint16_t size = core::segment_size_of(packet, network.next_hops[packet.next_hop.value()].mtu);
  switch (answers_.answer(packet, lookup, size, network, originator, batch.now)) {
    case Answer::kSent:
      batch.drop(packet, Drop::kSynCookie);
      break;
    case Answer::kBadOption:
      batch.drop(packet, Drop::kTcpBadOption);
      break;
    case Answer::kNoMemory:
      batch.drop(packet, core::Drop::kNoMemory);
      break;
  }
  return true;
}

// An ACK of no known connection, while there are cookies that may come back.
void GuardSyn::redeem(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  SynProxy& proxy = state.syn_proxy;
  const unsigned lane = batch.lane(packet);
  const auto proof = proxy.answers_.redeem(packet, state.lookups[lane], batch.now);
  if (!proof) {
    // With mid-stream pick-up it may as well be of an old connection: the rules decide.
    if (!policy.tcp.midstream_pickup) batch.drop(packet, Drop::kTcpBadCookie);
    return;
  }
  // It opens a connection as a SYN does, which ingress has seen to.
  if (!core::checksum_believed(packet)) {
    batch.drop(packet, core::Drop::kBadTransportChecksum);
    return;
  }
  const std::uint16_t window = packet.l4_as<TcpHeader>().window.host();
  if (!core::rewrite_tcp(packet, core::opening_of(proof->initial_sequence, window, proof->segment_size))) {
    batch.drop(packet, core::Drop::kNoMemory);
    return;
  }
  proxy.proven_ |= std::uint64_t{1} << lane;
  proxy.proof_[lane] = *proof;
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
  if (!core::rewrite_tcp(
          packet, core::opening_of(client(session).end - 1, tcp.window.host(), session.proxy_segment_size))) {
    batch.drop(packet, core::Drop::kNoMemory);
  }
}

void GuardSyn::from_server(Batch& batch, Packet& packet, Session& session) noexcept {
  auto& tcp = packet.l4_as<TcpHeader>();
  if (!session.has(Session::kJoining)) {
    core::set_number(tcp, tcp.sequence, tcp.sequence.host() + session.proxy_delta);
    return;
  }
  switch (core::server_word(packet, client(session).end)) {
    case core::ServerWord::kAccepts:
      session.proxy_delta = session.proxy_sequence - tcp.sequence.host();
      core::set_number(tcp, tcp.sequence, session.proxy_sequence);
      return;
    case core::ServerWord::kRefuses:
      // The client takes a reset with the very number it expects (RFC 5961 section 3.2).
      core::set_number(tcp, tcp.sequence, session.proxy_sequence + 1);
      return;
    case core::ServerWord::kNeither:
      core::reset_older(packet, client(session).end, *batch.network, state.services.originator);
      batch.drop(packet, Drop::kTcpBadAck);
      return;
  }
}

bool GuardSyn::needed(const Batch& /*batch*/, const Policy& /*policy*/) const noexcept {
  const SynProxy& proxy = state.syn_proxy;
  return (state.proxied | proxy.proven_) != 0 || proxy.answers_.outstanding();
}

void GuardSyn::process(Batch& batch, const Policy& policy) noexcept {
  SynProxy& proxy = state.syn_proxy;
  proxy.proven_ = 0;
  for (std::uint64_t lanes = state.proxied & batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    Packet& packet = batch[static_cast<unsigned>(std::countr_zero(lanes))];
    if (!core::has_tcp(packet)) continue;
    Session& session = state.sessions[packet.session];
    if (static_cast<Direction>(packet.direction) == Direction::kForward) {
      from_client(batch, packet, session);
    } else {
      from_server(batch, packet, session);
    }
  }
  if (!proxy.answers_.outstanding()) [[likely]]
    return;
  proxy.answers_.forget_old(batch.now);
  if (!proxy.answers_.outstanding()) return;
  for (std::uint64_t lanes = state.unsettled & batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    Packet& packet = batch[static_cast<unsigned>(std::countr_zero(lanes))];
    if (packet.session != kNoSession || !core::has_tcp(packet)) continue;
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
    state.watch.answered(session);
  }
  const core::TcpFields to_server{.sequence = client(session).end,
                                  .acknowledgment = client(session).max_ack - session.proxy_delta,
                                  .flags = kAck,
                                  .window = window};
  if (!core::join_halves(packet, to_server, session.proxy_sequence, *batch.network,
                         state.services.originator))
    batch.drop(packet, core::Drop::kNoMemory);
}

bool JoinHalves::needed(const Batch& batch, const Policy& /*policy*/) const noexcept {
  return (state.proxied & batch.live_mask()) != 0;
}

void JoinHalves::process(Batch& batch, const Policy& policy) noexcept {
  for (std::uint64_t lanes = state.proxied & batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    Packet& packet = batch[static_cast<unsigned>(std::countr_zero(lanes))];
    if (!core::has_tcp(packet)) continue;
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
