// SPDX-License-Identifier: BSD-3-Clause
// What must hold on a worker of the firewall: benchmark_gate instructions|allocations|system_calls (gate.h).
#include "tests/benchmark/gate.h"

#include "tests/benchmark/firewall_bed.h"

namespace {

using namespace millrace;
using namespace millrace::benchmark;
using core::WorkerCounters;

// Everything that traffic can bring about: sessions that begin, run, end by timeout, give way to others;
// packets that are refused, answered, meant for the host, broken in every place. The clock jumps ahead
// between windows.
class FirewallTrouble final : public gate::Trouble {
 public:
  explicit FirewallTrouble(bool ipv6)
      : spoil_(0x0affff01, *net::Ipv6Address::parse("2001:db8:a:ffff::1"), ipv6 ? 6 : 4),
        random_(ipv6 ? 6 : 4) {
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

  [[nodiscard]] PipelineBed& bed() noexcept override { return *bed_; }
  void renew() override { bed_->bed().publish(bed_->renewed_snapshot()); }

  void fill() override {
    ++window_;
    now_ += window_ % 512 == 0 ? 4'000'000 : 10;  // now and then past the longest timeout
    bed_->bed().set_time(now_);
    bed_->fill(0, kWindow, [&](rte_mbuf* mbuf, unsigned) {
      const auto choice = static_cast<std::uint32_t>(random_());
      const Step step = any_step(choice);
      Traffic& traffic = bed_->traffic(0);
      // A narrow range that moves, so that handshakes come to their end.
      const unsigned index = (window_ * 16 + (choice >> 8) % 64) % (2 * kFlows);
      traffic.write(mbuf, traffic.flow(index), step, 60 + (choice >> 20) % 8);
      if ((choice >> 4) % 8 == 0) spoil_(mbuf);
      return from_client(step) ? 0U : 1U;
    });
  }

  [[nodiscard]] bool has_reached(unsigned packets) override {
    const auto& sessions = bed_->state(0).sessions;
    const auto ended = sessions.opened() - sessions.open_now() - sessions.evicted();
    const auto total = [&](Counter WorkerCounters::*counter) {
      return static_cast<unsigned long>(bed_->bed().total(counter));
    };
    std::printf(
        "%lu packets, %lu sessions opened, %lu evicted, %lu ended otherwise, %lu packets dropped, %lu made, "
        "%lu to the host",
        total(&WorkerCounters::received), static_cast<unsigned long>(sessions.opened()),
        static_cast<unsigned long>(sessions.evicted()), static_cast<unsigned long>(ended),
        static_cast<unsigned long>(bed_->bed().dropped_in_all()), total(&WorkerCounters::originated),
        total(&WorkerCounters::to_host));
    return sessions.opened() > packets / 100 && ended > packets / 1000 &&
           sessions.evicted() > packets / 1000 && bed_->bed().dropped_in_all() > packets / 100 &&
           total(&WorkerCounters::originated) > 0 && total(&WorkerCounters::to_host) > 0;
  }

 private:
  static constexpr unsigned kFlows = 4'000;

  gate::Spoiler spoil_;
  std::mt19937 random_;
  Tick now_ = 0;
  unsigned window_ = 0;
  std::unique_ptr<FirewallBed> bed_;
};

std::unique_ptr<PipelineBed> make_bed() {
  auto bed = std::make_unique<FirewallBed>(BedConfig{.traffic = {.flows = 10'000}, .spare_sessions = 0});
  bed->establish(0);
  return bed;
}

}  // namespace

int main(int argc, char** argv) {
  const std::array kinds{
      gate::Kind{"IPv4", [] { return std::make_unique<FirewallTrouble>(false); }},
      gate::Kind{"IPv6", [] { return std::make_unique<FirewallTrouble>(true); }},
  };
  return gate::run(argc, argv, make_bed, kinds);
}
