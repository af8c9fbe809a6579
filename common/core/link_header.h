// SPDX-License-Identifier: BSD-3-Clause
// The frame's own link header, kept while the datagram behind it changes: whoever reads the packet while it
// waits, or begins anew, finds a whole frame. Data path.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "common/core/batch.h"

namespace millrace::core {

// Addresses are kept in registers.
class LinkHeader {
 public:
  static constexpr std::size_t kMostBytes = sizeof(net::EthernetHeader) + 2 * sizeof(net::VlanTag);

  explicit LinkHeader(const Packet& packet) noexcept : length_(packet.headers.l3_offset) {
    const std::uint8_t* bytes = packet.bytes();
    std::memcpy(&front_, bytes, sizeof front_);
    std::memcpy(&back_, bytes + sizeof front_, sizeof back_);
    if (length_ != sizeof(net::EthernetHeader)) [[unlikely]]
      std::memcpy(tags_.data(), bytes + kAddresses, tags_.size());
  }
  // In front of a datagram of either family.
  void put_before(std::uint8_t* l3, bool ipv4) const noexcept {
    std::uint8_t* bytes = l3 - length_;
    std::memcpy(bytes, &front_, sizeof front_);
    std::memcpy(bytes + sizeof front_, &back_, sizeof back_);
    if (length_ != sizeof(net::EthernetHeader)) [[unlikely]]
      std::memcpy(bytes + kAddresses, tags_.data(), length_ - sizeof(net::EthernetHeader));
    const be16 type(ipv4 ? net::ether_type::kIpv4 : net::ether_type::kIpv6);
    std::memcpy(l3 - sizeof type, &type, sizeof type);
  }
  [[nodiscard]] unsigned length() const noexcept { return length_; }

 private:
  static constexpr std::size_t kAddresses = 12;

  std::uint64_t front_;
  std::uint32_t back_;
  std::array<std::uint8_t, 2 * sizeof(net::VlanTag)> tags_;
  unsigned length_;
};

// The first buffer begins `by` bytes earlier.
inline void grow_front(rte_mbuf& mbuf, unsigned by) noexcept {
  mbuf.data_off = static_cast<std::uint16_t>(mbuf.data_off - by);
  mbuf.data_len = static_cast<std::uint16_t>(mbuf.data_len + by);
  mbuf.pkt_len += by;
}

// The only buffer ends `by` bytes later, which it has room for.
inline void grow_back(rte_mbuf& mbuf, unsigned by) noexcept {
  mbuf.data_len = static_cast<std::uint16_t>(mbuf.data_len + by);
  mbuf.pkt_len += by;
}

}  // namespace millrace::core
