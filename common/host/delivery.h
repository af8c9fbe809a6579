// SPDX-License-Identifier: BSD-3-Clause
// A packet of the data path as the kernel is to get it by a TAP device: one frame without VLAN tags,
// checksums written; several, when a port had put TCP segments together and they would not fit as they are.
// The twin's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "common/base/reader.h"

struct rte_mbuf;

namespace millrace::host {

class Delivery {
 public:
  // Calls `write` with each frame, until it returns false; returns whether it took all. The packet stays the
  // caller's and is not changed. `mtu`: of the device.
  [[nodiscard]] bool deliver(const rte_mbuf* packet, std::uint16_t mtu,
                             const std::function<bool(Bytes)>& write);

 private:
  [[nodiscard]] MutableBytes untagged(const rte_mbuf* packet);

  std::vector<std::uint8_t> room_;
  std::vector<std::uint8_t> segment_;
};

}  // namespace millrace::host
