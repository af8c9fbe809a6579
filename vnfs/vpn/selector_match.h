// SPDX-License-Identifier: BSD-3-Clause
// Whether a packet inside is what a selector means: RFC 4301 section 4.4.1.1. Data path, but for the
// constructor.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "common/core/batch.h"
#include "vnfs/vpn/association_spec.h"

namespace millrace::vpn {

// What of a packet selectors look at, seen from the gateway.
struct Ends {
  std::array<std::uint64_t, 2> local;
  std::array<std::uint64_t, 2> remote;
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  std::uint8_t protocol = 0;
  std::uint8_t family = 4;
  bool has_ports = false;  // a later fragment has none, and most protocols

  // `outbound`: its source is the local end.
  [[nodiscard]] static Ends of(const core::Packet& packet, bool outbound) noexcept;
  [[nodiscard]] net::IpAddress local_address() const noexcept { return address(local); }
  [[nodiscard]] net::IpAddress remote_address() const noexcept { return address(remote); }

 private:
  [[nodiscard]] net::IpAddress address(const std::array<std::uint64_t, 2>& words) const noexcept;
};

class SelectorMatch {
 public:
  explicit SelectorMatch(const Selector& selector) noexcept;

  [[nodiscard]] bool matches(const Ends& ends) const noexcept {
    const std::uint64_t differ = ((ends.local[0] ^ local_.net[0]) & local_.mask[0]) |
                                 ((ends.local[1] ^ local_.net[1]) & local_.mask[1]) |
                                 ((ends.remote[0] ^ remote_.net[0]) & remote_.mask[0]) |
                                 ((ends.remote[1] ^ remote_.net[1]) & remote_.mask[1]);
    if ((differ | static_cast<std::uint64_t>(ends.family ^ family_)) != 0) return false;
    return any_transport_ || matches_transport(ends);
  }

 private:
  struct Match {
    std::array<std::uint64_t, 2> net{};
    std::array<std::uint64_t, 2> mask{};
  };
  [[nodiscard]] static Match of(const net::Prefix& prefix) noexcept;
  [[nodiscard]] bool matches_transport(const Ends& ends) const noexcept;

  Match local_;
  Match remote_;
  Ports local_ports_;
  Ports remote_ports_;
  std::uint8_t protocol_;
  std::uint8_t family_;
  bool any_ports_;
  bool any_transport_;
};

inline Ends Ends::of(const core::Packet& packet, bool outbound) noexcept {
  const net::Headers& headers = packet.headers;
  Ends ends;
  ends.protocol = headers.protocol;
  ends.has_ports = headers.has_ports;
  std::array<std::uint64_t, 2> source{};
  std::array<std::uint64_t, 2> destination{};
  if (headers.is_ipv4()) [[likely]] {
    const auto& ip = packet.l3_as<net::Ipv4Header>();
    source[0] = ip.source.value.wire();
    destination[0] = ip.destination.value.wire();
  } else {
    const auto& ip = packet.l3_as<net::Ipv6Header>();
    std::memcpy(source.data(), &ip.source, sizeof source);
    std::memcpy(destination.data(), &ip.destination, sizeof destination);
    ends.family = 6;
  }
  ends.local = outbound ? source : destination;
  ends.remote = outbound ? destination : source;
  ends.local_port = (outbound ? headers.source_port : headers.destination_port).host();
  ends.remote_port = (outbound ? headers.destination_port : headers.source_port).host();
  return ends;
}

}  // namespace millrace::vpn
