// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/trace.h"

#include <algorithm>
#include <cstring>

#include <rte_cycles.h>
#include <rte_lcore.h>

#include "common/flow/segment.h"

namespace millrace::core {

bool PacketFilter::matches(const Packet& packet) const noexcept {
  const net::Headers& headers = packet.headers;
  if (interface.valid() && packet.ingress != interface) return false;
  const auto tags = flow::VlanTags::of(headers.outer_vlan, headers.inner_vlan);
  if ((vlan && tags.vlan != *vlan) || (outer_vlan && tags.outer != *outer_vlan)) return false;
  if (protocol && headers.protocol != *protocol) return false;
  if (port && (!headers.has_ports ||
               (headers.source_port.host() != *port && headers.destination_port.host() != *port))) {
    return false;
  }
  if (!source && !destination) return true;
  if (!headers.is_ipv4() && !headers.is_ipv6()) return false;
  const std::size_t ip_header = headers.is_ipv4() ? sizeof(net::Ipv4Header) : sizeof(net::Ipv6Header);
  if (packet.mbuf->data_len < headers.l3_offset + ip_header) return false;  // cut off, so there are none
  const net::IpAddress from = packet.source();
  const net::IpAddress to = packet.destination();
  const auto within = [](const std::optional<net::Prefix>& prefix, const net::IpAddress& address) {
    return !prefix || prefix->contains(address);
  };
  return (within(source, from) && within(destination, to)) ||
         (within(source, to) && within(destination, from));
}

void Tracer::select(Batch& batch) noexcept {
  TraceJob* job = job_.load(std::memory_order_acquire);
  batch.traced = 0;
  if (job == nullptr) return;
  for (unsigned lane = 0; lane < batch.size(); ++lane) {
    const std::uint32_t number = job->started.load(std::memory_order_relaxed);
    if (number == job->packets) return;
    if (batch[lane].mbuf == nullptr || !job->filter.matches(batch[lane])) continue;
    number_[lane] = number;
    job->started.store(number + 1, std::memory_order_relaxed);
    batch.traced |= std::uint64_t{1} << lane;
  }
}

void Tracer::record(std::string_view stage, Batch& batch) noexcept {
  TraceJob* job = job_.load(std::memory_order_acquire);
  if (job == nullptr) return;
  std::uint32_t used = job->used.load(std::memory_order_relaxed);
  for (std::uint64_t lanes = batch.traced; lanes != 0; lanes &= lanes - 1) {
    if (used == job->events.size()) break;
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    const Packet& packet = batch[lane];
    const std::uint64_t bit = std::uint64_t{1} << lane;
    TraceEvent& event = job->events[used++];
    event.packet = number_[lane];
    event.worker = static_cast<std::uint16_t>(rte_lcore_id());
    event.drop_reason = packet.drop_reason;
    event.taken = (batch.live_mask() & bit) == 0 && (batch.dropped_mask() & bit) == 0;
    event.tsc = rte_rdtsc();
    event.stage = stage;
    event.state = packet;
    if (!event.taken) {
      event.byte_count =
          static_cast<std::uint8_t>(std::min<std::size_t>(packet.mbuf->data_len, event.bytes.size()));
      std::memcpy(event.bytes.data(), packet.bytes(), event.byte_count);
    }
  }
  // A packet that left is not followed any further.
  batch.traced &= batch.live_mask();
  job->used.store(used, std::memory_order_release);
  if (job->started.load(std::memory_order_relaxed) == job->packets && batch.traced == 0) {
    job->done.store(true, std::memory_order_release);
  }
}

}  // namespace millrace::core
