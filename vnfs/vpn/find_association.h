// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/vpn/policy.h"
#include "vnfs/vpn/worker_state.h"

namespace millrace::vpn {

// Of what came to one of our own addresses: ESP of which association it is, and all else that is the twin's.
struct FindAssociation {
  static constexpr std::string_view kName = "find_association";

  void process(core::Batch& batch, const Policy& policy) noexcept;

  WorkerState& state;

 private:
  void heed_error(core::Batch& batch, core::Packet& packet, const Associations& associations) noexcept;
  void join(core::Batch& batch, core::Packet& packet) noexcept;
  void find(core::Batch& batch, core::Packet& packet, const Associations& associations) noexcept;
};

}  // namespace millrace::vpn
