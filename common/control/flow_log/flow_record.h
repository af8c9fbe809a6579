// SPDX-License-Identifier: BSD-3-Clause
// One event of a flow as people and collectors read it: names instead of numbers, wall clock instead of
// ticks. Made by the appliance from what its data path noted.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/net/address.h"
#include "common/net/wire.h"

namespace millrace::control {

using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

enum class FlowEventKind : std::uint8_t { kOpened, kUpdated, kEnded, kDenied };

// Why a flow's record is written, in the terms of IPFIX (flowEndReason, element 136).
enum class FlowEnd : std::uint8_t {
  kNone,             // it was opened or denied
  kActive,           // it goes on
  kIdle,             // no packet for its idle time
  kFinished,         // its own end was seen
  kForced,           // ended by the operator or by a change of policy
  kLackOfResources,  // gave way to another
};

struct FlowInterface {
  std::optional<std::uint16_t> id;  // empty: none, or unknown
  std::string name;
};

struct FlowRecord {
  FlowEventKind kind = FlowEventKind::kEnded;
  FlowEnd end = FlowEnd::kNone;
  WallTime time{};             // of the event
  WallTime start{};            // of the flow's first packet
  WallTime last{};             // of its last one
  WallTime new_start{};        // earlier records told of what was before; never after `last`
  net::IpAddress source;       // of the first packet, as is all that is named after a side
  net::IpAddress destination;  // of the same family
  std::uint16_t source_port =
      0;  // ICMP queries: the identifier, in both; otherwise 0 where there are no ports
  std::uint16_t destination_port = 0;
  std::uint8_t protocol = 0;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  // Forward, reverse: from the source, to the source.
  std::array<std::uint8_t, 2> tcp_flags{};  // seen in that direction
  std::array<std::uint64_t, 2> packets{};
  std::array<std::uint64_t, 2> bytes{};  // of IP datagrams
  // Of these, what no earlier record told of: the sum over a flow's records is what it has counted.
  std::array<std::uint64_t, 2> new_packets{};
  std::array<std::uint64_t, 2> new_bytes{};
  std::string_view tcp_state;  // empty unless TCP; of static storage, as are the next two
  std::string_view reason;     // in_snake_case: why it is told; empty when opened
  std::string_view sentence;   // the same for people
  std::uint64_t session = 0;   // 0: none, the packet was denied
  std::string rule;
  std::string application;  // empty: nobody asked what it is
  std::uint16_t domain_id = 0;
  std::string domain;
  std::uint16_t outer_vlan = 0;  // transparent mode: ids of the tags, 0 for none
  std::uint16_t vlan = 0;        // of the only tag, or the inner one of two
  FlowInterface ingress;
  FlowInterface egress;
  std::uint16_t generation = 0;  // of the policy
  std::uint16_t worker = 0;

  [[nodiscard]] bool counted() const noexcept {
    return kind == FlowEventKind::kUpdated || kind == FlowEventKind::kEnded;
  }
  [[nodiscard]] bool is_icmp() const noexcept { return net::protocol::is_icmp(protocol); }
};

}  // namespace millrace::control
