// SPDX-License-Identifier: BSD-3-Clause
// Names of IP protocols (IANA "Assigned Internet Protocol Numbers"), as the API and the command line write
// them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::control {

// "tcp", or a number from 0 to 255.
[[nodiscard]] std::optional<std::uint8_t> parse_protocol(std::string_view text);
// The name, or the number when it has none here.
[[nodiscard]] std::string protocol_name(std::uint8_t protocol);

// TCP, UDP, SCTP and UDP-Lite.
[[nodiscard]] bool has_ports(std::uint8_t protocol) noexcept;

}  // namespace millrace::control
