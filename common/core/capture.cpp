// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/capture.h"

#include <algorithm>
#include <cstring>

#include <rte_cycles.h>

namespace millrace::core {

using Point = CapturedPacket::Point;

void Capturer::received(Batch& batch) noexcept {
  const std::uint64_t tsc = rte_rdtsc();
  for (const Packet& packet : batch)
    offer(packet.mbuf, {.point = Point::kReceived, .port = PortId(packet.mbuf->port), .tsc = tsc});
}

void Capturer::sent(PortId port, std::span<rte_mbuf* const> mbufs) noexcept {
  const std::uint64_t tsc = rte_rdtsc();
  for (rte_mbuf* mbuf : mbufs) offer(mbuf, {.point = Point::kSent, .port = port, .tsc = tsc});
}

void Capturer::dropped(rte_mbuf* mbuf, PortId port, std::uint8_t reason) noexcept {
  offer(mbuf, {.point = Point::kDropped, .drop_reason = reason, .port = port, .tsc = rte_rdtsc()});
}

void Capturer::offer(rte_mbuf* mbuf, CapturedPacket captured) noexcept {
  CaptureJob& job = *current_;
  const auto wanted = static_cast<std::uint32_t>(job.packets_.size());
  if (job.claimed_.load(std::memory_order_relaxed) >= wanted) return;
  if (captured.port.value() >= kMaxPorts) return;  // made here and never sent

  // What came in is not parsed yet and what goes out was rewritten, so the filter reads the bytes themselves.
  // A packet that does not parse shows what could be read before its fault.
  Packet packet;
  packet.mbuf = mbuf;
  packet.port = captured.port;
  net::Headers& headers = packet.headers;
  static_cast<void>(
      net::parse_frame(packet.first_segment(), mbuf->pkt_len, headers, {.check_ipv4_checksum = false}));
  packet.ingress =
      network_->find_interface(packet.port, headers.outer_vlan, headers.inner_vlan, headers.tagged);
  if (!job.filter_.matches(packet)) return;

  const std::uint32_t slot = job.claimed_.fetch_add(1, std::memory_order_relaxed);
  if (slot >= wanted) return;
  captured.length = mbuf->pkt_len;
  captured.kept = std::min(mbuf->pkt_len, job.snap_length_);
  std::uint8_t* to = job.bytes_.data() + std::size_t{slot} * job.snap_length_;
  const void* from = rte_pktmbuf_read(mbuf, 0, captured.kept, to);
  if (from != to) std::memcpy(to, from, captured.kept);
  job.packets_[slot] = captured;
  job.written_.fetch_add(1, std::memory_order_release);
}

}  // namespace millrace::core
