// SPDX-License-Identifier: BSD-3-Clause
// What a worker notes of what it found in a session, for those who write it down: numbers and bytes by value.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "common/base/event_ring.h"
#include "common/base/reader.h"
#include "common/net/address.h"
#include "vnfs/firewall/inspection/buffer.h"
#include "vnfs/firewall/inspection/list_kind.h"

namespace millrace::firewall::inspection {

enum class EventKind : std::uint8_t {
  kAlert,    // a signature matches
  kAnomaly,  // a protocol is not spoken as it should be, or a stream is not one
  kUnseen,   // a session goes on that could not be looked into
  kListed,   // a threat list names something of it
};

enum class Outcome : std::uint8_t { kAllowed, kBlocked };

// Bytes of at most N, cut off behind.
template <std::size_t N>
struct Excerpt {
  std::uint16_t length = 0;
  std::array<std::uint8_t, N> bytes;

  void set(Bytes what) noexcept {
    length = static_cast<std::uint16_t>(what.size() < N ? what.size() : N);
    for (std::size_t i = 0; i < length; ++i) bytes[i] = what[i];
  }
  [[nodiscard]] Bytes view() const noexcept { return {bytes.data(), length}; }
};

struct InspectionEvent {
  static constexpr std::size_t kMostPayload = 256;

  std::uint64_t tsc;                    // when; the reader makes wall clock of it
  std::uint64_t session;                // its id; 0 of a packet that was to open one
  std::array<std::uint8_t, 16> source;  // of the packet that is judged, as are the next three
  std::array<std::uint8_t, 16> destination;
  std::uint16_t source_port;
  std::uint16_t destination_port;
  std::uint32_t inspection;              // its serial number
  std::uint32_t signature;               // kAlert: its number in the inspection's set
  std::uint32_t list_slot;               // kListed: the list's counters
  std::uint32_t rule_slot;               // of the rule that let the session in
  std::array<std::uint64_t, 2> packets;  // of the session so far, from the client and from the server
  std::array<std::uint64_t, 2> bytes;
  std::uint32_t age_ms;   // of the session
  std::uint32_t segment;  // flow::Segment::number()
  std::uint16_t ingress;  // InterfaceId
  std::uint16_t worker;
  std::uint32_t application;  // Session::packed_application()
  EventKind kind;
  Outcome outcome;
  Side side;  // who sent it
  Speech speech;
  std::uint8_t protocol;
  net::Family family;
  std::uint8_t reason;  // kUnseen, and kAnomaly of no speech: see notable.h; else the speech's own
  ListKind list_kind;   // kListed, as are the next two
  bool is_destination;  // kAddress: it is the destination's that is listed
  std::uint8_t severity;
  bool stream;                    // found in the stream, not in one packet
  Excerpt<kMostPayload> payload;  // what was judged, around the match
  Excerpt<64> method;             // HTTP: the method; SSH: the protocol's version
  Excerpt<128> host;              // HTTP: Host; TLS, QUIC: SNI; DNS: the name asked for; SMTP: HELO
  Excerpt<256> target;            // HTTP: the URI; SMTP: the recipient
  Excerpt<128> agent;             // HTTP: User-Agent; SSH: the software; SMTP: the sender
  Excerpt<32> ja3;                // TLS, kListed: the client's hash
};
static_assert(std::is_trivially_copyable_v<InspectionEvent>);

using InspectionEvents = EventRing<InspectionEvent>;

}  // namespace millrace::firewall::inspection
