// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/guard_link.h"

#include "vnfs/firewall/drops.h"

namespace millrace::firewall {
namespace {

using core::Batch;
using core::Packet;
using net::IcmpHeader;
using net::Ipv6Address;
using net::Ipv6Header;
using net::MacAddress;

const net::EthernetHeader& ethernet(const Packet& packet) noexcept {
  return *reinterpret_cast<const net::EthernetHeader*>(packet.bytes());
}

bool arp_credible(const Packet& packet) noexcept {
  const MacAddress& sender = packet.l3_as<net::ArpHeader>().sender_mac;
  return sender == ethernet(packet).source && !sender.is_group();
}

bool is_discovery(const net::Headers& headers) noexcept {
  return headers.icmp_type() >= net::icmpv6::kRouterSolicitation &&
         headers.icmp_type() <= net::icmpv6::kRedirect;
}

// The options of a discovery message: whole ones of a length above zero. `source` tells whether a source
// link-layer address is among them. False when malformed, or when a link-layer address is a group's.
bool read_options(Bytes options, bool& source) noexcept {
  constexpr std::uint8_t kSourceAddress = 1;
  constexpr std::uint8_t kTargetAddress = 2;
  while (!options.empty()) {
    if (options.size() < 8 || options[1] == 0 || options[1] * std::size_t{8} > options.size()) return false;
    const bool link_address = options[0] == kSourceAddress || options[0] == kTargetAddress;
    if (link_address && (options[2] & 1U) != 0) return false;
    source = source || options[0] == kSourceAddress;
    options = options.subspan(options[1] * std::size_t{8});
  }
  return true;
}

const Ipv6Address& address_at(Bytes message, std::size_t at) noexcept {
  return *reinterpret_cast<const Ipv6Address*>(message.data() + at);
}

// Anywhere in the chain of extension headers, which the parser has found sound.
bool has_fragment_header(const Packet& packet) noexcept {
  std::uint8_t next = packet.l3_as<Ipv6Header>().next_header;
  for (unsigned at = packet.headers.l3_offset + sizeof(Ipv6Header); at < packet.headers.l4_offset;) {
    if (next == net::protocol::kIpv6Fragment) return true;
    const auto& extension = *reinterpret_cast<const net::Ipv6Extension*>(packet.bytes() + at);
    at += next == net::protocol::kAh ? (extension.length + 2U) * 4 : (extension.length + 1U) * 8;
    next = extension.next_header;
  }
  return false;
}

// ff02::1:ffXX:XXXX, RFC 4291 section 2.7.1.
bool is_solicited_node(const Ipv6Address& address) noexcept {
  constexpr std::array<std::uint8_t, 13> kPrefix{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
  return std::memcmp(address.bytes.data(), kPrefix.data(), kPrefix.size()) == 0;
}

bool discovery_credible(const Packet& packet) noexcept {
  const net::Headers& headers = packet.headers;
  const auto& ip = packet.l3_as<Ipv6Header>();
  if (ip.hop_limit != 255 || headers.icmp_code != 0 || has_fragment_header(packet)) return false;  // RFC 6980
  if (ethernet(packet).source.is_group() || headers.end_offset > packet.mbuf->data_len) return false;
  const Bytes message(packet.bytes() + headers.l4_offset,
                      headers.end_offset - std::size_t{headers.l4_offset});
  constexpr Ipv6Address kUnspecified{};
  constexpr std::size_t kTarget = sizeof(IcmpHeader);
  constexpr std::size_t kAddress = sizeof(Ipv6Address);
  bool source_option = false;
  // Where the options of a well-formed message begin.
  const auto options_from = [&](std::size_t at) {
    return message.size() >= at && read_options(message.subspan(at), source_option);
  };
  switch (headers.icmp_type()) {
    case net::icmpv6::kRouterSolicitation:  // section 6.1.1
      return options_from(kTarget) && !(ip.source == kUnspecified && source_option);
    case net::icmpv6::kRouterAdvertisement:  // section 6.1.2
      return options_from(kTarget + 8) && ip.source.is_link_local();
    case net::icmpv6::kNeighborSolicitation:  // section 7.1.1
      if (!options_from(kTarget + kAddress) || address_at(message, kTarget).is_multicast()) return false;
      return ip.source != kUnspecified || (is_solicited_node(ip.destination) && !source_option);
    case net::icmpv6::kNeighborAdvertisement: {  // section 7.1.2
      constexpr std::uint8_t kSolicited = 0x40;
      if (!options_from(kTarget + kAddress) || address_at(message, kTarget).is_multicast()) return false;
      return !ip.destination.is_multicast() || (message[4] & kSolicited) == 0;
    }
    default:  // redirect, section 8.1
      return options_from(kTarget + 2 * kAddress) && ip.source.is_link_local() &&
             !address_at(message, kTarget + kAddress).is_multicast();
  }
}

// RFC 4291 sections 2.5.6 and 2.7: no router forwards either address.
bool stays_on_link(const Ipv6Header& ip) noexcept {
  const bool from_link = ip.source.is_link_local() || ip.source == Ipv6Address{};
  const bool to_link = ip.destination.is_link_local() ||
                       (ip.destination.is_multicast() && (ip.destination.bytes[1] & 0x0fU) == 2);
  return from_link && to_link;
}

}  // namespace

bool is_of_the_link(const Packet& packet) noexcept {
  const net::Headers& headers = packet.headers;
  return headers.is_ipv6() && headers.protocol == net::protocol::kIcmpv6 && !headers.later_fragment() &&
         (is_discovery(headers) || stays_on_link(packet.l3_as<Ipv6Header>()));
}

void GuardLink::process(Batch& batch, const Policy& /*policy*/) noexcept {
  state.link_local = 0;
  for (Packet& packet : batch) {
    const net::Headers& headers = packet.headers;
    if (headers.family == net::Headers::kOther) {
      // The profile lets it pass: there is nothing to judge.
    } else if (headers.family == net::Headers::kArp) {
      if (!arp_credible(packet)) {
        batch.drop(packet, Drop::kArpSpoofed);
        continue;
      }
    } else if (is_of_the_link(packet)) {
      if (is_discovery(headers) && !discovery_credible(packet)) {
        batch.drop(packet, Drop::kNdSpoofed);
        continue;
      }
    } else {
      continue;
    }
    packet.session = kNoSession;
    state.link_local |= std::uint64_t{1} << batch.lane(packet);
  }
}

}  // namespace millrace::firewall
