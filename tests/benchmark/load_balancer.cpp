// SPDX-License-Identifier: BSD-3-Clause
// What the load balancer costs: its whole pipeline in process, prebuilt packets in and out of ports that are
// rings, and the building of its tables.
//
//   benchmark_load_balancer [--quick | --full] [--only forward|setup|tables] [--connections N]
//
// Prints one JSON object a line. --full adds 10 million connections.
#include <string>
#include <vector>

#include <rte_cycles.h>

#include "tests/benchmark/forward_samples.h"
#include "tests/benchmark/load_balancer_bed.h"
#include "tests/benchmark/options.h"
#include "tests/benchmark/report.h"
#include "vnfs/load_balancer/maglev.h"

namespace {

using namespace millrace;
using namespace millrace::benchmark;
using load_balancer::Forwarding;

struct Mode {
  std::string_view name;
  Forwarding forwarding;
  bool ipv6 = false;
};

constexpr std::array kModes = {
    Mode{"direct", Forwarding::kDirect}, Mode{"gue", Forwarding::kGue},
    Mode{"gre", Forwarding::kGre},       Mode{"ipip", Forwarding::kIpip},
    Mode{"nat", Forwarding::kNat},       Mode{"nat, ipv6", Forwarding::kNat, true},
};

void measure_forwarding(const Mode& mode, unsigned connections, const Options& options) {
  LoadBalancerBed bed({.connections = connections, .forwarding = mode.forwarding, .ipv6 = mode.ipv6});
  bed.establish();
  if (connections >= 1'000'000) {
    Line("load_balancer_memory")
        .text("case", mode.name)
        .number("connections", connections)
        .number("bytes_per_connection",
                static_cast<double>(bed.state().connections.memory_bytes()) / connections);
  }
  for (const Size size : {Size::k64, Size::kImix, Size::k1420}) {
    const ForwardSamples samples = sample_forwarding(bed, 0, size, options.samples());
    bed.check_nothing_lost();
    Line line("load_balancer_forward");
    line.text("case", mode.name)
        .number("packet_bytes", packet_bytes(size))
        .number("sessions", connections)
        .number("workers", 1)
        .number("mpps", mpps(samples.polling.median()));
    report(line, bed, samples);
  }
}

void measure_setup(const Mode& mode, const Options& options) {
  constexpr unsigned kConnections = 2'048;
  const unsigned samples = options.quick ? 40 : 240;
  LoadBalancerBed bed({.connections = kConnections * (samples + 4),
                       .forwarding = mode.forwarding,
                       .ipv6 = mode.ipv6,
                       .spare_records = 1 << 20});
  Samples first;
  Samples polling;
  for (unsigned i = 0; i < samples + 4; ++i) {
    const Cost cost = bed.send_and_note(Step::kSyn, i * kConnections, kConnections);
    if (i < 4) continue;  // cold
    first.add(per_packet(cost.cycles, cost.packets));
    polling.add(per_packet(cost.polling, cost.packets));
  }
  bed.check_nothing_lost();
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  Line("load_balancer_setup")
      .text("case", mode.name)
      .samples("first_packet", first)
      .number("connections_per_second", hz / polling.median())
      .number("connections_per_second_best", hz / polling.best());
}

// Maglev's table, built as often as there are samples.
void measure_building(std::string_view weights, std::uint32_t size, const Options& options) {
  std::vector<load_balancer::MaglevBackend> backends;
  std::mt19937 random(1);
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    backends.push_back({.address = net::Ipv4Address{be32(0x0a000001U + i)},
                        .port = 80,
                        .weight = weights == "equal" ? 1 : 1 + static_cast<std::uint32_t>(random()) % 100});
  }
  Samples milliseconds;
  std::size_t places = 0;
  for (unsigned i = 0; i < options.samples() / 4; ++i) {
    const std::uint64_t begin = rte_rdtsc();
    places += load_balancer::maglev_table(backends, size, i).size();
    milliseconds.add(static_cast<double>(rte_rdtsc() - begin) * 1e3 / static_cast<double>(rte_get_tsc_hz()));
  }
  if (places == 0) throw std::runtime_error("no table");
  Line("load_balancer_maglev")
      .text("weights", weights)
      .number("backends", static_cast<double>(backends.size()))
      .number("places", size)
      .samples("milliseconds", milliseconds);
}

// One of a hundred backends goes: how many connections of the others change theirs.
void measure_removal(bool with_table, const Options& options) {
  const unsigned connections = options.quick ? 100'000 : 1'000'000;
  constexpr unsigned kGone = 40;
  LoadBalancerBed bed({.connections = connections, .records = with_table ? 0U : 1U});
  bed.establish();
  const std::vector<std::uint8_t> before = bed.backend_of();
  bed.change([](auto& backends) { backends[kGone].state = load_balancer::Backend::State::kDown; });
  bed.send_and_note(Step::kData, 0, connections);
  unsigned others = 0;
  unsigned moved = 0;
  for (unsigned i = 0; i < connections; ++i) {
    if (before[i] == kGone) continue;
    ++others;
    if (bed.backend_of()[i] != before[i]) ++moved;
  }
  Line("load_balancer_removal")
      .text("table", with_table ? "with" : "without")
      .number("connections", others)
      .number("moved", moved);
}

void run(const Options& options) {
  if (options.wants("forward")) {
    std::vector<unsigned> scales{10'000};
    if (!options.quick) scales.push_back(1'000'000);
    if (options.full) scales.push_back(10'000'000);
    if (options.flows != 0) scales = {options.flows};
    for (const unsigned connections : scales) {
      for (const Mode& mode : kModes) measure_forwarding(mode, connections, options);
    }
  }
  if (options.wants("setup")) {
    for (const Mode& mode : kModes) measure_setup(mode, options);
  }
  if (options.wants("tables")) {
    for (const std::uint32_t size : {65'537U, 655'373U}) {
      for (const std::string_view weights : {"equal", "1 to 100"}) measure_building(weights, size, options);
    }
    for (const bool with_table : {true, false}) measure_removal(with_table, options);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(
      argc, argv,
      {.name = "benchmark_load_balancer", .parts = "forward|setup|tables", .flows_word = "--connections"},
      run);
}
