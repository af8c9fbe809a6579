// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/overlay_outer.h"

namespace millrace::net {
namespace {

constexpr std::uint8_t kNextProtocolEthernet = 3;  // draft-ietf-nvo3-vxlan-gpe-13 section 3.2
static_assert(sizeof(VxlanHeader) == sizeof(GeneveHeader));

}  // namespace

OverlayOuter::OverlayOuter(const OverlayEnd& end) noexcept
    : ipv4_(end.remote.is_v4()), udp_(end.type != OverlayType::kGre) {
  std::uint8_t* const inner = bytes_.data() + bytes_.size();
  const be16 type(end.ethernet ? ether_type::kBridged : ether_type::kIpv4);
  std::size_t shim = sizeof(VxlanHeader);
  if (end.type == OverlayType::kGre) {
    shim = sizeof(GreHeader) + (end.keyed ? sizeof(be32) : 0);
    auto& gre = *reinterpret_cast<GreHeader*>(inner - shim);
    gre.flags_version = be16(end.keyed ? GreHeader::kKey : std::uint16_t{0});
    gre.protocol = type;
    if (end.keyed) *reinterpret_cast<be32*>(inner - sizeof(be32)) = be32(end.id);
    if (!end.ethernet) family_before_ = static_cast<std::uint8_t>(shim - offsetof(GreHeader, protocol));
  } else if (end.type == OverlayType::kGeneve) {
    auto& geneve = *reinterpret_cast<GeneveHeader*>(inner - shim);
    geneve.protocol = type;
    geneve.vni_reserved = be32(end.id << 8);
    if (!end.ethernet) family_before_ = sizeof(GeneveHeader) - offsetof(GeneveHeader, protocol);
  } else {
    auto& vxlan = *reinterpret_cast<VxlanHeader*>(inner - shim);
    vxlan.flags = VxlanHeader::kVni;
    vxlan.vni_reserved = be32(end.id << 8);
    if (end.type == OverlayType::kVxlanGpe) {
      vxlan.flags |= VxlanHeader::kNextProtocol;
      vxlan.next_protocol = kNextProtocolEthernet;
      short_family_ = true;
      if (!end.ethernet) family_before_ = sizeof(VxlanHeader) - offsetof(VxlanHeader, next_protocol);
    }
  }
  if (udp_) {
    reinterpret_cast<UdpHeader*>(inner - shim - sizeof(UdpHeader))->destination_port = be16(end.udp_port);
    shim += sizeof(UdpHeader);
  }
  behind_ip_ = static_cast<std::uint8_t>(shim);
  const std::uint8_t next = udp_ ? protocol::kUdp : protocol::kGre;
  if (ipv4_) {
    auto& ip = *reinterpret_cast<Ipv4Header*>(inner - shim - sizeof(Ipv4Header));
    ip.version_length = 0x45;
    ip.fragment =
        be16(Ipv4Header::kDontFragment);  // RFC 7348 section 4.3; with it no id: RFC 6864 section 4.1
    ip.ttl = end.ttl;
    ip.protocol = next;
    ip.source = end.local.v4();
    ip.destination = end.remote.v4();
    sum_ = fold(sum_object(ip));
    length_ = static_cast<std::uint8_t>(shim + sizeof ip);
  } else {
    auto& ip = *reinterpret_cast<Ipv6Header*>(inner - shim - sizeof(Ipv6Header));
    ip.next_header = next;
    ip.hop_limit = end.ttl;
    ip.source = end.local.v6();
    ip.destination = end.remote.v6();
    length_ = static_cast<std::uint8_t>(shim + sizeof ip);
  }
}

void OverlayOuter::set_link(Bytes link) noexcept {
  std::uint8_t* const l3 = bytes_.data() + bytes_.size() - (length_ - link_length_);
  const be16 type(ipv4_ ? ether_type::kIpv4 : ether_type::kIpv6);
  std::memcpy(l3 - link.size(), link.data(), link.size());
  std::memcpy(l3 - sizeof type, &type, sizeof type);
  length_ = static_cast<std::uint8_t>(length_ - link_length_ + link.size());
  link_length_ = static_cast<std::uint8_t>(link.size());
}

}  // namespace millrace::net
