// SPDX-License-Identifier: BSD-3-Clause
// The VPN gateway on a bed: clients behind it, servers behind other gateways, each with its share of their
// network. Packets leave by tunnels, or come by them.
#pragma once

#include <memory>
#include <random>
#include <vector>

#include "tests/benchmark/pipeline_bed.h"
#include "vnfs/vpn/association_keeper.h"
#include "vnfs/vpn/drops.h"
#include "vnfs/vpn/function.h"

namespace millrace::benchmark {

struct VpnBedConfig {
  unsigned tunnels = 1;  // a power of two, 32,768 at most
  crypto::Suite suite{crypto::Cipher::kAesGcm128, crypto::Integrity::kNone};
  bool decrypt = false;  // packets come sealed; else they leave sealed
  bool ipv6 = false;     // inside
};

class VpnBed final : public PipelineBed {
 public:
  explicit VpnBed(const VpnBedConfig& config);
  ~VpnBed() override;

  void fill_window(unsigned worker, Size size) override;
  // A packet that leaves by a tunnel, or one that has come by it, by `choice`. Returns the port it comes by.
  unsigned write_any(rte_mbuf* mbuf, std::uint32_t choice, unsigned bytes) noexcept;
  void renew_policy();
  void take_events();
  [[nodiscard]] std::uint64_t events_taken() const noexcept { return events_taken_; }
  [[nodiscard]] Tick now() const noexcept;
  [[nodiscard]] crypto::Library& library() noexcept;

 private:
  struct Parts;
  VpnBed(const VpnBedConfig& config, std::unique_ptr<Parts> parts);

  void write_sealed(rte_mbuf* mbuf, const Flow& flow, unsigned bytes) noexcept;
  void set_up();

  VpnBedConfig config_;
  std::unique_ptr<Parts> parts_;
  std::uint64_t events_taken_ = 0;
};

}  // namespace millrace::benchmark
