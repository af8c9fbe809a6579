// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/protocol.h"

#include <array>
#include <charconv>
#include <utility>

#include "common/net/wire.h"

namespace millrace::control {
namespace {

constexpr std::array<std::pair<std::string_view, std::uint8_t>, 13> kProtocols{{
    {"icmp", 1},
    {"igmp", 2},
    {"ipip", 4},
    {"tcp", net::protocol::kTcp},
    {"udp", 17},
    {"ipv6", 41},
    {"gre", 47},
    {"esp", 50},
    {"ah", 51},
    {"icmpv6", 58},
    {"ospf", 89},
    {"sctp", 132},
    {"udplite", 136},
}};

}  // namespace

std::optional<std::uint8_t> parse_protocol(std::string_view text) {
  for (const auto& [name, number] : kProtocols) {
    if (name == text) return number;
  }
  std::uint8_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string protocol_name(std::uint8_t protocol) {
  for (const auto& [name, number] : kProtocols) {
    if (number == protocol) return std::string(name);
  }
  return std::to_string(protocol);
}

bool has_ports(std::uint8_t protocol) noexcept {
  return protocol == net::protocol::kTcp || protocol == 17 || protocol == 132 || protocol == 136;
}

}  // namespace millrace::control
