// SPDX-License-Identifier: BSD-3-Clause
// What classification, marking and metering cost beside plain forwarding of the same packets: no function
// between.
//
//   benchmark_qos [--quick] [--only plain|mark|meter|meters|rules|violate]
//
// Prints one JSON object a line; tests/benchmark/run makes tables of them.
#include <rte_cycles.h>

#include "common/net/dscp.h"
#include "tests/benchmark/forward_samples.h"
#include "tests/benchmark/nothing.h"
#include "tests/benchmark/options.h"
#include "tests/benchmark/pipeline_bed.h"
#include "tests/benchmark/report.h"

namespace {

using namespace millrace;
using namespace millrace::benchmark;

constexpr unsigned kFlows = 10'000;
constexpr unsigned kClasses = 8;

struct Case {
  std::string name;
  std::string part;  // of the program, for --only
  unsigned meters = 0;
  unsigned rules = 1;
  bool marks = false;
  bool violates = false;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> kAll = {
      {.name = "plain", .part = "plain", .rules = 0},
      {.name = "marked", .part = "mark", .marks = true},
      {.name = "one meter", .part = "meter", .meters = 1},
      {.name = "one meter of two rates, all violate and are marked",
       .part = "violate",
       .meters = 1,
       .violates = true},
      {.name = "eight meters by code point", .part = "meters", .meters = kClasses, .rules = kClasses},
      {.name = "one meter behind 100 rules", .part = "rules", .meters = 1, .rules = 100},
  };
  return kAll;
}

std::uint8_t dscp_of(unsigned number) { return static_cast<std::uint8_t>(8 * (number % kClasses)); }

core::TrafficRule rule_of(const Case& made, unsigned number) {
  core::TrafficRule rule;
  if (made.rules == kClasses) rule.dscps = std::uint64_t{1} << dscp_of(number);
  if (made.rules > kClasses && number + 1 < made.rules)
    rule.from = core::AddressMatch(*net::Prefix::parse("203.0." + std::to_string(number) + ".0/24"));
  if (made.marks) rule.mark = 46;
  if (made.meters != 0) rule.policer = number % made.meters;
  return rule;
}

core::Snapshot snapshot_of(const Case& made) {
  auto network = std::make_shared<core::Network>(*two_sides().build());
  auto conditioning = std::make_shared<core::Conditioning>();
  const core::PolicerSpec fast{.committed_rate = 100'000'000'000, .committed_burst = 1'000'000'000};
  const core::PolicerSpec slow{
      .committed_rate = 1000, .committed_burst = 1500, .peak_rate = 1000, .excess_burst = 1500};
  for (unsigned i = 0; i < made.meters; ++i) {
    conditioning->policers.push_back(
        {.name = std::to_string(i),
         .meter = std::make_shared<core::Policer>(made.violates ? slow : fast, rte_get_tsc_hz()),
         .actions = {{{}, {}, {.mark = 8}}}});
  }
  std::vector<core::TrafficRule> rules;
  for (unsigned i = 0; i < made.rules; ++i) {
    conditioning->rules.push_back({std::to_string(i), std::make_shared<core::TrafficCounters>()});
    core::TrafficRule rule = rule_of(made, i);
    rule.counters = conditioning->rules.back().counters.get();
    rules.push_back(rule);
  }
  conditioning->at.assign(network->interfaces.size(), rules);
  conditioning->settle();
  if (made.rules != 0) network->conditioning = conditioning;
  return {network, std::make_shared<core::Policy>()};
}

class QosBed final : public PipelineBed {
 public:
  explicit QosBed(const Case& made)
      : PipelineBed(1, snapshot_of(made),
                    [](const core::WorkerServices&) -> std::unique_ptr<core::Function> {
                      return std::make_unique<Nothing>();
                    },
                    {}),
        traffic_({.flows = kFlows}, 0, 1) {}

  void fill_window(unsigned worker, Size size) override {
    fill(worker, kWindow, [&](rte_mbuf* mbuf, unsigned i) {
      const bool client = (i & 1U) == 0;
      traffic_.write_any(mbuf, client, size);
      auto* l3 = rte_pktmbuf_mtod_offset(mbuf, std::uint8_t*, sizeof(net::EthernetHeader));
      net::set_dscp(l3, (*l3 >> 4) == 4, dscp_of(i / 2));
      return client ? 0U : 1U;
    });
  }

 private:
  Traffic traffic_;
};

}  // namespace

int main(int argc, char** argv) {
  return run_program(
      argc, argv,
      {.name = "benchmark_qos", .parts = "plain|mark|meter|meters|rules|violate", .flows_word = "--sessions"},
      [](const Options& options) {
        for (const Case& made : cases()) {
          if (!options.wants(made.part)) continue;
          QosBed bed(made);
          const ForwardSamples samples = sample_forwarding(bed, 0, Size::k64, options.samples());
          bed.check_nothing_lost();
          Line line("qos_forward");
          line.text("case", made.name)
              .number("packet_bytes", packet_bytes(Size::k64))
              .number("sessions", kFlows)
              .number("workers", 1)
              .number("mpps", mpps(samples.polling.median()))
              .number("mpps_best", mpps(samples.polling.best()));
          report(line, bed, samples);
        }
      });
}
