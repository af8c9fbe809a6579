// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/eal.h"

#include <algorithm>
#include <fstream>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <sched.h>

#include "common/core/note.h"

namespace millrace::core {
namespace {

std::uint64_t free_huge_page_bytes() {
  std::uint64_t total = 0;
  for (const std::uint64_t kib : {2048U, 1048576U}) {
    std::ifstream file("/sys/kernel/mm/hugepages/hugepages-" + std::to_string(kib) + "kB/free_hugepages");
    std::uint64_t pages = 0;
    if (file >> pages) total += pages * kib * 1024;
  }
  return total;
}

// The CPUs this process may run on, as "0,1,4".
std::string allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  std::string list;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &set)) continue;
    if (!list.empty()) list += ',';
    list += std::to_string(cpu);
  }
  return list;
}

}  // namespace

Result<EalMemory> start_eal(const EalConfig& config) {
  constexpr std::uint64_t kMib = 1 << 20;
  constexpr std::uint64_t kOverhead = 64 * kMib;  // DPDK's own tables
  EalMemory memory;
  memory.bytes = (config.memory_bytes + kOverhead + kMib - 1) / kMib * kMib;
  memory.huge_pages = free_huge_page_bytes() >= memory.bytes;

  std::vector<std::string> arguments{"millrace",
                                     "--lcores",
                                     "0@(" + allowed_cpus() + ")",
                                     "--log-level=*:error",
                                     "-m",
                                     std::to_string(memory.bytes / kMib)};
  if (memory.huge_pages) {
    // Memory in few pieces: vhost-user, by which net_virtio_user shares it with its host, takes eight.
    arguments.insert(arguments.end(), {"--in-memory", "--single-file-segments"});
  } else {
    arguments.insert(arguments.end(), {"--no-huge", "--no-shconf"});
  }
  if (config.pci_devices.empty()) arguments.emplace_back("--no-pci");
  for (const std::string& address : config.pci_devices) {
    arguments.emplace_back("-a");
    arguments.push_back(address);
  }
  if (config.name.empty()) {
    arguments.emplace_back("--no-telemetry");
  } else {
    arguments.push_back("--file-prefix=" + config.name);
  }
  std::vector<char*> argv;
  argv.reserve(arguments.size());
  for (std::string& argument : arguments) argv.push_back(argument.data());

  cpu_set_t before;
  sched_getaffinity(0, sizeof before, &before);
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    std::string reason = rte_strerror(rte_errno);
    if (!memory.huge_pages)
      reason += "; " + std::to_string(memory.bytes / kMib) + " MiB of memory are needed";
    return failure("start DPDK", reason);
  }
  sched_setaffinity(0, sizeof before, &before);
  if (auto registered = register_note(); !registered) return tl::unexpected(registered.error());
  return memory;
}

std::uint64_t tsc_per_second() { return rte_get_tsc_hz(); }

Result<rte_mempool*> make_packet_pool(unsigned count, std::uint16_t data_bytes) {
  constexpr unsigned kCache = 256;
  rte_mempool* pool =
      rte_pktmbuf_pool_create("packets", count, kCache, 0,
                              static_cast<std::uint16_t>(data_bytes + RTE_PKTMBUF_HEADROOM), SOCKET_ID_ANY);
  if (pool == nullptr) {
    return failure("allocate " + std::to_string(count) + " packet buffers", rte_strerror(rte_errno));
  }
  return pool;
}

bool cpu_is_supported(std::string& reason) {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2")) reason = "AVX2";
  if (!__builtin_cpu_supports("bmi2")) reason += reason.empty() ? "BMI2" : ", BMI2";
  if (!__builtin_cpu_supports("fma")) reason += reason.empty() ? "FMA" : ", FMA";
  return reason.empty();
}

}  // namespace millrace::core
