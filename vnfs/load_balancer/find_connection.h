// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/load_balancer/worker_state.h"

namespace millrace::load_balancer {

// Which connection a packet belongs to: hash all, prefetch all, look up all. What a backend answers is looked
// up as what it answers to, an ICMP error by the packet inside it.
struct FindConnection {
  static constexpr std::string_view kName = "find_connection";
  WorkerState& state;

  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  // What comes to a source address.
  struct Answer {
    SourceAddress::Entry* entry;
    ConnectionIndex guess;
  };

  [[nodiscard]] bool look_inside(core::Batch& batch, core::Packet& packet, const Policy& policy,
                                 flow::FlowLookup& lookup, SourceAddress::Entry*& entry) noexcept;
  void take_answer(core::Batch& batch, core::Packet& packet, const Answer& answer,
                   const Policy& policy) noexcept;
  void settle(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  void begin_anew(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
};

}  // namespace millrace::load_balancer
