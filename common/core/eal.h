// SPDX-License-Identifier: BSD-3-Clause
// DPDK's environment layer, brought up from what the profile says; users never see an EAL flag.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"

struct rte_mempool;

namespace millrace::core {

struct EalConfig {
  std::uint64_t memory_bytes = 0;        // for packet buffers and rings
  std::vector<std::string> pci_devices;  // addresses to take; no other device is touched
  std::string name;                      // of the appliance: its DPDK telemetry socket is under this name
};

struct EalMemory {
  bool huge_pages = false;
  std::uint64_t bytes = 0;
};

// Once per process. Huge pages are used when enough of them are free, ordinary pages otherwise. The calling
// thread is not bound to a CPU.
Result<EalMemory> start_eal(const EalConfig& config);

// Of the time stamp counter, as measured when DPDK started.
[[nodiscard]] std::uint64_t tsc_per_second();

// Buffers of `data_bytes` for packets; one pool for all.
Result<rte_mempool*> make_packet_pool(unsigned count, std::uint16_t data_bytes);

// True when this CPU has all that the program was built for (x86-64-v3); else `reason` says what is missing.
bool cpu_is_supported(std::string& reason);

}  // namespace millrace::core
