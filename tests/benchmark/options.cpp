// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/options.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>

#include <fmt/format.h>
#include <rte_cycles.h>

#include "tests/benchmark/report.h"
#include "tests/support/testbed.h"

namespace millrace::benchmark {
namespace {

bool positive(std::string_view text, unsigned& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && number != 0;
}

// The core's clock: one addition after the other, each taking a cycle.
double core_hz() {
  constexpr std::uint64_t kAdditions = 200'000;
  double best = 0;
  for (int round = 0; round < 500; ++round) {
    std::uint64_t sum = 0;
    const std::uint64_t begin = rte_rdtsc();
    for (std::uint64_t i = 0; i < kAdditions; i += 10) {
      asm volatile(
          "add $1,%0; add $1,%0; add $1,%0; add $1,%0; add $1,%0;"
          "add $1,%0; add $1,%0; add $1,%0; add $1,%0; add $1,%0"
          : "+r"(sum));
    }
    best = std::max(best, static_cast<double>(kAdditions) * static_cast<double>(rte_get_tsc_hz()) /
                              static_cast<double>(rte_rdtsc() - begin));
  }
  return best;
}

bool read(int argc, char** argv, const Program& program, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const std::string_view value = i + 1 < argc ? argv[i + 1] : "";
    if (word == "--quick") {
      options.quick = true;
    } else if (word == "--full") {
      options.full = true;
    } else if (word == "--only" && !value.empty()) {
      options.only = value;
      ++i;
    } else if (word == program.flows_word && positive(value, options.flows)) {
      ++i;
    } else {
      fmt::print(stderr, "{} [--quick | --full] [--only {}] [{} N]\n", program.name, program.parts,
                 program.flows_word);
      return false;
    }
  }
  return true;
}

}  // namespace

int run_program(int argc, char** argv, const Program& program,
                const std::function<void(const Options&)>& measure) {
  Options options;
  if (!read(argc, argv, program, options)) return 2;
  try {
    // Packet memory for the pools of one bed at a time; the tables are mapped beside it.
    testing::ensure_eal(128);
    Line("machine").number("tsc_hz", static_cast<double>(rte_get_tsc_hz())).number("core_hz", core_hz());
    measure(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", program.name, error.what());
    return 1;
  }
  return 0;
}

}  // namespace millrace::benchmark
