// SPDX-License-Identifier: BSD-3-Clause
// What the VPN gateway costs: its whole pipeline in process, prebuilt packets in and out of ports that are
// rings, one way at a time; and what the crypto library alone needs for as many bytes.
//
//   benchmark_vpn [--quick | --full] [--tunnels N]
//
// Prints one JSON object a line.
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tests/benchmark/bare_library.h"
#include "tests/benchmark/forward_samples.h"
#include "tests/benchmark/options.h"
#include "tests/benchmark/report.h"
#include "tests/benchmark/tunnel_setup.h"
#include "tests/benchmark/vpn_bed.h"

namespace {

using namespace millrace;
using namespace millrace::benchmark;
using crypto::Cipher;
using crypto::Integrity;

std::string name_of(crypto::Suite suite) {
  return suite.integrity == Integrity::kNone
             ? std::string(crypto::name(suite.cipher))
             : fmt::format("{}-{}", crypto::name(suite.cipher), crypto::name(suite.integrity));
}

std::string case_of(const VpnBedConfig& config) {
  return fmt::format("{}, {}", config.decrypt ? "open" : "seal", name_of(config.suite));
}

void measure_forwarding(const VpnBedConfig& config, const Options& options) {
  VpnBed bed(config);
  for (const Size size : {Size::k64, Size::kImix, Size::k1420}) {
    const ForwardSamples samples = sample_forwarding(bed, 0, size, options.samples());
    bed.check_nothing_lost();
    Line line("vpn_forward");
    line.text("case", case_of(config))
        .number("packet_bytes", packet_bytes(size))
        .number("sessions", config.tunnels)
        .number("workers", 1)
        .number("mpps", mpps(samples.polling.median()));
    report(line, bed, samples);
    if (packet_bytes(size) == 0) continue;
    // What the engine gets of such a packet: the IP datagram, padding and trailer.
    const unsigned text = (packet_bytes(size) - 18 + 2 + 15) / 16 * 16;
    Line("vpn_library")
        .text("case", case_of(config))
        .number("packet_bytes", packet_bytes(size))
        .number("sessions", config.tunnels)
        .samples("cycles",
                 sample_library(bed.library(), config.suite, text, config.decrypt, options.samples()));
  }
}

void measure_setup(unsigned tunnels, const Options& options) {
  auto library = crypto::make_fastest_library();
  if (!library) throw std::runtime_error(library.error().message());
  const TunnelSetup setup = measure_tunnel_setup(**library, tunnels, options.samples());
  Line("vpn_setup")
      .number("sessions", tunnels)
      .samples("one_microseconds", setup.one_microseconds)
      .number("all_milliseconds", setup.all_milliseconds)
      .number("bytes_per_tunnel", setup.bytes_per_tunnel);
}

void run(const Options& options) {
  if (options.wants("setup")) {
    for (const unsigned tunnels : {1U, 1000U, 10'000U}) measure_setup(tunnels, options);
  }
  if (!options.wants("forward")) return;
  const crypto::Suite gcm{Cipher::kAesGcm128, Integrity::kNone};
  std::vector<crypto::Suite> suites{gcm};
  if (!options.quick)
    suites.insert(suites.end(), {{Cipher::kAesGcm256, Integrity::kNone},
                                 {Cipher::kChaCha20Poly1305, Integrity::kNone},
                                 {Cipher::kAesCbc128, Integrity::kHmacSha256}});
  std::vector<unsigned> scales{1};
  if (!options.quick) scales.insert(scales.end(), {1024, 8192});
  if (options.flows != 0) scales = {options.flows};
  for (const unsigned tunnels : scales) {
    for (const bool decrypt : {false, true})
      measure_forwarding({.tunnels = tunnels, .suite = gcm, .decrypt = decrypt}, options);
  }
  for (const crypto::Suite& suite : suites) {
    if (suite == gcm) continue;
    for (const bool decrypt : {false, true})
      measure_forwarding({.tunnels = 1, .suite = suite, .decrypt = decrypt}, options);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(argc, argv,
                     {.name = "benchmark_vpn", .parts = "forward|setup", .flows_word = "--tunnels"}, run);
}
