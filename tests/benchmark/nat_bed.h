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
  bool log_sessions = false;   // instead of blocks and of mappings that are in none
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
  // A packet of the flow, by `choice`: its first, a later one, an answer, one that nobody waits for. Returns
  // the port it comes by.
  unsigned write_any(rte_mbuf* mbuf, unsigned flow, std::uint32_t choice, unsigned bytes) const noexcept;

  // The policy under another generation.
  void renew_policy();
  // What the worker noted for the log since.
  void take_events();
  [[nodiscard]] std::uint64_t events_taken() const noexcept { return events_taken_; }
  [[nodiscard]] Tick now() const noexcept { return parts_->function->state().services.now; }

 private:
  struct Parts {
    explicit Parts(const TrafficConfig& config) : traffic(config, 0, 1), outside(traffic.flows()) {}
    Traffic traffic;
    std::vector<nat::Endpoint> outside;  // by flow
    nat::AddressBook book;
    std::shared_ptr<const core::Network> network;
    std::uint16_t generation = 0;
    nat::NatFunction* function = nullptr;
    std::mt19937 random{1};
  };
  NatBed(const NatBedConfig& config, std::unique_ptr<Parts> parts);

  void write_reply(rte_mbuf* mbuf, unsigned flow, Step step, unsigned bytes) const noexcept;
  void note_outside(unsigned first, unsigned count);

  NatBedConfig config_;
  std::unique_ptr<Parts> parts_;
  std::uint64_t events_taken_ = 0;
};

}  // namespace millrace::benchmark
