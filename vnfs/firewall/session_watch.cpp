// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/session_watch.h"

#include <algorithm>
#include <array>

#include "common/flow/key.h"
#include "vnfs/firewall/inspection/query_name.h"
#include "vnfs/firewall/session_ends.h"

namespace millrace::firewall {
namespace {

using inspection::Opening;

constexpr std::uint16_t kDnsPort = 53;
constexpr std::uint64_t kSecondHalf = 0xa0761d6478bd642f;  // a constant of wyhash's

Opening opening_of(const core::Packet& packet, flow::Segment segment) noexcept {
  const net::Headers& headers = packet.headers;
  return {
      .source = packet.source(),
      .destination = packet.destination(),
      .port = net::protocol::is_icmp(headers.protocol) ? std::uint16_t{0} : headers.destination_port.host(),
      .protocol = headers.protocol,
      .segment = segment};
}

Opening opening_of(const Session& session) noexcept {
  const SessionEnds ends = ends_of(session);
  const std::uint8_t protocol = session.key.protocol();
  return {.source = ends.initiator,
          .destination = ends.responder,
          .port = net::protocol::is_icmp(protocol) ? std::uint16_t{0} : ends.responder_port,
          .protocol = protocol,
          .segment = session.segment()};
}

// As much of it as the first buffer holds.
Bytes payload_of(const core::Packet& packet) noexcept {
  const net::Headers& headers = packet.headers;
  const Bytes bytes = packet.first_segment();
  const std::size_t end = std::min<std::size_t>(bytes.size(), headers.end_offset);
  if (headers.payload_offset >= end) return {};
  return bytes.subspan(headers.payload_offset, end - headers.payload_offset);
}

}  // namespace

SessionWatch::SessionWatch(const std::optional<inspection::WatchSettings>& settings, std::uint64_t seed,
                           Tick now) {
  if (!settings) return;
  made_ =
      std::make_unique<inspection::TrafficWatch>(*settings, SipKey{seed, flow::mix(seed, kSecondHalf)}, now);
}

void SessionWatch::note_opened(const core::Packet& packet, flow::Segment segment) noexcept {
  watch_->opened(opening_of(packet, segment));
  note_query(packet, segment);
}

void SessionWatch::note_query(const core::Packet& packet, flow::Segment segment) noexcept {
  const net::Headers& headers = packet.headers;
  if (headers.protocol != net::protocol::kUdp || headers.destination_port.host() != kDnsPort ||
      headers.later_fragment())
    return;
  std::array<std::uint8_t, inspection::QueryName::kLongest> text;
  const Bytes name = inspection::read_query_name(payload_of(packet), text);
  if (!name.empty()) watch_->asked(packet.source(), segment, name);
}

void SessionWatch::note_refused(const core::Packet& packet, flow::Segment segment) noexcept {
  watch_->refused(opening_of(packet, segment));
}

void SessionWatch::note_answered(const Session& session) noexcept {
  watch_->established(opening_of(session));
}

void SessionWatch::note_ended(const Session& session) noexcept {
  watch_->ended(opening_of(session), session.has(Session::kReplied),
                session.total_bytes(Direction::kForward) + session.total_bytes(Direction::kReverse),
                session.last_seen - session.created);
}

}  // namespace millrace::firewall
