// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/packet_builder.h"

namespace millrace::testing {

// What of a packet a test compares, read without the project's own parser. Both checksums were verified.
struct Seen {
  unsigned port = 0;  // it left by
  std::string source;
  std::string destination;
  std::uint16_t source_port = 0;  // or the ICMP identifier, in both
  std::uint16_t destination_port = 0;
  std::uint8_t protocol = 0;
  std::uint8_t ttl = 0;
  std::uint8_t tcp_flags = 0;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  std::vector<std::uint8_t> payload;  // behind the transport header
  Frame frame;

  // "10.0.0.5:1000 > 192.0.2.1:80"
  [[nodiscard]] std::string ends() const;
  [[nodiscard]] std::string source_end() const;
  // The datagram inside an ICMP error, whose IP checksum was verified too.
  [[nodiscard]] Seen embedded() const;
};

// A frame that came out of the appliance; fails the test when a checksum is wrong.
[[nodiscard]] Seen read_frame(unsigned port, const Frame& frame);

}  // namespace millrace::testing
