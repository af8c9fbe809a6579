// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/packet_description.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include <fmt/format.h>

#include "common/control/members.h"
#include "common/control/profile/text.h"
#include "common/control/protocol.h"
#include "common/net/wire.h"

namespace millrace::control {
namespace {

constexpr std::array<std::string_view, 8> kFlags{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"};
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kEchoRequest = 8;      // RFC 792
constexpr std::uint8_t kEchoRequestV6 = 128;  // RFC 4443 section 4.1

net::IpAddress read_address(Members& members, std::string_view name) {
  const auto text = members.text(name);
  if (!text) {
    members.refuse(name, "is missing; give the packet's address");
    return {};
  }
  const auto address = net::IpAddress::parse(*text);
  if (!address) members.refuse(name, fmt::format("{} is not an address", quote(*text)));
  return address.value_or(net::IpAddress{});
}

// A member that has a meaning for some protocols only.
std::optional<std::uint64_t> read_for(Members& members, bool meaningful, std::string_view name,
                                      std::uint64_t most) {
  const auto number = members.number(name, 0, most);
  if (number && !meaningful) members.refuse(name, "has no meaning for this protocol");
  return number;
}

void read_transport(Members& members, PacketDescription& packet) {
  const bool ports = has_ports(packet.protocol);
  const auto source_port = read_for(members, ports, "source_port", 65535);
  const auto destination_port = read_for(members, ports, "destination_port", 65535);
  if (ports && !destination_port) members.refuse("destination_port", "is missing; give a port");
  packet.source_port = static_cast<std::uint16_t>(ports ? source_port.value_or(packet.source_port) : 0);
  packet.destination_port = static_cast<std::uint16_t>(destination_port.value_or(0));

  const bool icmp = net::protocol::is_icmp(packet.protocol);
  const auto type = read_for(members, icmp, "icmp_type", 255);
  const auto code = read_for(members, icmp, "icmp_code", 255);
  const std::uint8_t echo = packet.source.is_v4() ? kEchoRequest : kEchoRequestV6;
  packet.icmp_type = static_cast<std::uint8_t>(icmp ? type.value_or(echo) : 0);
  packet.icmp_code = static_cast<std::uint8_t>(code.value_or(0));

  const bool tcp = packet.protocol == net::protocol::kTcp;
  packet.tcp_flags = tcp ? kSyn : 0;
  if (const auto text = members.text("tcp_flags")) {
    const auto flags = parse_tcp_flags(*text);
    if (!tcp) {
      members.refuse("tcp_flags", "has no meaning for this protocol");
    } else if (!flags) {
      members.refuse("tcp_flags",
                     fmt::format("{} is not a list of flags; give {}, with commas between, or none",
                                 quote(*text), fmt::join(kFlags, ", ")));
    } else {
      packet.tcp_flags = *flags;
    }
  }
}

}  // namespace

std::optional<std::uint8_t> parse_tcp_flags(std::string_view text) {
  if (text == "none") return std::uint8_t{0};
  std::uint8_t flags = 0;
  while (true) {
    const auto comma = text.find(',');
    const auto known = std::ranges::find(kFlags, text.substr(0, comma));
    if (known == kFlags.end()) return std::nullopt;
    flags = static_cast<std::uint8_t>(flags | (1U << (known - kFlags.begin())));
    if (comma == std::string_view::npos) return flags;
    text.remove_prefix(comma + 1);
  }
}

std::string print_tcp_flags(std::uint8_t flags) {
  std::string text;
  for (std::size_t bit = 0; bit < kFlags.size(); ++bit) {
    if ((flags >> bit & 1U) == 0) continue;
    if (!text.empty()) text += ',';
    text += kFlags[bit];
  }
  return text.empty() ? "none" : text;
}

Result<PacketDescription> read_packet(const boost::json::object& object) {
  Members members(object);
  PacketDescription packet;
  packet.source = read_address(members, "source");
  packet.destination = read_address(members, "destination");
  if (packet.source.family() != packet.destination.family()) {
    members.refuse("destination", "is of another family than the source");
  }
  if (const auto text = members.text_or_number("protocol")) {
    const auto protocol = parse_protocol(*text);
    if (!protocol) {
      members.refuse("protocol",
                     fmt::format("{} is not a protocol; give tcp, udp, icmp, icmpv6, sctp, gre, esp "
                                 "or a number from 0 to 255",
                                 quote(*text)));
    }
    packet.protocol = protocol.value_or(0);
  } else {
    members.refuse("protocol", "is missing; give tcp, udp, icmp or another");
  }
  read_transport(members, packet);
  packet.dscp = static_cast<std::uint8_t>(members.number("dscp", 0, 63).value_or(0));
  packet.interface = members.text("interface");
  packet.vlan = static_cast<std::uint16_t>(members.number("vlan", 0, net::kMostVlanId).value_or(0));
  packet.outer_vlan =
      static_cast<std::uint16_t>(members.number("outer_vlan", 0, net::kMostVlanId).value_or(0));
  if (packet.outer_vlan != 0 && packet.vlan == 0)
    members.refuse("outer_vlan",
                   "is the outer of two tags; give the inner one as vlan, or the only one as vlan");
  if (const auto right = members.finish(); !right) return tl::unexpected(right.error());
  return packet;
}

}  // namespace millrace::control
