// SPDX-License-Identifier: BSD-3-Clause
// A frame from bytes, parsed with each length its packet could have. What must hold: offsets in order and
// within the bytes present, for the packet inside an ICMP error as well; and the fast path says what the slow
// one does.
#include <algorithm>
#include <array>
#include <memory>

#include "common/net/parse.h"
#include "tests/fuzz/input.h"

namespace {

using namespace millrace;
using fuzz::require;
using net::Headers;
using net::IpParseOptions;
using net::ParseError;

bool same(const Headers& a, const Headers& b) {
  return a.l3_offset == b.l3_offset && a.l4_offset == b.l4_offset && a.payload_offset == b.payload_offset &&
         a.end_offset == b.end_offset && a.source_port == b.source_port &&
         a.destination_port == b.destination_port && a.fragment_offset == b.fragment_offset &&
         a.outer_vlan == b.outer_vlan && a.inner_vlan == b.inner_vlan && a.protocol == b.protocol &&
         a.tcp_flags == b.tcp_flags && a.icmp_code == b.icmp_code && a.family == b.family &&
         a.is_fragment == b.is_fragment && a.more_fragments == b.more_fragments &&
         a.has_ports == b.has_ports && a.tagged == b.tagged;
}

// What every stage relies on once there was no error.
void check(const Headers& headers, std::size_t present, std::size_t length, IpParseOptions options) {
  require(headers.l3_offset <= headers.l4_offset, "the transport header begins behind the network header");
  require(headers.l4_offset <= headers.payload_offset, "the payload begins behind the transport header");
  require(headers.payload_offset <= headers.end_offset, "the payload ends behind its beginning");
  require(headers.payload_offset <= present, "the headers are there");
  require(options.truncated || headers.end_offset <= length, "the datagram ends within the frame");
  require(headers.fragment_offset % 8 == 0, "fragments begin at multiples of 8");
  require(headers.is_fragment == (headers.more_fragments || headers.fragment_offset != 0),
          "a fragment is one that has others before or behind it");
  require(!headers.later_fragment() || !headers.has_ports, "a later fragment has no ports");
  if (headers.family == Headers::kArp) {
    require(headers.l3_offset + sizeof(net::ArpHeader) <= present, "ARP is whole");
    return;
  }
  require(headers.is_ipv4() || headers.is_ipv6(), "IP or ARP");
  const std::size_t least = headers.is_ipv4() ? sizeof(net::Ipv4Header) : sizeof(net::Ipv6Header);
  require(headers.l3_offset + least <= headers.l4_offset, "the network header is whole");
  require(options.truncated || !headers.has_ports || headers.payload_offset >= headers.l4_offset + 8U,
          "ports were read from somewhere");
  if (headers.protocol == net::protocol::kTcp && !headers.is_fragment && !options.truncated)
    require(headers.payload_offset >= headers.l4_offset + sizeof(net::TcpHeader), "the TCP header is whole");
}

void parse_embedded(Bytes frame, std::size_t offset, std::uint8_t family) {
  for (const bool truncated : {false, true}) {
    Headers headers;
    headers.family = family & 0xfU;
    headers.l3_offset = static_cast<std::uint16_t>(offset);
    const IpParseOptions options{.check_ipv4_checksum = false, .truncated = truncated};
    if (net::parse_ip(frame, frame.size(), headers, options) != ParseError::kNone) continue;
    check(headers, frame.size(), frame.size(), options);
  }
}

void parse(Bytes frame, std::size_t length, IpParseOptions options) {
  Headers headers;
  Headers slow;
  const ParseError error = net::parse_frame(frame, length, headers, options);
  const ParseError slow_error = net::parse_frame_slow(frame, length, slow, options);
  require(error == slow_error, "both paths find the same error");
  require(same(headers, slow), "both paths read the same headers");
  if (error != ParseError::kNone) return;
  check(headers, frame.size(), length, options);
  const bool icmp = headers.protocol == net::protocol::kIcmp || headers.protocol == net::protocol::kIcmpv6;
  if (headers.family != Headers::kArp && icmp && !headers.later_fragment())
    parse_embedded(frame, headers.payload_offset, headers.family);
}

}  // namespace

// The first byte says how much of the rest is the packet's first segment, in 256ths; 0 is all of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t whole = size - 1;
  const std::size_t present = data[0] == 0 ? whole : whole * data[0] / 256;
  // A copy of the exact size, so that a sanitizer sees the first byte read past the end.
  const auto copy = std::make_unique<std::uint8_t[]>(present);
  std::copy_n(data + 1, present, copy.get());
  const Bytes frame(copy.get(), present);
  for (const std::size_t length : {present, whole, std::size_t{65535}, std::size_t{65600}}) {
    if (length < present) continue;
    for (const bool checksum : {true, false}) {
      for (const bool truncated : {false, true})
        parse(frame, length, {.check_ipv4_checksum = checksum, .truncated = truncated});
    }
  }
  if (present != 0) {
    parse_embedded(frame, 0, frame[0] >> 4U == 6 ? 6 : 4);
    parse_embedded(frame, present / 2, 4);
    parse_embedded(frame, present / 2, 6);
  }
  return 0;
}
