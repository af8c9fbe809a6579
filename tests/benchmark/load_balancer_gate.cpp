// SPDX-License-Identifier: BSD-3-Clause
// What must hold on a worker of the load balancer: benchmark_load_balancer_gate
// instructions|allocations|system_calls (gate.h).
#include "tests/benchmark/gate.h"
#include "tests/benchmark/load_balancer_bed.h"

namespace {

using namespace millrace;
using namespace millrace::benchmark;
using core::WorkerCounters;
using load_balancer::Backend;

// Connections that begin, carry packets both ways and end by timeout, in a table too small for all, so that
// others are balanced by their hash alone; backends that come and go; ICMP errors, packets broken in every
// place. The clock jumps ahead between windows.
class LoadBalancerTrouble final : public gate::Trouble {
 public:
  explicit LoadBalancerTrouble(const LoadBalancerBedConfig& config)
      : bed_(config),
        spoil_(0x0affff01, *net::Ipv6Address::parse("2001:db8:a:ffff::1"), config.ipv6 ? 6 : 4),
        random_(config.ipv6 ? 6 : 4),
        now_(bed_.state().services.now) {
    bed_.establish();
  }

  [[nodiscard]] PipelineBed& bed() noexcept override { return bed_; }

  // The next backend drains, the one behind it is taken away, and that before is back; now and then they all
  // fail.
  void renew() override {
    ++turn_;
    bed_.change([&](auto& backends) {
      if (gone_) backends.push_back(*gone_);
      for (auto& backend : backends)
        backend.state = turn_ % 8 == 0 ? Backend::State::kDown : Backend::State::kActive;
      backends.front().state = Backend::State::kDraining;
      gone_ = backends[1];
      backends.erase(backends.begin() + 1);
      std::ranges::rotate(backends, backends.begin() + 1);
    });
  }

  void fill() override {
    ++window_;
    now_ += window_ % 512 == 0 ? 4'000'000 : 10;  // now and then past the longest timeout
    bed_.bed().set_time(now_);
    bed_.fill(0, kWindow, [&](rte_mbuf* mbuf, unsigned) {
      const auto choice = static_cast<std::uint32_t>(random_());
      // A narrow range that moves, over twice as many flows as there is room for.
      const unsigned flow = (window_ * 16 + (choice >> 8) % 64) % bed_.flows();
      const unsigned port = bed_.write_any(mbuf, flow, choice, 60 + (choice >> 20) % 8);
      if ((choice >> 4) % 8 == 0) spoil_(mbuf);
      return port;
    });
  }

  [[nodiscard]] bool has_reached(unsigned packets) override {
    const load_balancer::ConnectionTable& connections = bed_.state().connections;
    const auto total = [&](Counter WorkerCounters::*counter) {
      return static_cast<unsigned long>(bed_.bed().total(counter));
    };
    const auto opened = static_cast<unsigned long>(connections.opened());
    const auto ended = opened - static_cast<unsigned long>(connections.open_now());
    const auto dropped = static_cast<unsigned long>(bed_.bed().dropped_in_all());
    const load_balancer::ServiceTally& service = bed_.state().tallies.service(0);
    const auto alone = static_cast<unsigned long>(service.without_record.read());
    const auto refused = static_cast<unsigned long>(service.refused.read());
    std::printf(
        "%lu packets, %lu connections opened, %lu ended, %lu packets balanced without a record, %lu refused, "
        "%lu dropped, %lu made, %lu to the host",
        total(&WorkerCounters::received), opened, ended, alone, refused, dropped,
        total(&WorkerCounters::originated), total(&WorkerCounters::to_host));
    return opened > packets / 100 && ended > packets / 1000 && alone > packets / 1000 &&
           refused > packets / 1000 && dropped > packets / 100 && total(&WorkerCounters::originated) > 0 &&
           total(&WorkerCounters::to_host) > 0;
  }

 private:
  LoadBalancerBed bed_;
  gate::Spoiler spoil_;
  std::mt19937 random_;
  Tick now_;
  unsigned window_ = 0;
  unsigned turn_ = 0;
  std::optional<load_balancer::BackendSpec> gone_;
};

gate::Kind kind(std::string_view name, load_balancer::Forwarding forwarding, bool ipv6) {
  return {name, [=] {
            return std::make_unique<LoadBalancerTrouble>(LoadBalancerBedConfig{
                .connections = 4'000, .forwarding = forwarding, .ipv6 = ipv6, .records = 2'000});
          }};
}

std::unique_ptr<PipelineBed> make_bed() {
  auto bed = std::make_unique<LoadBalancerBed>(LoadBalancerBedConfig{.connections = 10'000});
  bed->establish();
  return bed;
}

}  // namespace

int main(int argc, char** argv) {
  using load_balancer::Forwarding;
  const std::array kinds{
      kind("nat, IPv4", Forwarding::kNat, false), kind("nat, IPv6", Forwarding::kNat, true),
      kind("direct", Forwarding::kDirect, false), kind("gue, IPv4", Forwarding::kGue, false),
      kind("gue, IPv6", Forwarding::kGue, true),
  };
  return gate::run(argc, argv, make_bed, kinds);
}
