// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/decapsulate.h"

#include <limits>

#include "common/core/chain_sum.h"
#include "common/core/decapsulate_ordinary.h"
#include "common/core/link_header.h"
#include "common/net/ecn.h"
#include "common/net/transport.h"

namespace millrace::core {
namespace {

using net::Headers;
using net::OverlayHeader;
using net::OverlayPayload;
using net::OverlayType;

InterfaceId find_interface(const Packet& packet, const Network& network, OverlayType type,
                           const OverlayHeader& found) noexcept {
  OverlayTable::Key key{packet.destination(), packet.source(), type, packet.domain, found.id};
  const InterfaceId listed = network.overlays.find(key);
  if (listed.valid()) [[likely]]
    return listed;
  key.remote = key.local.is_v4() ? net::IpAddress(net::Ipv4Address{}) : net::IpAddress(net::Ipv6Address{});
  return network.overlays.find(key);
}

Drop drop_of(net::OverlayError error) noexcept {
  switch (error) {
    case net::OverlayError::kNone:
      return Drop::kNone;
    case net::OverlayError::kBad:
      break;
    case net::OverlayError::kControl:
      return Drop::kOverlayControl;
    case net::OverlayError::kCritical:
      return Drop::kOverlayOption;
  }
  return Drop::kOverlayHeader;
}

// UDP's or GRE's own. RFC 7348 section 5, RFC 6935 section 5: over IPv6 there is one, unless both ends
// agreed.
bool checksum_ok(const Packet& packet, const OverlayHeader& found, const Overlay& overlay) noexcept {
  const Headers& headers = packet.headers;
  if (headers.protocol == net::protocol::kUdp) {
    const bool none = packet.l4_as<net::UdpHeader>().checksum == be16{};
    return none ? headers.is_ipv4() || overlay.zero_checksum : checksum_believed(packet);
  }
  return !found.has_checksum || net::fold(sum_of_chain(packet.mbuf, headers.l4_offset,
                                                       headers.end_offset - headers.l4_offset)) == 0xffff;
}

bool carries(const Overlay& overlay, OverlayPayload payload) noexcept {
  return overlay.end.ethernet ? payload == OverlayPayload::kEthernet
                              : payload == OverlayPayload::kIpv4 || payload == OverlayPayload::kIpv6;
}

Drop judge(const Packet& packet, const Network& network, const OverlayHeader& found,
           InterfaceId interface) noexcept {
  if (!interface.valid()) return Drop::kOverlayUnknown;
  const Overlay& overlay = *network.interfaces[interface.value()].overlay;
  if (!carries(overlay, found.payload) || packet.mbuf->data_len <= found.payload_offset ||
      packet.headers.end_offset <= found.payload_offset)
    return Drop::kOverlayPayload;
  return checksum_ok(packet, found, overlay) ? Drop::kNone : Drop::kOverlayChecksum;
}

// The buffer begins and ends where what is inside does.
void take_off(Packet& packet, const OverlayHeader& found, bool ethernet) noexcept {
  rte_mbuf& mbuf = *packet.mbuf;
  const unsigned outer = found.payload_offset - unsigned{packet.headers.l3_offset};
  unsigned strip = found.payload_offset;
  if (!ethernet) {
    const LinkHeader link(packet);
    link.put_before(packet.bytes() + found.payload_offset, found.payload == OverlayPayload::kIpv4);
    strip -= link.length();
  }
  packet.outer_length = outer <= std::numeric_limits<std::uint8_t>::max() && ethernet
                            ? static_cast<std::uint8_t>(outer)
                            : std::uint8_t{0};
  strip_outer(mbuf, strip, packet.headers.end_offset);
}

}  // namespace

Decapsulated decapsulate(Batch& batch, Packet& packet, const Network& network) noexcept {
  const Headers& headers = packet.headers;
  const auto type = network.overlays.type_of(headers);
  if (!type) [[likely]]
    return Decapsulated::kNo;
  OverlayHeader found;
  Drop reason = Drop::kOverlayFragment;
  InterfaceId interface;
  if (!headers.is_fragment) [[likely]] {
    reason = drop_of(read_overlay(*type, packet.first_segment(), headers, found));
    if (reason == Drop::kNone) [[likely]] {
      interface = find_interface(packet, network, *type, found);
      reason = judge(packet, network, found, interface);
    }
  }
  if (reason != Drop::kNone) [[unlikely]] {
    // What is on its way to somebody else is as good as any other packet.
    if (!network.overlays.ends_at(*type, packet.domain, packet.destination())) return Decapsulated::kNo;
    batch.drop(packet, reason);
    return Decapsulated::kDropped;
  }
  packet.outer_ecn = net::traffic_class_of(packet.l3(), headers.is_ipv4()) & net::ecn::kMask;
  take_off(packet, found, network.interfaces[interface.value()].overlay->end.ethernet);
  packet.headers = {};
  packet.ingress = interface;
  batch.unfinished &= ~(std::uint64_t{1} << batch.lane(packet));
  return Decapsulated::kYes;
}

net::IpAddress far_end(const rte_mbuf& mbuf, unsigned before) noexcept {
  const auto* ip = rte_pktmbuf_mtod(&mbuf, const std::uint8_t*) - before;
  return ip[0] >> 4U == 4 ? net::IpAddress(reinterpret_cast<const net::Ipv4Header*>(ip)->source)
                          : net::IpAddress(reinterpret_cast<const net::Ipv6Header*>(ip)->source);
}

}  // namespace millrace::core
