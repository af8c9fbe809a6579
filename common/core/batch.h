// SPDX-License-Identifier: BSD-3-Clause
// A burst of packets on its way through the appliance, and the one cache line that is known about each.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <type_traits>

#include <rte_mbuf.h>

#include "common/base/clock.h"
#include "common/core/drop_reason.h"
#include "common/core/ids.h"
#include "common/net/parse.h"

namespace millrace::core {

class Network;
class Ownership;

// The batch owns the mbuf until the packet leaves. Headers are in the mbuf's first segment.
struct alignas(64) Packet {
  rte_mbuf* mbuf = nullptr;
  net::Headers headers;
  PortId port;                // came in by
  InterfaceId ingress;        // came in by
  InterfaceId egress;         // leaves by, once routed
  DomainId domain;            // of the ingress interface
  NextHopId next_hop;         // none until routed; a stage that rewrites the destination resets it
  std::uint32_t session = 0;  // the function's own: a record number
  std::uint8_t drop_reason = 0;
  std::uint8_t direction = 0;   // the function's own
  bool link_broadcast = false;  // came by a link-layer group address
  bool made_here : 1 = false;   // by the originator, so no error is sent about it
  bool from_host : 1 = false;   // the twin's own
  bool steered : 1 = false;     // its way is not to its destination: steer.h
  bool restarted = false;       // restart.h
  bool rewritten = false;       // its addresses are not its sender's: no error is sent about it
  // Bytes; 0: none. An IPv6 packet with a fragment header that egress cuts into such of at most this size.
  // Its lane is to be among the unfinished.
  std::uint16_t cut_to = 0;
  // Bytes; 0: none. Headers of a tunnel in front of an aggregate of TCP segments, which egress puts in front
  // of each segment. Its lane is to be among the unfinished.
  std::uint8_t tunnel_length = 0;
  // Of a frame that came by an overlay: so many bytes before it begins the outer IP header; 0: unknown, or
  // none.
  std::uint8_t outer_length = 0;
  std::uint8_t outer_ecn = 0;  // of that header, until the frame's own are read
  std::uint32_t mark = 0;      // the function's own, passed from stage to stage

  [[nodiscard]] std::uint8_t* bytes() const noexcept { return rte_pktmbuf_mtod(mbuf, std::uint8_t*); }
  [[nodiscard]] std::uint8_t* l3() const noexcept { return bytes() + headers.l3_offset; }
  template <class Header>
  [[nodiscard]] Header& l3_as() const noexcept {
    return *reinterpret_cast<Header*>(l3());
  }
  template <class Header>
  [[nodiscard]] Header& l4_as() const noexcept {
    return *reinterpret_cast<Header*>(bytes() + headers.l4_offset);
  }
  [[nodiscard]] Bytes first_segment() const noexcept { return {bytes(), mbuf->data_len}; }
  [[nodiscard]] net::IpAddress source() const noexcept {
    return headers.is_ipv4() ? net::IpAddress(l3_as<net::Ipv4Header>().source)
                             : net::IpAddress(l3_as<net::Ipv6Header>().source);
  }
  [[nodiscard]] net::IpAddress destination() const noexcept {
    return headers.is_ipv4() ? net::IpAddress(l3_as<net::Ipv4Header>().destination)
                             : net::IpAddress(l3_as<net::Ipv6Header>().destination);
  }
  // Bytes of the IP datagram.
  [[nodiscard]] unsigned ip_length() const noexcept {
    return headers.end_offset - unsigned{headers.l3_offset};
  }
};
static_assert(sizeof(Packet) == 64);

// A reason is an enumerator of Drop or of a function's own enumeration.
template <class T>
concept DropEnum = std::is_enum_v<T> && std::is_same_v<std::underlying_type_t<T>, std::uint8_t>;

// Up to kMaxSize packets. Iterating visits the live ones; a packet that is dropped or taken is not seen
// again. One worker's own.
class Batch {
 public:
  static constexpr unsigned kMaxSize = 64;

  class Iterator {
   public:
    Iterator(Packet* packets, std::uint64_t live) noexcept : packets_(packets), live_(live) {}
    Packet& operator*() const noexcept { return packets_[std::countr_zero(live_)]; }
    Iterator& operator++() noexcept {
      live_ &= live_ - 1;
      return *this;
    }
    bool operator!=(const Iterator& other) const noexcept { return live_ != other.live_; }

   private:
    Packet* packets_;
    std::uint64_t live_;
  };

  // The packets that are live when the loop begins; dropping the current one is safe.
  [[nodiscard]] Iterator begin() noexcept { return {packets_.data(), live_}; }
  [[nodiscard]] Iterator end() noexcept { return {packets_.data(), 0}; }

  [[nodiscard]] unsigned size() const noexcept { return size_; }
  [[nodiscard]] unsigned live_count() const noexcept { return static_cast<unsigned>(std::popcount(live_)); }
  [[nodiscard]] std::uint64_t live_mask() const noexcept { return live_; }
  [[nodiscard]] bool full() const noexcept { return size_ == kMaxSize; }
  [[nodiscard]] Packet& operator[](unsigned lane) noexcept { return packets_[lane]; }
  [[nodiscard]] const Packet& operator[](unsigned lane) const noexcept { return packets_[lane]; }
  [[nodiscard]] unsigned lane(const Packet& packet) const noexcept {
    return static_cast<unsigned>(&packet - packets_.data());
  }

  // Adds a live packet; the batch owns the mbuf from here on. Not when full.
  Packet& add(rte_mbuf* mbuf) noexcept {
    Packet& packet = packets_[size_];
    packet = Packet{};
    packet.mbuf = mbuf;
    live_ |= std::uint64_t{1} << size_;
    ++size_;
    return packet;
  }

  template <DropEnum Reason>
  void drop(Packet& packet, Reason reason) noexcept {
    packet.drop_reason = static_cast<std::uint8_t>(reason);
    const std::uint64_t bit = std::uint64_t{1} << lane(packet);
    live_ &= ~bit;
    dropped_ |= bit;
  }

  // The packet leaves the batch: its mbuf has another owner now.
  void take(Packet& packet) noexcept { live_ &= ~(std::uint64_t{1} << lane(packet)); }
  void take(std::uint64_t lanes) noexcept { live_ &= ~lanes; }

  [[nodiscard]] std::uint64_t dropped_mask() const noexcept { return dropped_; }

  void clear() noexcept {
    live_ = dropped_ = unfinished = 0;
    size_ = 0;
  }

  const Network* network = nullptr;      // of the snapshot the batch is judged by
  const Ownership* ownership = nullptr;  // of its policy; null: flows are owned by addresses and ports
  Tick now = 0;                          // when the batch was received
  std::uint64_t tsc = 0;                 // the same, in cycles of the time stamp counter
  std::uint64_t traced = 0;              // a bit per lane whose way is being recorded
  std::uint64_t unfinished = 0;          // a bit per lane that egress must complete: receive_marks.h

 private:
  std::array<Packet, kMaxSize> packets_;
  std::uint64_t live_ = 0;
  std::uint64_t dropped_ = 0;
  unsigned size_ = 0;
};

}  // namespace millrace::core
