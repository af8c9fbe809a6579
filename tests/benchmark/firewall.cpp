// SPDX-License-Identifier: BSD-3-Clause
// What the firewall costs: its whole pipeline in process, prebuilt packets in and out of ports that are
// rings.
//
//   benchmark_firewall [--quick | --full] [--only forward|setup|swap|sweep] [--sessions N]
//
// Prints one JSON object a line; tests/benchmark/run makes tables of them. --full adds 10 million sessions,
// --sessions forwards over that many only.
#include <algorithm>
#include <barrier>
#include <fstream>
#include <string>
#include <utility>

#include <rte_cycles.h>
#include <unistd.h>

#include "tests/benchmark/firewall_bed.h"
#include "tests/benchmark/forward_samples.h"
#include "tests/benchmark/options.h"
#include "tests/benchmark/policy_swap.h"
#include "tests/benchmark/report.h"

namespace {

using namespace millrace;
using namespace millrace::benchmark;

double resident_mib() {
  std::ifstream file("/proc/self/statm");
  double total = 0;
  double resident = 0;
  file >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

struct ForwardCase {
  std::string name;
  TrafficConfig traffic;
  unsigned workers = 1;
  std::vector<Size> sizes;
};

void measure_size(const ForwardCase& test, FirewallBed& bed, Size size, unsigned samples) {
  std::vector<ForwardSamples> by_worker(test.workers);
  std::barrier together(test.workers);
  on_worker_threads(test.workers, [&](unsigned w) {
    by_worker[w] = sample_forwarding(bed, w, size, samples, [&] { together.arrive_and_wait(); });
  });
  bed.check_nothing_lost();
  double sum = 0;
  double sum_best = 0;
  for (const ForwardSamples& own : by_worker) {
    sum += mpps(own.polling.median());
    sum_best += mpps(own.polling.best());
  }
  // With several workers the slowest one's cycles.
  const ForwardSamples& slowest =
      *std::max_element(by_worker.begin(), by_worker.end(),
                        [](const auto& a, const auto& b) { return a.cycles.median() < b.cycles.median(); });
  Line line("forward");
  line.text("case", test.name)
      .number("packet_bytes", packet_bytes(size))
      .number("sessions", test.traffic.flows)
      .number("workers", test.workers)
      .number("mpps", sum)
      .number("mpps_best", sum_best);
  report(line, bed, slowest);
}

void measure_forwarding(const ForwardCase& test, const Options& options) {
  const double before = resident_mib();
  FirewallBed bed({.traffic = test.traffic, .workers = test.workers, .spare_sessions = 0});
  on_worker_threads(test.workers, [&](unsigned w) { bed.establish(w); });
  if (test.traffic.flows >= 1'000'000 && test.workers == 1 && !test.traffic.ipv6 && !test.traffic.mixed) {
    Line("memory")
        .number("sessions", bed.state(0).sessions.flows().size())
        .number("table_mib", static_cast<double>(bed.state(0).sessions.memory_bytes() +
                                                 bed.state(0).flow_log.memory_bytes()) /
                                 (1 << 20))
        .number("resident_mib", resident_mib() - before);
  }
  for (const Size size : test.sizes) measure_size(test, bed, size, options.samples());
}

void measure_setup(unsigned rules, const Options& options) {
  constexpr unsigned kConnections = 512;
  const unsigned samples = options.quick ? 40 : 240;
  FirewallBed bed(
      {.traffic = {.flows = kConnections * (samples + 4)}, .rules = rules, .spare_sessions = 1 << 20});
  Samples first;
  Samples handshake;
  Samples rate;
  Samples reference;
  for (unsigned i = 0; i < samples + 4; ++i) {
    const Cost io = bed.forward_io(0, Size::k64, kReferencePackets);
    std::uint64_t cycles = 0;
    std::uint64_t polling = 0;
    double syn = 0;
    for (const Step step : {Step::kSyn, Step::kSynAck, Step::kAck}) {
      const Cost cost = bed.send(0, step, i * kConnections, kConnections);
      if (step == Step::kSyn) syn = per_packet(cost.cycles, cost.packets);
      cycles += cost.cycles;
      polling += cost.polling;
    }
    if (i < 4) continue;  // cold
    first.add(syn);
    handshake.add(per_packet(cycles, kConnections));
    rate.add(per_packet(polling, kConnections));
    reference.add(per_packet(io.polling, io.packets));
  }
  bed.check_nothing_lost();
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  Line("setup")
      .number("rules", rules)
      .samples("first_packet", first)
      .samples("handshake", handshake)
      .samples("reference", reference)
      .number("sessions_per_second", hz / rate.median())
      .number("sessions_per_second_best", hz / rate.best());
}

// What it costs to come to every session of a large table again and again, between batches of traffic.
void measure_sweep(const Options& options) {
  const unsigned flows = options.quick ? 100'000 : 1'000'000;
  FirewallBed bed({.traffic = {.flows = flows}, .spare_sessions = 0});
  bed.establish(0);
  firewall::WorkerState& state = bed.state(0);
  constexpr Tick kStep = 5;
  Tick now = 0;
  flow::TableSweep sweep(now);
  // Cycles for each session of one round.
  const auto round = [&] {
    Samples samples;
    const Tick end = now + flow::TableSweep::round_of(flows);
    while (now != end) {
      bed.forward(0, Size::k64, kWindow);
      now += kStep;
      unsigned visits = 0;
      unsigned last = 0;
      std::uint64_t cycles = 0;
      do {
        last = visits;
        const std::uint64_t begin = rte_rdtsc();
        sweep.advance(state.sessions.flows(), now, [&](firewall::SessionIndex index) {
          ++visits;
          state.accounts.settle(state.sessions[index]);
        });
        cycles += rte_rdtsc() - begin;
      } while (visits != last);
      if (visits != 0) samples.add(per_packet(cycles, visits));
    }
    return samples;
  };
  round();
  const Samples quiet = round();
  for (firewall::SessionIndex index = 0; index < flows; ++index)
    state.sessions[index].count(flow::Direction::kForward, 60);
  const Samples busy = round();
  const double each_second = flows * 1000.0 / flow::TableSweep::round_of(flows);
  Line("sweep")
      .number("sessions", flows)
      .samples("quiet", quiet)
      .samples("busy", busy)
      .number("share", busy.median() * each_second / static_cast<double>(rte_get_tsc_hz()));
}

void run(const Options& options) {
  using enum Size;
  if (options.wants("forward")) {
    std::vector<ForwardCase> cases;
    std::vector<unsigned> scales{1, 10'000};
    if (!options.quick) scales.push_back(1'000'000);
    if (options.flows != 0) scales = {options.flows};
    for (const unsigned flows : scales) {
      cases.push_back({"ipv4 tcp", {.flows = flows}, 1, {k64, kImix, k1420}});
      cases.push_back({"ipv6 tcp", {.flows = flows, .ipv6 = true}, 1, {k64, kImix, k1420}});
    }
    for (const unsigned flows : scales) {
      if (flows == 1) continue;
      cases.push_back({"ipv4 tcp+udp", {.flows = flows, .mixed = true}, 1, {k64}});
      cases.push_back({"ipv6 tcp+udp", {.flows = flows, .ipv6 = true, .mixed = true}, 1, {k64}});
      cases.push_back({"ipv4 tcp", {.flows = flows}, 2, {k64, kImix}});
    }
    if (options.full) cases.push_back({"ipv4 tcp", {.flows = 10'000'000}, 1, {k64}});
    for (const ForwardCase& test : cases) measure_forwarding(test, options);
  }
  if (options.wants("setup")) {
    for (const unsigned rules : {10U, 1'000U, 10'000U}) {
      if (!options.quick || rules <= 1'000) measure_setup(rules, options);
    }
  }
  if (options.wants("sweep")) measure_sweep(options);
  if (options.wants("swap")) measure_policy_swap(options.quick ? 0.5 : 3);
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(
      argc, argv,
      {.name = "benchmark_firewall", .parts = "forward|setup|swap|sweep", .flows_word = "--sessions"}, run);
}
