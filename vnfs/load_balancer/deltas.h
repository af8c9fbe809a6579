// SPDX-License-Identifier: BSD-3-Clause
// What the way to a backend changes in checksums: RFC 1624.
#pragma once

#include "common/net/checksum.h"
#include "vnfs/load_balancer/policy.h"

namespace millrace::load_balancer {

struct Deltas {
  std::uint16_t ip;         // of the IPv4 header
  std::uint16_t transport;  // of the transport header
};

// Who a packet is between, in its own order.
struct PacketEnds {
  net::IpAddress source;
  net::IpAddress destination;
  be16 source_port;
  be16 destination_port;
};

// The way back is the complement of both. Between the families the transport's has its pseudo-header in it.
[[nodiscard]] inline Deltas deltas_of(const PacketEnds& before, const PacketEnds& after) noexcept {
  const auto sum_of = [](const PacketEnds& ends) {
    return net::sum_bytes(Bytes(ends.source.bytes())) + net::sum_bytes(Bytes(ends.destination.bytes()));
  };
  const auto ports_of = [](const PacketEnds& ends) {
    return net::ChecksumSum{ends.source_port.wire()} + ends.destination_port.wire();
  };
  const net::ChecksumSum addresses = net::difference(sum_of(before), sum_of(after));
  return {.ip = net::fold(addresses),
          .transport = net::fold(addresses + net::difference(ports_of(before), ports_of(after)))};
}

// `port`: that the client sends to. The way back is the complement of both.
[[nodiscard]] inline Deltas deltas_of(const Service& service, const Backend& backend, be16 port) noexcept {
  const auto sum_of = [](const net::IpAddress& address) {
    return net::sum_bytes(Bytes(address.bytes().data(), address.bytes().size()));
  };
  const net::ChecksumSum addresses = net::difference(sum_of(service.address), sum_of(backend.address));
  return {.ip = net::fold(addresses),
          .transport = net::fold(addresses + net::difference(port.wire(), backend.inward(port).wire()))};
}

}  // namespace millrace::load_balancer
