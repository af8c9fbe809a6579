// SPDX-License-Identifier: BSD-3-Clause
// What one worker of the VPN gateway owns. Nothing here is shared, so nothing here is locked.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "common/acceleration/crypto/engine.h"
#include "common/base/event_ring.h"
#include "common/core/fragment_joiner.h"
#include "common/core/function.h"
#include "common/core/outer_ids.h"
#include "common/core/path_mtus.h"
#include "vnfs/vpn/arrivals.h"
#include "vnfs/vpn/association_event.h"
#include "vnfs/vpn/associations.h"
#include "vnfs/vpn/esp.h"
#include "vnfs/vpn/ways.h"

namespace millrace::vpn {

struct WorkerState {
  WorkerState(std::unique_ptr<crypto::Engine> of_library, std::shared_ptr<core::PathMtus> of_all_workers,
              const core::WorkerServices& lent)
      : services(lent),
        engine(std::move(of_library)),
        path_mtus(std::move(of_all_workers)),
        outer_ids(lent.worker.value(), lent.workers, static_cast<std::uint32_t>(lent.seed)),
        events(kMostEvents) {}
  WorkerState(const WorkerState&) = delete;
  WorkerState& operator=(const WorkerState&) = delete;

  static constexpr std::uint32_t kMostEvents = 4096;

  // Whether packets that leave by the association are this worker's to seal.
  [[nodiscard]] bool owns(const Outbound& association) const noexcept {
    return core::owner_of(association.bucket, services.workers) == services.worker.value();
  }

  void forget_batch() noexcept {
    to_open = opened = to_seal = ours = 0;
    many_inbound = many_outbound = false;
    last_inbound = nullptr;
    last_outbound = nullptr;
  }

  core::WorkerServices services;
  std::unique_ptr<crypto::Engine> engine;
  std::shared_ptr<core::PathMtus> path_mtus;  // of outbound associations, by slot
  Ways ways;
  Arrivals arrivals;
  core::OuterIds outer_ids;
  core::FragmentJoiner joiner;
  EventRing<AssociationEvent> events;

  // From stage to stage, for the batch in hand. Lanes.
  std::array<const Inbound*, core::Batch::kMaxSize> inbound;
  std::array<const Outbound*, core::Batch::kMaxSize> outbound;
  std::array<EspPacket, core::Batch::kMaxSize> esp;
  // Of several tunnels, so that what they need is worth prefetching.
  bool many_inbound = false;
  bool many_outbound = false;
  const Inbound* last_inbound = nullptr;
  const Outbound* last_outbound = nullptr;
  std::uint64_t to_open = 0;
  std::uint64_t opened = 0;
  std::uint64_t to_seal = 0;
  std::uint64_t ours = 0;  // for the appliance itself, and no ESP: no policy says by which tunnel they leave

  // For the engine, in the order of its operations.
  std::array<crypto::Operation, core::Batch::kMaxSize> operations;
  std::array<EspScratch, core::Batch::kMaxSize> scratch;
  std::array<std::uint8_t, core::Batch::kMaxSize> lanes;
};

}  // namespace millrace::vpn
