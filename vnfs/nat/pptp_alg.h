// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/nat/alg.h"
#include "vnfs/nat/pptp_message.h"

namespace millrace::nat {

// PPTP's control connection, RFC 2637. The inside host's call has the control connection's outside port for
// its id outside, which nobody else has there while it lives; a server behind a forwarded port keeps its own.
// One call for each control connection. The session of its tunnel (GRE) opens when the call is accepted, and
// ends with it or with the control connection.
[[nodiscard]] AlgVerdict read_pptp(const AlgContext& context, PayloadEditor& editor) noexcept;

// The tunnel's header of a packet; null when it is none, or not all there. Valid as long as the packet's
// buffer.
[[nodiscard]] inline pptp::TunnelHeader* tunnel_header(const core::Packet& packet) noexcept {
  const net::Headers& headers = packet.headers;
  if (headers.protocol != net::protocol::kGre || headers.later_fragment()) return nullptr;
  const std::size_t end = headers.l4_offset + sizeof(pptp::TunnelHeader);
  if (end > packet.mbuf->data_len || end > headers.end_offset) return nullptr;
  auto& header = packet.l4_as<pptp::TunnelHeader>();
  return header.valid() ? &header : nullptr;
}

}  // namespace millrace::nat
