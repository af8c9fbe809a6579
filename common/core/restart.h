// SPDX-License-Identifier: BSD-3-Clause
// Packets that begin anew: a function gave them other addresses, and what they are now is another worker's
// business, or the same one's from the beginning.
#pragma once

#include <vector>

#include "common/core/batch.h"
#include "common/core/note.h"
#include "common/core/output.h"
#include "common/core/owner.h"

namespace millrace::core {

// One per worker.
class Restart {
 public:
  // `owners`: rings by worker, this worker's own among them.
  explicit Restart(std::vector<RingOutput> owners) : owners_(std::move(owners)) {}

  // The packet leaves the batch. It goes to the worker that owns `bucket` and looks there as if it had come
  // by `interface`; Packet::restarted tells it from others.
  // Kept out of the stages that call it, whose ordinary packets it is not about.
  [[gnu::noinline]] void send(Batch& batch, Packet& packet, InterfaceId interface, unsigned bucket) noexcept {
    if (owners_.empty()) return batch.drop(packet, Drop::kOwnerRingFull);
    packet.mbuf->port = packet.port.value();  // of one that the appliance made it is nobody's
    note(packet.mbuf) = Note{.kind = Note::Kind::kRestart,
                             .interface = interface,
                             .port = packet.port,
                             .from_host = packet.from_host};
    batch.take(packet);
    owners_[owner_of(bucket, static_cast<unsigned>(owners_.size()))].push(packet.mbuf);
  }
  // The same of a frame that was made of `packet`, which stays.
  void send_piece(rte_mbuf* piece, const Packet& packet, InterfaceId interface, unsigned bucket) noexcept {
    if (owners_.empty()) return rte_pktmbuf_free(piece);
    piece->port = packet.port.value();  // the twin's own have none in their buffers
    note(piece) = Note{.kind = Note::Kind::kRestart,
                       .interface = interface,
                       .port = packet.port,
                       .from_host = packet.from_host};
    owners_[owner_of(bucket, static_cast<unsigned>(owners_.size()))].push(piece);
  }
  // Returns how many were sent since the last flush.
  unsigned flush() noexcept {
    unsigned sent = 0;
    for (RingOutput& owner : owners_) sent += owner.flush();
    return sent;
  }

 private:
  std::vector<RingOutput> owners_;
};

}  // namespace millrace::core
