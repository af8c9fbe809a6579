// SPDX-License-Identifier: BSD-3-Clause
// What the NAT gateway costs: its whole pipeline in process, prebuilt packets in and out of ports that are
// rings, with the hosts and ports of CSIT's NAT44 tests.
//
//   benchmark_nat [--quick | --full] [--only forward|setup] [--bindings N]
//
// Prints one JSON object a line. --full adds 16 million bindings.
#include <string>
#include <vector>

#include <rte_cycles.h>

#include "tests/benchmark/forward_samples.h"
#include "tests/benchmark/nat_bed.h"
#include "tests/benchmark/options.h"
#include "tests/benchmark/report.h"

namespace {

using namespace millrace;
using namespace millrace::benchmark;

void measure_size(NatBed& bed, const NatBedConfig& config, Size size, unsigned count) {
  const ForwardSamples samples = sample_forwarding(bed, 0, size, count);
  bed.check_nothing_lost();
  Line line("nat_forward");
  line.text("case", config.udp ? "nat44 udp" : "nat44 tcp")
      .text("ports", config.blocks ? "blocks" : "shared")
      .number("packet_bytes", packet_bytes(size))
      .number("sessions", config.bindings)
      .number("workers", 1)
      .number("mpps", mpps(samples.polling.median()));
  report(line, bed, samples);
}

void measure_forwarding(const NatBedConfig& config, const Options& options) {
  NatBed bed(config);
  bed.establish();
  if (config.bindings >= 1'000'000) {
    Line("nat_memory")
        .text("ports", config.blocks ? "blocks" : "shared")
        .number("bindings", config.bindings)
        .number("bytes_per_binding", static_cast<double>(bed.bindings().memory_bytes()) / config.bindings);
  }
  for (const Size size : {Size::k64, Size::kImix, Size::k1420})
    measure_size(bed, config, size, options.samples());
}

// What of it is logged.
struct Setup {
  bool blocks;
  bool log_sessions;
};

void measure_setup(const Setup& setup, const Options& options) {
  constexpr unsigned kBindings = 2'048;
  const unsigned samples = options.quick ? 40 : 240;
  NatBed bed({.bindings = kBindings * (samples + 4),
              .blocks = setup.blocks,
              .log_sessions = setup.log_sessions,
              .spare_sessions = 1 << 20});
  Samples first;
  Samples polling;
  for (unsigned i = 0; i < samples + 4; ++i) {
    const Cost cost = bed.open(i * kBindings, kBindings);
    if (i < 4) continue;  // cold
    first.add(per_packet(cost.cycles, cost.packets));
    polling.add(per_packet(cost.polling, cost.packets));
  }
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  Line("nat_setup")
      .text("ports", setup.blocks ? "blocks" : "shared")
      .text("logged", setup.log_sessions ? "every session"
                      : setup.blocks     ? "blocks"
                                         : "every mapping")
      .samples("first_packet", first)
      .number("bindings_per_second", hz / polling.median())
      .number("bindings_per_second_best", hz / polling.best());
}

void run(const Options& options) {
  if (options.wants("forward")) {
    std::vector<unsigned> scales{64'512};
    if (!options.quick) scales.insert(scales.end(), {1'032'192, 4'128'768});
    if (options.full) scales.push_back(16'515'072);
    if (options.flows != 0) scales = {options.flows};
    for (const unsigned bindings : scales) {
      measure_forwarding({.bindings = bindings}, options);
      measure_forwarding({.bindings = bindings, .udp = true, .blocks = false}, options);
    }
  }
  if (options.wants("setup")) {
    for (const Setup& setup :
         {Setup{.blocks = true, .log_sessions = false}, Setup{.blocks = true, .log_sessions = true},
          Setup{.blocks = false, .log_sessions = false}})
      measure_setup(setup, options);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(argc, argv,
                     {.name = "benchmark_nat", .parts = "forward|setup", .flows_word = "--bindings"}, run);
}
