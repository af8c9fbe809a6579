// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/vpn/policy.h"
#include "vnfs/vpn/worker_state.h"

namespace millrace::vpn {

// Takes packets out of ESP. After it they are what was sealed, and on their way to where that goes.
struct OpenPackets {
  static constexpr std::string_view kName = "open";

  [[nodiscard]] bool needed(const core::Batch& /*batch*/, const Policy& /*policy*/) const noexcept {
    return state.to_open != 0;
  }
  void process(core::Batch& batch, const Policy& policy) noexcept;

  WorkerState& state;

 private:
  void prefetch_all() noexcept;
  [[nodiscard]] unsigned prepare(core::Batch& batch) noexcept;
  void finish(core::Batch& batch, core::Packet& packet) noexcept;
  static void judge_addresses(core::Batch& batch, core::Packet& packet, const Inbound& association) noexcept;
  void watch(const Inbound& association, unsigned bytes, Tick now) noexcept;
  void watch_ends(const core::Packet& packet, const Inbound& association) noexcept;
};

}  // namespace millrace::vpn
