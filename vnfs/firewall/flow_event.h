// SPDX-License-Identifier: BSD-3-Clause
// What the data path notes of a flow for those who keep logs: numbers only, by value.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "common/base/clock.h"
#include "common/flow/tcp.h"
#include "common/net/address.h"

namespace millrace::firewall {

enum class FlowEventKind : std::uint8_t { kOpened, kUpdated, kEnded, kDenied };

struct FlowEvent {
  std::uint64_t tsc;                    // when; the reader makes wall clock of it
  std::uint64_t session;                // its id; 0 of a denied packet
  std::array<std::uint8_t, 16> source;  // of the first packet, as is all that is named after a side
  std::array<std::uint8_t, 16> destination;
  std::array<std::uint64_t, 2> packets;      // by Direction, as are the next four
  std::array<std::uint64_t, 2> bytes;        // of IP datagrams
  std::array<std::uint64_t, 2> new_packets;  // of these, what no earlier event told of
  std::array<std::uint64_t, 2> new_bytes;
  Tick now;  // the same moment as tsc, for the distance to the next three
  Tick created;
  Tick last_seen;
  Tick told_until;  // earlier events told of what was before
  std::uint32_t rule_slot;
  std::uint16_t source_port;  // ICMP: the identifier, in both
  std::uint16_t destination_port;
  std::uint32_t segment;  // flow::Segment::number()
  std::uint16_t ingress;  // InterfaceId
  std::uint16_t egress;
  std::uint16_t generation;
  std::uint16_t worker;
  std::array<std::uint8_t, 2> tcp_flags;
  FlowEventKind kind;
  std::uint8_t reason;  // kEnded: SessionEnd; kDenied: the drop reason's number
  std::uint8_t protocol;
  net::Family family;
  flow::TcpState tcp_state;
  std::uint8_t icmp_type;
  std::uint8_t icmp_code;
  // 18 bits of Session::application when it is named, and above them Session::naming; least byte first.
  std::array<std::uint8_t, 3> application;

  void set_application(std::uint32_t packed) noexcept {
    for (std::uint8_t& byte : application) {
      byte = static_cast<std::uint8_t>(packed);
      packed >>= 8U;
    }
  }
  [[nodiscard]] std::uint32_t packed_application() const noexcept {
    return application[0] | std::uint32_t{application[1]} << 8U | std::uint32_t{application[2]} << 16U;
  }
};
static_assert(sizeof(FlowEvent) == 160 && std::is_trivially_copyable_v<FlowEvent>);

}  // namespace millrace::firewall
