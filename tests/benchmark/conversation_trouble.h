// SPDX-License-Identifier: BSD-3-Clause
// Connections on which something is asked and answered, through a firewall that has too little room for all
// of them: cut, repeated, out of order and spoilt.
#pragma once

#include <array>
#include <memory>
#include <random>
#include <vector>

#include "tests/benchmark/gate.h"
#include "tests/benchmark/web_traffic.h"

namespace millrace::benchmark {

class ConversationTrouble : public gate::Trouble {
 public:
  [[nodiscard]] PipelineBed& bed() noexcept override { return *bed_; }
  void renew() override { bed_->bed().publish(bed_->renewed_snapshot()); }
  void fill() override;

 protected:
  static constexpr unsigned kFlows = 256;  // of the bed's traffic

  explicit ConversationTrouble(unsigned seed);
  // Before the first fill(). `shapes`: what is said on the flows, in turn. Traffic and rules of the
  // configuration are set here.
  void use(BedConfig config, std::vector<WebShape> shapes);

  std::unique_ptr<FirewallBed> bed_;

 private:
  gate::Spoiler spoil_;
  std::mt19937 random_;
  Tick now_ = 0;
  unsigned window_ = 0;
  std::vector<WebShape> shapes_;
  std::array<unsigned, kFlows> next_{};
};

}  // namespace millrace::benchmark
