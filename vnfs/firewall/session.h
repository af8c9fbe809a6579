// SPDX-License-Identifier: BSD-3-Clause
// What the firewall remembers of a flow. The first cache line is all that an established IPv4 packet touches.
#pragma once

#include <array>
#include <cstdint>

#include "common/acceleration/dpi/applications.h"
#include "common/base/clock.h"
#include "common/flow/flow_table.h"
#include "common/flow/tcp.h"

namespace millrace::firewall {

using flow::Direction;

// Whether it is known which application a session is of.
enum class Naming : std::uint32_t {
  kNone,       // no rule asked
  kUndecided,  // it is being found out
  kNamed,
  kOther,  // it could not be named
};

struct alignas(64) Session {
  // First line: every packet.
  flow::FlowKey key;
  flow::TcpTrack tcp;
  std::array<std::uint32_t, 2> packets;  // by Direction, since the last carry()
  std::array<std::uint32_t, 2> bytes;    // the same, less what is `spilled`
  Tick last_seen;
  flow::TcpState tcp_state;
  std::uint8_t flags;
  std::uint16_t generation;  // of the policy that accepted it last

  // Second line: packets of IPv6 or with two tags, and the beginning and end of a session.
  flow::Ipv6Pair addresses;  // of a wide key
  std::uint32_t older;       // the list of expendable sessions
  std::uint32_t newer;
  std::uint32_t rule_slot;    // counters of the rule that accepted it
  std::uint32_t source_slot;  // entry of its source in the table of sources, or kNoSource
  Tick created;
  std::uint16_t ingress;  // InterfaceId of the first packet
  std::uint16_t egress;
  std::uint64_t id;  // unique in the process: worker and number

  // Third line: totals up to the last carry().
  std::array<std::uint64_t, 2> carried_packets;
  std::array<std::uint64_t, 2> carried_bytes;
  // kNamed: protocol and service, 9 bits each. kUndecided: one more than the number of what ApplicationFinder
  // keeps of it, 0 when that is nothing.
  std::uint32_t application : 18;
  Naming naming : 2;
  std::uint32_t listed : 1;      // an event has told that a threat list names one of its ends
  std::uint32_t unruled : 1;     // it was settled between two packets: the next one asks the rules
  std::uint32_t dscp : 6;        // of the first packet, as are the next two
  std::uint32_t reported : 1;    // a record has told of it while it lasted, the last one at reported_at
  std::uint8_t first_tcp_flags;  // or the ICMP type
  std::uint8_t icmp_code;
  std::uint16_t proxy_segment_size;  // kProxied: the client's
  std::uint32_t rule_source_slot;    // the same under the rule that opened it
  std::uint32_t proxy_sequence;      // kProxied: the cookie, the server's initial number in the client's eyes
  std::uint32_t proxy_delta;         // that less the server's own
  Tick reported_at;
  std::array<std::uint16_t, 2> spilled;  // of `bytes`, in units of kSpill
  std::uint32_t inspection;              // one more than the number of its Conversation, or kBlocked

  static constexpr std::uint32_t kSpill = std::uint32_t{1} << 31;
  static constexpr std::uint32_t kBlocked = 0xffffffff;  // what was found in it ended it

  static constexpr std::uint8_t kInitiatorHigh = 0x01;  // the initiator is the key's high endpoint
  static constexpr std::uint8_t kReplied = 0x02;        // the responder has spoken
  static constexpr std::uint8_t kExpendable =
      0x04;                                         // half-open or finished: gives way when the table is full
  static constexpr std::uint8_t kLogged = 0x08;     // its rule logs
  static constexpr std::uint8_t kRefused = 0x10;    // its application is why nothing of it passes
  static constexpr std::uint8_t kProxied = 0x20;    // opened by a SYN cookie: two halves, see syn_proxy.h
  static constexpr std::uint8_t kJoining = 0x40;    // and the server has not answered yet
  static constexpr std::uint8_t kInspected = 0x80;  // is looked into, or refused: mark_inspected()

  static constexpr unsigned kApplicationBits = 9;

