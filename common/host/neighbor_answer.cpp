// SPDX-License-Identifier: BSD-3-Clause
#include "common/host/neighbor_answer.h"

#include <algorithm>
#include <cstring>

#include "common/net/checksum.h"

namespace millrace::host {
namespace {

constexpr std::uint8_t kHopLimit = 255;  // what no router has passed on
constexpr std::uint16_t kSolicited = 0x4000;
constexpr std::uint16_t kOverride = 0x2000;
constexpr std::uint8_t kTargetLinkLayerAddress = 2;

struct Solicitation {
  net::IcmpHeader icmp;
  net::Ipv6Address target;
};

constexpr net::Ipv6Address kAllNodes{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
constexpr net::MacAddress kAllNodesMac{{0x33, 0x33, 0, 0, 0, 1}};

// Of a prefix that the function shares with hosts of the link nobody can say which addresses are its own.
bool is_function_host(net::Ipv6Address address, core::InterfaceId interface, const core::Network& network) {
  const net::IpAddress wanted(address);
  const net::Prefix host = net::Prefix::of(wanted, wanted.bits());
  return !network.interfaces[interface.value()].has(wanted) &&
         std::ranges::any_of(network.function_prefixes, [&](const core::FunctionPrefix& function) {
           return function.interface == interface && function.prefix == host;
         });
}

bool is_valid(const net::Ipv6Header& ip, const Solicitation& asked, Bytes message) {
  return ip.next_header == net::protocol::kIcmpv6 && ip.hop_limit == kHopLimit &&
         asked.icmp.type == net::icmpv6::kNeighborSolicitation && asked.icmp.code == 0 &&
         ip.payload_length.host() >= sizeof asked && ip.payload_length.host() <= message.size() &&
         net::fold(net::sum_bytes(message.first(ip.payload_length.host()),
                                  net::pseudo_header(ip.source, ip.destination, net::protocol::kIcmpv6,
                                                     ip.payload_length.host()))) == 0xffff;
}

}  // namespace

std::optional<NeighborFrame> neighbor_answer(Bytes frame, core::InterfaceId interface,
                                             const core::Network& network) {
  Reader reader(frame);
  const auto* ethernet = reader.read<net::EthernetHeader>();
  const auto* ip = reader.read<net::Ipv6Header>();
  const auto* asked = reader.read<Solicitation>();
  if (ethernet == nullptr || ip == nullptr || asked == nullptr ||
      ethernet->type.host() != net::ether_type::kIpv6 || interface.value() >= network.interfaces.size() ||
      !is_valid(*ip, *asked, frame.subspan(sizeof *ethernet + sizeof *ip)) ||
      !is_function_host(asked->target, interface, network))
    return std::nullopt;
  // Who has no address yet wants to know whether this one is free.
  const bool nameless = ip->source == net::Ipv6Address{};
  const net::MacAddress& mac = network.interfaces[interface.value()].mac;
  const net::EthernetHeader outer{.destination = nameless ? kAllNodesMac : ethernet->source,
                                  .source = mac,
                                  .type = be16(net::ether_type::kIpv6)};
  const net::Ipv6Header header{.version_class_flow = be32(0x60000000),
                               .payload_length = be16(sizeof(NeighborAdvertisement)),
                               .next_header = net::protocol::kIcmpv6,
                               .hop_limit = kHopLimit,
                               .source = asked->target,
                               .destination = nameless ? kAllNodes : ip->source};
  NeighborAdvertisement told{
      .icmp = {.type = net::icmpv6::kNeighborAdvertisement,
               .code = 0,
               .checksum = {},
               .id = be16(nameless ? kOverride : static_cast<std::uint16_t>(kSolicited | kOverride)),
               .sequence = {}},
      .target = asked->target,
      .option = kTargetLinkLayerAddress,
      .option_length = 1,
      .mac = mac};
  told.icmp.checksum = net::finish(net::sum_object(
      told, net::pseudo_header(header.source, header.destination, net::protocol::kIcmpv6, sizeof told)));
  NeighborFrame made;
  std::memcpy(made.data(), &outer, sizeof outer);
  std::memcpy(made.data() + sizeof outer, &header, sizeof header);
  std::memcpy(made.data() + sizeof outer + sizeof header, &told, sizeof told);
  return made;
}

}  // namespace millrace::host
