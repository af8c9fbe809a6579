// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/join_halves.h"

#include <utility>

#include "common/core/answer_first.h"
#include "common/net/checksum.h"
#include "vnfs/load_balancer/drops.h"

namespace millrace::load_balancer {
namespace {

using core::Batch;
using core::Packet;
using net::TcpHeader;
using namespace net::tcp_flag;

bool is_syn_ack(const TcpHeader& tcp) noexcept { return (tcp.flags & (kSyn | kAck | kRst)) == (kSyn | kAck); }

}  // namespace

// The backend may not have got the SYN, or its answer was lost.
void JoinHalves::ask_again(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  const Connection& connection = state.connections[packet.session];
  const auto& tcp = packet.l4_as<TcpHeader>();
  if ((tcp.flags & kRst) != 0) return;
  if ((tcp.flags & kSyn) != 0 || packet.headers.is_fragment || connection.ended_by_backend() ||
      tcp.acknowledgment.host() != connection.halves.cookie + 1)
    return batch.drop(packet, Drop::kBadHandshake);
  if (batch.now - connection.created > policy.services[connection.service].timeouts.tcp_opening) {
    state.connections.close(std::exchange(packet.session, kNoConnection), ConnectionEnd::kTimeout);
    return batch.drop(packet, Drop::kBackendSilent);
  }
  if (!core::rewrite_tcp(packet, core::opening_of(connection.halves.client_sequence, tcp.window.host(),
                                                  connection.halves.client_segment_size)))
    batch.drop(packet, core::Drop::kNoMemory);
}

void JoinHalves::from_client(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  const Connection& connection = state.connections[packet.session];
  if (connection.has(Connection::kJoining)) return ask_again(batch, packet, policy);
  auto& tcp = packet.l4_as<TcpHeader>();
  if ((tcp.flags & kAck) != 0)
    core::set_number(tcp, tcp.acknowledgment, tcp.acknowledgment.host() - connection.proxy_delta);
}

// The backend's first, to the SYN it was sent.
void JoinHalves::take_word(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  Connection& connection = state.connections[packet.session];
  auto& tcp = packet.l4_as<TcpHeader>();
  const std::uint32_t client_next = connection.halves.client_sequence + 1;
  switch (core::server_word(packet, client_next)) {
    case core::ServerWord::kAccepts:
      connection.proxy_delta = connection.halves.cookie - tcp.sequence.host();
      connection.flags &= static_cast<std::uint8_t>(~Connection::kJoining);
      connection.tcp |= tcp_seen::kSynIn | tcp_seen::kAckOut;
      connection.last_seen = batch.now;
      state.tallies.handshake_answered(connection.backend);
      state.connections.reschedule(packet.session, policy.services[connection.service].timeouts, batch.now);
      join(batch, packet);
      return;
    case core::ServerWord::kRefuses:
      // The client takes a reset with the very number it expects (RFC 5961 section 3.2).
      core::set_number(tcp, tcp.sequence, connection.halves.cookie + 1);
      return;
    case core::ServerWord::kNeither:
      core::reset_older(packet, client_next, *batch.network, state.services.originator);
      batch.drop(packet, Drop::kBadHandshake);
      return;
  }
}

// Both sides have answered: the backend gets the ACK it waits for, once more if it asks once more; the client
// may send.
void JoinHalves::join(Batch& batch, Packet& packet) noexcept {
  const Connection& connection = state.connections[packet.session];
  const core::TcpFields to_backend{.sequence = connection.halves.client_sequence + 1,
                                   .acknowledgment = packet.l4_as<TcpHeader>().sequence.host() + 1,
                                   .flags = kAck,
                                   .window = connection.halves.client_window};
  if (!core::join_halves(packet, to_backend, connection.halves.cookie, *batch.network,
                         state.services.originator))
    batch.drop(packet, core::Drop::kNoMemory);
}

void JoinHalves::from_backend(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  const Connection& connection = state.connections[packet.session];
  if (connection.has(Connection::kJoining)) return take_word(batch, packet, policy);
  auto& tcp = packet.l4_as<TcpHeader>();
  if (is_syn_ack(tcp)) [[unlikely]] {
    const bool same =
        core::server_word(packet, connection.halves.client_sequence + 1) == core::ServerWord::kAccepts &&
        tcp.sequence.host() + connection.proxy_delta == connection.halves.cookie;
    return same ? join(batch, packet) : batch.drop(packet, Drop::kBadHandshake);
  }
  // An error about it goes to the backend, which knows its own numbers only (RFC 5927 section 4.1).
  if (packet.next_hop.valid() &&
      !core::goes_on(batch, packet, batch.network->next_hops[packet.next_hop.value()],
                     state.services.originator))
    return;
  core::set_number(tcp, tcp.sequence, tcp.sequence.host() + connection.proxy_delta);
}

void JoinHalves::process(Batch& batch, const Policy& policy) noexcept {
  state.reset_silent.follow(*batch.network);
  for (std::uint64_t lanes = state.proxied & batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    Packet& packet = batch[lane];
    if (!state.connections.flows().holds(packet.session, state.lookups[lane])) [[unlikely]] {
      batch.drop(packet, Drop::kConnectionEnded);
      continue;
    }
    if (!core::has_tcp(packet)) continue;
    if (static_cast<Direction>(packet.direction) == Direction::kForward) {
      from_client(batch, packet, policy);
    } else {
      from_backend(batch, packet, policy);
    }
  }
}

void translate_quoted(std::uint8_t* header, std::size_t present, Direction direction,
                      const Connection& connection) noexcept {
  // To the backend, about what it sent; or to the client, about what it acknowledged.
  const bool inward = direction == Direction::kForward;
  const std::size_t at = inward ? offsetof(TcpHeader, sequence) : offsetof(TcpHeader, acknowledgment);
  if (present < at + sizeof(be32) || connection.has(Connection::kJoining)) return;
  be32 before;
  std::memcpy(&before, header + at, sizeof before);
  const be32 after(inward ? before.host() - connection.proxy_delta : before.host() + connection.proxy_delta);
  std::memcpy(header + at, &after, sizeof after);
  constexpr std::size_t kChecksum = offsetof(TcpHeader, checksum);
  if (present < kChecksum + sizeof(be16)) return;
  be16 checksum;
  std::memcpy(&checksum, header + kChecksum, sizeof checksum);
  checksum = net::update(checksum, before, after);
  std::memcpy(header + kChecksum, &checksum, sizeof checksum);
}

}  // namespace millrace::load_balancer
