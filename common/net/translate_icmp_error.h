// SPDX-License-Identifier: BSD-3-Clause
// A whole ICMP error, with the packet it is about, for one of the other family (RFC 7915 sections 4.3
// and 5.3). Data path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/net/translate_icmp.h"

namespace millrace::net {

// As it came. All offsets count from the frame's first byte.
struct IcmpError {
  Bytes frame;             // in one piece
  const Headers& headers;  // of the error
  const Headers& quoted;   // of the packet inside, as parse_ip read it with `truncated`
  NextHopMtus mtus;
};

// What the packet inside is called on the other side. Without NAT the ports stay; of an echo the source port
// is the identifier.
template <class Ends>
struct QuotedAs {
  Ends ends;
  be16 source_port;
  be16 destination_port;
};

// RFC 4443 section 2.4(c): as much as the least MTU holds. RFC 1812 section 4.3.2.3.
inline constexpr std::size_t kMostIcmpv6Error = 1280;
inline constexpr std::size_t kMostIcmpv4Error = 576;

// Writes the translated error, from its IP header on, and returns its length; 0 when it is to be dropped
// silently: it has no counterpart, or is about another error or about what is not translated. `id` as for
// translate_to_ipv4.
[[nodiscard]] std::size_t translate_error_to_ipv6(const IcmpError& error, const Ipv6Ends& ends,
                                                  const QuotedAs<Ipv6Ends>& quoted,
                                                  std::span<std::uint8_t, kMostIcmpv6Error> out) noexcept;
[[nodiscard]] std::size_t translate_error_to_ipv4(const IcmpError& error, const Ipv4Ends& ends, be16 id,
                                                  const QuotedAs<Ipv4Ends>& quoted,
                                                  std::span<std::uint8_t, kMostIcmpv4Error> out) noexcept;

}  // namespace millrace::net
