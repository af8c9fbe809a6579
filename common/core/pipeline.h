// SPDX-License-Identifier: BSD-3-Clause
// The stages of a function, one after the other over a whole batch: a fold the compiler sees through.
#pragma once

#include <array>
#include <concepts>
#include <string_view>
#include <tuple>
#include <utility>

#include <rte_cycles.h>

#include "common/core/batch.h"
#include "common/core/counters.h"
#include "common/core/trace.h"

namespace millrace::core {

// A stage sees the live packets of a batch and one immutable policy. It may rewrite, drop or take packets.
template <class S, class Policy>
concept Stage = requires(S stage, Batch& batch, const Policy& policy) {
  { S::kName } -> std::convertible_to<std::string_view>;
  { stage.process(batch, policy) }
  noexcept;
};

// A stage that most batches do not need may say so: then it is skipped, and not counted.
template <class S, class Policy>
concept SkippableStage = Stage<S, Policy> &&
    requires(const S stage, const Batch& batch, const Policy& policy) {
  { stage.needed(batch, policy) }
  noexcept->std::same_as<bool>;
};

template <class PolicyType, Stage<PolicyType>... Stages>
class Pipeline {
 public:
  using Policy = PolicyType;
  static constexpr std::array<std::string_view, sizeof...(Stages)> kStageNames = {Stages::kName...};
  static_assert(sizeof...(Stages) + 2 <= WorkerCounters::kMaxStages, "ingress and egress are counted too");

  explicit Pipeline(Stages... stages) : stages_(std::move(stages)...) {}

  // Counts packets, drops and cycles of each stage into counters[0...].
  void process(Batch& batch, const Policy& policy, StageCounters* counters, Tracer& tracer) noexcept {
    std::uint64_t before = rte_rdtsc();
    const auto run = [&](auto& stage) {
      StageCounters& counted = *counters++;
      if constexpr (SkippableStage<std::remove_reference_t<decltype(stage)>, Policy>) {
        if (!stage.needed(batch, policy)) return;
      }
      const unsigned entered = batch.live_count();
      if (entered == 0) return;
      const std::uint64_t dropped = batch.dropped_mask();
      stage.process(batch, policy);
      if (batch.traced != 0) [[unlikely]]
        tracer.record(std::remove_reference_t<decltype(stage)>::kName, batch);
      const std::uint64_t after = rte_rdtsc();
      counted.packets.add(entered);
      counted.drops.add(static_cast<unsigned>(std::popcount(batch.dropped_mask() & ~dropped)));
      counted.cycles.add(after - before);
      before = after;
    };
    std::apply([&](auto&... stage) { (run(stage), ...); }, stages_);
  }

 private:
  std::tuple<Stages...> stages_;
};

template <class Policy, class... Stages>
[[nodiscard]] auto pipeline_over(Stages... stages) {
  return Pipeline<Policy, Stages...>(std::move(stages)...);
}

}  // namespace millrace::core
