// SPDX-License-Identifier: BSD-3-Clause
// SYNs from outside that nobody inside asked for. They were dropped; their senders hear of it only when no
// SYN went the other way meanwhile, so that two hosts behind two NATs can open a connection to each other
// (RFC 5382 REQ-4). One worker's own, fixed capacity.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "common/base/counter.h"
#include "common/core/originator.h"
#include "vnfs/nat/tuple.h"

namespace millrace::nat {

class WaitingSyns {
 public:
  static constexpr unsigned kCapacity = 1024;  // a power of two

  WaitingSyns() : syns_(kCapacity) {}

  // For `time` from now on; the one that is due last, as all wait equally long. Without room there will be no
  // answer.
  void remember(const core::Packet& packet, const Tuple& tuple, Tick time, Tick now) noexcept {
    if (!core::has_single_ends(packet)) return;
    if (last_ - first_ == kCapacity) return unanswered_.add(1);
    Syn& syn = syns_[last_++ % kCapacity];
    syn.due = now + time;
    syn.tuple = tuple;
    syn.port = packet.port;
    syn.ingress = packet.ingress;
    syn.domain = packet.domain;
    const unsigned present = packet.mbuf->data_len - unsigned{packet.headers.l3_offset};
    syn.length =
        static_cast<std::uint8_t>(std::min({packet.ip_length(), present, static_cast<unsigned>(kQuoted)}));
    std::memcpy(syn.datagram.data(), packet.l3(), syn.length);
  }

  // Tells the senders of those that are due, but for connections that `is_open(tuple)`.
  template <class IsOpen>
  void answer(core::Originator& originator, const core::Network& network, Tick now,
              IsOpen&& is_open) noexcept {
    for (unsigned budget = kAnswersPerCall; budget != 0 && first_ != last_; --budget) {
      const Syn& syn = syns_[first_ % kCapacity];
      if (tick_after(syn.due, now)) return;
      ++first_;
      if (is_open(syn.tuple)) continue;
      // The network may have lost interfaces since.
      if (syn.ingress.value() >= network.interfaces.size()) continue;
      originator.icmp_error({.datagram = {syn.datagram.data(), syn.length},
                             .port = syn.port,
                             .ingress = syn.ingress,
                             .domain = syn.domain},
                            network, {net::icmp::kUnreachable, net::icmp::kCodePortUnreachable},
                            {net::icmpv6::kUnreachable, net::icmpv6::kCodePortUnreachable});
    }
  }

  // Readable from any thread: those for which there was no room.
  [[nodiscard]] std::uint64_t unanswered() const noexcept { return unanswered_.read(); }

 private:
  static constexpr std::size_t kQuoted = 80;  // IP and TCP header with the options of a SYN
  static constexpr unsigned kAnswersPerCall = 16;

  struct Syn {
    Tick due;
    Tuple tuple;  // as it came
    core::PortId port;
    core::InterfaceId ingress;
    core::DomainId domain;
    std::uint8_t length;
    std::array<std::uint8_t, kQuoted> datagram;
  };

  std::vector<Syn> syns_;  // a ring, in the order in which they are due
  std::uint32_t first_ = 0;
  std::uint32_t last_ = 0;
  Counter unanswered_;
};

}  // namespace millrace::nat
