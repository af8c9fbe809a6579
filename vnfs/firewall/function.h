// SPDX-License-Identifier: BSD-3-Clause
// The firewall's way of a packet, on one worker.
#pragma once

#include <memory>

#include "common/core/pipeline.h"
#include "vnfs/firewall/find_application.h"
#include "vnfs/firewall/find_session.h"
#include "vnfs/firewall/guard_link.h"
#include "vnfs/firewall/inspect.h"
#include "vnfs/firewall/join_fragments.h"
#include "vnfs/firewall/match_rules.h"
#include "vnfs/firewall/track_connection.h"
#include "vnfs/firewall/worker_state.h"

namespace millrace::firewall {

[[nodiscard]] inline auto make_pipeline(WorkerState& state) {
  return core::pipeline_over<Policy>(GuardLink{state},        // transparent mode: ARP and neighbour discovery
                                     FindSession{state},      // known, new, or stale since a policy change
                                     GuardSyn{state},         // SYN cookies that come back
                                     MatchRules{state},       // new and stale only
                                     JoinFragments{state},    // of sessions that are looked into
                                     TrackConnection{state},  // TCP state and window, counts
                                     FindApplication{state},  // for rules that ask for it
                                     Inspect{state},          // what is inside, for rules that want it known
                                     JoinHalves{state});      // connections opened by a SYN cookie
}

class FirewallFunction final : public core::Function {
  using Pipeline = decltype(make_pipeline(std::declval<WorkerState&>()));

 public:
  static constexpr std::span<const std::string_view> kStageNames = Pipeline::kStageNames;

  FirewallFunction(const Limits& limits, const core::WorkerServices& services)
      : state_(limits, services), pipeline_(make_pipeline(state_)) {}

  void process(core::Batch& batch, const core::Policy& policy, core::StageCounters* counters,
               core::Tracer& tracer) noexcept override {
    state_.load.took(batch.size());
    state_.flow_log.follow(static_cast<const Policy&>(policy));
    state_.watch.follow(static_cast<const Policy&>(policy));
    pipeline_.process(batch, static_cast<const Policy&>(policy), counters, tracer);
  }
  void tick(Tick now, const core::Snapshot& in_force) noexcept override {
    const auto& policy = static_cast<const Policy&>(*in_force.policy);
    state_.load.round(now);
    state_.flow_log.follow(policy);
    state_.watch.follow(policy);
    state_.sessions.expire(policy.timeouts, now);
    state_.sweep.advance(state_.sessions.flows(), now, [&](SessionIndex index) {
      Session& session = state_.sessions[index];
      state_.accounts.settle(session);
      if (session.has(Session::kInspected)) state_.applications.lose_patience(session, now);
      state_.flow_log.goes_on(index, session, policy.active_timeout, now);
    });
    state_.watch.turn(now);
  }
  [[nodiscard]] std::span<const std::string_view> stage_names() const noexcept override {
    return kStageNames;
  }

  // On the worker's thread, or while it does not run.
  [[nodiscard]] WorkerState& state() noexcept { return state_; }

 private:
  WorkerState state_;
  Pipeline pipeline_;
};

}  // namespace millrace::firewall
