// SPDX-License-Identifier: BSD-3-Clause
// A firewall that lets all pass, on ports that a driver of DPDK's opens as the appliance opens them: port 0
// inside, port 1 outside. One worker, which the test drives by hand.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <rte_mbuf.h>

#include "common/core/port.h"
#include "common/core/worker.h"
#include "tests/support/packet_builder.h"

namespace millrace::testing {

class PortBed {
 public:
  // Throws when a device does not open. `transparent`: the two are a wire.
  PortBed(const std::array<core::PortConfig, 2>& ports, bool transparent);
  ~PortBed();
  PortBed(const PortBed&) = delete;
  PortBed& operator=(const PortBed&) = delete;

  [[nodiscard]] core::Port& port(unsigned index) noexcept { return ports_[index]; }
  [[nodiscard]] const core::PortOffloads& use(unsigned index) const noexcept { return use_[index]; }
  [[nodiscard]] core::Worker& worker() noexcept { return *worker_; }
  [[nodiscard]] rte_mempool* pool() noexcept { return pool_; }
  [[nodiscard]] std::uint64_t dropped(core::Drop reason) const {
    return counters_.dropped[static_cast<std::size_t>(reason)].read();
  }

  // The next hop of all that leaves by a port, and the address its interface has there.
  [[nodiscard]] net::MacAddress mac(unsigned index) const noexcept { return ports_[index].mac(); }
  // The packet as a host inside sends it to one outside, and as it leaves: to be completed.
  [[nodiscard]] PacketBuilder arrives(bool v6) const;
  [[nodiscard]] PacketBuilder leaves(PacketBuilder packet) const;

  // The bytes of a packet, and its end.
  static Frame bytes_of(rte_mbuf* mbuf);
  // A packet in as many buffers of the pool as it needs.
  rte_mbuf* mbuf_of(const Frame& frame);

 private:
  bool transparent_;
  rte_mempool* pool_ = nullptr;
  std::vector<core::Port> ports_;
  std::vector<core::PortOffloads> use_;
  core::Rcu rcu_;
  core::WorkerCounters counters_;
  std::unique_ptr<core::Published<core::Snapshot>> snapshot_;
  std::unique_ptr<core::Worker> worker_;
};

}  // namespace millrace::testing
