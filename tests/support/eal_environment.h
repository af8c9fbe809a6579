// SPDX-License-Identifier: BSD-3-Clause
// DPDK for test programs that need it: no devices, no huge pages, no files, once per process.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rte_eal.h>
#include <rte_errno.h>

namespace millrace::test {

// Throws when EAL does not come up. EAL can start only once in a process; nothing stops it before the end.
inline void start_eal(unsigned megabytes = 512) {
  static std::vector<std::string> words{
      "test",           "--no-huge",         "--no-shconf", "--no-pci", "-m", std::to_string(megabytes),
      "--no-telemetry", "--log-level=error", "-l",          "0"};
  static std::vector<char*> arguments;
  if (!arguments.empty()) return;
  for (std::string& word : words) arguments.push_back(word.data());
  if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) {
    throw std::runtime_error(std::string("EAL does not start: ") + rte_strerror(rte_errno));
  }
}

// In main: testing::AddGlobalTestEnvironment(new EalEnvironment).
class EalEnvironment : public ::testing::Environment {
 public:
  explicit EalEnvironment(unsigned megabytes = 512) : megabytes_(megabytes) {}
  void SetUp() override { start_eal(megabytes_); }
  void TearDown() override { rte_eal_cleanup(); }

 private:
  unsigned megabytes_;
};

}  // namespace millrace::test
