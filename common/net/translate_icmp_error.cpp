// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/translate_icmp_error.h"

#include <algorithm>
#include <cstring>

#include "common/net/icmp.h"

namespace millrace::net {
namespace {

// RFC 4884 section 4: what of the packet in error comes before an extension at least, padded with zeros.
constexpr std::size_t kLeastBeforeExtension = 128;
// In what units the length attribute counts.
constexpr unsigned kIcmpv4Unit = 4;
constexpr unsigned kIcmpv6Unit = 8;

// RFC 4884 sections 4.1 to 4.5: messages with a length attribute, and so maybe an extension.
constexpr bool may_be_extended_v4(std::uint8_t type) noexcept {
  return type == icmp::kUnreachable || type == icmp::kTimeExceeded || type == icmp::kParameterProblem;
}
constexpr bool may_be_extended_v6(std::uint8_t type) noexcept {
  return type == icmpv6::kUnreachable || type == icmpv6::kTimeExceeded;
}

// An error taken apart.
struct Parts {
  const IcmpHeader* icmp = nullptr;
  std::uint32_t word = 0;  // behind the checksum, in host order
  Bytes datagram;          // what came of the packet in error, and maybe zeros that pad it
  Bytes extension;
};

// False for what is no error, or is cut off.
bool take_apart(const IcmpError& error, Parts& parts) noexcept {
  if (!is_icmp_error(error.headers) || error.headers.is_fragment) return false;
  Reader reader(error.frame.first(std::min<std::size_t>(error.frame.size(), error.headers.end_offset)));
  if (!reader.skip(error.headers.l4_offset)) return false;
  parts.icmp = reader.read<IcmpHeader>();
  if (parts.icmp == nullptr || error.quoted.l3_offset != reader.offset()) return false;

  parts.word = std::uint32_t{parts.icmp->id.host()} << 16 | parts.icmp->sequence.host();
  std::size_t length = 0;
  if (error.headers.is_ipv4() && may_be_extended_v4(parts.icmp->type)) {
    length = std::size_t{parts.word >> 16 & 0xffU} * kIcmpv4Unit;
  } else if (error.headers.is_ipv6() && may_be_extended_v6(parts.icmp->type)) {
    length = std::size_t{parts.word >> 24} * kIcmpv6Unit;
  }
  const Bytes rest = reader.rest();
  const bool extended = length != 0 && length < rest.size();
  parts.datagram = extended ? rest.first(length) : rest;
  parts.extension = extended ? rest.subspan(length) : Bytes{};
  return true;
}

// What goes behind the new ICMP header: the new header of the packet in error, the rest of that packet, zeros
// up to `padded`, the extension.
struct Body {
  Bytes header;
  Bytes rest;
  std::size_t padded = 0;
  Bytes extension;

