// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/service_frame.h"

#include <algorithm>
#include <cstring>

#include "common/core/link_header.h"

namespace millrace::core {
namespace {

using net::EthernetHeader;
using net::ServiceError;
using net::ServiceHeader;
using net::ServicePayload;
using net::ServiceType;

constexpr unsigned kLink = sizeof(EthernetHeader);

Drop drop_of(ServiceError error) noexcept {
  switch (error) {
    case ServiceError::kNone:
      return Drop::kNone;
    case ServiceError::kBad:
    case ServiceError::kTooDeep:
      break;
    case ServiceError::kOam:
      return Drop::kServiceOam;
    case ServiceError::kMetadata:
      return Drop::kServiceMetadata;
    case ServiceError::kPayload:
      return Drop::kServicePayload;
    case ServiceError::kIndexEnded:
      return Drop::kServiceIndex;
  }
  return Drop::kServiceHeader;
}

void keep(rte_mbuf& mbuf, ServiceType type, const ServiceHeader& found) noexcept {
  const auto length = static_cast<std::uint16_t>(kLink + found.length);
  std::uint8_t* bytes = kept_service_bytes(mbuf);
  std::memmove(bytes, rte_pktmbuf_mtod(&mbuf, const std::uint8_t*), length);
  auto& ethernet = *reinterpret_cast<EthernetHeader*>(bytes);
  std::swap(ethernet.source, ethernet.destination);
  net::take_index(type, bytes + kLink);
  const bool told = found.payload_type != 0;
  kept_service(mbuf) = {.length = length,
                        .payload_type = static_cast<std::uint16_t>(told ? kLink + found.payload_type : 0),
                        .type = type,
                        .ethernet = found.payload == ServicePayload::kEthernet};
}

}  // namespace

Decapsulated leave_service(Batch& batch, Packet& packet, const Network& network) noexcept {
  rte_mbuf& mbuf = *packet.mbuf;
  const Bytes frame = packet.first_segment();
  constexpr std::uint64_t kTagged = RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_RX_QINQ_STRIPPED;
  if (frame.size() < kLink || network.services.empty() || (mbuf.ol_flags & kTagged) != 0)
    return Decapsulated::kNo;
  const auto ethernet = *reinterpret_cast<const EthernetHeader*>(frame.data());
  const bool nsh = ethernet.type == be16(net::ether_type::kNsh);
  if (!nsh && ethernet.type != be16(net::ether_type::kMpls)) return Decapsulated::kNo;
  const ServiceType type = nsh ? ServiceType::kNsh : ServiceType::kMpls;
  ServiceHeader found;
  Drop reason = drop_of(net::read_service(type, frame.subspan(kLink), found));
  const unsigned front = kLink + found.length;
  if (reason == Drop::kNone && frame.size() <= front) reason = Drop::kServiceHeader;
  InterfaceId interface;
  if (reason == Drop::kNone) [[likely]] {
    interface = network.services.find(PortId(mbuf.port), type, found.path, found.index);
    if (!interface.valid()) {
      reason = Drop::kServicePath;
    } else if (const Interface& path = network.interfaces[interface.value()]; !path.up) {
      reason = Drop::kInterfaceDown;
    } else if (ethernet.destination != path.mac) {
      reason = Drop::kNotForUs;
    }
  }
  // The headroom grows by what is kept, which must not reach into what stays.
  if (reason == Drop::kNone && rte_pktmbuf_headroom(&mbuf) < sizeof(KeptService) + kLink)
    reason = Drop::kNoMemory;
  if (reason != Drop::kNone) [[unlikely]] {
    packet.port = PortId(mbuf.port);
    batch.drop(packet, reason);
    return Decapsulated::kDropped;
  }
  keep(mbuf, type, found);
  unsigned strip = front;
  if (found.payload != ServicePayload::kEthernet) {
    strip -= kLink;
    auto& link = *reinterpret_cast<EthernetHeader*>(packet.bytes() + strip);
    link = ethernet;
    link.type =
        be16(found.payload == ServicePayload::kIpv4 ? net::ether_type::kIpv4 : net::ether_type::kIpv6);
  }
  strip_outer(mbuf, strip, mbuf.pkt_len);
  packet.ingress = interface;
  return Decapsulated::kYes;
}

bool enter_service(Packet& packet) noexcept {
  rte_mbuf& mbuf = *packet.mbuf;
  const KeptService what = kept_service(mbuf);
  if (!what.ethernet) {
    rte_pktmbuf_adj(&mbuf, packet.headers.l3_offset);
    // RFC 8300 section 2.2: the next protocol says which family is inside; it may be another one by now.
    if (what.payload_type != 0)
      net::set_payload_family(kept_service_bytes(mbuf) + what.payload_type, packet.headers.is_ipv4());
  }
  if (rte_pktmbuf_headroom(&mbuf) < what.length) return false;
  // What is kept may lie where it goes.
  const bool apart = rte_pktmbuf_headroom(&mbuf) >= sizeof what + 2U * what.length;
  grow_front(mbuf, what.length);
  auto* front = rte_pktmbuf_mtod(&mbuf, std::uint8_t*);
  if (what.length == kOrdinaryService && apart) [[likely]] {
    std::memcpy(front, kept_service_bytes(mbuf), kOrdinaryService);
  } else {
    std::memmove(front, kept_service_bytes(mbuf), what.length);
  }
  return true;
}

bool keep_answer(Packet& answer, const Packet& cause, const Network& network) noexcept {
  if (cause.mbuf == nullptr || cause.made_here) return false;
  const KeptService what = kept_service(*cause.mbuf);
  if (rte_pktmbuf_headroom(answer.mbuf) < sizeof(KeptService) + what.length) return false;
  kept_service(*answer.mbuf) = what;
  std::uint8_t* bytes = kept_service_bytes(*answer.mbuf);
  std::memcpy(bytes, kept_service_bytes(*cause.mbuf), what.length);
  const ServicePath& path = *network.interfaces[cause.ingress.value()].service;
  const ServicePath& other = *network.interfaces[path.partner.value()].service;
  net::set_path(what.type, bytes + kLink, what.type == ServiceType::kMpls ? other.path - 1 : other.path,
                other.own_index);
  return true;
}

}  // namespace millrace::core
