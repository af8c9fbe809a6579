// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/translate_icmp.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace millrace::net {
namespace {

using Translated = std::optional<IcmpMessage>;

constexpr unsigned kLeastIpv4Mtu = 68;    // RFC 791
constexpr unsigned kLeastIpv6Mtu = 1280;  // RFC 8200 section 5
constexpr unsigned kHeaderDifference = sizeof(Ipv6Header) - sizeof(Ipv4Header);

// The next header field's place in an IPv6 header.
constexpr std::uint32_t kNextHeaderPointer = offsetof(Ipv6Header, next_header);

// RFC 1191 section 7.1, down to the least MTU of IPv6.
constexpr std::array<unsigned, 7> kPlateaus = {65535, 32000, 17914, 8166, 4352, 2002, 1492};

// RFC 7915 figures 3 and 6, by the byte pointed at.
constexpr std::int8_t kNone = -1;
constexpr std::array<std::int8_t, sizeof(Ipv4Header)> kIpv6Pointer = {
    0, 1, 4, 4, kNone, kNone, kNone, kNone, 7, 6, kNone, kNone, 8, 8, 8, 8, 24, 24, 24, 24};
constexpr std::array<std::int8_t, sizeof(Ipv6Header)> kIpv4Pointer = {
    0,  1,  kNone, kNone, 2,  2,  9,  8,  12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,
    12, 12, 12,    12,    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16};

// RFC 7915 section 4.2: the MTU never falls under IPv6's least.
std::uint32_t ipv6_mtu(unsigned advertised, NextHopMtus mtus, unsigned quoted_length) noexcept {
  if (advertised == 0) {  // a router from before RFC 1191 says none
    const auto* plateau =
        std::ranges::find_if(kPlateaus, [quoted_length](unsigned value) { return value < quoted_length; });
    if (plateau == kPlateaus.end()) return kLeastIpv6Mtu;
    advertised = *plateau;
  }
  const unsigned least = std::min({advertised + kHeaderDifference, mtus.ipv6, mtus.ipv4 + kHeaderDifference});
  return std::max(kLeastIpv6Mtu, least);
}

// RFC 7915 section 5.2. A packet with a fragment header loses that as well.
std::uint32_t ipv4_mtu(unsigned advertised, NextHopMtus mtus, bool quoted_fragment) noexcept {
  const unsigned less = kHeaderDifference + (quoted_fragment ? unsigned{sizeof(Ipv6FragmentHeader)} : 0U);
  const unsigned ipv6 = std::min(advertised, mtus.ipv6);
  return std::max(kLeastIpv4Mtu, std::min(ipv6 > less ? ipv6 - less : 0, mtus.ipv4));
}

Translated unreachable_for_ipv6(const IcmpMessage& message, NextHopMtus mtus,
                                unsigned quoted_length) noexcept {
  switch (message.code) {
    case 0:   // network unreachable
    case 1:   // host unreachable
    case 5:   // source route failed
    case 6:   // network unknown
    case 7:   // host unknown
    case 8:   // source isolated
    case 11:  // network unreachable for this type of service
    case 12:  // host unreachable for this type of service
      return IcmpMessage{icmpv6::kUnreachable, icmpv6::kCodeNoRoute};
    case icmp::kCodeProtocolUnreachable:
      return IcmpMessage{icmpv6::kParameterProblem, icmpv6::kCodeUnknownNextHeader, kNextHeaderPointer};
    case icmp::kCodePortUnreachable:
      return IcmpMessage{icmpv6::kUnreachable, icmpv6::kCodePortUnreachable};
    case icmp::kCodeFragmentationNeeded:
      return IcmpMessage{icmpv6::kPacketTooBig, 0, ipv6_mtu(message.word & 0xffffU, mtus, quoted_length)};
    case 9:  // network prohibited
    case icmp::kCodeHostProhibited:
    case icmp::kCodeAdminProhibited:
    case 15:  // precedence cut off
      return IcmpMessage{icmpv6::kUnreachable, icmpv6::kCodeAdminProhibited};
    default:
      return {};
  }
}

Translated unreachable_for_ipv4(const IcmpMessage& message) noexcept {
  constexpr std::uint8_t kCodeBeyondScope = 2;
  switch (message.code) {
    case icmpv6::kCodeNoRoute:
    case kCodeBeyondScope:
    case icmpv6::kCodeAddressUnreachable:
      return IcmpMessage{icmp::kUnreachable, icmp::kCodeHostUnreachable};
    case icmpv6::kCodeAdminProhibited:
      return IcmpMessage{icmp::kUnreachable, icmp::kCodeHostProhibited};
    case icmpv6::kCodePortUnreachable:
      return IcmpMessage{icmp::kUnreachable, icmp::kCodePortUnreachable};
    default:
      return {};
  }
}

Translated problem_for_ipv6(const IcmpMessage& message) noexcept {
  constexpr std::uint8_t kCodePointer = 0;
  constexpr std::uint8_t kCodeBadLength = 2;
  const std::uint32_t pointer = message.word >> 24;
  if (message.code != kCodePointer && message.code != kCodeBadLength) return {};
  if (pointer >= kIpv6Pointer.size() || kIpv6Pointer[pointer] == kNone) return {};
  return IcmpMessage{icmpv6::kParameterProblem, icmpv6::kCodeErroneousField,
                     static_cast<std::uint32_t>(kIpv6Pointer[pointer])};
}

Translated problem_for_ipv4(const IcmpMessage& message) noexcept {
  if (message.code == icmpv6::kCodeUnknownNextHeader)
    return IcmpMessage{icmp::kUnreachable, icmp::kCodeProtocolUnreachable};
  if (message.code != icmpv6::kCodeErroneousField || message.word >= kIpv4Pointer.size() ||
      kIpv4Pointer[message.word] == kNone) {
    return {};
  }
  return IcmpMessage{icmp::kParameterProblem, 0,
                     static_cast<std::uint32_t>(kIpv4Pointer[message.word]) << 24};
}

// `change` is the pseudo-header's. An echo's code is 0 on both sides.
void rewrite_echo(IcmpHeader& icmp, std::uint8_t type, be16 id, ChecksumSum change) noexcept {
  const be16 before(static_cast<std::uint16_t>(icmp.type << 8));
  const be16 after(static_cast<std::uint16_t>(type << 8));
  change += difference(before.wire(), after.wire()) + difference(icmp.id.wire(), id.wire());
  icmp.type = type;
  icmp.id = id;
  icmp.checksum = finish(static_cast<std::uint16_t>(~icmp.checksum.wire()) + change);
}

}  // namespace

