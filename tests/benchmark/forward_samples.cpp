// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/forward_samples.h"

#include <string>

#include <rte_cycles.h>

namespace millrace::benchmark {

ForwardSamples sample_forwarding(PipelineBed& bed, unsigned worker, Size size, unsigned samples,
                                 const std::function<void()>& together) {
  ForwardSamples taken;
  bed.forward(worker, size, 8 * kSamplePackets);
  for (unsigned i = 0; i < samples; ++i) {
    together();
    const Cost io = bed.forward_io(worker, size, kReferencePackets);
    taken.reference.add(per_packet(io.polling, io.packets));
    together();
    const Cost cost = bed.forward(worker, size, kSamplePackets);
    taken.cycles.add(per_packet(cost.cycles, cost.packets));
    taken.polling.add(per_packet(cost.polling, cost.packets));
    for (unsigned s = 0; s < bed.stages(); ++s) taken.stages[s].add(per_packet(cost.stages[s], cost.packets));
  }
  return taken;
}

void report(Line& line, const PipelineBed& bed, const ForwardSamples& samples) {
  line.samples("cycles_per_packet", samples.cycles)
      .samples("with_reception", samples.polling)
      .samples("reference", samples.reference);
  for (unsigned s = 0; s < bed.stages(); ++s)
    line.samples("stage_" + std::string(bed.stage_name(s)), samples.stages[s]);
}

double mpps(double polling_cycles) { return static_cast<double>(rte_get_tsc_hz()) / polling_cycles / 1e6; }

}  // namespace millrace::benchmark
