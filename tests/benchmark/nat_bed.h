// SPDX-License-Identifier: BSD-3-Clause
// The NAT gateway on a bed, with the hosts and ports of CSIT's NAT44 tests: 63 ports of each inside host.
#pragma once

#include <memory>
#include <vector>

#include "tests/benchmark/pipeline_bed.h"
#include "vnfs/nat/function.h"

namespace millrace::benchmark {

struct NatBedConfig {
  unsigned bindings = 64'512;  // 63 of each host, one session each
  bool udp = false;            // instead of TCP
  bool blocks = true;          // a block of 64 ports for each host; else ports are shared
  unsigned spare_sessions = 8192;
};

class NatBed final : public PipelineBed {
 public:
  static constexpr unsigned kPortsPerHost = 63;

  explicit NatBed(const NatBedConfig& config);

  [[nodiscard]] nat::BindingTable& bindings() noexcept { return parts_->function->state().bindings; }
  [[nodiscard]] unsigned flows() const noexcept { return parts_->traffic.flows(); }

  // Sends one packet of each flow in [first, first + count) from inside, and notes which outside end it got.
  Cost open(unsigned first, unsigned count);
  // Brings all flows into their established state.
  void establish();
  void fill_window(unsigned worker, Size size) override;

 private:
  struct Parts {
    explicit Parts(const TrafficConfig& config) : traffic(config, 0, 1), outside(traffic.flows()) {}
    Traffic traffic;
    std::vector<nat::Endpoint> outside;  // by flow
    nat::AddressBook book;
    std::shared_ptr<const core::Network> network;
    nat::NatFunction* function = nullptr;
    std::mt19937 random{1};
  };
  NatBed(const NatBedConfig& config, std::unique_ptr<Parts> parts);

  void write_reply(rte_mbuf* mbuf, unsigned flow, Step step, unsigned bytes) const noexcept;
  void note_outside(unsigned first, unsigned count);

  std::unique_ptr<Parts> parts_;
};

}  // namespace millrace::benchmark
