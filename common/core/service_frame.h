// SPDX-License-Identifier: BSD-3-Clause
// From the frame of a service function forwarder to the packet inside, and back. While the packet is on its
// way through the function, what stood in front of it is kept at the beginning of its buffer, which nothing
// else uses, as it will be sent: addresses turned round, index one less. Data path.
#pragma once

#include "common/core/batch.h"
#include "common/core/decapsulate.h"
#include "common/core/decapsulate_ordinary.h"
#include "common/core/network.h"

namespace millrace::core {

// What is kept at the beginning of the buffer; then the bytes.
struct KeptService {
  std::uint16_t length;        // of the bytes: link header and service header
  std::uint16_t payload_type;  // net::ServiceHeader's, from the first of the bytes; 0: none
  net::ServiceType type;
  bool ethernet;  // what is inside: a frame; else a datagram
};

[[nodiscard]] inline KeptService& kept_service(rte_mbuf& mbuf) noexcept {
  return *static_cast<KeptService*>(mbuf.buf_addr);
}
[[nodiscard]] inline std::uint8_t* kept_service_bytes(rte_mbuf& mbuf) noexcept {
  return static_cast<std::uint8_t*>(mbuf.buf_addr) + sizeof(KeptService);
}

// A frame in NSH with metadata of type 1, and nothing out of the ordinary: these bytes stand in front of it.
inline constexpr unsigned kOrdinaryService = sizeof(net::EthernetHeader) + sizeof(net::NshHeader) + 16;

// Of a packet as a port delivered it, not read yet. True when its bytes are the frame inside now, as with
// leave_service(). False, and nothing done, for all but the ordinary.
[[nodiscard, gnu::always_inline]] inline bool leave_ordinary_service(Packet& packet,
                                                                     const Network& network) noexcept {
  rte_mbuf& mbuf = *packet.mbuf;
  if (mbuf.data_len <= kOrdinaryService || rte_pktmbuf_headroom(&mbuf) < RTE_PKTMBUF_HEADROOM / 2 ||
      (mbuf.ol_flags & kReceiveMarks) != 0)
    return false;
  const std::uint8_t* frame = packet.bytes();
  const auto& ethernet = *reinterpret_cast<const net::EthernetHeader*>(frame);
  const auto& nsh = *reinterpret_cast<const net::NshHeader*>(frame + sizeof ethernet);
  // RFC 8300 section 2.2: version 0, no O bit, a length of six words; MD type 1; an Ethernet frame.
  constexpr std::uint16_t kBase = 0xe03f;
  if (ethernet.type != be16(net::ether_type::kNsh) || (nsh.base.host() & kBase) != 6 || nsh.md_type() != 1 ||
      nsh.next_protocol != net::kNextEthernet)
    return false;
  const std::uint32_t path_index = nsh.path_index.host();
  const auto index = static_cast<std::uint8_t>(path_index);
  const InterfaceId interface =
      network.services.find(PortId(mbuf.port), net::ServiceType::kNsh, path_index >> 8, index);
  if (!interface.valid() || index == 0) return false;
  const Interface& path = network.interfaces[interface.value()];
  if (!path.up || ethernet.destination != path.mac) return false;
  kept_service(mbuf) = {
      .length = kOrdinaryService, .payload_type = 0, .type = net::ServiceType::kNsh, .ethernet = true};
  std::uint8_t* bytes = kept_service_bytes(mbuf);
  std::memcpy(bytes, frame, kOrdinaryService);
  auto& turned = *reinterpret_cast<net::EthernetHeader*>(bytes);
  turned.destination = ethernet.source;
  turned.source = ethernet.destination;
  reinterpret_cast<net::NshHeader*>(bytes + sizeof turned)->path_index = be32(path_index - 1);
  strip_outer(mbuf, kOrdinaryService, mbuf.pkt_len);
  packet.ingress = interface;
  return true;
}

// The same for all. kYes: its bytes are the frame inside now, or the datagram inside behind an Ethernet
// header, and its ingress the path's interface. A frame whose tag the port has taken off is nobody's.
[[nodiscard]] Decapsulated leave_service(Batch& batch, Packet& packet, const Network& network) noexcept;

// Puts back in front of the packet what leave_service() kept, or keep_answer(). False when there is no room.
[[nodiscard]] bool enter_service(Packet& packet) noexcept;

// Of an answer of our own to `cause`, which came by a path: what stood in front of the cause, for the path of
// the other direction. False when nothing is known of the cause but its headers.
[[nodiscard]] bool keep_answer(Packet& answer, const Packet& cause, const Network& network) noexcept;

}  // namespace millrace::core
