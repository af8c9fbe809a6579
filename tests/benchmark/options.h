// SPDX-License-Identifier: BSD-3-Clause
// The command line of a benchmark program that prints lines for tests/benchmark/run.
#pragma once

#include <functional>
#include <string_view>

namespace millrace::benchmark {

struct Options {
  bool quick = false;
  bool full = false;
  std::string_view only;  // of the program's parts; empty: all
  unsigned flows = 0;     // instead of the program's scales; 0: those

  [[nodiscard]] bool wants(std::string_view part) const { return only.empty() || only == part; }
  [[nodiscard]] unsigned samples() const { return quick ? 81 : 321; }
};

struct Program {
  std::string_view name;
  std::string_view parts;       // that --only names, as a person reads them
  std::string_view flows_word;  // the option that sets `flows`
};

// Reads the options, brings DPDK up, prints the line of the machine and measures. Returns the exit status.
int run_program(int argc, char** argv, const Program& program,
                const std::function<void(const Options&)>& measure);

}  // namespace millrace::benchmark
