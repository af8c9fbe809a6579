// SPDX-License-Identifier: BSD-3-Clause
// What it costs to watch new sessions, and what is found of modelled traffic. One JSON object a line.
//
//   benchmark_anomalies            cycles for each call, and for a second's look at it
//   benchmark_anomalies models     what is raised for each model of good traffic and of attacks
#include <chrono>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <x86intrin.h>

#include "common/net/wire.h"
#include "tests/support/anomaly_bed.h"

namespace {

using namespace millrace;
using namespace millrace::firewall::inspection;
using testing::AnomalyBed;

constexpr SipKey kSeed = AnomalyBed::kSeed;

std::vector<Opening> openings(std::uint32_t sources, std::uint32_t hosts, std::size_t count) {
  std::independent_bits_engine<std::mt19937, 32, std::uint32_t> random(1);
  std::vector<Opening> made;
  for (std::size_t i = 0; i < count; ++i) {
    made.push_back({testing::address_of(0x0a000000, random() % sources),
                    testing::address_of(0xc0000000, random() % hosts),
                    static_cast<std::uint16_t>(random() % 4 == 0 ? 80 : 443),
                    net::protocol::kTcp,
                    {}});
  }
  return made;
}

template <class Call>
double cycles_of(std::size_t count, Call&& call) {
  const std::uint64_t begin = __rdtsc();
  for (std::size_t i = 0; i < count; ++i) call(i);
  return static_cast<double>(__rdtsc() - begin) / static_cast<double>(count);
}

void costs(std::uint32_t sources, std::uint32_t hosts) {
  constexpr std::size_t kCount = 1 << 20;
  const auto all = openings(sources, hosts, kCount);
  TrafficWatch watch({}, kSeed, 0);
  for (const Opening& opening : all) watch.opened(opening);
  const double opened = cycles_of(kCount, [&](std::size_t i) { watch.opened(all[i]); });
  const double established = cycles_of(kCount, [&](std::size_t i) { watch.established(all[i]); });
  const double ended = cycles_of(kCount, [&](std::size_t i) { watch.ended(all[i], true, 50'000, 9000); });
  AnomalyDetector detector({}, {}, 64, kSeed, 0);
  detector.set_watches({&watch});
  Tick now = 0;
  double slowest = 0;
  for (int second = 0; second < 20; ++second) {
    for (std::size_t i = 0; i < 20'000; ++i) watch.opened(all[static_cast<std::size_t>(second) * 20'000 + i]);
    watch.turn(now += 1000);
    const auto begin = std::chrono::steady_clock::now();
    (void)detector.poll(now);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    slowest = std::max(slowest, took.count());
  }
  std::printf(
      "{\"sources\": %u, \"hosts\": %u, \"opened_cycles\": %.1f, \"established_cycles\": %.1f, "
      "\"ended_cycles\": %.1f, \"poll_ms\": %.2f, \"watch_bytes\": %zu, \"detector_bytes\": %zu}\n",
      sources, hosts, opened, established, ended, slowest, watch.memory_bytes(), detector.memory_bytes());
}

void names() {
  const std::string plain = "www.example.com";
  const std::string laden =
      std::string(60, 'q') + "abcdefghijklmnopqrstuvwxyz234567abcdefghijk.t.example.net";
  std::string varied = laden;
  for (std::size_t i = 0; i < 60; ++i) varied[i] = "abcdefghijklmnopqrstuvwxyz234567"[i * 7 % 32];
  TrafficWatch watch({}, kSeed, 0);
  const auto client = testing::address_of(0x0a000000, 1);
  const auto cost = [&](const std::string& name) {
    return cycles_of(100'000, [&](std::size_t) {
      watch.asked(client, {}, {reinterpret_cast<const std::uint8_t*>(name.data()), name.size()});
    });
  };
  std::printf("{\"asked_cycles_short\": %.1f, \"asked_cycles_laden\": %.1f}\n", cost(plain), cost(varied));
}

void models() {
  for (const auto& model : testing::good_traffic()) {
    AnomalyBed bed(2, {}, {}, 0, {});
    bed.run(1800, model.make(5));
    std::printf("{\"model\": \"%s\", \"raised\": %zu}\n", std::string(model.name).c_str(),
                bed.raised().size());
    for (const auto& told : bed.raised())
      std::printf("  %u s: %s\n", told.second, told.anomaly.sentence.c_str());
  }
  for (const auto& attack : testing::attacks()) {
    AnomalyBed bed(2, {}, {}, 0, {});
    bed.run(attack.within + 10, attack.make());
    std::printf("{\"attack\": \"%s\", \"found_after_s\": %d, \"within_s\": %u, \"raised\": %zu}\n",
                std::string(attack.name).c_str(), bed.first(attack.kind), attack.within, bed.raised().size());
    for (const auto& told : bed.raised())
      std::printf("  %u s: %s\n", told.second, told.anomaly.sentence.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "models") {
    models();
    return 0;
  }
  costs(1000, 100);
  costs(20'000, 5000);
  costs(1'000'000, 1);
  names();
}
