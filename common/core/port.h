// SPDX-License-Identifier: BSD-3-Clause
// A data port: any device DPDK can drive, opened from its device arguments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/core/ids.h"
#include "common/net/address.h"

struct rte_mempool;

namespace millrace::core {

struct PortConfig {
  std::string name;
  std::string device;  // DPDK device arguments, or a PCI address
  std::uint16_t mtu = 1500;
  std::uint16_t queues = 1;  // wanted, of each direction; a device with fewer gives fewer
  std::uint16_t descriptors = 1024;
};

struct LinkState {
  bool up = false;
  std::uint32_t speed_mbps = 0;
};

// Owns the DPDK port: closing stops it. Control thread, but for its queues, which belong to workers.
class Port {
 public:
  static Result<Port> open(const PortConfig& config, rte_mempool* pool);
  Port(Port&& other) noexcept;
  Port& operator=(Port&&) = delete;
  ~Port();

  [[nodiscard]] PortId id() const noexcept { return id_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::string& driver() const noexcept { return driver_; }
  [[nodiscard]] const net::MacAddress& mac() const noexcept { return mac_; }
  [[nodiscard]] std::uint16_t receive_queues() const noexcept { return receive_queues_; }
  [[nodiscard]] std::uint16_t transmit_queues() const noexcept { return transmit_queues_; }
  // The port spreads flows over its queues by the symmetric Toeplitz hash of owner.h.
  [[nodiscard]] bool symmetric_rss() const noexcept { return symmetric_rss_; }
  [[nodiscard]] LinkState link() const;
  // Packets the device had no room for, and those with errors: lost before any worker saw them.
  [[nodiscard]] std::uint64_t missed() const;
  // Frames that come before a worker reads its queues wait there.
  Result<void> start();

 private:
  Port() = default;

  PortId id_;
  std::string name_;
  std::string device_;
  std::string driver_;
  std::string kernel_device_;  // whose link is the port's; empty when the driver knows itself
  net::MacAddress mac_;
  std::uint16_t receive_queues_ = 0;
  std::uint16_t transmit_queues_ = 0;
  bool symmetric_rss_ = false;
};

}  // namespace millrace::core
