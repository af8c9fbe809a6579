// SPDX-License-Identifier: BSD-3-Clause
// What an ICMP or ICMPv6 message is by its type (RFC 792, RFC 4443). Data path; the parser has read the
// headers.
#pragma once

#include "common/net/parse.h"
#include "common/net/wire.h"

namespace millrace::net {

// An answer to a query, which nobody gives unasked.
[[nodiscard]] inline bool is_icmp_reply(const Headers& headers) noexcept {
  if (headers.protocol == protocol::kIcmp) {
    return headers.icmp_type() == icmp::kEchoReply || headers.icmp_type() == icmp::kTimestampReply;
  }
  return headers.protocol == protocol::kIcmpv6 && headers.icmp_type() == icmpv6::kEchoReply;
}

// A message about another packet, of which it holds a part. A redirect is none here: it is for the next hop
// only.
[[nodiscard]] inline bool is_icmp_error(const Headers& headers) noexcept {
  if (headers.has_ports || headers.later_fragment()) [[likely]]
    return false;
  if (headers.protocol == protocol::kIcmp) {
    const std::uint8_t type = headers.icmp_type();
    return headers.is_ipv4() && (type == icmp::kUnreachable || type == icmp::kSourceQuench ||
                                 type == icmp::kTimeExceeded || type == icmp::kParameterProblem);
  }
  return headers.protocol == protocol::kIcmpv6 && headers.is_ipv6() &&
         headers.icmp_type() < icmpv6::kEchoRequest;
}

}  // namespace millrace::net
