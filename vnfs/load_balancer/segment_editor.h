// SPDX-License-Identifier: BSD-3-Clause
// Changes in a TCP segment that keep its checksums right. Data path.
#pragma once

#include <cstring>

#include "common/core/batch.h"
#include "common/net/checksum.h"
#include "common/net/rewrite.h"

namespace millrace::load_balancer {

// One packet's TCP segment, whole or a part of segments that a port put together.
class SegmentEditor {
 public:
  explicit SegmentEditor(core::Packet& packet) noexcept : packet_(packet) {}

  [[nodiscard]] net::TcpHeader& tcp() const noexcept { return packet_.l4_as<net::TcpHeader>(); }

  void set_sequence(std::uint32_t number) const noexcept { set(tcp().sequence, number); }
  void set_acknowledgment(std::uint32_t number) const noexcept { set(tcp().acknowledgment, number); }
  void set_window(std::uint16_t window) const noexcept {
    adjust(net::difference(tcp().window.wire(), be16(window).wire()));
    tcp().window = be16(window);
  }
  // The word of header length and flags.
  void add_to_flags(std::uint16_t change) const noexcept {
    std::uint8_t* const place = packet_.bytes() + packet_.headers.l4_offset + kFlagsAt;
    be16 word;
    std::memcpy(&word, place, sizeof word);
    const be16 changed(static_cast<std::uint16_t>(word.host() + change));
    adjust(net::difference(word.wire(), changed.wire()));
    std::memcpy(place, &changed, sizeof changed);
  }

  // Bytes, of an even number, in front of what is at the frame's offset `at`, which is even from the TCP
  // header: everything before makes room. False when there is none.
  [[nodiscard]] bool insert(std::uint16_t at, Bytes bytes) const noexcept {
    const auto size = static_cast<std::uint16_t>(bytes.size());
    net::Headers& headers = packet_.headers;
    if (rte_pktmbuf_prepend(packet_.mbuf, size) == nullptr) return false;
    std::uint8_t* const begin = packet_.bytes();
    std::memmove(begin, begin + size, at);
    std::memcpy(begin + at, bytes.data(), size);
    headers.end_offset = static_cast<std::uint16_t>(headers.end_offset + size);
    if (at < headers.payload_offset)
      headers.payload_offset = static_cast<std::uint16_t>(headers.payload_offset + size);
    set_length(size);
    adjust(net::sum_bytes(bytes) + be16(size).wire());
    return true;
  }

  // Takes the payload off. Only of a segment in one piece.
  void cut_payload() const noexcept {
    net::Headers& headers = packet_.headers;
    const auto size = static_cast<std::uint16_t>(headers.payload_length());
    const net::ChecksumSum gone =
        net::sum_bytes({packet_.bytes() + headers.payload_offset, size}) + be16(size).wire();
    adjust(net::difference(gone, 0));
    headers.end_offset = headers.payload_offset;
    packet_.mbuf->data_len = headers.end_offset;
    packet_.mbuf->pkt_len = headers.end_offset;
    set_length(-int{size});
  }

 private:
  static constexpr std::size_t kFlagsAt = 12;

  void adjust(net::ChecksumSum change) const noexcept {
    constexpr std::size_t kChecksumAt = 16;
    net::adjust_at(packet_.bytes() + packet_.headers.l4_offset + kChecksumAt, net::fold(change));
  }
  void set(be32& field, std::uint32_t number) const noexcept {
    const be32 changed(number);
    adjust(net::difference(field.wire(), changed.wire()));
    field = changed;
  }
  void set_length(int change) const noexcept {
    if (packet_.headers.is_ipv4()) {
      auto& ip = packet_.l3_as<net::Ipv4Header>();
      ip.total_length = be16(static_cast<std::uint16_t>(ip.total_length.host() + change));
      net::set_ipv4_checksum(ip);
    } else {
      auto& ip = packet_.l3_as<net::Ipv6Header>();
      ip.payload_length = be16(static_cast<std::uint16_t>(ip.payload_length.host() + change));
    }
  }

  core::Packet& packet_;
};

}  // namespace millrace::load_balancer
