// SPDX-License-Identifier: BSD-3-Clause
#include <csignal>
#include <exception>
#include <stdexcept>
#include <string>

#include <rte_eal.h>
#include <rte_malloc.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/core/note.h"
#include "tests/benchmark/gate.h"
#include "tests/benchmark/without_system_calls.h"

namespace millrace::benchmark::gate {
namespace {

// On ordinary pages, whatever the machine has: valgrind has no room for DPDK's lists of huge ones.
void start_eal() {
  static char words[][16] = {"gate", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
                             "-m",   "256",       "-l",          "0",        "--log-level=4"};
  std::array<char*, std::size(words)> arguments{};
  std::transform(std::begin(words), std::end(words), arguments.begin(), [](char* word) { return word; });
  if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0)
    throw std::runtime_error("DPDK does not start");
  if (const auto registered = core::register_note(); !registered)
    throw std::runtime_error(registered.error().message());
}

std::uint64_t dpdk_allocations() {
  rte_malloc_socket_stats stats{};
  rte_malloc_get_socket_stats(0, &stats);
  return stats.alloc_count;
}

bool no_allocations(const Kind& kind, unsigned packets) {
  const auto trouble = kind.make();
  PipelineBed& bed = trouble->bed();
  std::uint64_t before = allocations();
  std::unique_ptr<int> proof(new int(1));  // kept: a compiler may leave out what nobody looks at
  asm volatile("" : : "g"(proof.get()) : "memory");
  if (allocations() == before) {
    std::printf("allocations are not counted here\n");
    return false;
  }
  std::uint64_t made = 0;
  std::uint64_t made_by_dpdk = 0;
  Cost ignored;
  for (unsigned sent = 0; sent < packets; sent += kWindow) {
    trouble->fill();
    if (sent % (64 * kWindow) == 0) trouble->renew();
    before = allocations();
    const std::uint64_t before_dpdk = dpdk_allocations();
    bed.poll(0, ignored);
    made += allocations() - before;
    made_by_dpdk += dpdk_allocations() - before_dpdk;
    bed.drain(0);
    static_cast<void>(bed.bed().to_host());
  }
  std::printf("%s: ", std::string(kind.name).c_str());
  const bool everything = trouble->has_reached(packets);
  std::printf("; %lu allocations, %lu of DPDK's\n", static_cast<unsigned long>(made),
              static_cast<unsigned long>(made_by_dpdk));
  if (!everything) std::printf("the traffic does not reach what it should\n");
  return everything && made == 0 && made_by_dpdk == 0;
}

}  // namespace

int count_instructions(PipelineBed& bed, unsigned warm_up, unsigned windows) {
  // Time stands still, or what is done now and then would count by how slow the machine is.
  Cost ignored;
  for (unsigned i = 0; i < warm_up + windows; ++i) {
    bed.fill_window(0, Size::k64);
    if (i >= warm_up) CALLGRIND_TOGGLE_COLLECT;
    bed.poll(0, ignored);
    if (i >= warm_up) CALLGRIND_TOGGLE_COLLECT;
    bed.drain(0);
  }
  bed.check_nothing_lost();
  std::printf("packets %u\n", windows * kWindow);
  return kHolds;
}

int check_allocations(std::span<const Kind> kinds) {
  constexpr unsigned kPackets = 500'000;
  bool holds = true;
  for (const Kind& kind : kinds) holds = no_allocations(kind, kPackets) && holds;
  return holds ? kHolds : kBroken;
}

int check_system_calls(std::span<const Kind> kinds) {
  constexpr unsigned kPackets = 200'000;
  const int control = in_silence([] { static_cast<void>(syscall(SYS_getppid)); }, kSkipped);
  if (WIFEXITED(control) && WEXITSTATUS(control) == kSkipped) {
    std::printf("skipped: seccomp filters are not allowed here\n");
    return kSkipped;
  }
  if (!WIFSIGNALED(control) || WTERMSIG(control) != SIGSYS) {
    std::printf("a forbidden system call goes unnoticed (wait status %d)\n", control);
    return kBroken;
  }
  for (const Kind& kind : kinds) {
    const std::string name(kind.name);
    const auto trouble = kind.make();
    const int status = in_silence(
        [&] {
          Cost ignored;
          for (unsigned sent = 0; sent < kPackets; sent += kWindow) {
            trouble->fill();
            trouble->bed().poll(0, ignored);
            trouble->bed().drain(0);
          }
        },
        kSkipped);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      std::printf("%s: killed by signal %d\n", name.c_str(), WIFSIGNALED(status) ? WTERMSIG(status) : 0);
      return kBroken;
    }
    std::printf("%s: %u packets, no system call\n", name.c_str(), kPackets);
  }
  return kHolds;
}

int run(int argc, char** argv, const std::function<std::unique_ptr<PipelineBed>()>& make_bed,
        std::span<const Kind> kinds, std::span<const Counted> counted) {
  const std::string_view mode = argc == 2 ? argv[1] : "";
  try {
    start_eal();
    if (mode == "instructions") return count_instructions(*make_bed());
    for (const Counted& one : counted) {
      if (mode == one.mode) return count_instructions(*one.make(), one.warm_up, one.windows);
    }
    if (mode == "allocations") return check_allocations(kinds);
    if (mode == "system_calls") return check_system_calls(kinds);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return kBroken;
  }
  std::string others;
  for (const Counted& one : counted) others += "|" + std::string(one.mode);
  std::fprintf(stderr, "%s instructions|allocations|system_calls%s\n", argv[0], others.c_str());
  return 2;
}

}  // namespace millrace::benchmark::gate
