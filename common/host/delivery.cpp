// SPDX-License-Identifier: BSD-3-Clause
#include "common/host/delivery.h"

#include <algorithm>
#include <cstring>

#include <rte_mbuf.h>

#include "common/core/receive_marks.h"
#include "common/net/transport.h"

namespace millrace::host {

MutableBytes Delivery::untagged(const rte_mbuf* packet) {
  const std::uint32_t length = packet->pkt_len;
  room_.resize(std::max<std::size_t>(length, 64));
  const void* data = rte_pktmbuf_read(packet, 0, length, room_.data());
  if (data != room_.data()) std::memcpy(room_.data(), data, length);
  std::size_t start = 0;
  constexpr std::size_t kAddresses = 12;
  const auto tagged = [&] {
    const auto type =
        static_cast<std::uint16_t>(room_[start + kAddresses] << 8 | room_[start + kAddresses + 1]);
    return start + kAddresses + 2 + sizeof(net::VlanTag) <= length &&
           (type == net::ether_type::kVlan || type == net::ether_type::kQinQ);
  };
  while (tagged()) {
    std::memmove(room_.data() + start + sizeof(net::VlanTag), room_.data() + start, kAddresses);
    start += sizeof(net::VlanTag);
  }
  return MutableBytes(room_).subspan(start, length - start);
}

bool Delivery::deliver(const rte_mbuf* packet, std::uint16_t mtu, const std::function<bool(Bytes)>& write) {
  const MutableBytes frame = untagged(packet);
  const bool aggregate = (packet->ol_flags & RTE_MBUF_F_RX_LRO) != 0;
  if (!aggregate && !core::checksum_is_open(*packet)) return write(frame);

  net::Headers headers;
  const auto error = net::parse_frame(frame, frame.size(), headers, {.check_ipv4_checksum = false});
  if (error != net::ParseError::kNone || headers.is_fragment ||
      !net::has_transport_checksum(headers.protocol))
    return write(frame);
  const unsigned before = headers.payload_offset - unsigned{headers.l3_offset};
  const unsigned most = mtu > before ? mtu - before : 1;
  const net::SegmentCut cut{
      .payload = headers.payload_length(),
      .size = packet->tso_segsz == 0 ? most : std::min<unsigned>(packet->tso_segsz, most)};
  if (!aggregate || headers.protocol != net::protocol::kTcp || cut.payload <= cut.size) {
    if (core::checksum_is_open(*packet)) net::set_transport_checksum(frame, headers);
    return write(frame);
  }
  for (unsigned i = 0; i < cut.count(); ++i) {
    net::Headers own = headers;
    own.end_offset = static_cast<std::uint16_t>(headers.payload_offset + cut.length(i));
    segment_.resize(own.end_offset);
    std::memcpy(segment_.data(), frame.data(), headers.payload_offset);
    std::memcpy(segment_.data() + headers.payload_offset,
                frame.data() + headers.payload_offset + cut.offset(i), cut.length(i));
    net::write_segment_headers(segment_.data(), headers, cut, i);
    net::set_transport_checksum(segment_, own);
    if (!write(segment_)) return false;
  }
  return true;
}

}  // namespace millrace::host
