// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/ownership.h"

#include "common/core/function.h"
#include "common/core/note.h"

namespace millrace::core {

unsigned bucket_of_waiting(rte_mbuf* mbuf, const Snapshot& snapshot) noexcept {
  const Network& network = *snapshot.network;
  Packet packet;
  packet.mbuf = mbuf;
  packet.port = PortId(mbuf->port);
  net::Headers& headers = packet.headers;
  const auto error =
      net::parse_frame(packet.first_segment(), mbuf->pkt_len, headers, {.check_ipv4_checksum = false});
  if (error != net::ParseError::kNone || headers.family == net::Headers::kArp) return 0;
  const Note& with = note(mbuf);
  packet.ingress =
      with.kind == Note::Kind::kRestart
          ? with.interface
          : network.find_interface(packet.port, headers.outer_vlan, headers.inner_vlan, headers.tagged);
  if (packet.ingress.value() >= network.interfaces.size()) return 0;
  packet.domain = network.interfaces[packet.ingress.value()].domain;
  const Ownership* ownership = snapshot.policy == nullptr ? nullptr : snapshot.policy->ownership();
  if (with.kind != Note::Kind::kFragment) return owner_bucket(packet, ownership);
  headers.source_port = with.source_port;
  headers.destination_port = with.destination_port;
  headers.has_ports = with.has_ports;
  return fragment_owner_bucket(packet, ownership);
}

}  // namespace millrace::core
