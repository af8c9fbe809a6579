// SPDX-License-Identifier: BSD-3-Clause
// Out of an overlay the short way: OverlayTable::Ordinary. Data path.
#pragma once

#include "common/core/batch.h"
#include "common/core/network.h"
#include "common/core/receive_marks.h"
#include "common/net/ecn.h"

namespace millrace::core {

// The buffer begins and ends where what was inside does; what the port said was of the outer packet.
inline void strip_outer(rte_mbuf& mbuf, unsigned front, unsigned end) noexcept {
  mbuf.data_off = static_cast<std::uint16_t>(mbuf.data_off + front);
  mbuf.data_len = static_cast<std::uint16_t>(mbuf.data_len - front);
  const unsigned padding = mbuf.pkt_len - end;
  mbuf.pkt_len -= front;
  mbuf.ol_flags &= ~(RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_LRO);
  if (padding != 0) [[unlikely]]
    static_cast<void>(rte_pktmbuf_trim(&mbuf, static_cast<std::uint16_t>(padding)));
}

// Of a packet as a port delivered it, not read yet. True when its bytes are the frame inside now, and its
// ingress the overlay's interface. False, and nothing done, for any that is out of the ordinary, or no
// overlay's.
[[nodiscard, gnu::always_inline]] inline bool decapsulate_ordinary(Packet& packet,
                                                                   const OverlayTable& overlays) noexcept {
  constexpr unsigned kL3 = sizeof(net::EthernetHeader);
  constexpr unsigned kL4 = kL3 + sizeof(net::Ipv4Header);
  constexpr unsigned kShim = kL4 + sizeof(net::UdpHeader);
  constexpr unsigned kInside = kShim + sizeof(net::VxlanHeader);
  rte_mbuf& mbuf = *packet.mbuf;
  if (mbuf.data_len < kInside + sizeof(net::EthernetHeader)) return false;
  const std::uint8_t* frame = packet.bytes();
  const auto& ip = *reinterpret_cast<const net::Ipv4Header*>(frame + kL3);
  const auto& udp = *reinterpret_cast<const net::UdpHeader*>(frame + kL4);
  const auto& ethernet = *reinterpret_cast<const net::EthernetHeader*>(frame);
  if (ethernet.type != be16(net::ether_type::kIpv4) || ip.version_length != 0x45 ||
      ip.protocol != net::protocol::kUdp || udp.checksum != be16{})
    return false;
  OverlayTable::OrdinaryKey key;
  std::uint32_t shim = 0;
  std::memcpy(&key.addresses, &ip.source, sizeof key.addresses);
  std::memcpy(&shim, frame + kShim, sizeof shim);
  std::memcpy(&key.vni, frame + kShim + sizeof shim, sizeof key.vni);
  key.vni &= 0x00ffffff;  // as it lies; the last byte is reserved
  const OverlayTable::Ordinary* found = overlays.find(key);
  if (found == nullptr) return false;
  const unsigned end = kL3 + ip.total_length.host();
  const bool as_usual =
      udp.destination_port == found->udp_port && mbuf.port == found->port.value() &&
      ethernet.destination == found->mac && (shim & found->shim_mask) == found->shim_value &&
      (ip.fragment.host() & ~net::Ipv4Header::kDontFragment) == 0 && end <= mbuf.pkt_len && end > kInside &&
      udp.length.host() == end - kL4 && (mbuf.ol_flags & kReceiveMarks) == 0;
  if (!as_usual || (!ipv4_checked(mbuf) && !net::ipv4_checksum_ok(ip))) [[unlikely]]
    return false;
  packet.outer_length = kInside - kL3;
  packet.outer_ecn = ip.tos & net::ecn::kMask;
  packet.ingress = found->interface;
  strip_outer(mbuf, kInside, end);
  return true;
}

}  // namespace millrace::core
