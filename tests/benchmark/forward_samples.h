// SPDX-License-Identifier: BSD-3-Clause
// What a bed's established traffic costs, sampled in turn with the reference: short samples, so that on a
// machine with other work most are not interrupted.
#pragma once

#include <array>
#include <functional>

#include "tests/benchmark/pipeline_bed.h"
#include "tests/benchmark/report.h"

namespace millrace::benchmark {

inline constexpr unsigned kSamplePackets = 2'048;
inline constexpr unsigned kReferencePackets = 1'024;

struct ForwardSamples {
  Samples cycles;
  Samples polling;
  Samples reference;
  std::array<Samples, core::WorkerCounters::kMaxStages> stages;
};

// Per packet. `together` is called before each of the two measurements of a sample: with several workers they
// wait for each other there.
[[nodiscard]] ForwardSamples sample_forwarding(
    PipelineBed& bed, unsigned worker, Size size, unsigned samples,
    const std::function<void()>& together = [] {});

// Adds them to a line, by the names that tables look for.
void report(Line& line, const PipelineBed& bed, const ForwardSamples& samples);

// What one worker's loop manages.
[[nodiscard]] double mpps(double polling_cycles);

}  // namespace millrace::benchmark
