// SPDX-License-Identifier: BSD-3-Clause
// Whose a packet is where its addresses and ports alone do not tell: behind an address translation both
// directions of a flow have little in common.
#pragma once

#include "common/core/batch.h"
#include "common/core/owner.h"

namespace millrace::core {

// Part of a function's policy; any worker asks.
class Ownership {
 public:
  virtual ~Ownership() = default;
  // The bucket of the packet's owner, less than kOwnerBuckets. Its headers were read, interface and domain of
  // arrival are set. `with_ports`: false where the fragments of a datagram meet, before the first has told
  // the ports.
  [[nodiscard]] virtual unsigned bucket_of(const Packet& packet, bool with_ports) const noexcept = 0;
};

// Without an `ownership`, that of the flow. ICMP errors go with the flow that they are about.
[[nodiscard, gnu::always_inline]] inline unsigned owner_bucket(const Packet& packet,
                                                               const Ownership* ownership) noexcept {
  if (ownership == nullptr) [[likely]]
    return flow_hash(packet.headers, packet.first_segment()) % kOwnerBuckets;
  return ownership->bucket_of(packet, packet.headers.has_ports && !packet.headers.is_fragment);
}

// The same of a fragment whose first has told the ports, if there are any.
[[nodiscard]] inline unsigned fragment_owner_bucket(const Packet& packet,
                                                    const Ownership* ownership) noexcept {
  if (ownership == nullptr) [[likely]]
    return owner_hash(packet.headers, packet.l3(), packet.headers.has_ports) % kOwnerBuckets;
  return ownership->bucket_of(packet, packet.headers.has_ports);
}

struct Snapshot;

// The same of a packet that waits in a worker's ring, with the note it has there. Control thread.
[[nodiscard]] unsigned bucket_of_waiting(rte_mbuf* mbuf, const Snapshot& snapshot) noexcept;

}  // namespace millrace::core
