// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/connection_ends.h"

#include <utility>

#include "common/core/owner.h"

namespace millrace::load_balancer {

ConnectionEnds ends_of(const Connection& connection) noexcept {
  const flow::FlowKey& key = connection.key;
  ConnectionEnds ends{.client = {},
                      .service = {},
                      .client_port = key.low_port(),
                      .service_port = key.high_port(),
                      .protocol = key.protocol(),
                      .domain = static_cast<std::uint16_t>(key.high >> 48)};
  if (key.is_ipv6()) {
    ends.client = connection.addresses.low;
    ends.service = connection.addresses.high;
  } else {
    ends.client = net::Ipv4Address{be32::from_wire(key.low_word())};
    ends.service = net::Ipv4Address{be32::from_wire(key.high_word())};
  }
  if (connection.has(Connection::kClientHigh)) {
    std::swap(ends.client, ends.service);
    std::swap(ends.client_port, ends.service_port);
  }
  return ends;
}

flow::FlowLookup lookup_of(const ConnectionEnds& ends, std::uint64_t seed) noexcept {
  flow::FlowLookup lookup;
  if (ends.client.is_v4()) {
    flow::make_ipv4_lookup(lookup, ends.client.v4(), ends.service.v4(), ends.client_port, ends.service_port,
                           ends.protocol, ends.domain, seed);
  } else {
    flow::make_ipv6_lookup(lookup, ends.client.v6(), ends.service.v6(), ends.client_port, ends.service_port,
                           ends.protocol, ends.domain, seed);
  }
  return lookup;
}

unsigned bucket_of(const ConnectionEnds& ends) noexcept {
  const auto words =
      static_cast<std::uint16_t>(core::folded_words(ends.client) ^ core::folded_words(ends.service) ^
                                 ends.client_port.wire() ^ ends.service_port.wire());
  return core::symmetric_hash(words) % core::kOwnerBuckets;
}

}  // namespace millrace::load_balancer
