// SPDX-License-Identifier: BSD-3-Clause
// A traffic generator for a device in another process, over two memif ports that the device listens on.
//
//   traffic_generator --inside SOCKET --outside SOCKET [--sessions N] [--ring EXPONENT]
//
// Takes commands, one a line, and answers each with a line of JSON:
//
//   establish                  opens the sessions
//   trial SIZE RATE SECONDS    SIZE 64, 1420 or imix; RATE in packets per second of both directions, 0: all
//   totals                     what was sent and received since the start, by port
//
// The first line it writes, {"kind":"generator"...}, says that both links are up. It ends with its input.
// Exit status: 1 when something failed, 2 for arguments or commands that it does not know; the reason is on
// standard error.
#include <cstdio>
#include <exception>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <rte_cycles.h>

#include "common/core/eal.h"
#include "tests/benchmark/load_generator.h"
#include "tests/benchmark/report.h"

namespace {

using namespace millrace;
using namespace millrace::benchmark;

struct Misuse : std::runtime_error {
  using std::runtime_error::runtime_error;
};

GeneratorConfig parse(int argc, char** argv) {
  GeneratorConfig config;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) throw Misuse(std::string(name) + " wants a value");
    const std::string value = argv[i + 1];
    if (name == "--inside") {
      config.inside = value;
    } else if (name == "--outside") {
      config.outside = value;
    } else if (name == "--sessions") {
      config.sessions = static_cast<unsigned>(std::stoul(value));
    } else if (name == "--ring") {
      config.ring_exponent = static_cast<unsigned>(std::stoul(value));
    } else {
      throw Misuse("unknown argument " + std::string(name));
    }
  }
  if (config.inside.empty() || config.outside.empty())
    throw Misuse("--inside and --outside name the sockets");
  return config;
}

Trial parse_trial(std::istream& words) {
  Trial trial;
  std::string size;
  if (!(words >> size >> trial.rate >> trial.seconds)) throw Misuse("trial SIZE RATE SECONDS");
  if (size == "64") {
    trial.size = Size::k64;
  } else if (size == "1420") {
    trial.size = Size::k1420;
  } else if (size == "imix") {
    trial.size = Size::kImix;
  } else {
    throw Misuse("SIZE is 64, 1420 or imix");
  }
  return trial;
}

void report(const Trial& trial, const TrialResult& result, const LatencyHistogram& latency) {
  const auto us = [](std::uint64_t ticks) {
    return static_cast<double>(ticks) * 1e6 / static_cast<double>(rte_get_tsc_hz());
  };
  Line line("trial");
  line.number("packet_bytes", packet_bytes(trial.size))
      .number("rate", trial.rate)
      .number("seconds", result.seconds)
      .number("offered", static_cast<double>(result.offered))
      .number("refused", static_cast<double>(result.refused))
      .number("received", static_cast<double>(result.received))
      .number("skipped", static_cast<double>(result.skipped))
      .number("untimed", static_cast<double>(result.untimed))
      .number("longest_gap_us", result.longest_gap_us)
      .number("latency_max_us", us(latency.max()));
  for (const auto& [name, q] : {std::pair{"50", 0.5}, {"90", 0.9}, {"99", 0.99}, {"99_9", 0.999}})
    line.number(std::string("latency_p") + name + "_us", us(latency.quantile(q)));
  // For a plot over the logarithm of what is left: 0, 90 %, 99 % and so on, a decade in four steps.
  std::vector<double> curve;
  for (double left = 1; left > 0.9e-5; left /= 1.7782794100389228)
    curve.push_back(us(latency.quantile(1 - left)));
  line.numbers("latency_curve_us", curve);
}

void report(const Totals& totals) {
  Line line("totals");
  for (const auto& [port, name] : {std::pair{0, "inside"}, {1, "outside"}}) {
    const auto at = static_cast<std::size_t>(port);
    line.number(std::string("sent_") + name, static_cast<double>(totals.sent[at]))
        .number(std::string("received_") + name, static_cast<double>(totals.received[at]))
        .number(std::string("foreign_") + name, static_cast<double>(totals.foreign[at]));
  }
}

void run(const GeneratorConfig& config) {
  auto memory = core::start_eal({.memory_bytes = std::uint64_t{32} << 20, .pci_devices = {}, .name = {}});
  if (!memory) throw std::runtime_error(memory.error().message());
  LoadGenerator generator(config);
  Line("generator").number("sessions", config.sessions).number("huge_pages", memory->huge_pages ? 1 : 0);
  std::string text;
  while (std::getline(std::cin, text)) {
    std::istringstream words(text);
    std::string command;
    words >> command;
    if (command == "establish") {
      const std::uint64_t begin = rte_rdtsc();
      generator.establish();
      Line("established")
          .number("sessions", config.sessions)
          .number("seconds",
                  static_cast<double>(rte_rdtsc() - begin) / static_cast<double>(rte_get_tsc_hz()));
    } else if (command == "trial") {
      const Trial trial = parse_trial(words);
      const TrialResult result = generator.run(trial);
      report(trial, result, generator.latency());
    } else if (command == "totals") {
      report(generator.totals());
    } else {
      throw Misuse("unknown command " + command);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse(argc, argv));
  } catch (const Misuse& error) {
    std::fprintf(stderr, "traffic_generator: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "traffic_generator: %s\n", error.what());
    return 1;
  }
  return 0;
}
