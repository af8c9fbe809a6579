// SPDX-License-Identifier: BSD-3-Clause
// The first stage of every appliance: which interface, which headers, whose packet, which way out.
#pragma once

#include <array>
#include <vector>

#include "common/core/batch.h"
#include "common/core/fragments.h"
#include "common/core/network.h"
#include "common/core/originator.h"
#include "common/core/output.h"
#include "common/core/owner.h"
#include "common/core/ownership.h"

namespace millrace::core {

// One per worker.
class Ingress {
 public:
  static constexpr std::string_view kName = "ingress";

  Ingress(WorkerId self, std::vector<RingOutput> owners, RingOutput to_host, Originator& originator,
          WorkerCounters& counters, Fragments& fragments);

  // Packets as a port delivered them. After it, the live ones belong to this worker's flows and have a next
  // hop.
  void process(Batch& batch) noexcept;
  // Packets another worker handed over: they are this worker's, whatever their hash.
  void process_owned(Batch& batch) noexcept;
  // Packets the twin gives back, resolved: they passed the function's stages before, so only their way out is
  // found.
  void process_resumed(Batch& batch) noexcept;
  // Fragments that were held until the verdict on their first.
  void process_released(Batch& batch) noexcept;

  // Number of workers that share the flows; changed between batches only.
  void set_workers(unsigned workers) noexcept;
  void flush() noexcept;

 private:
  enum class Arrival { kPort, kOwner, kTwin, kReleased };
  template <Arrival arrival>
  void run(Batch& batch) noexcept;
  template <Arrival arrival>
  void run_routed(Batch& batch) noexcept;
  template <Arrival arrival>
  void run_unpacking(Batch& batch) noexcept;
  // `inside`: it was inside an overlay's packet, and its interface is known. True when it turns out to be an
  // overlay's: then the frame inside is to be admitted next.
  template <Arrival arrival, bool unpacks>
  [[nodiscard]] bool admit(Batch& batch, Packet& packet, const Network& network, bool shared,
                           bool inside) noexcept;
  [[nodiscard]] static Drop judge_inside(Packet& packet, const Network& network) noexcept;
  template <Arrival arrival>
  void run_transparent(Batch& batch) noexcept;
  template <Arrival arrival, Forwarding forwarding>
  [[nodiscard]] bool read(Batch& batch, Packet& packet, const Network& network, bool inside) noexcept;
  static void take_note(Batch& batch, Packet& packet, const Network& network) noexcept;
  static void enter_domain(Packet& packet, const Network& network) noexcept;
  template <Arrival arrival>
  [[nodiscard]] bool accept_link(Batch& batch, Packet& packet, const Network& network) noexcept;
  [[nodiscard]] bool accept_addresses(Batch& batch, Packet& packet) noexcept;
  [[nodiscard]] bool handed_over(Batch& batch, Packet& packet, bool inside) noexcept;
  template <Arrival arrival>
  void route(Batch& batch, Packet& packet, const Network& network) noexcept;
  template <Arrival arrival>
  void admit_service(Batch& batch, Packet& packet, const Network& network, bool shared, bool inside) noexcept;
  void route_link_scope(Batch& batch, Packet& packet, const Network& network) noexcept;
  template <Arrival arrival>
  void follow_first(Batch& batch, Packet& packet) noexcept;
  void to_host(Batch& batch, Packet& packet) noexcept;

  WorkerId self_;
  unsigned workers_ = 1;
  std::vector<RingOutput> owners_;  // by worker
  std::array<WorkerId, kOwnerBuckets> owners_by_bucket_{};
  RingOutput to_host_;
  Originator& originator_;
  WorkerCounters& counters_;
  Fragments& fragments_;
};

}  // namespace millrace::core
