// SPDX-License-Identifier: BSD-3-Clause
// Plain forwarding, and forwarding out of one overlay, or service header, and into another: no function
// between.
#pragma once

#include <string>
#include <vector>

#include "common/core/function.h"
#include "tests/benchmark/pipeline_bed.h"

namespace millrace::benchmark {

// What a packet travels in, on both sides.
struct Carrier {
  std::string name;
  std::string part;  // of the program, for --only
  bool plain = false;
  bool ipv6 = false;  // the underlay
  net::OverlayType type = net::OverlayType::kVxlan;
  bool ethernet = true;
  bool service = false;  // a service header over Ethernet in place of all that: each goes back by its port
};

class OverlayBed final : public PipelineBed {
 public:
  OverlayBed(const Carrier& carrier, const TrafficConfig& traffic);

  void fill_window(unsigned worker, Size size) override;

 private:
  void wrap(rte_mbuf* mbuf, bool client) const;

  Carrier carrier_;
  Traffic traffic_;
  std::vector<std::uint8_t> outer_[2];  // by side: what stands in front of the frame, lengths to be set
};

}  // namespace millrace::benchmark
