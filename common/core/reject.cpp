// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/reject.h"

#include "common/core/tcp_segments.h"

namespace millrace::core {
namespace {

using net::TcpHeader;

// Never in answer to a reset, nor to or from a group (RFC 1122 section 4.2.3.10).
bool may_reset(const Packet& packet) noexcept {
  const net::Headers& headers = packet.headers;
  return has_single_ends(packet) && !headers.is_fragment && (headers.tcp_flags & net::tcp_flag::kRst) == 0;
}

void send_reset(const Packet& packet, const Network& network, Originator& originator) noexcept {
  const auto& cause = packet.l4_as<TcpHeader>();
  TcpFields reset{.flags = net::tcp_flag::kRst};
  if ((cause.flags & net::tcp_flag::kAck) != 0) {
    reset.sequence = cause.acknowledgment.host();
  } else {
    const bool takes_number = (cause.flags & (net::tcp_flag::kSyn | net::tcp_flag::kFin)) != 0;
    reset.acknowledgment = cause.sequence.host() + packet.headers.payload_length() + (takes_number ? 1 : 0);
    reset.flags |= net::tcp_flag::kAck;
  }
  answer_tcp(packet, network, originator, reset);
}

// True for TCP, which has no other answer.
bool answered_by_reset(const Packet& packet, const Network& network, Originator& originator) noexcept {
  if (packet.headers.protocol != net::protocol::kTcp || !packet.headers.has_ports) return false;
  if (may_reset(packet)) send_reset(packet, network, originator);
  return true;
}

}  // namespace

void send_refusal(const Packet& packet, const Network& network, Originator& originator) noexcept {
  if (answered_by_reset(packet, network, originator)) return;
  originator.icmp_error(packet, network, {net::icmp::kUnreachable, net::icmp::kCodePortUnreachable},
                        {net::icmpv6::kUnreachable, net::icmpv6::kCodePortUnreachable});
}

void send_reject(const Packet& packet, const Network& network, Originator& originator) noexcept {
  if (!answered_by_reset(packet, network, originator)) originator.admin_prohibited(packet, network);
}

}  // namespace millrace::core
