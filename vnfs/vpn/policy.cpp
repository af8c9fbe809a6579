// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/policy.h"

#include "vnfs/vpn/esp_datagram.h"

namespace millrace::vpn {

// Fragments of ESP meet where their addresses lead, to become one.
unsigned Policy::bucket_of(const core::Packet& packet, bool with_ports) const noexcept {
  const net::Headers& headers = packet.headers;
  if (!headers.is_fragment) [[likely]] {
    const EspPlace place = find_esp(packet);
    if (place.kind == EspPlace::Kind::kEsp) return vpn::bucket_of(place.spi(packet));
  }
  if (const Associations& associations = directory_->get(); associations.has_policies()) {
    const Rule* rule = associations.find(Ends::of(packet, true));
    // What several associations share is spread over the workers by its flows.
    if (rule != nullptr && rule->outbound != nullptr && rule->sharers == 0) return rule->outbound->bucket;
  }
  if (!headers.is_fragment) return core::flow_hash(headers, packet.first_segment()) % core::kOwnerBuckets;
  return core::owner_hash(headers, packet.l3(), with_ports) % core::kOwnerBuckets;
}

}  // namespace millrace::vpn
