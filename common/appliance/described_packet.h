// SPDX-License-Identifier: BSD-3-Clause
// A packet a person described, made into one, so that it is judged by the functions that judge real ones.
#pragma once

#include <array>

#include "common/control/packet_description.h"
#include "common/core/batch.h"

namespace millrace::appliance {

// Holds its bytes; not to be moved, as the packet points at them.
class DescribedPacket {
 public:
  explicit DescribedPacket(const control::PacketDescription& description);
  DescribedPacket(const DescribedPacket&) = delete;
  DescribedPacket& operator=(const DescribedPacket&) = delete;

  // Headers are set, interfaces and route are not.
  [[nodiscard]] core::Packet& packet() noexcept { return packet_; }
  [[nodiscard]] const core::Packet& packet() const noexcept { return packet_; }

 private:
  std::array<std::uint8_t, 128> bytes_{};
  rte_mbuf mbuf_{};
  core::Packet packet_;
};

}  // namespace millrace::appliance
