// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/policy.h"

#include "common/core/embedded.h"
#include "common/core/owner.h"
#include "common/net/icmp.h"

namespace millrace::load_balancer {
namespace {

struct Ends {
  net::IpAddress source;
  net::IpAddress destination;
  be16 source_port;
  be16 destination_port;
  std::uint8_t protocol;
};

Ends ends_of(const net::Headers& headers, const std::uint8_t* l3) noexcept {
  Ends ends{.source = {},
            .destination = {},
            .source_port = headers.source_port,
            .destination_port = headers.destination_port,
            .protocol = headers.protocol};
  if (headers.is_ipv4()) {
    const auto& ip = *reinterpret_cast<const net::Ipv4Header*>(l3);
    ends.source = ip.source;
    ends.destination = ip.destination;
  } else {
    const auto& ip = *reinterpret_cast<const net::Ipv6Header*>(l3);
    ends.source = ip.source;
    ends.destination = ip.destination;
  }
  return ends;
}

}  // namespace

unsigned Policy::bucket_of(const core::Packet& packet, bool with_ports) const noexcept {
  net::Headers embedded;
  const bool error = net::is_icmp_error(packet.headers) && !packet.headers.is_fragment &&
                     core::read_embedded(packet, embedded);
  const net::Headers& headers = error ? embedded : packet.headers;
  const std::uint8_t* l3 = packet.bytes() + headers.l3_offset;
  if (!error && !with_ports) return core::owner_hash(headers, l3, false) % core::kOwnerBuckets;
  Ends ends = ends_of(headers, l3);
  // What an error is about went the other way.
  if (error) {
    std::swap(ends.source, ends.destination);
    std::swap(ends.source_port, ends.destination_port);
  }
  if (SourceAddress* const* to = by_answer.find(Place::of(ends.destination, packet.domain.value()),
                                                ends.protocol, ends.destination_port.host())) {
    if (const auto bucket = (*to)->bucket_of(ends.destination_port.host())) return *bucket;
  }
  const BackendId* answers =
      by_source.find(Place::of(ends.source, packet.domain.value()), ends.protocol, ends.source_port.host());
  if (answers == nullptr) return core::owner_hash(headers, l3, headers.has_ports) % core::kOwnerBuckets;
  const Backend& backend = backends[*answers];
  const auto words = static_cast<std::uint16_t>(
      core::folded_words(ends.destination) ^ core::folded_words(services[backend.service].address) ^
      ends.destination_port.wire() ^ backend.outward(ends.source_port).wire());
  return core::symmetric_hash(words) % core::kOwnerBuckets;
}

}  // namespace millrace::load_balancer
