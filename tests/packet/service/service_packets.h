// SPDX-License-Identifier: BSD-3-Clause
// A firewall as a service function: frames of a forwarder at port 0, headers written as RFC 8300 draws them.
#pragma once

#include "tests/support/scenario.h"

namespace millrace::testing {

// Interfaces of service_network(), by number, all at port 0 but the last two.
inline constexpr std::uint16_t kFromUsers = 0;  // NSH path 42; its other direction:
inline constexpr std::uint16_t kFromNet = 1;    // NSH path 43, answers of our own with index 200
inline constexpr std::uint16_t kApartPath = 2;  // NSH path 44, alone, in domain 1
inline constexpr std::uint16_t kIndexed = 3;    // NSH path 45, index 7 only, alone
inline constexpr std::uint16_t kLabel = 4;      // MPLS label 511; its other direction:
inline constexpr std::uint16_t kLabelBack = 5;  // MPLS label 1023
inline constexpr std::uint16_t kPlain = 6;      // port 1, untagged: 192.168.1.1/24

[[nodiscard]] std::shared_ptr<const core::Network> service_network(bool resolved);
// From zone 0 (users) to zone 1 (net) sessions may be opened, to port 22 they are rejected.
[[nodiscard]] Scenario service_scenario(const std::string& name);

struct Nsh {
  std::uint32_t path = 42;
  std::uint8_t index = 255;
  std::uint8_t next_protocol = 3;
  std::uint8_t md_type = 1;
  std::vector<std::uint8_t> metadata = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  std::uint16_t flags =
      63 << 6;                  // version, O, unassigned bit and TTL, where they stand in the first two bytes
  std::uint8_t unassigned = 0;  // upper four bits of the third

  [[nodiscard]] Frame header() const;
};

// The frame as the forwarder sends it, and as it gets it back.
[[nodiscard]] Frame from_forwarder(std::uint16_t type, const Frame& header, const Frame& inside);
[[nodiscard]] Frame to_forwarder(std::uint16_t type, const Frame& header, const Frame& inside);
[[nodiscard]] Frame nsh_in(const Nsh& nsh, const Frame& inside);
[[nodiscard]] Frame nsh_out(Nsh nsh, const Frame& inside);  // with the index one less
[[nodiscard]] Frame label(std::uint32_t number, std::uint8_t traffic_class = 5, std::uint8_t ttl = 77,
                          bool last = true);

// A frame between a user and the net, up to its IP header.
[[nodiscard]] PacketBuilder user();
[[nodiscard]] PacketBuilder user6();
[[nodiscard]] PacketBuilder net();
[[nodiscard]] PacketBuilder net6();

}  // namespace millrace::testing
