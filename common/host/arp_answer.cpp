// SPDX-License-Identifier: BSD-3-Clause
#include "common/host/arp_answer.h"

#include <algorithm>
#include <cstring>

namespace millrace::host {
namespace {

constexpr std::uint16_t kRequest = 1;
constexpr std::uint16_t kReply = 2;

bool is_answered_for(net::Ipv4Address address, core::InterfaceId interface, const core::Network& network) {
  const net::IpAddress wanted(address);
  const auto& own = network.interfaces[interface.value()].addresses;
  const bool kernels = std::ranges::any_of(
      own, [&](const net::InterfaceAddress& candidate) { return candidate.address == wanted; });
  return !kernels &&
         std::ranges::any_of(network.function_prefixes, [&](const core::FunctionPrefix& function) {
           return function.interface == interface && function.prefix.contains(wanted);
         });
}

}  // namespace

std::optional<ArpFrame> arp_answer(Bytes frame, core::InterfaceId interface, const core::Network& network) {
  Reader reader(frame);
  const auto* ethernet = reader.read<net::EthernetHeader>();
  const auto* arp = reader.read<net::ArpHeader>();
  if (arp == nullptr || ethernet->type.host() != net::ether_type::kArp || arp->operation.host() != kRequest ||
      interface.value() >= network.interfaces.size() || !is_answered_for(arp->target, interface, network))
    return std::nullopt;
  const net::MacAddress& mac = network.interfaces[interface.value()].mac;
  net::EthernetHeader outer = *ethernet;
  outer.destination = arp->sender_mac;
  outer.source = mac;
  net::ArpHeader answer = *arp;
  answer.operation = be16(kReply);
  answer.sender_mac = mac;
  answer.sender = arp->target;
  answer.target_mac = arp->sender_mac;
  answer.target = arp->sender;
  ArpFrame made;
  std::memcpy(made.data(), &outer, sizeof outer);
  std::memcpy(made.data() + sizeof outer, &answer, sizeof answer);
  return made;
}

}  // namespace millrace::host
