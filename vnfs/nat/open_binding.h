// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/nat/drops.h"
#include "vnfs/nat/worker_state.h"

namespace millrace::nat {

// First packets of sessions, and those of sessions that another policy allowed: may there be one, by which
// rule, with which outside port.
struct OpenBinding {
  static constexpr std::string_view kName = "open_binding";
  WorkerState& state;

  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  void settle(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  void open_outward(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  void open_through(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  void bind(const core::Packet& packet, unsigned lane) noexcept;
  void open_inward(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  [[nodiscard]] bool may_open(core::Batch& batch, core::Packet& packet, bool is_static,
                              const Policy& policy) noexcept;
  void turn_away(core::Batch& batch, core::Packet& packet, Drop reason, const Policy& policy) noexcept;
  [[nodiscard]] MappingIndex mapping_for(core::Batch& batch, core::Packet& packet, const Rule& rule,
                                         const Policy& policy) noexcept;
  [[nodiscard]] MappingIndex static_mapping(core::Batch& batch, core::Packet& packet, Endpoint inside,
                                            std::uint16_t domain, const StaticMap::Other& outside,
                                            std::uint8_t protocol) noexcept;
  void open_session(core::Batch& batch, core::Packet& packet, const BindingTable::NewSession& wanted,
                    const Policy& policy) noexcept;
  // Drops what the subscriber may not have, and tells it (RFC 5508 REQ-8, RFC 6888 REQ-11) and the log.
  void refuse(core::Batch& batch, core::Packet& packet, const RefusedPacket& refused) noexcept;
};

}  // namespace millrace::nat
