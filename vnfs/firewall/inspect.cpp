// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspect.h"

#include <array>
#include <cstring>

#include "common/core/receive_marks.h"
#include "common/net/checksum.h"
#include "common/net/rewrite.h"
#include "vnfs/firewall/drops.h"
#include "vnfs/firewall/session_rule.h"

namespace millrace::firewall {
namespace {

using core::Batch;
using core::Packet;
using inspection::Evidence;
using inspection::Inspection;
using inspection::Judgement;
using inspection::Side;
using inspection::Subject;

// The payload, buffer by buffer.
class Payload {
 public:
  explicit Payload(const Packet& packet) noexcept {
    const net::Headers& headers = packet.headers;
    if (packet.mbuf->nb_segs == 1) [[likely]] {
      one_ = {packet.bytes() + headers.payload_offset, headers.payload_length()};
      count_ = one_.empty() ? 0 : 1;
    } else {
      gather(packet);
    }
  }
  // Empty when it lies in more buffers than there is room for.
  [[nodiscard]] std::span<const MutableBytes> pieces() const noexcept {
    return {count_ > 1 ? reinterpret_cast<const MutableBytes*>(many_.data()) : &one_, count_};
  }

 private:
  static constexpr std::size_t kMost = 64;

  void gather(const Packet& packet) noexcept;

