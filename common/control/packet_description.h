// SPDX-License-Identifier: BSD-3-Clause
// A packet as a person describes it, for explain:
//   {"source": "192.0.2.7", "destination": "198.51.100.9", "protocol": "tcp", "destination_port": 80,
//    "source_port": 40001, "interface": "trust", "tcp_flags": "syn", "dscp": 0}
// and icmp_type, icmp_code for ICMP. The API refuses what this refuses before the appliance is asked.
#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/net/address.h"

namespace millrace::control {

struct PacketDescription {
  net::IpAddress source;
  net::IpAddress destination;  // of the same family
  std::uint8_t protocol = 0;
  std::uint16_t source_port = 40000;  // both 0 for a protocol without ports
  std::uint16_t destination_port = 0;
  std::uint8_t icmp_type = 0;  // an echo request unless said
  std::uint8_t icmp_code = 0;
  std::uint8_t dscp = 0;
  std::uint8_t tcp_flags = 0;            // as in the header's octet; SYN unless said, 0 when not TCP
  std::optional<std::string> interface;  // of arrival; to be found by the route to the source when absent
  std::uint16_t vlan = 0;        // transparent mode: of the only tag, or the inner one of two; 0: untagged
  std::uint16_t outer_vlan = 0;  // the same, of two tags
};

// Error::where is the member that is wrong or missing.
[[nodiscard]] Result<PacketDescription> read_packet(const boost::json::object& object);

// "syn", "syn,ack", "none": names of RFC 9293 section 3.1 with commas between.
[[nodiscard]] std::optional<std::uint8_t> parse_tcp_flags(std::string_view text);
[[nodiscard]] std::string print_tcp_flags(std::uint8_t flags);

}  // namespace millrace::control
