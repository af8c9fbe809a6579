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
  std::array<std::uint32_t, 2> packets;  // by Direction, since the last carry
  std::array<std::uint32_t, 2> bytes;
  Tick last_seen;
  flow::TcpState tcp_state;
  std::uint8_t flags;
  std::uint16_t generation;  // of the policy that accepted it last

  // Second line: IPv6 packets, and the beginning and end of a session.
  flow::Ipv6Pair addresses;
  std::uint32_t older;  // the list of expendable sessions
  std::uint32_t newer;
  std::uint32_t rule_slot;    // counters of the rule that accepted it
  std::uint32_t source_slot;  // entry of its source in the table of sources, or kNoSource
  Tick created;
  std::uint16_t ingress;  // InterfaceId of the first packet
  std::uint16_t egress;
  std::uint64_t id;  // unique in the process: worker and number

  // Third line: totals, when the counts of the first are carried over.
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
  std::array<std::uint8_t, 14> unused;

  static constexpr std::uint8_t kInitiatorHigh = 0x01;  // the initiator is the key's high endpoint
  static constexpr std::uint8_t kReplied = 0x02;        // the responder has spoken
  static constexpr std::uint8_t kExpendable =
      0x04;                                       // half-open or finished: gives way when the table is full
  static constexpr std::uint8_t kLogged = 0x08;   // its rule logs
  static constexpr std::uint8_t kEnding = 0x10;   // refused by the present policy
  static constexpr std::uint8_t kProxied = 0x20;  // opened by a SYN cookie: two halves, see syn_proxy.h
  static constexpr std::uint8_t kJoining = 0x40;  // and the server has not answered yet

  [[nodiscard]] bool has(std::uint8_t flag) const noexcept { return (flags & flag) != 0; }
  [[nodiscard]] Direction direction(flow::Sender sender) const noexcept {
    return static_cast<Direction>(static_cast<std::uint8_t>(sender) ^ (flags & kInitiatorHigh));
  }
  [[nodiscard]] std::uint64_t total_packets(Direction d) const noexcept {
    const auto i = static_cast<std::size_t>(d);
    return carried_packets[i] + packets[i];
  }
  [[nodiscard]] std::uint64_t total_bytes(Direction d) const noexcept {
    const auto i = static_cast<std::size_t>(d);
    return carried_bytes[i] + bytes[i];
  }
  void count(Direction d, unsigned length) noexcept {
    const auto i = static_cast<std::size_t>(d);
    ++packets[i];
    bytes[i] += length;
    if ((bytes[i] >> 31) != 0) [[unlikely]]
      carry(i);
  }

 private:
  void carry(std::size_t i) noexcept {
    carried_packets[i] += packets[i];
    carried_bytes[i] += bytes[i];
    packets[i] = bytes[i] = 0;
  }
};
static_assert(sizeof(Session) == 192 && offsetof(Session, addresses) == 64 &&
              offsetof(Session, carried_packets) == 128);

using SessionIndex = flow::RecordIndex;
inline constexpr SessionIndex kNoSession = flow::kNoRecord;

}  // namespace millrace::firewall
