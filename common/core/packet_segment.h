// SPDX-License-Identifier: BSD-3-Clause
// The segment a packet is on: its flow key, its fragments and its source are told apart by it.
#pragma once

#include "common/core/batch.h"
#include "common/core/network.h"

namespace millrace::core {

// Of a packet that ingress has read; the same for both directions of a flow.
[[nodiscard]] inline flow::Segment segment_of(const Packet& packet, const Network& network) noexcept {
  if (network.forwarding == Forwarding::kRouted) return flow::Segment::domain(packet.domain.value());
  const net::Headers& headers = packet.headers;
  return network.segment(packet.port, flow::VlanTags::of(headers.outer_vlan, headers.inner_vlan));
}

}  // namespace millrace::core
