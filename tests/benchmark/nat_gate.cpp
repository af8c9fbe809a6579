// SPDX-License-Identifier: BSD-3-Clause
// What must hold on a worker of the NAT gateway: benchmark_nat_gate instructions|allocations|system_calls
// (gate.h).
#include "tests/benchmark/gate.h"
#include "tests/benchmark/nat_bed.h"

namespace {

using namespace millrace;
using namespace millrace::benchmark;
using core::WorkerCounters;

// Bindings that begin, carry packets both ways and end by timeout, in a table and a pool too small for all;
// answers that nobody waits for, packets broken in every place. All is logged. The clock jumps ahead between
// windows.
class NatTrouble final : public gate::Trouble {
 public:
  explicit NatTrouble(bool blocks)
      : bed_({.bindings = kFlows, .udp = false, .blocks = blocks, .log_sessions = true, .spare_sessions = 0}),
        spoil_(0x0affff01, {}, blocks ? 1 : 2),
        random_(blocks ? 1 : 2),
        now_(bed_.now()) {
    bed_.establish();
  }

  [[nodiscard]] PipelineBed& bed() noexcept override { return bed_; }
  void renew() override { bed_.renew_policy(); }

  void fill() override {
    bed_.take_events();
    ++window_;
    now_ += window_ % 512 == 0 ? 8'000'000 : 10;  // now and then past the longest timeout
    bed_.bed().set_time(now_);
    bed_.fill(0, kWindow, [&](rte_mbuf* mbuf, unsigned) {
      const auto choice = static_cast<std::uint32_t>(random_());
      // A narrow range that moves, over twice as many flows as there is room for.
      const unsigned flow = (window_ * 16 + (choice >> 8) % 64) % kFlows;
      const unsigned port = bed_.write_any(mbuf, flow, choice, 60 + (choice >> 20) % 8);
      if ((choice >> 4) % 8 == 0) spoil_(mbuf);
      return port;
    });
  }

  [[nodiscard]] bool has_reached(unsigned packets) override {
    const nat::BindingTable& bindings = bed_.bindings();
    const auto opened = static_cast<unsigned long>(bindings.sessions_opened());
    const auto ended = opened - static_cast<unsigned long>(bindings.open_sessions());
    const auto total = [&](Counter WorkerCounters::*counter) {
      return static_cast<unsigned long>(bed_.bed().total(counter));
    };
    const auto dropped = static_cast<unsigned long>(bed_.bed().dropped_in_all());
    std::printf(
        "%lu packets, %lu sessions opened, %lu ended, %lu packets dropped, %lu made, %lu to the host, "
        "%lu events noted",
        total(&WorkerCounters::received), opened, ended, dropped, total(&WorkerCounters::originated),
        total(&WorkerCounters::to_host), static_cast<unsigned long>(bed_.events_taken()));
    return opened > packets / 100 && ended > packets / 1000 && dropped > packets / 100 &&
           total(&WorkerCounters::originated) > 0 && total(&WorkerCounters::to_host) > 0 &&
           bed_.events_taken() > packets / 100;
  }

 private:
  static constexpr unsigned kFlows = 4'032;

  NatBed bed_;
  gate::Spoiler spoil_;
  std::mt19937 random_;
  Tick now_;
  unsigned window_ = 0;
};

std::unique_ptr<PipelineBed> make_bed() {
  auto bed = std::make_unique<NatBed>(NatBedConfig{.bindings = 10'080});
  bed->establish();
  return bed;
}

}  // namespace

int main(int argc, char** argv) {
  const std::array kinds{
      gate::Kind{"blocks", [] { return std::make_unique<NatTrouble>(true); }},
      gate::Kind{"shared ports", [] { return std::make_unique<NatTrouble>(false); }},
  };
  return gate::run(argc, argv, make_bed, kinds);
}
