// SPDX-License-Identifier: BSD-3-Clause
// The VPN gateway's way of a packet, on one worker.
#pragma once

#include "common/core/pipeline.h"
#include "vnfs/vpn/find_association.h"
#include "vnfs/vpn/find_policy.h"
#include "vnfs/vpn/open_packets.h"
#include "vnfs/vpn/seal_packets.h"
#include "vnfs/vpn/worker_state.h"

namespace millrace::vpn {

[[nodiscard]] inline auto make_pipeline(WorkerState& state) {
  return core::pipeline_over<Policy>(FindAssociation{state},  // ESP to us, and what is the twin's
                                     OpenPackets{state},      // out of ESP
                                     FindPolicy{state},       // by which tunnel, if by any
                                     SealPackets{state});     // into ESP
}

class VpnFunction final : public core::Function {
  using Pipeline = decltype(make_pipeline(std::declval<WorkerState&>()));

 public:
  static constexpr std::span<const std::string_view> kStageNames = Pipeline::kStageNames;

  VpnFunction(std::unique_ptr<crypto::Engine> engine, std::shared_ptr<core::PathMtus> path_mtus,
              const core::WorkerServices& services)
      : state_(std::move(engine), std::move(path_mtus), services), pipeline_(make_pipeline(state_)) {}

  void process(core::Batch& batch, const core::Policy& policy, core::StageCounters* counters,
               core::Tracer& tracer) noexcept override {
    pipeline_.process(batch, static_cast<const Policy&>(policy), counters, tracer);
  }
  // What the appliance says to hosts behind a tunnel goes by it.
  void process_own(core::Batch& batch, const core::Policy& policy) noexcept override {
    state_.forget_batch();
    FindPolicy{state_}.process(batch, static_cast<const Policy&>(policy));
    if (state_.to_seal != 0) SealPackets{state_}.process(batch, static_cast<const Policy&>(policy));
  }
  [[nodiscard]] bool takes_own() const noexcept override { return true; }
  void tick(Tick /*now*/, const core::Snapshot& /*in_force*/) noexcept override {}
  [[nodiscard]] std::span<const std::string_view> stage_names() const noexcept override {
    return kStageNames;
  }

  // On the worker's thread, or while it does not run.
  [[nodiscard]] WorkerState& state() noexcept { return state_; }

 private:
  WorkerState state_;
  Pipeline pipeline_;
};

}  // namespace millrace::vpn
