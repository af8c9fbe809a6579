// SPDX-License-Identifier: BSD-3-Clause
// The load balancer's way of a packet, on one worker.
#pragma once

#include "common/core/pipeline.h"
#include "vnfs/load_balancer/choose_backend.h"
#include "vnfs/load_balancer/encapsulate.h"
#include "vnfs/load_balancer/find_connection.h"
#include "vnfs/load_balancer/forward.h"
#include "vnfs/load_balancer/forward_errors.h"
#include "vnfs/load_balancer/join_halves.h"
#include "vnfs/load_balancer/tell_client.h"
#include "vnfs/load_balancer/worker_state.h"

namespace millrace::load_balancer {

[[nodiscard]] inline auto make_pipeline(WorkerState& state) {
  return core::pipeline_over<Policy>(FindConnection{state},  // known, new, or stale since a policy change
                                     ChooseBackend{state},   // new only
                                     ForwardErrors{state},   // ICMP errors about balanced packets
                                     Encapsulate{state},     // to the backend inside a tunnel
                                     JoinHalves{state},      // connections opened by a SYN cookie
                                     Forward{state});        // to the backend, or back to the client
}

class LoadBalancerFunction final : public core::Function {
  using Pipeline = decltype(make_pipeline(std::declval<WorkerState&>()));

 public:
  static constexpr std::span<const std::string_view> kStageNames = Pipeline::kStageNames;

  LoadBalancerFunction(std::uint32_t connections, const core::WorkerServices& services)
      : state_(connections, services), pipeline_(make_pipeline(state_)) {}

  void process(core::Batch& batch, const core::Policy& policy, core::StageCounters* counters,
               core::Tracer& tracer) noexcept override {
    pipeline_.process(batch, static_cast<const Policy&>(policy), counters, tracer);
  }
  void tick(Tick now, const core::Snapshot& in_force) noexcept override {
    const auto& policy = static_cast<const Policy&>(*in_force.policy);
    state_.reset_silent.follow(*in_force.network);
    state_.connections.expire(policy, now);
    state_.syn_guard.forget_old(now);
    for (const ConnectionIndex index : state_.connections.due())
      TellClient{state_}.send_again(index, policy, *in_force.network, now);
    // Two rounds after a change have come to every connection.
    if (policy.generation != state_.swept_generation) {
      state_.swept_generation = policy.generation;
      state_.sweep_until = now + 2 * flow::TableSweep::kLongestRound;
    }
    if (tick_after(state_.sweep_until, now)) sweep(policy, now);
  }
  [[nodiscard]] std::span<const std::string_view> stage_names() const noexcept override {
    return kStageNames;
  }

  // On the worker's thread, or while it does not run.
  [[nodiscard]] WorkerState& state() noexcept { return state_; }

 private:
  // Connections that another policy allowed go on or end.
  void sweep(const Policy& policy, Tick now) noexcept {
    ConnectionTable& connections = state_.connections;
    state_.sweep.advance(connections.flows(), now, [&](ConnectionIndex index) {
      Connection& connection = connections[index];
      if (connection.generation == policy.generation) return;
      if (policy.allows(connection)) {
        connection.generation = policy.generation;
      } else {
        connections.close(index, ConnectionEnd::kPolicy);
      }
    });
  }

  WorkerState state_;
  Pipeline pipeline_;
};

}  // namespace millrace::load_balancer