  [[nodiscard]] std::size_t size() const noexcept { return padded + extension.size(); }
};

// RFC 7915 sections 4.2 and 5.2, RFC 4884: the datagram makes room for the extension as far as it may; an
// extension that still does not fit goes as a whole, as a part of one is none.
Body fit(const NewHeader& header, const Parts& parts, bool extended, unsigned unit,
         std::size_t room) noexcept {
  Body body;
  body.header = Bytes(header.bytes).first(header.length);
  body.rest = parts.datagram.subspan(header.replaced);
  std::size_t most = room;
  if (extended && !parts.extension.empty() && kLeastBeforeExtension + parts.extension.size() <= room) {
    body.extension = parts.extension;
    most = (room - parts.extension.size()) / unit * unit;
  }
  body.rest = body.rest.first(std::min(body.rest.size(), most - header.length));
  body.padded = header.length + body.rest.size();
  if (!body.extension.empty())
    body.padded = std::max(kLeastBeforeExtension, (body.padded + unit - 1) / unit * unit);
  return body;
}

// Copies all of it but the ICMP header, and returns where that is.
IcmpHeader& lay_out(std::uint8_t* out, const NewHeader& outer, const Body& body) noexcept {
  std::memcpy(out, outer.bytes.data(), outer.length);
  auto& icmp = *reinterpret_cast<IcmpHeader*>(out + outer.length);
  std::uint8_t* at = out + outer.length + sizeof icmp;
  std::memcpy(at, body.header.data(), body.header.size());
  std::uint8_t* rest = at + body.header.size();
  if (!body.rest.empty()) std::memcpy(rest, body.rest.data(), body.rest.size());
  std::memset(rest + body.rest.size(), 0, body.padded - body.header.size() - body.rest.size());
  if (!body.extension.empty()) std::memcpy(at + body.padded, body.extension.data(), body.extension.size());
  return icmp;
}

// The error's headers as if it carried `body`: of what length the new IP header speaks.
Headers resized(const Headers& headers, const Body& body) noexcept {
  Headers other = headers;
  other.end_offset = static_cast<std::uint16_t>(headers.l4_offset + sizeof(IcmpHeader) + body.size());
  return other;
}

// Ports and checksum of the packet in error, as far as they are there. False when it is to be dropped:
// section 4.3, 5.3, headers end at the first packet inside, which so is no error itself.
template <class Ends>
bool rewrite_quoted(MutableBytes l4, const Headers& quoted, const QuotedAs<Ends>& as, const Ipv6Ends& ipv6,
                    ChecksumSum change) noexcept {
  if (protocol::is_icmp(quoted.protocol)) {
    if (!quoted.has_ports || l4.size() < sizeof(IcmpHeader)) return false;
    auto& icmp = *reinterpret_cast<IcmpHeader*>(l4.data());
    const std::uint32_t length = quoted.end_offset - std::uint32_t{quoted.l4_offset};
    return quoted.is_ipv4() ? translate_echo_to_ipv6(icmp, length, ipv6, as.source_port)
                            : translate_echo_to_ipv4(icmp, length, ipv6, as.source_port);
  }
  if (!quoted.has_ports || l4.size() < sizeof(UdpHeader)) return true;  // a later fragment has none
  auto& ports = *reinterpret_cast<UdpHeader*>(l4.data());
  change += difference(ports.source_port.wire(), as.source_port.wire()) +
            difference(ports.destination_port.wire(), as.destination_port.wire());
  ports.source_port = as.source_port;
  ports.destination_port = as.destination_port;
  const std::size_t reach = quoted.protocol == protocol::kTcp ? sizeof(TcpHeader) : sizeof(UdpHeader);
  if (l4.size() >= reach) change_transport_checksum(l4.data(), quoted.protocol, change);
  return true;
}

// Whether the new header stops where the transport header begins: not when an AH is between.
bool reaches(const NewHeader& header, const Headers& headers) noexcept {
  return headers.l3_offset + unsigned{header.replaced} == headers.l4_offset;
}

void set_fields(IcmpHeader& icmp, const IcmpMessage& message, std::uint32_t length_attribute) noexcept {
  const std::uint32_t word = message.word | length_attribute;
  icmp = {};
  icmp.type = message.type;
  icmp.code = message.code;
  icmp.id = be16(static_cast<std::uint16_t>(word >> 16));
  icmp.sequence = be16(static_cast<std::uint16_t>(word));
}

}  // namespace

std::size_t translate_error_to_ipv6(const IcmpError& error, const Ipv6Ends& ends,
                                    const QuotedAs<Ipv6Ends>& quoted,
                                    std::span<std::uint8_t, kMostIcmpv6Error> out) noexcept {
  Parts parts;
  if (!error.headers.is_ipv4() || !error.quoted.is_ipv4() || !take_apart(error, parts)) return 0;
  NewHeader inner;
  if (translate_to_ipv6(error.frame, error.quoted, quoted.ends, inner) != TranslationError::kNone ||
      inner.replaced > parts.datagram.size()) {
    return 0;
  }
  const auto& ip = *reinterpret_cast<const Ipv4Header*>(parts.datagram.data());
  const auto message =
      icmpv6_for({parts.icmp->type, parts.icmp->code, parts.word}, error.mtus, ip.total_length.host());
  if (!message) return 0;
  constexpr std::size_t kRoom = kMostIcmpv6Error - sizeof(Ipv6Header) - sizeof(IcmpHeader);
  const Body body = fit(inner, parts, may_be_extended_v6(message->type), kIcmpv6Unit, kRoom);
  NewHeader outer;
  if (translate_to_ipv6(error.frame, resized(error.headers, body), ends, outer) != TranslationError::kNone)
    return 0;

  IcmpHeader& icmp = lay_out(out.data(), outer, body);
  const MutableBytes message_bytes = out.subspan(outer.length, sizeof icmp + body.size());
  const bool kept =
      rewrite_quoted(message_bytes.subspan(sizeof icmp + inner.length, body.rest.size()), error.quoted,
                     quoted, quoted.ends, address_change(Ipv4Ends::of(ip), quoted.ends));
  if (!kept) return 0;
  set_fields(icmp, *message,
             body.extension.empty() ? 0 : static_cast<std::uint32_t>(body.padded / kIcmpv6Unit) << 24);
  icmp.checksum =
      finish(sum_bytes(message_bytes, pseudo_header(ends.source, ends.destination, protocol::kIcmpv6,
                                                    static_cast<std::uint32_t>(message_bytes.size()))));
  return outer.length + message_bytes.size();
}

std::size_t translate_error_to_ipv4(const IcmpError& error, const Ipv4Ends& ends, be16 id,
                                    const QuotedAs<Ipv4Ends>& quoted,
                                    std::span<std::uint8_t, kMostIcmpv4Error> out) noexcept {
  Parts parts;
  if (!error.headers.is_ipv6() || !error.quoted.is_ipv6() || !take_apart(error, parts)) return 0;
  // What an IPv4 sender gave as identification is gone, and nobody puts together what is quoted.
  NewHeader inner;
  if (translate_to_ipv4(error.frame, error.quoted, quoted.ends, be16{}, inner) != TranslationError::kNone ||
      inner.replaced > parts.datagram.size() || !reaches(inner, error.quoted)) {
    return 0;
  }
  const auto message =
      icmpv4_for({parts.icmp->type, parts.icmp->code, parts.word}, error.mtus, inner.fragment_header);
  if (!message) return 0;
  constexpr std::size_t kRoom = kMostIcmpv4Error - sizeof(Ipv4Header) - sizeof(IcmpHeader);
  const Body body = fit(inner, parts, may_be_extended_v4(message->type), kIcmpv4Unit, kRoom);
  NewHeader outer;
  if (translate_to_ipv4(error.frame, resized(error.headers, body), ends, id, outer) !=
          TranslationError::kNone ||
      !reaches(outer, error.headers)) {
    return 0;
  }

  IcmpHeader& icmp = lay_out(out.data(), outer, body);
  const MutableBytes message_bytes = out.subspan(outer.length, sizeof icmp + body.size());
  const Ipv6Ends before = Ipv6Ends::of(*reinterpret_cast<const Ipv6Header*>(parts.datagram.data()));
  const bool kept = rewrite_quoted(message_bytes.subspan(sizeof icmp + inner.length, body.rest.size()),
                                   error.quoted, quoted, before, address_change(before, quoted.ends));
  if (!kept) return 0;
  set_fields(icmp, *message,
             body.extension.empty() ? 0 : static_cast<std::uint32_t>(body.padded / kIcmpv4Unit) << 16);
  icmp.checksum = finish(sum_bytes(message_bytes));
  return outer.length + message_bytes.size();
}

}  // namespace millrace::net
