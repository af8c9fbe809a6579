// SPDX-License-Identifier: BSD-3-Clause
// The host's end of a virtual machine's port: a vhost-user socket of DPDK's vhost driver, held by the test.
// The appliance opens the other end with virtio-user, in the same process.
#pragma once

#include <string>

#include <rte_mbuf.h>

#include "common/core/port.h"
#include "tests/packet/core/port_bed.h"
#include "tests/support/packet_builder.h"

namespace millrace::testing {

class VhostEnd {
 public:
  explicit VhostEnd(const std::string& name);
  ~VhostEnd();
  VhostEnd(const VhostEnd&) = delete;
  VhostEnd& operator=(const VhostEnd&) = delete;

  // False when DPDK has no such driver here.
  [[nodiscard]] bool up() const { return up_; }
  [[nodiscard]] bool connected() const;
  // The appliance's port.
  [[nodiscard]] core::PortConfig port(const std::string& name,
                                      core::OffloadChoice offloads = core::OffloadChoice::kAuto) const;

  bool send(rte_mbuf* mbuf);
  rte_mbuf* receive();  // null when nothing waits

 private:
  std::string socket_;
  std::uint16_t port_ = 0;
  rte_mempool* pool_ = nullptr;
  bool up_ = false;
};

// An untagged packet without options that a host leaves unfinished to its device.
struct Unfinished {
  PacketBuilder packet;
  bool v6;
  bool tcp;
  std::size_t payload;
};

inline constexpr std::size_t kEthernetLength = 14;
[[nodiscard]] constexpr std::size_t l3_length(bool v6) { return v6 ? 40 : 20; }

// Its checksum, and its segments when `segment` is not zero, are left to the device.
rte_mbuf* left_to_the_device(PortBed& bed, const Unfinished& sent, std::uint16_t segment);

}  // namespace millrace::testing
