// SPDX-License-Identifier: BSD-3-Clause
// A data port: any device DPDK can drive, opened from its device arguments.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/core/ids.h"
#include "common/core/port_offloads.h"
#include "common/core/symmetric_rss.h"
#include "common/net/address.h"

struct rte_mempool;

namespace millrace::core {

struct PortConfig {
  std::string name;
  std::string device;  // DPDK device arguments, or a PCI address
  std::uint16_t mtu = 1500;
  std::uint16_t queues = 1;  // wanted, of each direction; a device with fewer gives fewer
  std::uint16_t descriptors = 1024;
  OffloadChoice offloads = OffloadChoice::kAuto;
};

struct LinkState {
  bool up = false;
  std::uint32_t speed_mbps = 0;
};

// Owns the DPDK port: closing stops it. Control thread, but for its queues, which belong to workers.
class Port {
 public:
  // Finds the device and what it can do.
  static Result<Port> find(const PortConfig& config);
  Port(Port&& other) noexcept;
  Port& operator=(Port&&) = delete;
  ~Port();

  [[nodiscard]] PortId id() const noexcept { return id_; }
  [[nodiscard]] const std::string& name() const noexcept { return config_.name; }
  [[nodiscard]] const std::string& driver() const noexcept { return driver_; }
  [[nodiscard]] const net::MacAddress& mac() const noexcept { return mac_; }
  [[nodiscard]] std::uint16_t receive_queues() const noexcept { return receive_queues_; }
  [[nodiscard]] std::uint16_t transmit_queues() const noexcept { return transmit_queues_; }
  // For choose_offloads(); `peer` is the caller's to set. As long as the port.
  [[nodiscard]] PortAbilities abilities() const noexcept;
  [[nodiscard]] TransmitOffloads transmit_offloads() const noexcept;
  // For people: what the device does instead of the appliance.
  [[nodiscard]] std::vector<std::string> offloads() const;
  // Each packet arrives at the worker that owns its flow: see spread().
  [[nodiscard]] bool symmetric_rss() const noexcept { return symmetric_rss_; }
  [[nodiscard]] LinkState link() const;
  // Packets the device had no room for, and those with errors: lost before any worker saw them.
  [[nodiscard]] std::uint64_t missed() const;
  // Once, before start(); packets are received into buffers of `pool`.
  Result<void> set_up(const PortOffloads& use, rte_mempool* pool);
  // Frames that come before a worker reads its queues wait there.
  Result<void> start();
  // Makes the device deliver flows to their owners, where it has symmetric RSS, for a number of workers of
  // which each reads the queues (number % workers). After start(), and when the number changes.
  void spread(unsigned workers);

 private:
  Port() = default;

  PortId id_;
  PortConfig config_;
  std::string driver_;
  std::string kernel_device_;  // whose link is the port's; empty when the driver knows itself
  net::MacAddress mac_;
  std::uint16_t receive_queues_ = 0;
  std::uint16_t transmit_queues_ = 0;
  std::uint64_t receive_abilities_ = 0;
  std::uint64_t transmit_abilities_ = 0;
  std::uint16_t most_segments_ = 0;
  PortOffloads offloads_;
  SymmetricRss rss_;
  bool symmetric_rss_ = false;
};

}  // namespace millrace::core