  MutableBytes one_;
  std::size_t count_ = 0;
  // Not made before it is of use.
  alignas(MutableBytes) std::array<std::byte, kMost * sizeof(MutableBytes)> many_;
};

void Payload::gather(const Packet& packet) noexcept {
  unsigned skip = packet.headers.payload_offset;
  unsigned left = packet.headers.payload_length();
  for (rte_mbuf* segment = packet.mbuf; segment != nullptr && left != 0; segment = segment->next) {
    const unsigned length = segment->data_len;
    if (skip >= length) {
      skip -= length;
      continue;
    }
    if (count_ == kMost) {
      count_ = 0;
      return;
    }
    const unsigned here = std::min(left, length - skip);
    one_ = {rte_pktmbuf_mtod_offset(segment, std::uint8_t*, skip), here};
    std::memcpy(many_.data() + count_++ * sizeof one_, &one_, sizeof one_);
    left -= here;
    skip = 0;
  }
}

Subject subject_of(const Packet& packet, const Session& session, Tick now) noexcept {
  const net::Headers& headers = packet.headers;
  Subject subject;
  subject.source = packet.source();
  subject.destination = packet.destination();
  subject.protocol = headers.protocol;
  subject.side = packet.direction == 0 ? Side::kClient : Side::kServer;
  if (net::protocol::is_icmp(headers.protocol)) {
    subject.icmp_type = headers.icmp_type();
    subject.icmp_code = headers.icmp_code;
  } else {
    subject.source_port = headers.source_port.host();
    subject.destination_port = headers.destination_port.host();
  }
  subject.ttl =
      headers.is_ipv4() ? packet.l3_as<net::Ipv4Header>().ttl : packet.l3_as<net::Ipv6Header>().hop_limit;
  subject.payload_length = headers.payload_length();
  subject.established = headers.protocol == net::protocol::kTcp
                            ? session.tcp_state >= flow::TcpState::kEstablished
                            : session.has(Session::kReplied);
  if (headers.protocol == net::protocol::kTcp) subject.tcp_flags = headers.tcp_flags;
  subject.now = now;
  return subject;
}

// Hosts differ in whether the byte that the urgent pointer names is read in the stream (RFC 6093 section 3):
// without the mark they all read it.
void clear_urgent(Packet& packet) noexcept {
  auto& tcp = packet.l4_as<net::TcpHeader>();
  const net::ChecksumSum before = net::sum_object(tcp);
  tcp.flags = static_cast<std::uint8_t>(tcp.flags & ~net::tcp_flag::kUrg);
  tcp.urgent = be16{};
  packet.headers.tcp_flags = tcp.flags;
  if (core::checksum_is_open(*packet.mbuf)) return;
  const net::ChecksumSum delta = net::difference(before, net::sum_object(tcp));
  net::adjust_at(packet.bytes() + packet.headers.l4_offset + offsetof(net::TcpHeader, checksum),
                 net::fold(delta));
}

}  // namespace

void Inspect::refuse(Batch& batch, Packet& packet, const Judgement& judgement) noexcept {
  using What = Judgement::What;
  switch (judgement.what) {
    case What::kPass:
      return;
    case What::kDrop:
      return batch.drop(packet, judgement.listed ? Drop::kThreatList : Drop::kInspectionMatch);
    case What::kReject:
      return reject_session(state, batch, packet,
                            judgement.listed ? Drop::kThreatList : Drop::kInspectionRejected);
    case What::kConflict:
      return batch.drop(packet, Drop::kStreamConflict);
    case What::kHoles:
      return batch.drop(packet, Drop::kStreamHoles);
    case What::kOverloaded:
      return batch.drop(packet, Drop::kInspectionOverloaded);
  }
}

void Inspect::look(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  Session& session = state.sessions[packet.session];
  if (session.inspection == 0) return;
  if (session.inspection == Session::kBlocked) return batch.drop(packet, Drop::kInspectionBlocked);
  inspection::Conversation& talk = state.inspector[session.inspection];
  const Inspection& by = *policy.inspections[talk.inspection];
  const net::Headers& headers = packet.headers;
  const bool tcp = headers.protocol == net::protocol::kTcp;
  const Side side = packet.direction == 0 ? Side::kClient : Side::kServer;
  if (tcp && session.tcp_state < flow::TcpState::kTimeWait &&
      state.inspector.goes_by(talk, by, side, headers.tcp_flags, headers.payload_length() != 0,
                              packet.l4_as<net::TcpHeader>().acknowledgment.host()))
    return;
  // What its receiver would not take is not to be judged as if it were read.
  if (headers.payload_length() != 0 && !core::checksum_believed(packet))
    return batch.drop(packet, core::Drop::kBadTransportChecksum);
  if (tcp && (headers.tcp_flags & net::tcp_flag::kUrg) != 0) [[unlikely]]
    clear_urgent(packet);

  const Payload payload(packet);
  if (payload.pieces().empty() && headers.payload_length() != 0)  // in more buffers than there is room for
    return batch.drop(packet, Drop::kInspectionOverloaded);
  Subject subject = subject_of(packet, session, batch.now);
  Evidence evidence{
      .session = session,
      .subject = subject,
      .payload = payload.pieces(),
      .tsc = batch.tsc,
      .lists = {
          .lists = policy.threat_lists.get(), .slots = policy.list_slots, .counters = state.rule_counters}};
  if (tcp) {
    const auto& header = packet.l4_as<net::TcpHeader>();
    evidence.sequence = header.sequence.host() + ((header.flags & net::tcp_flag::kSyn) != 0 ? 1U : 0U);
    evidence.acknowledgment = header.acknowledgment.host();
  }
  const Judgement judgement = state.inspector.judge(talk, by, evidence);
  if (judgement.rewritten) core::write_transport_checksum(packet);
  if (talk.copies_left != 0) [[unlikely]] {
    --talk.copies_left;
    copy(packet, session, by, batch.tsc);
  }
  if (judgement.blocks) {
    state.inspector.close(std::exchange(session.inspection, Session::kBlocked));
  } else if (judgement.finished) {
    state.inspector.close(std::exchange(session.inspection, 0));
    session.mark_inspected();
  }
  refuse(batch, packet, judgement);
}

// As it came in, but for bytes that were put in.
void Inspect::copy(const Packet& packet, const Session& session, const Inspection& by,
                   std::uint64_t tsc) noexcept {
  inspection::PacketCopies& copies = state.inspector.copies();
  inspection::PacketCopy made;
  made.tsc = tsc;
  made.session = session.id;
  made.inspection = by.serial;
  made.ingress = packet.ingress.value();
  made.length = packet.mbuf->pkt_len;
  made.kept = static_cast<std::uint16_t>(std::min<std::size_t>(made.length, made.bytes.size()));
  const void* bytes = rte_pktmbuf_read(packet.mbuf, 0, made.kept, made.bytes.data());
  if (bytes == nullptr) return;
  if (bytes != made.bytes.data()) std::memcpy(made.bytes.data(), bytes, made.kept);
  static_cast<void>(copies.push(made));
}

void Inspect::process(Batch& batch, const Policy& policy) noexcept {
  for (std::uint64_t lanes = state.inspected & batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    Packet& packet = batch[static_cast<unsigned>(std::countr_zero(lanes))];
    if (packet.session != kNoSession) look(batch, packet, policy);
  }
}

}  // namespace millrace::firewall
