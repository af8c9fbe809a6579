// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "common/core/function.h"

namespace millrace::benchmark {

// A function that leaves packets alone: what remains is the core.
class Nothing final : public core::Function {
 public:
  void process(core::Batch& /*batch*/, const core::Policy& /*policy*/, core::StageCounters* /*counters*/,
               core::Tracer& /*tracer*/) noexcept override {}
  void tick(Tick /*now*/, const core::Snapshot& /*in_force*/) noexcept override {}
  [[nodiscard]] std::span<const std::string_view> stage_names() const noexcept override { return {}; }
};

}  // namespace millrace::benchmark
