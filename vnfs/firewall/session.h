// SPDX-License-Identifier: BSD-3-Clause
// What the firewall remembers of a flow. The first cache line is all that an established IPv4 packet touches.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/clock.h"
#include "common/flow/flow_table.h"
#include "common/flow/tcp.h"

namespace millrace::firewall {

using flow::Direction;

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
  std::uint8_t dscp;  // of the first packet, as are the next three
  std::uint8_t icmp_type;
  std::uint8_t first_tcp_flags;
  std::uint8_t icmp_code;
  std::uint32_t rule_source_slot;    // the same under the rule that opened it
  std::uint32_t proxy_sequence;      // kProxied: the cookie, the server's initial number in the client's eyes
  std::uint32_t proxy_delta;         // that less the server's own
  std::uint16_t proxy_segment_size;  // the client's
  bool listed;                       // an event has told that a threat list names one of its ends
  bool reported;                     // a record has told of it while it lasted, the last one at:
  Tick reported_at;
  std::array<std::uint16_t, 2> spilled;  // of `bytes`, in units of kSpill
  std::uint32_t inspection;  // kInspected: one more than the number of its Conversation, or kBlocked

  static constexpr std::uint32_t kSpill = std::uint32_t{1} << 31;
  static constexpr std::uint32_t kBlocked = 0xffffffff;  // what was found in it ended it

  static constexpr std::uint8_t kInitiatorHigh = 0x01;  // the initiator is the key's high endpoint
  static constexpr std::uint8_t kReplied = 0x02;        // the responder has spoken
  static constexpr std::uint8_t kExpendable =
      0x04;                                         // half-open or finished: gives way when the table is full
  static constexpr std::uint8_t kLogged = 0x08;     // its rule logs
  static constexpr std::uint8_t kEnding = 0x10;     // refused by the present policy
  static constexpr std::uint8_t kProxied = 0x20;    // opened by a SYN cookie: two halves, see syn_proxy.h
  static constexpr std::uint8_t kJoining = 0x40;    // and the server has not answered yet
  static constexpr std::uint8_t kInspected = 0x80;  // is looked into: worker_state.h

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
