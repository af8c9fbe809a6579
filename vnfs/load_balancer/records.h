// SPDX-License-Identifier: BSD-3-Clause
// What the balancer remembers of a connection. The first cache line is all that a packet of an established
// IPv4 connection touches.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/clock.h"
#include "common/flow/direction.h"
#include "common/flow/flow_table.h"
#include "vnfs/load_balancer/source_address.h"

namespace millrace::load_balancer {

// Numbers that a service, or a backend of one, keeps from one policy to the next (roster.h).
using ServiceId = std::uint16_t;
using BackendId = std::uint16_t;
inline constexpr std::size_t kMostServices = 4'096;  // numbers in use at a time, as the next
inline constexpr std::size_t kMostBackends = 16'384;
inline constexpr std::uint16_t kNoId = 0xffff;

using ConnectionIndex = flow::RecordIndex;
inline constexpr ConnectionIndex kNoConnection = flow::kNoRecord;

// kForward is from the client.
using flow::Direction;

// What was seen of a TCP connection.
namespace tcp_seen {
inline constexpr std::uint8_t kSynOut = 0x01;   // the client's
inline constexpr std::uint8_t kSynIn = 0x02;    // the backend's
inline constexpr std::uint8_t kAckOut = 0x04;   // the client's, past its SYN
inline constexpr std::uint8_t kFinOut = 0x08;   // the client's
inline constexpr std::uint8_t kFinIn = 0x10;    // the backend's
inline constexpr std::uint8_t kReset = 0x20;    // by either
inline constexpr std::uint8_t kResetIn = 0x40;  // the backend's
inline constexpr std::uint8_t kFins = kFinOut | kFinIn;
}  // namespace tcp_seen

// What a backend that is to know the client has been told (tell_client.h). Numbers are in host order.
struct ClientTold {
  std::uint32_t first;           // number of the client's first byte
  std::uint32_t acknowledgment;  // of the client's last segment, as are the next two
  std::array<std::uint8_t, 8> timestamps;
  Tick due;  // when the header is to be sent again
  std::uint16_t window;
  std::uint8_t tries;  // of the header, as far as they are counted
  bool has_timestamps : 1;
  bool has_begun : 1;  // the client's first byte has passed
};

// What the halves of a connection that a SYN cookie opened are joined by; one that was joined needs
// `proxy_delta` and the first two. Numbers are in host order.
struct JoinedHalves {
  std::uint32_t cookie;               // the backend's initial number in the client's eyes
  std::uint32_t client_sequence;      // the client's initial number
  std::uint16_t client_window;        // of the ACK that brought the cookie back
  std::uint16_t client_segment_size;  // that it can take
};

struct alignas(64) Connection {
  flow::FlowKey key;                   // client and service, as the client's packets show them
  std::array<std::uint64_t, 2> bytes;  // by Direction
  Tick last_seen;
  BackendId backend;
  ServiceId service;
  std::uint16_t ip_delta;         // what the way to the backend adds to the sum of the IPv4 header
  std::uint16_t transport_delta;  // and to that of the transport header
  std::uint16_t generation;       // of the policy that allowed it last
  std::uint8_t tcp;               // of tcp_seen
  std::uint8_t flags;
  SourceAddress* source;      // what the backend sees the connection come from; null: from the client
  std::uint32_t proxy_delta;  // kProxied: the cookie less the backend's initial number
  std::uint16_t source_port;  // of `source`, in host order
  std::array<std::uint8_t, 2> unused;

  // Second line: IPv6, and the beginning and end of a connection.
  flow::Ipv6Pair addresses;  // of a wide key
  Tick created;
  std::uint32_t client_entry;  // of kCounted: where its client is counted (flow::SourceIndex)
  union {
    ClientTold told;      // of full_nat
    JoinedHalves halves;  // of kProxied
  };

  static constexpr std::uint8_t kClientHigh = 0x01;  // the client is the key's high endpoint
  static constexpr std::uint8_t kOneWay = 0x02;      // answers do not come by us
  static constexpr std::uint8_t kOver = 0x04;        // was is_closing(): not counted as open any more
  static constexpr std::uint8_t kCounted = 0x08;  // among those that a service may have (connection_limits.h)
  static constexpr std::uint8_t kProxied = 0x10;  // opened by a SYN cookie: two halves (join_halves.h)
  static constexpr std::uint8_t kJoining = 0x20;  // and the backend has not answered yet
  static constexpr std::uint8_t kHeaderWaits =
      0x40;                                   // of the PROXY protocol: the backend does not have it yet
  static constexpr std::uint8_t kToa = 0x80;  // segments of the client get the option
  static constexpr std::uint8_t kTells = kHeaderWaits | kToa;

  [[nodiscard]] bool has(std::uint8_t flag) const noexcept { return (flags & flag) != 0; }
  // Whether TCP's state says that it is over, or soon will be: of what returns directly the client's word has
  // to do.
  [[nodiscard]] bool is_closing() const noexcept {
    const std::uint8_t fins = has(kOneWay) ? tcp_seen::kFinOut : tcp_seen::kFins;
    return (tcp & tcp_seen::kReset) != 0 || (tcp & fins) == fins;
  }
  // Whether the backend has no part in it any more: it closed too, or refused.
  [[nodiscard]] bool ended_by_backend() const noexcept {
    return !has(kOneWay) && ((tcp & tcp_seen::kResetIn) != 0 || (tcp & tcp_seen::kFins) == tcp_seen::kFins);
  }
  // Whether the client's SYN had no answer, where we would have seen one.
  [[nodiscard]] bool waits_for_backend() const noexcept {
    return protocol() == net::protocol::kTcp && !has(kOneWay) &&
           (tcp & (tcp_seen::kSynOut | tcp_seen::kSynIn | tcp_seen::kReset)) == tcp_seen::kSynOut;
  }
  [[nodiscard]] std::uint8_t protocol() const noexcept { return key.protocol(); }
  // Where the source port tells of the connection; null when it has none.
  [[nodiscard]] SourceAddress::Entry* source_entry() const noexcept {
    return source == nullptr ? nullptr : &source->entry(*port_space(protocol()), source_port);
  }
  [[nodiscard]] be16 client_port() const noexcept {
    return has(kClientHigh) ? key.high_port() : key.low_port();
  }
  [[nodiscard]] be16 service_port() const noexcept {
    return has(kClientHigh) ? key.low_port() : key.high_port();
  }
  [[nodiscard]] net::IpAddress client() const noexcept {
    return address_of(has(kClientHigh) ? flow::Sender::kHigh : flow::Sender::kLow);
  }
  [[nodiscard]] net::IpAddress service_address() const noexcept {
    return address_of(has(kClientHigh) ? flow::Sender::kLow : flow::Sender::kHigh);
  }
  [[nodiscard]] Direction direction(flow::Sender sender) const noexcept {
    return static_cast<Direction>(static_cast<std::uint8_t>(sender) ^ (flags & kClientHigh));
  }

 private:
  [[nodiscard]] net::IpAddress address_of(flow::Sender end) const noexcept {
    const bool low = end == flow::Sender::kLow;
    if (key.is_ipv6()) return low ? addresses.low : addresses.high;
    return net::Ipv4Address{be32::from_wire(low ? key.low_word() : key.high_word())};
  }
};
static_assert(sizeof(Connection) == 128 && offsetof(Connection, addresses) == 64);

}  // namespace millrace::load_balancer
