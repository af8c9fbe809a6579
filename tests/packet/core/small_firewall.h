// SPDX-License-Identifier: BSD-3-Clause
// A firewall between two networks, for what the core does under any function: one rule, which drops UDP port
// 9.
#pragma once

#include <memory>
#include <vector>

#include "tests/support/networks.h"
#include "tests/support/packet_builder.h"
#include "tests/support/testbed.h"
#include "vnfs/firewall/drops.h"
#include "vnfs/firewall/function.h"

namespace millrace::testing {

inline constexpr std::uint16_t kForbiddenPort = 9;

class SmallFirewall {
 public:
  explicit SmallFirewall(TestbedConfig config, bool transparent = false);

  [[nodiscard]] Testbed& bed() noexcept { return bed_; }

  // The frames arrive inside, all at one worker, and the workers run. What leaves outside, in order.
  std::vector<Frame> send(const std::vector<Frame>& frames, unsigned worker = 0);
  // A UDP packet as a client inside sends it to a server outside.
  [[nodiscard]] PacketBuilder client_udp(bool v6, std::uint16_t source_port,
                                         std::uint16_t destination_port = 53) const;
  [[nodiscard]] PacketBuilder client_tcp(bool v6, std::uint16_t source_port) const;
  [[nodiscard]] PacketBuilder client_ip(bool v6) const;
  // The same as it leaves outside.
  [[nodiscard]] Frame forwarded(PacketBuilder packet) const;

  [[nodiscard]] std::uint64_t dropped(core::Drop reason) const {
    return bed_.dropped(static_cast<std::uint8_t>(reason));
  }
  [[nodiscard]] std::uint64_t dropped(firewall::Drop reason) const {
    return bed_.dropped(static_cast<std::uint8_t>(reason));
  }
  [[nodiscard]] std::uint64_t held() const { return bed_.total(&core::WorkerCounters::held); }
  [[nodiscard]] unsigned sessions() const;
  // Every packet that came in or was made left, was dropped, or is held, by the counters and by the buffers.
  void expect_conservation();

 private:
  bool transparent_;
  std::vector<firewall::FirewallFunction*> functions_;
  Testbed bed_;
};

}  // namespace millrace::testing
