// SPDX-License-Identifier: BSD-3-Clause
// The load balancer on a bed: one service on TCP port 80, clients behind port 0, backends behind port 1, each
// with a MAC address of its own.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "tests/benchmark/pipeline_bed.h"
#include "vnfs/load_balancer/compile_policy.h"
#include "vnfs/load_balancer/function.h"

namespace millrace::benchmark {

struct LoadBalancerBedConfig {
  unsigned connections = 10'000;
  load_balancer::Forwarding forwarding = load_balancer::Forwarding::kNat;
  bool ipv6 = false;
  unsigned backends = 100;  // at most 150
  unsigned spare_records = 8192;
  // How many connections there is room for; 0: all, and the spare ones.
  unsigned records = 0;
};

class LoadBalancerBed final : public PipelineBed {
 public:
  explicit LoadBalancerBed(const LoadBalancerBedConfig& config);

  [[nodiscard]] load_balancer::WorkerState& state() noexcept { return parts_->function->state(); }
  [[nodiscard]] unsigned flows() const noexcept { return parts_->traffic.flows(); }

  // Sends one packet of each flow in [first, first + count), and notes which backend it goes to.
  Cost send_and_note(Step step, unsigned first, unsigned count);
  // Brings all flows into their established state.
  void establish();
  // Half of it from each side where answers come by us; else all from clients.
  void fill_window(unsigned worker, Size size) override;
  // A packet of the flow, by `choice`: its first, a later one, an answer, an ICMP error about it. Returns the
  // port it comes by.
  unsigned write_any(rte_mbuf* mbuf, unsigned flow, std::uint32_t choice, unsigned bytes) const noexcept;

  // By flow, the number of the backend that its last noted packet went to.
  [[nodiscard]] const std::vector<std::uint8_t>& backend_of() const noexcept { return parts_->backend_of; }
  // The policy after a change of the service's backends.
  void change(const std::function<void(std::vector<load_balancer::BackendSpec>&)>& change);

 private:
  struct Parts {
    explicit Parts(const LoadBalancerBedConfig& config);
    [[nodiscard]] core::Snapshot next_snapshot();

    Traffic traffic;
    load_balancer::ServiceSpec service;
    std::vector<net::IpAddress> addresses;  // of all backends, in the policy or not
    std::vector<std::uint8_t> backend_of;
    load_balancer::Roster roster{16, 256};
    std::shared_ptr<const core::Network> network;
    std::shared_ptr<const load_balancer::Policy> policy;
    std::uint64_t generation = 0;
    load_balancer::LoadBalancerFunction* function = nullptr;
    std::mt19937 random{1};
  };
  LoadBalancerBed(const LoadBalancerBedConfig& config, std::unique_ptr<Parts> parts);

  [[nodiscard]] bool answers_come_by() const noexcept;
  void write_request(rte_mbuf* mbuf, unsigned flow, Step step, unsigned bytes) const noexcept;
  void write_answer(rte_mbuf* mbuf, unsigned flow, Step step, unsigned bytes) const noexcept;
  void write_error(rte_mbuf* mbuf, unsigned flow) const noexcept;

  std::unique_ptr<Parts> parts_;
};

}  // namespace millrace::benchmark
