// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>

#include "vnfs/load_balancer/worker_state.h"

namespace millrace::load_balancer {

// Packets of no known connection: those to a service get a backend, and a record as long as there is room.
// Packets to nobody's service pass as they are.
struct ChooseBackend {
  static constexpr std::string_view kName = "choose_backend";
  WorkerState& state;

  [[nodiscard]] bool needed(const core::Batch& batch, const Policy& /*policy*/) const noexcept {
    return (state.unsettled & batch.live_mask()) != 0;
  }
  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  void choose(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  [[nodiscard]] BackendId choose_new(const core::Packet& packet, ServiceId id, const Policy& policy) noexcept;
  void answer_without_record(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  using Proof = std::optional<core::SynProxy::Proof>;
  struct Beginning {
    bool fresh;     // it begins, and does not come from elsewhere
    Proof proof{};  // of a connection that a SYN cookie opens
    flow::SourceIndex client = flow::kNoSource;
  };
  [[nodiscard]] bool admit(core::Batch& batch, core::Packet& packet, ServiceId id, const Policy& policy,
                           Beginning& beginning) noexcept;
  [[nodiscard]] bool open(core::Batch& batch, core::Packet& packet, ServiceId id, BackendId backend,
                          const Proof& proof, const Policy& policy) noexcept;
  void ask_backend(core::Batch& batch, core::Packet& packet, const core::SynProxy::Proof& proof) noexcept;
  // Whether a limit of the service is against the connection; then the packet is dropped.
  [[nodiscard]] bool over_limit(core::Batch& batch, core::Packet& packet, ServiceId id,
                                const Service& service, flow::SourceIndex& entry) noexcept;
  void count(const core::Packet& packet, const Beginning& beginning, const Service& service) noexcept;
  void refuse(core::Batch& batch, core::Packet& packet, const Service& service, Drop why) noexcept;
};

}  // namespace millrace::load_balancer
