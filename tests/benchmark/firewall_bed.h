// SPDX-License-Identifier: BSD-3-Clause
// The firewall on a bed, and the traffic to drive it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "tests/benchmark/pipeline_bed.h"
#include "vnfs/firewall/function.h"

namespace millrace::benchmark {

struct BedConfig {
  TrafficConfig traffic{};
  unsigned workers = 1;
  unsigned rules = 10;
  std::vector<firewall::Rule> first_rules = {};  // ahead of those
  unsigned spare_sessions = 8192;                // capacity beyond the traffic's flows
  firewall::inspection::InspectorSize inspection = {};
  firewall::ApplicationFinderSize applications = {};
  std::optional<firewall::inspection::WatchSettings> watch = {};
  bool handshakes =
      false;  // windows are those of new connections: SYNs, answers, ACKs, each of the same flows
  std::function<void(firewall::Policy&)> adjust = nullptr;  // the policy, before it is taken
  // Puts something around the function of a worker.
  std::function<std::unique_ptr<core::Function>(std::unique_ptr<firewall::FirewallFunction>)> wrap = nullptr;
};

// `count` rules that accept, of which the traffic meets many; the last takes everything.
[[nodiscard]] std::vector<firewall::Rule> make_rules(unsigned count, bool ipv6);

class FirewallBed final : public PipelineBed {
 public:
  explicit FirewallBed(const BedConfig& config);

  [[nodiscard]] Traffic& traffic(unsigned worker) noexcept { return parts_->traffic[worker]; }
  [[nodiscard]] firewall::WorkerState& state(unsigned worker) noexcept {
    return parts_->functions[worker]->state();
  }
  // The policy at work, under another generation: sessions are matched again when they meet it.
  [[nodiscard]] core::Snapshot renewed_snapshot();

  // Sends one packet of each flow in [first, first + count) and lets the worker do its work.
  Cost send(unsigned worker, Step step, unsigned first, unsigned count);
  // The packets that open every flow's session and bring it into its established state.
  void establish(unsigned worker);
  void fill_window(unsigned worker, Size size) override;

 private:
  // Made before the bed, which asks for the functions.
  struct Parts {
    std::shared_ptr<const core::Network> network;
    std::vector<firewall::Rule> rules;
    std::function<void(firewall::Policy&)> adjust;
    std::uint16_t generation = 1;
    std::vector<firewall::FirewallFunction*> functions;
    std::vector<Traffic> traffic;
    bool handshakes = false;
    unsigned windows = 0;  // of handshakes, so far
  };
  FirewallBed(const BedConfig& config, std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace millrace::benchmark
