// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "vnfs/firewall/inspection/evidence.h"
#include "vnfs/firewall/session_ends.h"

namespace millrace::firewall::inspection {
namespace {

// Three quarters of what an event shows lie before the end of the match.
Bytes around(Bytes bytes, std::size_t end) noexcept {
  constexpr std::size_t kBefore = InspectionEvent::kMostPayload / 4 * 3;
  const std::size_t from = std::min(end > kBefore ? end - kBefore : 0, bytes.size());
  return bytes.subspan(from, std::min(bytes.size() - from, InspectionEvent::kMostPayload));
}

template <class Address>
void put_address(const Address& address, std::array<std::uint8_t, 16>& out) noexcept {
  std::memcpy(out.data(), &address, sizeof address);
}

void put(const net::IpAddress& address, std::array<std::uint8_t, 16>& out) noexcept {
  out = {};
  if (address.is_v4()) {
    put_address(address.v4(), out);
  } else {
    put_address(address.v6(), out);
  }
}

}  // namespace

InspectionEvent Inspector::event_of(const Session& session, const Inspection& by, Side side, Tick now,
                                    std::uint64_t tsc) const noexcept {
  InspectionEvent event{};
  const SessionEnds ends = ends_of(session);
  const bool from_client = side != Side::kServer;
  put(from_client ? ends.initiator : ends.responder, event.source);
  put(from_client ? ends.responder : ends.initiator, event.destination);
  event.source_port = from_client ? ends.initiator_port : ends.responder_port;
  event.destination_port = from_client ? ends.responder_port : ends.initiator_port;
  event.tsc = tsc;
  event.session = session.id;
  event.inspection = by.serial;
  event.rule_slot = session.rule_slot;
  for (const Direction direction : {Direction::kForward, Direction::kReverse}) {
    event.packets[static_cast<std::size_t>(direction)] = session.total_packets(direction);
    event.bytes[static_cast<std::size_t>(direction)] = session.total_bytes(direction);
  }
  event.age_ms = now - session.created;
  event.segment = session.segment().number();
  event.ingress = session.ingress;
  event.worker = worker_;
  event.side = side;
  event.protocol = session.key.protocol();
  event.application = session.packed_application();
  event.family = ends.initiator.family();
  return event;
}

void Inspector::note(const Session& session, const Inspection& by, Notable notable, Side side,
                     Outcome outcome, Tick now, std::uint64_t tsc) noexcept {
  const bool unseen = notable < Notable::kConflict;
  if (unseen && outcome == Outcome::kAllowed) unseen_.add(1);
  InspectionEvent event = event_of(session, by, side, now, tsc);
  event.kind = unseen ? EventKind::kUnseen : EventKind::kAnomaly;
  event.outcome = outcome;
  event.reason = static_cast<std::uint8_t>(notable);
  static_cast<void>(events_.push(event));
}

void Inspector::note_anomaly(Case& now, Speech of, std::uint8_t anomaly) noexcept {
  constexpr std::uint8_t kMostOfSession = 16;
  if (now.talk.anomalies_told == kMostOfSession) return;
  ++now.talk.anomalies_told;
  const Subject& subject = now.evidence.subject;
  InspectionEvent event = event_of(now.evidence.session, now.by, subject.side, subject.now, now.evidence.tsc);
  event.kind = EventKind::kAnomaly;
  event.speech = of;
  event.reason = anomaly;
  static_cast<void>(events_.push(event));
}

void Inspector::describe_message(const Case& now, InspectionEvent& event) noexcept {
  const Conversation& talk = now.talk;
  Parts parts = *now.evidence.subject.parts;
  event.speech = talk.speech;
  if (talk.speech == Speech::kHttp && !parts.has(Buffer::kHttpMethod)) {
    const HttpPlace head = talk.http_head(0);
    if (head.end > head.begin) add_head(talk.streams[0].bytes(pool_), head, Side::kClient, room_, parts);
  }
  const auto set = [&parts](auto& excerpt, std::initializer_list<Buffer> buffers) noexcept {
    for (const Buffer buffer : buffers) {
      if (parts.has(buffer)) excerpt.set(parts[buffer]);
    }
  };
  set(event.method, {Buffer::kHttpMethod, Buffer::kSshProtocol});
  set(event.host, {Buffer::kHttpHost, Buffer::kTlsSni, Buffer::kDnsQuery, Buffer::kSmtpHelo});
  set(event.target, {Buffer::kHttpRawUri, Buffer::kSmtpRcptTo});
  set(event.agent, {Buffer::kHttpUserAgent, Buffer::kSmtpMailFrom, Buffer::kSshSoftware});
}

void Inspector::tell(Case& now, const Hit& hit, Outcome outcome) noexcept {
  const Conversation& talk = now.talk;
  const Subject& subject = now.evidence.subject;
  InspectionEvent event = event_of(now.evidence.session, now.by, subject.side, subject.now, now.evidence.tsc);
  event.kind = EventKind::kAlert;
  event.outcome = outcome;
  event.signature = hit.signature;
  event.stream = is_tcp(now.evidence) && !subject.by_segment;
  const Parts& parts = *subject.parts;
  if (hit.buffer == Buffer::kPayload) {
    event.payload.set(around(parts[Buffer::kPayload], hit.end));
  } else {  // the message from its beginning
    const Bytes payload = parts[Buffer::kPayload];
    const std::size_t begin = talk.http_head(now.side()).begin;
    event.payload.set(payload.subspan(std::min(begin, payload.size())));
  }
  describe_message(now, event);
  static_cast<void>(events_.push(event));
}

}  // namespace millrace::firewall::inspection
