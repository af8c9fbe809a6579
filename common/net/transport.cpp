// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/transport.h"

namespace millrace::net {
namespace {

// RFC 6275 section 6.3: the option carries the address that the sender's upper layers use.
bool has_home_address(Bytes options) noexcept {
  constexpr std::uint8_t kPad1 = 0;
  constexpr std::uint8_t kHomeAddress = 201;
  while (!options.empty() && options[0] != kHomeAddress) {
    const std::size_t length = options[0] == kPad1 ? 1 : options.size() < 2 ? 2 : 2U + options[1];
    if (length > options.size()) return false;
    options = options.subspan(length);
  }
  return !options.empty();
}

}  // namespace

void set_transport_checksum(MutableBytes frame, const Headers& headers) noexcept {
  std::uint8_t* l4 = frame.data() + headers.l4_offset;
  const unsigned length = transport_length(headers, l4);
  be16& field = transport_checksum(l4, headers.protocol);
  field = be16{};
  field = finish_transport(
      sum_bytes(Bytes(l4, length), pseudo_header(headers, frame.data() + headers.l3_offset, length)),
      headers.protocol);
}

bool addresses_are_final(Bytes frame, const Headers& headers) noexcept {
  if (!headers.is_ipv6()) return true;
  Reader reader(frame.first(std::min<std::size_t>(frame.size(), headers.l4_offset)));
  if (!reader.skip(headers.l3_offset)) return true;
  const auto* ip = reader.read<Ipv6Header>();
  if (ip == nullptr) return true;
  // The parser has walked this chain: it ends at the transport header.
  for (std::uint8_t next = ip->next_header; next != headers.protocol;) {
    const auto* extension = reader.peek<Ipv6Extension>();
    if (extension == nullptr) return true;
    const std::size_t length = next == protocol::kAh             ? (std::size_t{extension->length} + 2) * 4
                               : next == protocol::kIpv6Fragment ? sizeof(Ipv6FragmentHeader)
                                                                 : (std::size_t{extension->length} + 1) * 8;
    const Bytes whole = reader.take(length);
    constexpr std::size_t kSegmentsLeft = 3;
    if (next == protocol::kIpv6Routing && whole.size() > kSegmentsLeft && whole[kSegmentsLeft] != 0)
      return false;
    if (next == protocol::kIpv6Destination && whole.size() > 2 && has_home_address(whole.subspan(2)))
      return false;
    if (whole.empty()) return true;
    next = extension->next_header;
  }
  return true;
}

void write_segment_headers(std::uint8_t* frame, const Headers& headers, const SegmentCut& cut,
                           unsigned index) noexcept {
  const unsigned length = cut.length(index);
  std::uint8_t* l3 = frame + headers.l3_offset;
  if (headers.is_ipv4()) {
    auto& ip = *reinterpret_cast<Ipv4Header*>(l3);
    ip.total_length =
        be16(static_cast<std::uint16_t>(headers.payload_offset - unsigned{headers.l3_offset} + length));
    // Each may be fragmented further on, so each has an id of its own, as the segments had: RFC 6864
    // section 4.3.
    ip.id = be16(static_cast<std::uint16_t>(ip.id.host() + index));
    set_ipv4_checksum(ip);
  } else {
    auto& ip = *reinterpret_cast<Ipv6Header*>(l3);
    const unsigned before = headers.l3_offset + static_cast<unsigned>(sizeof(Ipv6Header));
    ip.payload_length = be16(static_cast<std::uint16_t>(headers.payload_offset - before + length));
  }
  auto& tcp = *reinterpret_cast<TcpHeader*>(frame + headers.l4_offset);
  using namespace tcp_flag;
  tcp.sequence = be32(tcp.sequence.host() + cut.offset(index));
  // FIN and PSH end what was sent; CWR (RFC 3168 section 6.1.2) is said once, at its beginning.
  if (index + 1 < cut.count()) tcp.flags = static_cast<std::uint8_t>(tcp.flags & ~(kFin | kPsh));
  if (index != 0) tcp.flags = static_cast<std::uint8_t>(tcp.flags & ~kCwr);
}

}  // namespace millrace::net
