// SPDX-License-Identifier: BSD-3-Clause
// Fragments on their way through a worker: the later ones of a datagram share the fate of its first.
//
// All fragments of a datagram meet at its home, the worker that owns the hash without ports. Once the first
// has told the ports, they go on to the flow's owner, in order; often that is the home itself. The owner's
// function judges the first, and the owner's table applies the verdict to the later ones, which until then
// are held there. A later fragment that passes shows the ports of the first, so that its session is found.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "common/core/batch.h"
#include "common/core/capture.h"
#include "common/core/counters.h"
#include "common/core/note.h"
#include "common/core/output.h"
#include "common/flow/fragment_table.h"

namespace millrace::core {

// One per worker.
class Fragments {
 public:
  // `counters` and `capturer` outlive it.
  Fragments(const flow::FragmentSettings& settings, std::uint64_t seed, WorkerId self,
            WorkerCounters& counters, Capturer& capturer);

  // A fragment, routed, of a datagram whose home this is, or whose flow this worker owns (`owned`). After it
  // the packet is live, or held, handed over, or dropped.
  void track(Batch& batch, Packet& packet, bool owned, std::span<RingOutput> owners,
             unsigned workers) noexcept;
  // A fragment that was released: what the first showed is put into its headers.
  static void restore(Packet& packet) noexcept;

  // Fragments were tracked since the last settle().
  [[nodiscard]] bool unsettled() const noexcept { return unsettled_; }
  // After egress: takes over the batch's verdicts on its first fragments, and releases or drops what waited.
  void settle(const Batch& batch) noexcept;
  // Moves released fragments into an empty batch; false when there are none.
  [[nodiscard]] bool take_released(Batch& batch) noexcept;

  // Between batches: a bounded number of timeouts.
  void expire(Tick now) noexcept {
    if (table_.datagrams() != 0) [[unlikely]]
      expire_some(now);
  }
  // Drops all that is held, because the worker stops.
  void drop_held() noexcept;

 private:
  struct First {
    flow::DatagramId datagram;
    Note note;
    std::uint8_t lane = 0;
  };

  void expire_some(Tick now) noexcept;
  void drop(void* mbuf, Drop reason) noexcept;
  void drop_given_up() noexcept;

  flow::FragmentTable table_;
  WorkerId self_;
  WorkerCounters& counters_;
  Capturer& capturer_;
  bool unsettled_ = false;
  std::array<First, Batch::kMaxSize> firsts_{};  // of the batch in hand, to be judged
  unsigned first_count_ = 0;
  std::vector<rte_mbuf*> released_;  // room for all that can be held
  std::size_t released_begin_ = 0;
  std::size_t released_end_ = 0;
};

}  // namespace millrace::core
