// SPDX-License-Identifier: BSD-3-Clause
// Packets the appliance makes itself: ICMP errors here, resets and cookies by the functions that need them.
#pragma once

#include <cstdint>

#include <rte_mempool.h>

#include "common/core/batch.h"
#include "common/core/counters.h"
#include "common/core/network.h"

namespace millrace::core {

// So many of something per second, with a burst. One thread's own.
class TokenBucket {
 public:
  TokenBucket(std::uint32_t per_second, std::uint32_t burst) noexcept
      : per_second_(per_second), limit_(std::uint64_t{burst} * 1000), tokens_(limit_) {}

  [[nodiscard]] bool take(Tick now) noexcept {
    const auto elapsed = static_cast<std::uint32_t>(now - last_);
    last_ = now;
    tokens_ = std::min(limit_, tokens_ + std::uint64_t{elapsed} * per_second_);
    if (tokens_ < 1000) return false;
    tokens_ -= 1000;
    return true;
  }

 private:
  std::uint32_t per_second_;
  std::uint64_t limit_;  // in thousandths, so that a millisecond's share is whole
  std::uint64_t tokens_;
  Tick last_ = 0;
};

// Whether a packet goes from one host to one host: by no group address, of IP or of the link, and from an
// address that an answer can reach.
[[nodiscard]] bool has_single_ends(const Packet& packet) noexcept;

// One per worker. What it makes waits in a batch of its own until egress routes it like any other packet.
class Originator {
 public:
  // RFC 1812 section 4.3.2.8 and RFC 4443 section 2.4(f) ask for a limit; Linux' own is of this order.
  static constexpr std::uint32_t kErrorsPerSecond = 1000;

  Originator(rte_mempool* pool, WorkerCounters& counters) noexcept
      : pool_(pool), counters_(&counters), errors_(kErrorsPerSecond, kErrorsPerSecond / 10) {}

  // An ICMP error about `packet`, which the caller then drops: `v4` and `v6` give type, code and the last
  // word (MTU).
  struct Error {
    std::uint8_t type;
    std::uint8_t code;
    std::uint32_t word = 0;
  };
  void icmp_error(const Packet& packet, const Network& network, Error v4, Error v6) noexcept;

  // The same about a packet that is gone. The caller saw that it has_single_ends(). Not in transparent mode.
  struct Remembered {
    Bytes datagram;  // from the IP header on, as much of it as was kept
    PortId port;     // came in by
    InterfaceId ingress;
    DomainId domain;
  };
  void icmp_error(const Remembered& packet, const Network& network, Error v4, Error v6) noexcept;

  void ttl_exceeded(const Packet& packet, const Network& network) noexcept {
    icmp_error(packet, network, {net::icmp::kTimeExceeded, 0}, {net::icmpv6::kTimeExceeded, 0});
  }
  void too_big(const Packet& packet, const Network& network, std::uint16_t mtu) noexcept {
    icmp_error(packet, network, {net::icmp::kUnreachable, net::icmp::kCodeFragmentationNeeded, mtu},
               {net::icmpv6::kPacketTooBig, 0, mtu});
  }
  void no_route(const Packet& packet, const Network& network) noexcept {
    icmp_error(packet, network, {net::icmp::kUnreachable, net::icmp::kCodeNetUnreachable},
               {net::icmpv6::kUnreachable, net::icmpv6::kCodeNoRoute});
  }
  // A route that says so, and a next hop that does not answer.
  void unreachable_route(const Packet& packet, const Network& network) noexcept {
    icmp_error(packet, network, {net::icmp::kUnreachable, net::icmp::kCodeHostUnreachable},
               {net::icmpv6::kUnreachable, net::icmpv6::kCodeNoRoute});
  }
  void neighbor_unreachable(const Packet& packet, const Network& network) noexcept {
    icmp_error(packet, network, {net::icmp::kUnreachable, net::icmp::kCodeHostUnreachable},
               {net::icmpv6::kUnreachable, net::icmpv6::kCodeAddressUnreachable});
  }
  void admin_prohibited(const Packet& packet, const Network& network) noexcept {
    icmp_error(packet, network, {net::icmp::kUnreachable, net::icmp::kCodeAdminProhibited},
               {net::icmpv6::kUnreachable, net::icmpv6::kCodeAdminProhibited});
  }

  // Room for an IP datagram of `length` bytes behind an Ethernet header, as a live packet of the outgoing
  // batch with offsets set; null when the batch is full or memory is short. The caller writes the datagram,
  // checksums included. In transparent mode it leaves by `back_to`'s port with its addresses turned round.
  [[nodiscard]] Packet* make(net::Family family, unsigned length, const Packet& back_to,
                             const Network& network) noexcept;

  // One of its packets that waited for a next hop comes back.
  void resume(rte_mbuf* mbuf, const Network& network) noexcept;

  [[nodiscard]] Batch& batch() noexcept { return batch_; }
  void set_time(Tick now) noexcept { batch_.now = now; }

 private:
  [[nodiscard]] static bool may_be_answered(const Packet& packet) noexcept;
  [[nodiscard]] Packet* allocate(net::Family family, unsigned length) noexcept;
  void make_error(const Packet& about, Bytes datagram, const Network& network, Error what) noexcept;

  rte_mempool* pool_;
  WorkerCounters* counters_;
  TokenBucket errors_;
  Batch batch_;
};

}  // namespace millrace::core
