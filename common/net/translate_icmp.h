// SPDX-License-Identifier: BSD-3-Clause
// ICMP messages for ICMPv6 messages and the other way round: types, codes, MTUs and pointers (RFC 7915
// sections 4.2 and 5.2), and echo as a whole. Errors as a whole are in translate_icmp_error.h. Data path.
#pragma once

#include <cstdint>
#include <optional>

#include "common/net/translate_header.h"
#include "common/net/wire.h"

namespace millrace::net {

// A message's fields of meaning. `word` is what follows the checksum, in host order: an echo's identifier and
// sequence number, an MTU, a pointer.
struct IcmpMessage {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t word = 0;

  bool operator==(const IcmpMessage&) const noexcept = default;
};

// Of the links over which packets like the one in error leave: MTU_of_IPv4_nexthop and MTU_of_IPv6_nexthop.
struct NextHopMtus {
  unsigned ipv4 = 0;
  unsigned ipv6 = 0;
};

// The message's counterpart; nothing when it is to be dropped silently. `quoted_length` is the total length
// that the packet in error says it has, `quoted_fragment` whether it has a fragment header.
[[nodiscard]] std::optional<IcmpMessage> icmpv6_for(const IcmpMessage& message, NextHopMtus mtus,
                                                    unsigned quoted_length) noexcept;
[[nodiscard]] std::optional<IcmpMessage> icmpv4_for(const IcmpMessage& message, NextHopMtus mtus,
                                                    bool quoted_fragment) noexcept;

// Makes an echo or echo reply, a whole datagram of `length` bytes from `icmp` on, one of the other family,
// with another identifier. `ends` are those of its IPv6 header. False, and nothing done, for any other
// message.
[[nodiscard]] bool translate_echo_to_ipv6(IcmpHeader& icmp, std::uint32_t length, const Ipv6Ends& ends,
                                          be16 id) noexcept;
[[nodiscard]] bool translate_echo_to_ipv4(IcmpHeader& icmp, std::uint32_t length, const Ipv6Ends& ends,
                                          be16 id) noexcept;

}  // namespace millrace::net
