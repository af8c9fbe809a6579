// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/selector_match.h"

namespace millrace::vpn {
namespace {

bool is_any(const Ports& ports) noexcept { return ports == Ports{}; }
bool within(std::uint16_t port, const Ports& ports) noexcept {
  return ports.first <= port && port <= ports.last;
}

}  // namespace

net::IpAddress Ends::address(const std::array<std::uint64_t, 2>& words) const noexcept {
  if (family == 4) return net::Ipv4Address{be32::from_wire(static_cast<std::uint32_t>(words[0]))};
  net::Ipv6Address v6;
  std::memcpy(v6.bytes.data(), words.data(), sizeof words);
  return v6;
}

SelectorMatch::SelectorMatch(const Selector& selector) noexcept
    : local_(of(selector.local)),
      remote_(of(selector.remote)),
      local_ports_(selector.local_ports),
      remote_ports_(selector.remote_ports),
      protocol_(selector.protocol),
      family_(selector.local.address.is_v4() ? 4 : 6),
      any_ports_(is_any(selector.local_ports) && is_any(selector.remote_ports)),
      any_transport_(any_ports_ && selector.protocol == 0) {}

SelectorMatch::Match SelectorMatch::of(const net::Prefix& prefix) noexcept {
  Match match;
  std::array<std::uint8_t, 16> mask{};
  for (unsigned bit = 0; bit < prefix.length; ++bit)
    mask[bit / 8] |= static_cast<std::uint8_t>(0x80U >> bit % 8);
  std::memcpy(match.net.data(), prefix.address.bytes().data(), sizeof match.net);
  std::memcpy(match.mask.data(), mask.data(), sizeof match.mask);
  return match;
}

// A packet that does not show its ports is of no selector that asks for some: RFC 4301 section 7.
bool SelectorMatch::matches_transport(const Ends& ends) const noexcept {
  if (protocol_ != 0 && protocol_ != ends.protocol) return false;
  if (any_ports_) return true;
  return ends.has_ports && within(ends.local_port, local_ports_) && within(ends.remote_port, remote_ports_);
}

}  // namespace millrace::vpn