// RFC 7915 section 4.2. What is not named here is for one hop, obsolete or unknown, and dropped silently.
Translated icmpv6_for(const IcmpMessage& message, NextHopMtus mtus, unsigned quoted_length) noexcept {
  switch (message.type) {
    case icmp::kEchoRequest:
      return IcmpMessage{icmpv6::kEchoRequest, message.code, message.word};
    case icmp::kEchoReply:
      return IcmpMessage{icmpv6::kEchoReply, message.code, message.word};
    case icmp::kUnreachable:
      return unreachable_for_ipv6(message, mtus, quoted_length);
    case icmp::kTimeExceeded:
      return IcmpMessage{icmpv6::kTimeExceeded, message.code};
    case icmp::kParameterProblem:
      return problem_for_ipv6(message);
    default:
      return {};
  }
}

// RFC 7915 section 5.2, as above.
Translated icmpv4_for(const IcmpMessage& message, NextHopMtus mtus, bool quoted_fragment) noexcept {
  switch (message.type) {
    case icmpv6::kEchoRequest:
      return IcmpMessage{icmp::kEchoRequest, message.code, message.word};
    case icmpv6::kEchoReply:
      return IcmpMessage{icmp::kEchoReply, message.code, message.word};
    case icmpv6::kUnreachable:
      return unreachable_for_ipv4(message);
    case icmpv6::kPacketTooBig:
      return IcmpMessage{icmp::kUnreachable, icmp::kCodeFragmentationNeeded,
                         ipv4_mtu(message.word, mtus, quoted_fragment)};
    case icmpv6::kTimeExceeded:
      return IcmpMessage{icmp::kTimeExceeded, message.code};
    case icmpv6::kParameterProblem:
      return problem_for_ipv4(message);
    default:
      return {};
  }
}

bool translate_echo_to_ipv6(IcmpHeader& icmp, std::uint32_t length, const Ipv6Ends& ends, be16 id) noexcept {
  if (icmp.type != icmp::kEchoRequest && icmp.type != icmp::kEchoReply) return false;
  const std::uint8_t type = icmp.type == icmp::kEchoRequest ? icmpv6::kEchoRequest : icmpv6::kEchoReply;
  rewrite_echo(icmp, type, id, pseudo_header(ends.source, ends.destination, protocol::kIcmpv6, length));
  return true;
}

bool translate_echo_to_ipv4(IcmpHeader& icmp, std::uint32_t length, const Ipv6Ends& ends, be16 id) noexcept {
  if (icmp.type != icmpv6::kEchoRequest && icmp.type != icmpv6::kEchoReply) return false;
  const std::uint8_t type = icmp.type == icmpv6::kEchoRequest ? icmp::kEchoRequest : icmp::kEchoReply;
  const ChecksumSum before = pseudo_header(ends.source, ends.destination, protocol::kIcmpv6, length);
  rewrite_echo(icmp, type, id, difference(before, 0));
  // The sum over an echo reply may be of zeros alone; then a checksum of 0 would not be right, and ones
  // always are.
  if (icmp.checksum == be16{}) icmp.checksum = be16(0xffff);
  return true;
}

}  // namespace millrace::net
