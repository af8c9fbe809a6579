// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/fragment_joiner.h"

#include <cstring>
#include <new>

#include <rte_cycles.h>
#include <rte_ip.h>

#include "common/net/checksum.h"

namespace millrace::core {
namespace {

constexpr unsigned kEntriesOfBucket = 4;
constexpr unsigned kAtOnce = 3;  // buffers to free ahead of the cache

// Behind the IPv6 header. False when there is no room.
bool put_fragment_header(rte_mbuf& whole, std::uint32_t identification) noexcept {
  constexpr unsigned kLength = sizeof(net::Ipv6FragmentHeader);
  const unsigned before = whole.l2_len + unsigned{sizeof(net::Ipv6Header)};
  auto* frame = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(&whole, kLength));
  if (frame == nullptr) return false;
  std::memmove(frame, frame + kLength, before);
  auto& ip = *reinterpret_cast<net::Ipv6Header*>(frame + whole.l2_len);
  auto& fragment = *reinterpret_cast<net::Ipv6FragmentHeader*>(frame + before);
  fragment = {};
  fragment.next_header = ip.next_header;
  fragment.id = be32::from_wire(identification);
  ip.next_header = net::protocol::kIpv6Fragment;
  ip.payload_length = be16(static_cast<std::uint16_t>(ip.payload_length.host() + kLength));
  return true;
}

}  // namespace

FragmentJoiner::FragmentJoiner() {
  table_.reset(rte_ip_frag_table_create(kMostDatagrams / kEntriesOfBucket * 2, kEntriesOfBucket,
                                        kMostDatagrams, kSeconds * rte_get_tsc_hz(), SOCKET_ID_ANY));
  if (table_ == nullptr) throw std::bad_alloc();
}

FragmentJoiner::~FragmentJoiner() = default;

rte_mbuf* FragmentJoiner::join(Packet& packet, std::uint64_t tsc, For use) noexcept {
  rte_mbuf* mbuf = packet.mbuf;
  const net::Headers& headers = packet.headers;
  // Ethernet padding is no part of a datagram.
  const unsigned padding = mbuf->pkt_len - headers.end_offset;
  if (padding != 0) rte_pktmbuf_trim(mbuf, static_cast<std::uint16_t>(padding));
  mbuf->l2_len = headers.l3_offset & 0x7fU;
  rte_mbuf* whole = nullptr;
  std::uint32_t identification = 0;  // as on the wire
  if (headers.is_ipv4()) {
    auto* ip = reinterpret_cast<rte_ipv4_hdr*>(packet.l3());
    mbuf->l3_len = packet.l3_as<net::Ipv4Header>().header_length() & 0x1ffU;
    whole = rte_ipv4_frag_reassemble_packet(table_.get(), &given_up_, mbuf, tsc, ip);
  } else {
    auto* ip = reinterpret_cast<rte_ipv6_hdr*>(packet.l3());
    auto* fragment = rte_ipv6_frag_get_ipv6_fragment_header(ip);
    if (fragment == nullptr) {  // behind other headers: nobody sends ESP so
      rte_pktmbuf_free(mbuf);
      return nullptr;
    }
    mbuf->l3_len = (sizeof *ip + sizeof *fragment) & 0x1ffU;
    identification = fragment->id;
    whole = rte_ipv6_frag_reassemble_packet(table_.get(), &given_up_, mbuf, tsc, ip, fragment);
  }
  rte_ip_frag_free_death_row(&given_up_, kAtOnce);
  if (whole == nullptr) return nullptr;
  const bool good = use == For::kOpening ? rte_pktmbuf_linearize(whole) == 0
                                         : headers.is_ipv4() || put_fragment_header(*whole, identification);
  if (!good) {
    rte_pktmbuf_free(whole);
    return nullptr;
  }
  whole->ol_flags = 0;
  if (headers.is_ipv4())
    net::set_ipv4_checksum(*rte_pktmbuf_mtod_offset(whole, net::Ipv4Header*, whole->l2_len));
  return whole;
}

}  // namespace millrace::core
