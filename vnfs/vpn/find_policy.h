// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/vpn/policy.h"
#include "vnfs/vpn/worker_state.h"

namespace millrace::vpn {

// What the policies say of each packet on its way through: by which tunnel it leaves, and whether it should
// have come by one. RFC 4301 sections 5.1 and 5.2.
struct FindPolicy {
  static constexpr std::string_view kName = "find_policy";

  void process(core::Batch& batch, const Policy& policy) noexcept;

  WorkerState& state;

 private:
  [[nodiscard]] bool may_have_come(core::Batch& batch, core::Packet& packet,
                                   const Associations& associations) noexcept;
  [[nodiscard]] const Outbound* share_of(const core::Packet& packet,
                                         std::span<const Outbound* const> sharers) const noexcept;
  void protect(core::Batch& batch, core::Packet& packet, const Associations& associations, const Rule& rule,
               const Ends& ends) noexcept;
  void leave_by(core::Batch& batch, core::Packet& packet, const Associations& associations,
                std::uint32_t tunnel, const Ends& ends) noexcept;
  void leave_plain(core::Batch& batch, core::Packet& packet) noexcept;
};

}  // namespace millrace::vpn
