// SPDX-License-Identifier: BSD-3-Clause
// The NAT gateway's way of a packet, on one worker.
#pragma once

#include <memory>

#include "common/core/pipeline.h"
#include "vnfs/nat/allowance.h"
#include "vnfs/nat/answer_port_control.h"
#include "vnfs/nat/apply_alg.h"
#include "vnfs/nat/find_binding.h"
#include "vnfs/nat/open_binding.h"
#include "vnfs/nat/translate.h"
#include "vnfs/nat/translate_errors.h"
#include "vnfs/nat/translate_family.h"
#include "vnfs/nat/worker_state.h"

namespace millrace::nat {

[[nodiscard]] inline auto make_pipeline(WorkerState& state) {
  return core::pipeline_over<Policy>(AnswerPortControl{state},  // PCP and NAT-PMP, when the policy has them
                                     FindBinding{state},        // known, new, or stale since a policy change
                                     OpenBinding{state},        // new and stale only
                                     TranslateErrors{state},    // ICMP errors about sessions
                                     TranslateFamily{state},    // between IPv6 and IPv4
                                     ApplyAlg{state},           // messages that carry addresses
                                     Translate{state});         // addresses, ports, TCP state
}

class NatFunction final : public core::Function {
  using Pipeline = decltype(make_pipeline(std::declval<WorkerState&>()));

 public:
  static constexpr std::span<const std::string_view> kStageNames = Pipeline::kStageNames;

  // `book` outlives it.
  NatFunction(const BindingTable::Limits& limits, const AddressBook& book,
              const core::WorkerServices& services, std::uint32_t events_that_wait = WorkerState::kEvents)
      : book_(book), state_(limits, book, services, events_that_wait), pipeline_(make_pipeline(state_)) {}

  void process(core::Batch& batch, const core::Policy& policy, core::StageCounters* counters,
               core::Tracer& tracer) noexcept override {
    state_.events.follow(static_cast<const Policy&>(policy));
    pipeline_.process(batch, static_cast<const Policy&>(policy), counters, tracer);
  }
  void tick(Tick now, const core::Policy& in_force) noexcept override {
    const auto& policy = static_cast<const Policy&>(in_force);
    state_.events.follow(policy);
    BindingTable& bindings = state_.bindings;
    bindings.expire(policy.timeouts, now, [&](const Mapping& mapping) {
      return policy.quarantine_of(policy.find(mapping.outside().ipv4(), mapping.domain));
    });
    // Two rounds after a change have come to every session.
    if (policy.generation != state_.swept_generation) {
      state_.swept_generation = policy.generation;
      state_.sweep_until = now + 2 * flow::TableSweep::kLongestRound;
    }
    if (tick_after(state_.sweep_until, now)) sweep_sessions(policy, now);
    state_.epoch.advance(now);
    state_.lease_sweep.advance(bindings.leases().records(), now, [&](LeaseIndex index) {
      const Lease& lease = bindings.leases()[index];
      const Mapping& mapping = bindings.mapping(bindings.mapping_of(lease));
      if (policy.keeps(bindings.subscriber(lease.subscriber).address, lease, mapping)) return;
      bindings.end_lease(index, policy.quarantine_of(policy.find(mapping.outside().ipv4(), mapping.domain)),
                         now);
    });
    state_.sweep.advance(bindings.subscribers(), now, [&](SubscriberIndex index) {
      const Subscriber& subscriber = bindings.subscriber(index);
      bindings.tidy_subscriber(index, policy.rest_of_blocks(book_, subscriber), now);
    });
  }
  [[nodiscard]] std::span<const std::string_view> stage_names() const noexcept override {
    return kStageNames;
  }

  // On the worker's thread, or while it does not run.
  [[nodiscard]] WorkerState& state() noexcept { return state_; }

 private:
  // Sessions that another policy allowed go on or end.
  void sweep_sessions(const Policy& policy, Tick now) noexcept {
    BindingTable& bindings = state_.bindings;
    state_.session_sweep.advance(bindings.sessions(), now, [&](SessionIndex index) {
      Session& session = bindings.session(index);
      if (session.generation == policy.generation) return;
      if (is_allowed(session, core::InterfaceId::none(), bindings, policy)) {
        session.generation = policy.generation;
      } else {
        bindings.close_session(index, SessionEnd::kPolicy, 0, now);
      }
    });
  }

  const AddressBook& book_;
  WorkerState state_;
  Pipeline pipeline_;
};

}  // namespace millrace::nat
