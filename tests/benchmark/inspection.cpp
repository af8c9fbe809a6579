// SPDX-License-Identifier: BSD-3-Clause
// What it costs to look into sessions: pages of HTTP through the whole firewall, with and without signatures,
// beside a bare Hyperscan scan of the same bytes in the same run.
//
//   benchmark_inspection [--quick] [--only plain|payload|http|past] [--samples N]
//
// `past` is what comes behind the inspected bytes of a session. Prints one JSON object a line;
// tests/benchmark/run makes tables of them.
#include <cstdio>
#include <string>

#include <rte_cycles.h>

#include "tests/benchmark/options.h"
#include "tests/benchmark/report.h"
#include "tests/benchmark/web_traffic.h"

namespace {

using namespace millrace;
using namespace millrace::benchmark;
namespace inspection = firewall::inspection;
using inspection::Buffer;
using inspection::SignatureSet;

constexpr unsigned kAtOnce = 32;  // connections that go on side by side

struct Case {
  std::string name;
  unsigned signatures = 0;  // 0: nothing is looked into
  bool of_http = false;
  std::uint32_t inspect_bytes = 1U << 20U;
  std::size_t page_bytes = 60'000;
};

double gbps(double cycles_per_byte) {
  return 8 * static_cast<double>(rte_get_tsc_hz()) / 1e9 / cycles_per_byte;
}

// Cycles a byte of payload of a bare scan for the server's side, segment by segment.
double bare_scan(const SignatureSet& set, const WebShape& shape) {
  const auto place =
      SignatureSet::place_of(Buffer::kPayload, inspection::Side::kServer, SignatureSet::Carrier::kTcpStream);
  const auto& database = set.prefilter(place).database;
  if (database == nullptr) return 0;
  const auto scratch = set.scratch()->clone();
  std::size_t found = 0;
  const std::uint64_t begin = rte_rdtsc();
  for (unsigned round = 0; round < kAtOnce; ++round) {
    for (std::size_t at = 0; at < shape.answer.size(); at += shape.segment_bytes) {
      const std::string_view segment = std::string_view(shape.answer).substr(at, shape.segment_bytes);
      const Bytes bytes{reinterpret_cast<const std::uint8_t*>(segment.data()), segment.size()};
      static_cast<void>(
          dpi::scan(*database, *scratch, bytes, [&](dpi::Match) noexcept { return ++found != 0; }));
    }
  }
  return static_cast<double>(rte_rdtsc() - begin) / static_cast<double>(kAtOnce * shape.answer.size());
}

void measure(const Case& test, unsigned samples) {
  const WebShape shape = web_shape(test.page_bytes);
  const unsigned of_one = WebConnection::packets(shape);
  const unsigned rounds = samples + 2;
  std::shared_ptr<const inspection::Inspection> by;
  BedConfig config{.traffic = {.flows = kAtOnce * rounds}, .rules = 10};
  if (test.signatures != 0) {
    by = make_inspection(rare_signatures(test.signatures, test.of_http), test.inspect_bytes);
    config.inspection = {.conversations = 1024, .stream_bytes = std::size_t{64} << 20, .events = 1024};
    config.adjust = [&](firewall::Policy& policy) {
      policy.inspections = {by};
      for (auto& outcome : policy.outcomes) outcome.inspection = 1;
    };
  }
  FirewallBed bed(config);
  Samples per_byte;
  Samples per_packet_cycles;
  Samples bare;
  const double bytes = static_cast<double>(kAtOnce * (shape.answer.size() + shape.request.size()));
  for (unsigned round = 0; round < rounds; ++round) {
    std::vector<WebConnection> connections;
    for (unsigned i = 0; i < kAtOnce; ++i)
      connections.emplace_back(bed.traffic(0), shape, round * kAtOnce + i);
    // One packet of each in turn, as the answers of one side come behind the questions of the other.
    Cost cost;
    for (unsigned number = 0; number < of_one; ++number) {
      const auto write = [&](rte_mbuf* mbuf, unsigned i) { return connections[i].write(mbuf, number); };
      const Cost step = bed.PipelineBed::send(0, kAtOnce, write, [&](unsigned, unsigned) { bed.drain(0); });
      cost.packets += step.packets;
      cost.polling += step.polling;
    }
    if (round < 2) continue;  // cold
    per_byte.add(static_cast<double>(cost.polling) / bytes);
    per_packet_cycles.add(per_packet(cost.polling, cost.packets));
    if (by != nullptr) bare.add(bare_scan(*by->set, shape));
  }
  bed.check_nothing_lost();
  Line line("inspection_forward");
  line.text("case", test.name)
      .number("signatures", test.signatures)
      .samples("cycles_per_byte", per_byte)
      .samples("cycles_per_packet", per_packet_cycles)
      .number("gbps", gbps(per_byte.median()));
  if (by != nullptr && bare.median() > 0) {
    line.samples("bare_cycles_per_byte", bare).number("bare_gbps", gbps(bare.median()));
    line.number("ratio", bare.median() / per_byte.median());
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(
      argc, argv,
      {.name = "benchmark_inspection", .parts = "plain|payload|http|past", .flows_word = "--samples"},
      [](const Options& options) {
        const unsigned samples = options.flows != 0 ? options.flows : options.quick ? 20 : 100;
        for (const Case& test : {Case{.name = "plain"}, Case{.name = "payload", .signatures = 1'000},
                                 Case{.name = "payload", .signatures = 10'000},
                                 Case{.name = "http", .signatures = 1'000, .of_http = true},
                                 Case{.name = "http", .signatures = 10'000, .of_http = true},
                                 Case{.name = "past", .signatures = 1'000, .inspect_bytes = 1024}})
          measure(test, samples);
      });
}
