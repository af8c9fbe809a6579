// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/nat/nat_pmp_message.h"
#include "vnfs/nat/port_mapper.h"
#include "vnfs/nat/worker_state.h"

namespace millrace::nat {

// Requests of inside hosts to open a port and keep it: PCP (RFC 6887) and NAT-PMP (RFC 6886). Ingress leaves
// them in the batch by Interface::function_port.
struct AnswerPortControl {
  static constexpr std::string_view kName = "answer_port_control";
  WorkerState& state;

  [[nodiscard]] bool needed(const core::Batch& batch, const Policy& policy) const noexcept;
  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  void answer(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  void answer_pcp(core::Batch& batch, core::Packet& packet, Bytes message, const Policy& policy) noexcept;
  void answer_nat_pmp(core::Batch& batch, core::Packet& packet, Bytes message, const Policy& policy) noexcept;
  [[nodiscard]] PortMapper mapper(const core::Batch& batch, const core::Packet& packet, const Policy& policy,
                                  const net::IpAddress& host) noexcept;
  void send(core::Batch& batch, core::Packet& packet, std::size_t length) noexcept;
};

}  // namespace millrace::nat
