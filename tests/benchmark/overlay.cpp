// SPDX-License-Identifier: BSD-3-Clause
// What it costs to take packets out of one overlay and put them into another, beside plain forwarding of the
// same packets: no function between.
//
//   benchmark_overlay [--quick] [--only plain|vxlan|vxlan6|geneve|gre|nsh]
//
// Prints one JSON object a line; tests/benchmark/run makes tables of them.
#include "tests/benchmark/forward_samples.h"
#include "tests/benchmark/options.h"
#include "tests/benchmark/overlay_bed.h"
#include "tests/benchmark/report.h"

namespace {

using namespace millrace;
using namespace millrace::benchmark;
using net::OverlayType;

constexpr unsigned kFlows = 10'000;

const std::vector<Carrier>& carriers() {
  static const std::vector<Carrier> kAll = {
      {.name = "plain", .part = "plain", .plain = true},
      {.name = "VXLAN over IPv4", .part = "vxlan"},
      {.name = "VXLAN over IPv6", .part = "vxlan6", .ipv6 = true},
      {.name = "GENEVE over IPv4", .part = "geneve", .type = OverlayType::kGeneve},
      {.name = "NSH over Ethernet", .part = "nsh", .service = true},
      {.name = "GRE over IPv4", .part = "gre", .type = OverlayType::kGre, .ethernet = false},
  };
  return kAll;
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(
      argc, argv,
      {.name = "benchmark_overlay", .parts = "plain|vxlan|vxlan6|geneve|gre|nsh", .flows_word = "--sessions"},
      [](const Options& options) {
        for (const Carrier& carrier : carriers()) {
          if (!options.wants(carrier.part)) continue;
          OverlayBed bed(carrier, {.flows = kFlows});
          for (const Size size : {Size::k64, Size::k1420}) {
            const ForwardSamples samples = sample_forwarding(bed, 0, size, options.samples());
            bed.check_nothing_lost();
            Line line("overlay_forward");
            line.text("case", carrier.name)
                .number("packet_bytes", packet_bytes(size))
                .number("sessions", kFlows)
                .number("workers", 1)
                .number("mpps", mpps(samples.polling.median()))
                .number("mpps_best", mpps(samples.polling.best()));
            report(line, bed, samples);
          }
        }
      });
}
