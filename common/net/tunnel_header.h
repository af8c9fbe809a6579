// SPDX-License-Identifier: BSD-3-Clause
// What stands in front of an IP datagram that travels inside another one: the headers of IP in IP (RFC 2003,
// RFC 2473), of GRE without key and checksum (RFC 2784), of GUE over UDP (draft-ietf-intarea-gue-09,
// variant 0, what Linux takes for `encap gue`); and the IP header, with UDP behind it where a NAT is on the
// way (RFC 3948), in front of ESP. Made once for each far end, completed for each datagram. No DPDK. Data
// path, but for the constructor.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "common/net/address.h"
#include "common/net/checksum.h"
#include "common/net/ecn.h"
#include "common/net/parse.h"
#include "common/net/wire.h"

namespace millrace::net {

enum class Tunnel : std::uint8_t { kNone, kIpIp, kGre, kGue, kEsp, kEspInUdp };

inline constexpr std::uint16_t kGuePort = 6080;  // IANA service name registry: gue
// When it leaves: RFC 2003 section 3.1 and RFC 2473 section 6.3 leave it to the entry of the tunnel.
inline constexpr std::uint8_t kTunnelTtl = 64;

// Whether routers may cut the outer datagram. As the inner one says, where that is IPv4 (RFC 2003
// section 3.1). An IPv6 one that any link has to carry may be cut (RFC 4213 section 3.2.2): its sender would
// make it no smaller.
[[nodiscard]] inline bool may_be_cut(const std::uint8_t* l3, bool ipv4, unsigned length) noexcept {
  constexpr unsigned kEveryLink = 1280;  // RFC 8200 section 5
  if (ipv4)
    return (reinterpret_cast<const Ipv4Header*>(l3)->fragment.host() & Ipv4Header::kDontFragment) == 0;
  return length <= kEveryLink;
}

// One cache line.
class alignas(64) TunnelHeader {
 public:
  static constexpr unsigned kMostBytes = 56;  // written in front of a datagram
  static constexpr unsigned kFragmentBytes = sizeof(Ipv6FragmentHeader);

  // What of a datagram is told outside.
  struct Inside {
    std::uint16_t length;        // bytes
    std::uint8_t traffic_class;  // DSCP and ECN, both copied: RFC 6040 section 4.1, normal mode
    bool may_be_cut;
    be16 id;             // of the outer IPv4 header, when it may be cut
    std::uint32_t flow;  // a hash that all packets of the flow share: so they take one way, and others others
  };

  TunnelHeader() noexcept = default;  // none
  // Datagrams of family `inside` to `far_end`. The outer TTL is one above kTunnelTtl, for egress takes one
  // off.
  TunnelHeader(Tunnel tunnel, Family inside, const IpAddress& far_end) noexcept;

  [[nodiscard]] Tunnel tunnel() const noexcept { return tunnel_; }
  [[nodiscard]] bool is_none() const noexcept { return tunnel_ == Tunnel::kNone; }
  [[nodiscard]] unsigned length() const noexcept { return length_; }
  [[nodiscard]] Family family() const noexcept { return outer_ipv4_ ? Family::kIpv4 : Family::kIpv6; }
  [[nodiscard]] std::uint8_t protocol() const noexcept { return protocol_; }  // of the outer datagram
  [[nodiscard]] unsigned ip_length() const noexcept {
    return outer_ipv4_ ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
  }

  // Of family(); once.
  void set_source(const IpAddress& source) noexcept;
  // ESP in UDP.
  void set_ports(be16 source, be16 destination) noexcept;

  // Writes the headers in front of the datagram at `inner`; what stood in the kMostBytes before it may be
  // overwritten. Returns where the outer datagram begins, length() before `inner`.
  std::uint8_t* write(std::uint8_t* inner, const Inside& what) const noexcept;

 private:
  static constexpr std::size_t kUdpAndGue = sizeof(UdpHeader) + sizeof(GueHeader);

  void write_shim(std::uint8_t* inner, const Inside& what) const noexcept;
  [[nodiscard]] std::uint8_t* write_ipv4(std::uint8_t* inner, const Inside& what) const noexcept;
  [[nodiscard]] std::uint8_t* write_ipv6(std::uint8_t* inner, const Inside& what) const noexcept;
  static void write_udp(UdpHeader& udp, const Inside& what) noexcept;

