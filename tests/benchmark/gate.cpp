// SPDX-License-Identifier: BSD-3-Clause
// What must hold on a worker after start, counted.
//
//   benchmark_gate instructions   forwards established traffic for callgrind, which collects on the worker's
//   path
//                                 only (instructions.py runs it)
//   benchmark_gate allocations    a million packets of all kinds: no call of the allocator
//   benchmark_gate system_calls   the same in a process that the kernel kills at its first system call
//
// Exit status 0: it holds; 1: it does not; 77: this machine cannot tell.
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string_view>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <rte_eal.h>
#include <rte_malloc.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

#include "common/core/note.h"
#include "common/net/checksum.h"
#include "tests/benchmark/count_allocations.h"
#include "tests/benchmark/firewall_bed.h"

namespace {

using namespace millrace;
using namespace millrace::benchmark;
using core::WorkerCounters;

constexpr int kHolds = 0;
constexpr int kBroken = 1;
constexpr int kSkipped = 77;

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

int count_instructions() {
  constexpr unsigned kWindows = 64;
  FirewallBed bed({.traffic = {.flows = 10'000}, .spare_sessions = 0});
  bed.establish(0);
  bed.forward(0, Size::k64, 16 * kWindow);
  Cost ignored;
  for (unsigned i = 0; i < kWindows; ++i) {
    bed.fill_window(0, Size::k64);
    CALLGRIND_TOGGLE_COLLECT;
    bed.poll(0, ignored);
    CALLGRIND_TOGGLE_COLLECT;
    bed.drain(0);
  }
  bed.check_nothing_lost();
  std::printf("packets %u\n", kWindows * kWindow);
  return kHolds;
}

// Everything that traffic can bring about: sessions that begin, run, end by timeout, give way to others;
// packets that are refused, answered, meant for the host, broken in every place. The clock jumps ahead
// between windows.
class Trouble {
 public:
  explicit Trouble(bool ipv6) : random_(ipv6 ? 6 : 4) {
    firewall::Rule dropped{.name = "no-sip", .action = firewall::Action::kDrop};
    dropped.services.push_back({.destination = {5060, 5060}});
    firewall::Rule rejected{.name = "no-ntp", .action = firewall::Action::kReject};
    rejected.services.push_back({.destination = {123, 123}});
    bed_ = std::make_unique<FirewallBed>(BedConfig{.traffic = {.flows = kFlows, .ipv6 = ipv6, .mixed = true},
                                                   .rules = 100,
                                                   .first_rules = {dropped, rejected},
                                                   .spare_sessions = 0});
    now_ = bed_->state(0).services.now;  // where the timers begin
    // Half of the flows are known to begin with; the table is no larger than all of them.
    for (const Step step : {Step::kSyn, Step::kSynAck, Step::kAck}) bed_->send(0, step, 0, kFlows / 2);
  }

  [[nodiscard]] FirewallBed& bed() noexcept { return *bed_; }

  void fill() {
    ++window_;
    now_ += window_ % 512 == 0 ? 4'000'000 : 10;  // now and then past the longest timeout
    bed_->bed().set_time(now_);
    bed_->fill(0, kWindow, [&](rte_mbuf* mbuf, unsigned) {
      static constexpr std::array kSteps = {Step::kSyn,  Step::kSyn,  Step::kSynAck, Step::kAck,
                                            Step::kData, Step::kData, Step::kReply,  Step::kReply};
      const auto choice = static_cast<std::uint32_t>(random_());
      const Step step = kSteps[choice % kSteps.size()];
      Traffic& traffic = bed_->traffic(0);
      // A narrow range that moves, so that handshakes come to their end.
      const unsigned index = (window_ * 16 + (choice >> 8) % 64) % (2 * kFlows);
      traffic.write(mbuf, traffic.flow(index), step, 60 + (choice >> 20) % 8);
      if ((choice >> 4) % 8 == 0) spoil(mbuf);
      return from_client(step) ? 0U : 1U;
    });
  }

 private:
  static constexpr unsigned kFlows = 4'000;

  void spoil(rte_mbuf* mbuf) {
    auto* bytes = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
    const auto choice = static_cast<std::uint32_t>(random_());
    const bool ipv6 = (bytes[14] >> 4) == 6;
    auto& ip = *reinterpret_cast<net::Ipv4Header*>(bytes + 14);
    switch (choice % 6) {
      case 0:  // cut
        mbuf->data_len = static_cast<std::uint16_t>(choice / 8 % mbuf->data_len);
        mbuf->pkt_len = mbuf->data_len;
        break;
      case 1:  // its last hop
        bytes[ipv6 ? 21 : 22] = 1;
        if (!ipv6) net::set_ipv4_checksum(ip);
        break;
      case 2:  // to the appliance itself
        if (ipv6) {
          (*reinterpret_cast<net::Ipv6Header*>(bytes + 14)).destination = own6_;
        } else {
          ip.destination.value = be32(0x0affff01);
          net::set_ipv4_checksum(ip);
        }
        break;
      case 3:  // a fragment
        if (ipv6) break;
        ip.fragment = be16(static_cast<std::uint16_t>(choice >> 8 & 0x2003));
        ip.id = be16(static_cast<std::uint16_t>(choice >> 16 & 0xff));
        net::set_ipv4_checksum(ip);
        break;
      case 4:  // unfinished, an aggregate or not
        mbuf->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE | (choice / 8 % 2 != 0 ? RTE_MBUF_F_RX_LRO : 0);
        mbuf->tso_segsz = 256;
        break;
      default:  // any byte of the headers
        bytes[12 + choice / 8 % (mbuf->data_len - 12U)] ^= static_cast<std::uint8_t>(1U << (choice >> 29));
    }
  }

  const net::Ipv6Address own6_ = *net::Ipv6Address::parse("2001:db8:a:ffff::1");
  std::mt19937 random_;
  Tick now_ = 0;
  unsigned window_ = 0;
  std::unique_ptr<FirewallBed> bed_;
};

std::uint64_t dpdk_allocations() {
  rte_malloc_socket_stats stats{};
  rte_malloc_get_socket_stats(0, &stats);
  return stats.alloc_count;
}

bool no_allocations(bool ipv6, unsigned packets) {
  Trouble trouble(ipv6);
  FirewallBed& bed = trouble.bed();
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
    trouble.fill();
    if (sent % (64 * kWindow) == 0) bed.bed().publish(bed.renewed_snapshot());
    before = allocations();
    const std::uint64_t before_dpdk = dpdk_allocations();
    bed.poll(0, ignored);
    made += allocations() - before;
    made_by_dpdk += dpdk_allocations() - before_dpdk;
    bed.drain(0);
    static_cast<void>(bed.bed().to_host());
  }
  const auto& sessions = bed.state(0).sessions;
  const auto ended = sessions.opened() - sessions.open_now() - sessions.evicted();
  const auto total = [&](Counter WorkerCounters::*counter) {
    return static_cast<unsigned long>(bed.bed().total(counter));
  };
  std::printf(
      "IPv%u: %lu packets, %lu sessions opened, %lu evicted, %lu ended otherwise, %lu packets dropped, %lu "
      "made, "
      "%lu to the host: %lu allocations, %lu of DPDK's\n",
      ipv6 ? 6U : 4U, total(&WorkerCounters::received), static_cast<unsigned long>(sessions.opened()),
      static_cast<unsigned long>(sessions.evicted()), static_cast<unsigned long>(ended),
      static_cast<unsigned long>(bed.bed().dropped_in_all()), total(&WorkerCounters::originated),
      total(&WorkerCounters::to_host), static_cast<unsigned long>(made),
      static_cast<unsigned long>(made_by_dpdk));
  const bool everything = sessions.opened() > packets / 100 && ended > packets / 1000 &&
                          sessions.evicted() > packets / 1000 && bed.bed().dropped_in_all() > packets / 100 &&
                          total(&WorkerCounters::originated) > 0 && total(&WorkerCounters::to_host) > 0;
  if (!everything) std::printf("the traffic does not reach what it should\n");
  return everything && made == 0 && made_by_dpdk == 0;
}

int check_allocations() {
  constexpr unsigned kPackets = 500'000;
  const bool ipv4 = no_allocations(false, kPackets);
  const bool ipv6 = no_allocations(true, kPackets);
  return ipv4 && ipv6 ? kHolds : kBroken;
}

// From here on the kernel ends the process at any system call but its exit. SECCOMP_MODE_STRICT would do but
// for one thing: it takes the TSC away.
bool forbid_system_calls() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  const sock_fprog program{.len = sizeof filter / sizeof filter[0], .filter = filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// The wait status of a process that does `work` without system calls; it exits with 77 when they cannot be
// forbidden here.
template <class Work>
int in_silence(Work work) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    if (!forbid_system_calls()) _exit(kSkipped);
    work();
    _exit(kHolds);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

int check_system_calls() {
  constexpr unsigned kPackets = 200'000;
  const int control = in_silence([] { static_cast<void>(syscall(SYS_getppid)); });
  if (WIFEXITED(control) && WEXITSTATUS(control) == kSkipped) {
    std::printf("skipped: seccomp filters are not allowed here\n");
    return kSkipped;
  }
  if (!WIFSIGNALED(control) || WTERMSIG(control) != SIGSYS) {
    std::printf("a forbidden system call goes unnoticed (wait status %d)\n", control);
    return kBroken;
  }
  for (const bool ipv6 : {false, true}) {
    Trouble trouble(ipv6);
    const int status = in_silence([&] {
      Cost ignored;
      for (unsigned sent = 0; sent < kPackets; sent += kWindow) {
        trouble.fill();
        trouble.bed().poll(0, ignored);
        trouble.bed().drain(0);
      }
    });
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      std::printf("IPv%u: killed by signal %d\n", ipv6 ? 6U : 4U, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
      return kBroken;
    }
    std::printf("IPv%u: %u packets, no system call\n", ipv6 ? 6U : 4U, kPackets);
  }
  return kHolds;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc == 2 ? argv[1] : "";
  try {
    start_eal();
    if (mode == "instructions") return count_instructions();
    if (mode == "allocations") return check_allocations();
    if (mode == "system_calls") return check_system_calls();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "benchmark_gate: %s\n", error.what());
    return kBroken;
  }
  std::fprintf(stderr, "benchmark_gate instructions|allocations|system_calls\n");
  return 2;
}
