// SPDX-License-Identifier: BSD-3-Clause
// What stands in front of a frame, or a datagram, that an overlay carries to one far end, from the outer link
// header on. Made once for each far end, completed for each packet. No DPDK. Data path, but for what makes
// it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "common/net/address.h"
#include "common/net/checksum.h"
#include "common/net/overlay_header.h"

namespace millrace::net {

// One end of an overlay, and its far end.
struct OverlayEnd {
  OverlayType type = OverlayType::kVxlan;
  std::uint32_t id = 0;  // VNI, or GRE's key
  bool keyed = false;    // GRE: whether there is one
  bool ethernet = true;  // what is inside: frames; else datagrams of both families
  std::uint16_t udp_port = kVxlanPort;
  IpAddress local;
  IpAddress remote;  // of the same family
  std::uint8_t ttl = 64;
};

class OverlayOuter {
 public:
  static constexpr unsigned kMostLink = sizeof(EthernetHeader) + 2 * sizeof(VlanTag);
  // Written in front of what is inside; more than the headers may be.
  static constexpr unsigned kMostBytes = 80;

  OverlayOuter() noexcept = default;
  explicit OverlayOuter(const OverlayEnd& end) noexcept;

  // The Ethernet header and the tags; their last type is written here. At most kMostLink bytes.
  void set_link(Bytes link) noexcept;

  [[nodiscard]] unsigned length() const noexcept { return length_; }  // link header included
  [[nodiscard]] unsigned link_length() const noexcept { return link_length_; }
  [[nodiscard]] bool is_udp() const noexcept { return udp_; }
  [[nodiscard]] bool is_ipv4() const noexcept { return ipv4_; }

  // What of the packet inside is told outside.
  struct Inside {
    unsigned length;             // bytes behind the outer headers
    std::uint8_t traffic_class;  // DSCP and ECN of the outer header
    std::uint32_t flow;          // a hash that all packets of the flow share
    bool ipv4;                   // of a datagram: its family
  };
  // Writes the headers in front of `inner`. The UDP checksum is zero. Returns where the outer IP header
  // begins.
  std::uint8_t* write(std::uint8_t* inner, const Inside& what) const noexcept;

 private:
  static constexpr std::size_t kOrdinary = 64;  // of these, enough for IPv4

  std::array<std::uint8_t, kMostBytes> bytes_{};  // the headers at its end
  std::uint16_t sum_ = 0;                         // of the IPv4 header, without what is written per packet
  std::uint8_t length_ = 0;
  std::uint8_t link_length_ = 0;
  std::uint8_t behind_ip_ = 0;  // bytes between the IP header and what is inside
  bool ipv4_ = true;
  bool udp_ = true;
  std::uint8_t family_before_ = 0;  // so many bytes before what is inside stands its family; 0: it is fixed
  bool short_family_ = false;       // in one byte: VXLAN-GPE's next protocol
};

// The source port stands for the flow, so that routers and the far end spread flows (RFC 7348 section 5, RFC
// 8926 section 3.3), and over IPv6 the label does (RFC 6438 section 3).
[[gnu::always_inline]] inline std::uint8_t* OverlayOuter::write(std::uint8_t* inner,
                                                                const Inside& what) const noexcept {
  std::uint8_t* const behind_ip = inner - behind_ip_;
  std::uint8_t* l3 = nullptr;
  if (ipv4_) [[likely]] {
    std::memcpy(inner - kOrdinary, bytes_.data() + kMostBytes - kOrdinary, kOrdinary);
    l3 = behind_ip - sizeof(Ipv4Header);
    auto& ip = *reinterpret_cast<Ipv4Header*>(l3);
    const be16 total(static_cast<std::uint16_t>(sizeof ip + behind_ip_ + what.length));
    // Three words carry over twice at most.
    std::uint32_t sum = std::uint32_t{sum_} + be16(what.traffic_class).wire() + total.wire();
    sum = (sum & 0xffffU) + (sum >> 16);
    sum += sum >> 16;
    ip.tos = what.traffic_class;
    ip.total_length = total;
    ip.checksum = be16::from_wire(static_cast<std::uint16_t>(~sum));
  } else {
    std::memcpy(inner - kMostBytes, bytes_.data(), kMostBytes);
    l3 = behind_ip - sizeof(Ipv6Header);
    auto& ip = *reinterpret_cast<Ipv6Header*>(l3);
    ip.version_class_flow =
        be32(0x60000000U | std::uint32_t{what.traffic_class} << 20 | (what.flow & 0xfffffU));
    ip.payload_length = be16(static_cast<std::uint16_t>(behind_ip_ + what.length));
  }
  if (udp_) [[likely]] {
    auto& udp = *reinterpret_cast<UdpHeader*>(behind_ip);
    udp.source_port = be16(static_cast<std::uint16_t>(0xc000U | what.flow));  // RFC 6335 section 6
    udp.length = be16(static_cast<std::uint16_t>(behind_ip_ + what.length));
  }
  if (family_before_ != 0) [[unlikely]] {
    std::uint8_t* const at = inner - family_before_;
    if (short_family_) {
      *at = what.ipv4 ? 1 : 2;  // draft-ietf-nvo3-vxlan-gpe-13 section 3.2
    } else {
      const be16 type(what.ipv4 ? ether_type::kIpv4 : ether_type::kIpv6);
      std::memcpy(at, &type, sizeof type);
    }
  }
  return l3;
}

}  // namespace millrace::net
