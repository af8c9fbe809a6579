// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/tcp_sequence.h"

#include <cstring>

namespace millrace::nat {
namespace {

constexpr std::uint8_t kEnd = 0;
constexpr std::uint8_t kNop = 1;
constexpr std::uint8_t kSack = 5;

// The edges of a SACK option, without its kind and length; what is no whole number stays.
void shift_edges(MutableBytes edges, const SequenceShift& others) noexcept {
  for (; edges.size() >= sizeof(be32); edges = edges.subspan(sizeof(be32))) {
    be32 edge;
    std::memcpy(&edge, edges.data(), sizeof edge);
    edge = be32(others.sent(edge.host()));
    std::memcpy(edges.data(), &edge, sizeof edge);
  }
}

void shift_sack(MutableBytes options, const SequenceShift& others) noexcept {
  while (!options.empty() && options[0] != kEnd) {
    if (options[0] == kNop) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) return;
    if (options[0] == kSack) shift_edges(options.subspan(2, options[1] - std::size_t{2}), others);
    options = options.subspan(options[1]);
  }
}

}  // namespace

void shift_numbers(core::Packet& packet, const SequenceShift& own, const SequenceShift& others) noexcept {
  auto& tcp = packet.l4_as<net::TcpHeader>();
  tcp.sequence = be32(own.received(tcp.sequence.host()));
  if ((tcp.flags & net::tcp_flag::kAck) == 0 || others.idle()) return;
  tcp.acknowledgment = be32(others.sent(tcp.acknowledgment.host()));
  const net::Headers& headers = packet.headers;
  const std::size_t options = headers.l4_offset + sizeof tcp;
  shift_sack(MutableBytes(packet.bytes() + options, headers.payload_offset - options), others);
}

}  // namespace millrace::nat
