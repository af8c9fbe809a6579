// SPDX-License-Identifier: BSD-3-Clause
// Packets that came in, before the function sees them: which rule of conditioning.h they come under, what
// color they have, and what follows from it.
#pragma once

#include "common/core/batch.h"
#include "common/core/conditioning.h"

namespace millrace::core {

// One per worker.
class Conditioner {
 public:
  explicit Conditioner(WorkerId worker) noexcept : worker_(worker) {}

  // `now`: in ticks of the meters' clock, the time stamp counter's. Dropped packets have Drop::kPoliced.
  void process(Batch& batch, const Conditioning& conditioning, std::uint64_t now) noexcept;

 private:
  // Packets of a batch under one rule: a meter is asked for all of them at once, and for each only when they
  // are not all green.
  struct Run {
    const TrafficRule* rule = nullptr;
    std::uint64_t lanes = 0;
    std::uint64_t bytes = 0;
  };
  static constexpr unsigned kRuns = 8;  // at the same time

  // Neighbours in a list have places of their own.
  [[nodiscard]] static unsigned place_of(const TrafficRule* rule) noexcept {
    return reinterpret_cast<std::uintptr_t>(rule) / sizeof(TrafficRule) % kRuns;
  }
  [[nodiscard]] unsigned put_down(Batch& batch, const Conditioning& conditioning, const Run& run,
                                  std::uint64_t now) noexcept;
  [[nodiscard]] Run take_up(const TrafficRule* rule) noexcept;
  void finish(Batch& batch, const Conditioning& conditioning, Run& run, std::uint64_t now) noexcept;
  void meter(Batch& batch, const PolicerUse& policer, const Run& run, std::uint64_t now) noexcept;

  WorkerId worker_;
  std::array<Run, kRuns> runs_{};
};

}  // namespace millrace::core