  std::array<std::uint8_t, kMostBytes> bytes_{};  // the headers at its end
  std::uint16_t sum_ = 0;                         // of the IPv4 header, without what is written per datagram
  std::uint8_t length_ = 0;
  std::uint8_t protocol_ = 0;
  Tunnel tunnel_ = Tunnel::kNone;
  bool outer_ipv4_ = true;
};
static_assert(sizeof(TunnelHeader) == 64);

// GUE: the source port stands for the flow, so that routers and the far end spread flows (draft
// section 5.11). A UDP checksum of zero over IPv4 is none (RFC 768); over IPv6 tunnels may do without (RFC
// 6935 section 5, under the terms of RFC 6936: what is inside has checksums of its own).
inline void TunnelHeader::write_udp(UdpHeader& udp, const Inside& what) noexcept {
  udp.source_port =
      be16(static_cast<std::uint16_t>(0xc000U | what.flow));  // RFC 6335 section 6: dynamic ports
  udp.length = be16(static_cast<std::uint16_t>(kUdpAndGue + what.length));
}

// Between the outer IP header and what is inside.
[[gnu::always_inline]] inline void TunnelHeader::write_shim(std::uint8_t* inner,
                                                            const Inside& what) const noexcept {
  if (tunnel_ == Tunnel::kGue) write_udp(*reinterpret_cast<UdpHeader*>(inner - kUdpAndGue), what);
  if (tunnel_ == Tunnel::kEspInUdp)
    reinterpret_cast<UdpHeader*>(inner - sizeof(UdpHeader))->length =
        be16(static_cast<std::uint16_t>(sizeof(UdpHeader) + what.length));
}

[[gnu::always_inline]] inline std::uint8_t* TunnelHeader::write_ipv4(std::uint8_t* inner,
                                                                     const Inside& what) const noexcept {
  constexpr std::size_t kMost = sizeof(Ipv4Header) + kUdpAndGue;
  std::memcpy(inner - kMost, bytes_.data() + kMostBytes - kMost, kMost);
  write_shim(inner, what);
  auto& ip = *reinterpret_cast<Ipv4Header*>(inner - length_);
  const be16 total(static_cast<std::uint16_t>(length_ + what.length));
  const be16 fragment(what.may_be_cut ? std::uint16_t{0} : Ipv4Header::kDontFragment);
  const be16 id = what.may_be_cut ? what.id : be16{};  // RFC 6864 section 4.1
  // Five words carry over four at most, which may carry one more.
  std::uint32_t sum =
      std::uint32_t{sum_} + be16(what.traffic_class).wire() + total.wire() + id.wire() + fragment.wire();
  sum = (sum & 0xffffU) + (sum >> 16);
  sum += sum >> 16;
  ip.tos = what.traffic_class;
  ip.total_length = total;
  ip.id = id;
  ip.fragment = fragment;
  ip.checksum = be16::from_wire(static_cast<std::uint16_t>(~sum));
  return reinterpret_cast<std::uint8_t*>(&ip);
}

[[gnu::always_inline]] inline std::uint8_t* TunnelHeader::write_ipv6(std::uint8_t* inner,
                                                                     const Inside& what) const noexcept {
  std::memcpy(inner - kMostBytes, bytes_.data(), kMostBytes);
  write_shim(inner, what);
  auto& ip = *reinterpret_cast<Ipv6Header*>(inner - length_);
  // RFC 6438 section 3: the label of a tunnel's packets follows from the flow inside.
  ip.version_class_flow =
      be32(0x60000000U | std::uint32_t{what.traffic_class} << 20 | (what.flow & 0xfffffU));
  ip.payload_length = be16(static_cast<std::uint16_t>(length_ - sizeof ip + what.length));
  return reinterpret_cast<std::uint8_t*>(&ip);
}

[[gnu::always_inline]] inline std::uint8_t* TunnelHeader::write(std::uint8_t* inner,
                                                                const Inside& what) const noexcept {
  return outer_ipv4_ ? write_ipv4(inner, what) : write_ipv6(inner, what);
}

// Finds the datagram inside an outer one whose headers were read, and sets family and l3_offset of `inner`.
// False when there is none: another protocol, an option that we do not write, or bytes that end before.
// `frame` ends where the bytes do.
[[nodiscard]] bool find_inside(Bytes frame, const Headers& outer, Headers& inner) noexcept;

// Puts a fragment header behind the IPv6 header at `ip`, so that the datagram can be cut; it begins
// kFragmentBytes earlier then, which is returned. RFC 2473 section 7.
std::uint8_t* add_fragment_header(std::uint8_t* ip, std::uint32_t id) noexcept;

// The headers of a tunnel at `ip`, `length` bytes of them, that were written for a larger datagram: now for
// one of `inside` bytes, the `index`-th of several that the larger one was cut into.
void rewrite_for_segment(std::uint8_t* ip, unsigned length, unsigned inside, unsigned index) noexcept;

}  // namespace millrace::net
