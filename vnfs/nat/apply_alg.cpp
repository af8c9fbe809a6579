// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/apply_alg.h"

#include "common/core/receive_marks.h"
#include "vnfs/nat/drops.h"
#include "vnfs/nat/ftp_alg.h"
#include "vnfs/nat/pptp_alg.h"
#include "vnfs/nat/rewrite.h"
#include "vnfs/nat/sip_alg.h"
#include "vnfs/nat/tcp_sequence.h"

namespace millrace::nat {
namespace {

using core::Batch;
using core::Packet;

AlgVerdict read_message(const AlgContext& context, PayloadEditor& editor) noexcept {
  switch (context.record.kind) {
    case AlgKind::kFtp:
      return read_ftp(context, editor);
    case AlgKind::kSip:
      return read_sip(context, editor);
    case AlgKind::kPptp:
      return read_pptp(context, editor);
    case AlgKind::kNone:
      break;
  }
  return AlgVerdict::kPass;
}

// Whether the policy has the messages read. What FTP tells the inside host needs nothing of us, so that it
// may come in any order.
bool is_read(const AlgContext& context) noexcept {
  const AlgKind kind = context.record.kind;
  return context.policy.algs.has(kind) && (kind != AlgKind::kFtp || context.direction == Direction::kForward);
}

// True when the packet was dropped.
bool drop_by(AlgVerdict verdict, Batch& batch, Packet& packet) noexcept {
  switch (verdict) {
    case AlgVerdict::kPass:
      return false;
    case AlgVerdict::kPartial:
      batch.drop(packet, Drop::kAlgPartial);
      break;
    case AlgVerdict::kNoRoom:
      batch.drop(packet, Drop::kAlgNoRoom);
      break;
    case AlgVerdict::kChanged:
      batch.drop(packet, Drop::kAlgChanged);
      break;
  }
  return true;
}

// The IPv4 header of a datagram that has grown.
void write_length(Packet& packet) noexcept {
  auto& ip = packet.l3_as<net::Ipv4Header>();
  ip.total_length = be16(static_cast<std::uint16_t>(packet.ip_length()));
  net::set_ipv4_checksum(ip);
}

Bytes transport_header(const Packet& packet) noexcept {
  const net::Headers& headers = packet.headers;
  return packet.first_segment().subspan(headers.l4_offset,
                                        std::size_t{headers.payload_offset} - headers.l4_offset);
}

// What the pseudo-header has of it.
net::ChecksumSum length_sum(const Packet& packet) noexcept {
  return be16(static_cast<std::uint16_t>(packet.headers.end_offset - packet.headers.l4_offset)).wire();
}

// The connection has come to its end (follow.h).
bool is_over(const Session& session) noexcept {
  return (session.tcp & tcp_seen::kFins) == tcp_seen::kFins || (session.tcp & tcp_seen::kReset) != 0;
}

// A SYN and its answer say where the numbers of a connection begin. It may take the place of another that
// went on the same ports and did not end before our eyes.
void heed_syn(const AlgContext& context, const net::TcpHeader& tcp) noexcept {
  constexpr std::uint32_t kMostInSyn = 1460;  // RFC 7413 section 3: data that came with it
  AlgRecord& record = context.record;
  const auto way = static_cast<std::size_t>(context.direction);
  if ((tcp.flags & net::tcp_flag::kAck) == 0) {
    record.offered = tcp.sequence.host() + 1;
    if (is_over(context.about())) record.shift = {};
    return;
  }
  const std::uint32_t acknowledged = tcp.acknowledgment.host();
  if (acknowledged - record.offered > kMostInSyn || !record.shift[way].begin(tcp.sequence.host() + 1)) return;
  record.shift[way ^ 1U].begin(acknowledged);
  record.mid_line = false;
  record.sip.streams = {};
}

}  // namespace

void ApplyAlg::apply_tcp(Batch& batch, Packet& packet, const AlgContext& context) noexcept {
  net::Headers& headers = packet.headers;
  auto& tcp = packet.l4_as<net::TcpHeader>();
  if (transport_header(packet).size() < sizeof tcp) return;  // of a fragment, cut off
  SequenceShift& own = context.record.shift[packet.direction];
  const SequenceShift& others = context.record.shift[packet.direction ^ 1U];
  if ((tcp.flags & net::tcp_flag::kSyn) != 0) return heed_syn(context, tcp);
  const std::uint32_t sequence = tcp.sequence.host();
  const unsigned payload = headers.payload_length();
  const net::ChecksumSum before = net::sum_bytes(transport_header(packet)) + length_sum(packet);
  PayloadEditor editor(packet, &own);
  if (!own.begun()) own.begin(sequence);
  if (payload != 0) {
    const bool reads =
        is_read(context) && PayloadEditor::can_edit(packet) && (tcp.flags & net::tcp_flag::kUrg) == 0;
    if (reads) {
      // What nobody accepts must not count as said, and what is missing comes first.
      if (!core::checksum_believed(packet)) return batch.drop(packet, core::Drop::kBadTransportChecksum);
      if (sequence_after(sequence, own.reach())) return batch.drop(packet, Drop::kAlgPartial);
      if (drop_by(read_message(context, editor), batch, packet)) return;
    }
    own.extend(sequence + payload);
  }
  if (own.idle() && others.idle() && editor.growth() == 0 && editor.difference() == 0) return;
  shift_numbers(packet, own, others);
  if (editor.growth() != 0) write_length(packet);
  const net::ChecksumSum after = net::sum_bytes(transport_header(packet)) + length_sum(packet);
  const net::ChecksumSum delta = net::difference(before, after) + editor.difference();
  net::adjust_at(packet.bytes() + headers.l4_offset + offsetof(net::TcpHeader, checksum), net::fold(delta));
}

void ApplyAlg::apply_udp(Batch& batch, Packet& packet, const AlgContext& context) noexcept {
  if (!is_read(context) || !PayloadEditor::can_edit(packet)) return;
  if (packet.headers.payload_length() == 0) return;
  if (!core::checksum_believed(packet)) return batch.drop(packet, core::Drop::kBadTransportChecksum);
  const net::ChecksumSum before = net::sum_bytes(transport_header(packet)) + length_sum(packet);
  PayloadEditor editor(packet, nullptr);
  if (drop_by(read_message(context, editor), batch, packet)) return;
  if (editor.growth() != 0) {
    auto& udp = packet.l4_as<net::UdpHeader>();
    udp.length = be16(static_cast<std::uint16_t>(packet.headers.end_offset - packet.headers.l4_offset));
    write_length(packet);
  }
  const net::ChecksumSum after = net::sum_bytes(transport_header(packet)) + length_sum(packet);
  const net::ChecksumSum delta = net::difference(before, after) + editor.difference();
  net::adjust_udp_at(packet.bytes() + packet.headers.l4_offset + offsetof(net::UdpHeader, checksum),
                     net::fold(delta));
}

// The sender knows the inside host's call by its outside id.
void ApplyAlg::apply_tunnel(const Packet& packet, const Session& session) noexcept {
  if (static_cast<Direction>(packet.direction) == Direction::kForward) return;
  if (pptp::TunnelHeader* header = tunnel_header(packet); header != nullptr)
    header->call_id = be16::from_wire(state.bindings.mapping(session.mapping).inside_port);
}

void ApplyAlg::apply(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  BindingTable& bindings = state.bindings;
  const Session& session = bindings.session(packet.session);
  if (session.tuple[packet.direction] != state.lookups[batch.lane(packet)].tuple)
    return;  // Translate drops it
  if (packet.headers.protocol == net::protocol::kGre) return apply_tunnel(packet, session);
  const AlgIndex index = bindings.algs().find(packet.session);
  if (index == kNoIndex || packet.headers.later_fragment()) return;
  const AlgContext context{.bindings = bindings,
                           .policy = policy,
                           .session = packet.session,
                           .record = bindings.algs()[index],
                           .direction = static_cast<Direction>(packet.direction),
                           .now = batch.now};
  if (packet.headers.protocol == net::protocol::kTcp) {
    apply_tcp(batch, packet, context);
  } else if (packet.headers.protocol == net::protocol::kUdp) {
    apply_udp(batch, packet, context);
  }
}

void ApplyAlg::process(Batch& batch, const Policy& policy) noexcept {
  for (std::uint64_t lanes = state.watched & batch.live_mask(); lanes != 0; lanes &= lanes - 1)
    apply(batch, batch[static_cast<unsigned>(std::countr_zero(lanes))], policy);
}

}  // namespace millrace::nat
