// SPDX-License-Identifier: BSD-3-Clause
// The last stage of every appliance: TTL, MTU, link header, transmission.
#pragma once

#include "common/core/batch.h"
#include "common/core/network.h"
#include "common/core/originator.h"
#include "common/core/output.h"

namespace millrace::core {

// One per worker.
class Egress {
 public:
  static constexpr std::string_view kName = "egress";

  Egress(rte_mempool* pool, Transmitter& transmitter, RingOutput to_host, Originator& originator,
         WorkerCounters& counters) noexcept
      : pool_(pool),
        transmitter_(transmitter),
        to_host_(to_host),
        to_resolve_(to_host),
        originator_(originator),
        counters_(counters) {}

  // Sends the live packets of the batch; a packet without a next hop (its destination was rewritten, or it
  // was made here) is routed first.
  void process(Batch& batch, Origin origin) noexcept;
  // Packets in these lanes waited for a next hop that did not answer. One that is known by now is left alone.
  void give_up(Batch& batch, std::uint64_t lanes) noexcept;
  // A frame of the twin's: tags and port are the interface's, the rest stands as the kernel wrote it.
  void send_frame(rte_mbuf* mbuf, InterfaceId interface, const Network& network) noexcept;
  void flush() noexcept;

 private:
  [[nodiscard]] bool forwarded(Packet& packet, const Network& network) noexcept;
  // What the port does for the hop's packets: nothing inside those of an overlay.
  [[nodiscard]] const TransmitOffloads& offloads_of(const NextHop& hop) const noexcept {
    static constexpr TransmitOffloads kNone{};
    return hop.overlay_way == NextHop::kNoOverlay ? transmitter_.offloads(hop.port) : kNone;
  }
  // A frame whose link header is the hop's.
  void send(const NextHop& hop, rte_mbuf* mbuf, const Network& network, Origin origin) noexcept {
    if (hop.overlay_way != NextHop::kNoOverlay) [[unlikely]]
      return send_by_overlay(hop, mbuf, network, origin);
    transmitter_.send(hop.port, mbuf, origin);
  }
  void forward_by_overlay(Packet& packet, const NextHop& hop, const Network& network) noexcept;
  void send_by_overlay(const NextHop& hop, rte_mbuf* mbuf, const Network& network, Origin origin) noexcept;
  void send_to(const OverlayWay& way, rte_mbuf* mbuf, const Network& network, Origin origin) noexcept;
  void send_frame_by_overlay(rte_mbuf* mbuf, InterfaceId interface, const Network& network) noexcept;
  void send_to_everyone(rte_mbuf* mbuf, InterfaceId interface, const Network& network,
                        Origin origin) noexcept;
  void leave(Batch& batch, Packet& packet, const Network& network, Origin origin) noexcept;
  void expire(Batch& batch, Packet& packet, const Network& network) noexcept;
  [[nodiscard]] bool fits(Batch& batch, Packet& packet, const NextHop& hop, const Network& network,
                          Origin origin) noexcept;
  [[nodiscard]] bool hop_taken(Batch& batch, Packet& packet, const Network& network, Origin origin) noexcept;
  void forward(Batch& batch, Packet& packet, const NextHop& hop, const Network& network,
               Origin origin) noexcept;
  void fragment(Batch& batch, Packet& packet, const NextHop& hop, const Network& network,
                Origin origin) noexcept;
  void resolve(Batch& batch, Packet& packet, Origin origin) noexcept;
  // What a port or a function left unfinished (receive_marks.h), in egress_unfinished.cpp. complete() returns
  // false when the packet has left or was dropped.
  [[nodiscard]] bool complete(Batch& batch, Packet& packet, const NextHop& hop, const Network& network,
                              Origin origin) noexcept;
  void forward_aggregate(Batch& batch, Packet& packet, const NextHop& hop, const Network& network,
                         unsigned segment, Origin origin) noexcept;
  void cut_fragment(Batch& batch, Packet& packet, const NextHop& hop, const Network& network,
                    Origin origin) noexcept;
  void forward_tunnelled(Batch& batch, Packet& packet, const NextHop& hop, const Network& network,
                         Origin origin) noexcept;
  // `tunnel_length`: of the headers of a tunnel before those of the aggregate; 0: none.
  [[nodiscard]] bool cut(const rte_mbuf* whole, const net::Headers& headers, unsigned tunnel_length,
                         const NextHop& hop, const Network& network, unsigned segment,
                         Origin origin) noexcept;

  rte_mempool* pool_;
  Transmitter& transmitter_;
  RingOutput to_host_;
  RingOutput to_resolve_;  // the same ring, counted apart
  Originator& originator_;
  WorkerCounters& counters_;
};

}  // namespace millrace::core
