// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/packet_match.h"

#include <boost/json.hpp>

#include <fmt/format.h>

#include "common/control/members.h"
#include "common/control/profile/text.h"
#include "common/control/protocol.h"
#include "common/net/wire.h"

namespace millrace::control {
namespace {

std::optional<net::Prefix> read_prefix(Members& members, std::string_view name) {
  const auto text = members.text(name);
  if (!text) return std::nullopt;
  auto prefix = net::Prefix::parse(*text);
  if (!prefix) {
    members.refuse(name, fmt::format("{} is not an address or a prefix without host bits; give 192.0.2.7 or "
                                     "2001:db8::/32",
                                     quote(*text)));
  }
  return prefix;
}

}  // namespace

PacketMatch read_packet_match(Members& members) {
  PacketMatch match;
  match.source = read_prefix(members, "source");
  match.destination = read_prefix(members, "destination");
  if (const auto text = members.text_or_number("protocol")) {
    match.protocol = parse_protocol(*text);
    if (!match.protocol) {
      members.refuse("protocol",
                     fmt::format("{} is not a protocol; give tcp, udp, icmp, icmpv6, sctp, gre, esp "
                                 "or a number from 0 to 255",
                                 quote(*text)));
    }
  }
  if (const auto port = members.number("port", 0, 65535)) match.port = static_cast<std::uint16_t>(*port);
  match.interface = members.text("interface");
  if (const auto id = members.number("vlan", 0, net::kMostVlanId))
    match.vlan = static_cast<std::uint16_t>(*id);
  if (const auto id = members.number("outer_vlan", 0, net::kMostVlanId))
    match.outer_vlan = static_cast<std::uint16_t>(*id);
  if (match.source && match.destination &&
      match.source->address.family() != match.destination->address.family()) {
    members.refuse("destination", "is of another family than the source: no packet has both");
  }
  return match;
}

PacketMatch read_session_match(Members& members) {
  PacketMatch match = read_packet_match(members);
  match.rule = members.text("rule");
  return match;
}

bool matches_all(const PacketMatch& match) noexcept {
  return !match.source && !match.destination && !match.protocol && !match.port && !match.interface &&
         !match.vlan && !match.outer_vlan && !match.rule;
}

}  // namespace millrace::control