  [[nodiscard]] dpi::Application named() const noexcept {
    constexpr std::uint32_t kMask = (1U << kApplicationBits) - 1;
    if (naming != Naming::kNamed) return {};
    return {dpi::ApplicationId{static_cast<std::uint16_t>(application & kMask)},
            dpi::ApplicationId{static_cast<std::uint16_t>(application >> kApplicationBits)}};
  }
  // Both, but for numbers that mean nothing outside this worker; and back.
  [[nodiscard]] std::uint32_t packed_application() const noexcept {
    return static_cast<std::uint32_t>(naming) << 2 * kApplicationBits |
           (naming == Naming::kNamed ? application : 0);
  }
  void unpack_application(std::uint32_t packed) noexcept {
    application = packed & ((1U << 2 * kApplicationBits) - 1);
    naming = static_cast<Naming>(packed >> 2 * kApplicationBits & 3U);
  }
  void name(dpi::Application found) noexcept {
    naming = Naming::kNamed;
    application = (static_cast<std::uint32_t>(found.protocol) | static_cast<std::uint32_t>(found.service)
                                                                    << kApplicationBits) &
                  ((1U << 2 * kApplicationBits) - 1);
  }
  // Of a named one, or one that has no name, it is known.
  [[nodiscard]] bool application_settled() const noexcept { return naming >= Naming::kNamed; }
  [[nodiscard]] std::uint8_t icmp_type() const noexcept { return first_tcp_flags; }

  // Sets kInspected as it is to be.
  void mark_inspected() noexcept {
    const bool wanted = inspection != 0 || naming == Naming::kUndecided || unruled != 0 || has(kRefused);
    flags = static_cast<std::uint8_t>((flags & ~kInspected) | (wanted ? kInspected : 0));
  }
  [[nodiscard]] bool has(std::uint8_t flag) const noexcept { return (flags & flag) != 0; }
  [[nodiscard]] flow::Segment segment() const noexcept { return flow::segment_of(key, addresses); }
  [[nodiscard]] Direction direction(flow::Sender sender) const noexcept {
    return static_cast<Direction>(static_cast<std::uint8_t>(sender) ^ (flags & kInitiatorHigh));
  }
  // Since the last carry().
  [[nodiscard]] std::uint64_t fresh_packets(Direction d) const noexcept {
    return packets[static_cast<std::size_t>(d)];
  }
  [[nodiscard]] std::uint64_t fresh_bytes(Direction d) const noexcept {
    const auto i = static_cast<std::size_t>(d);
    return std::uint64_t{spilled[i]} * kSpill + bytes[i];
  }
  [[nodiscard]] std::uint64_t total_packets(Direction d) const noexcept {
    return carried_packets[static_cast<std::size_t>(d)] + fresh_packets(d);
  }
  [[nodiscard]] std::uint64_t total_bytes(Direction d) const noexcept {
    return carried_bytes[static_cast<std::size_t>(d)] + fresh_bytes(d);
  }
  void count(Direction d, unsigned length) noexcept {
    const auto i = static_cast<std::size_t>(d);
    ++packets[i];
    bytes[i] += length;
    if ((bytes[i] >> 31) != 0) [[unlikely]]
      spill(i);
  }
  // Moves the fresh counts into the totals. Due before 2^32 packets or 2^47 bytes one way: TableSweep sees
  // to it every few seconds.
  void carry() noexcept {
    for (const Direction d : {Direction::kForward, Direction::kReverse}) {
      const auto i = static_cast<std::size_t>(d);
      carried_packets[i] += fresh_packets(d);
      carried_bytes[i] += fresh_bytes(d);
      packets[i] = bytes[i] = spilled[i] = 0;
    }
  }

 private:
  void spill(std::size_t i) noexcept {
    bytes[i] -= kSpill;
    ++spilled[i];
  }
};
static_assert(sizeof(Session) == 192 && offsetof(Session, addresses) == 64 &&
              offsetof(Session, carried_packets) == 128);

using SessionIndex = flow::RecordIndex;
inline constexpr SessionIndex kNoSession = flow::kNoRecord;

}  // namespace millrace::firewall
