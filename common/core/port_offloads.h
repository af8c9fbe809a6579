// SPDX-License-Identifier: BSD-3-Clause
// Which offloads the ports use. Decided for all of them at once, before any is set up: what one port may
// leave unfinished (open checksums, TCP segments put together) is what another is asked to finish.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::core {

// What the profile allows of a port.
enum class OffloadChoice : std::uint8_t { kAuto, kNoLro, kNone };

// Masks are DPDK's: RTE_ETH_RX_OFFLOAD_*, RTE_ETH_TX_OFFLOAD_*.
struct PortAbilities {
  std::string_view driver;
  OffloadChoice choice = OffloadChoice::kAuto;
  std::uint64_t receive = 0;
  std::uint64_t transmit = 0;
  std::uint16_t most_segments = 0;  // mbufs of a packet to be sent; 0: no bound
  std::optional<std::size_t> peer;  // transparent mode: which of the ports its packets leave by
};

struct PortOffloads {
  std::uint64_t receive = 0;
  std::uint64_t transmit = 0;

  bool operator==(const PortOffloads&) const = default;
};

// In the order of `ports`.
[[nodiscard]] std::vector<PortOffloads> choose_offloads(std::span<const PortAbilities> ports);

// For people: "receive checksums", "TCP segmentation", ...
[[nodiscard]] std::vector<std::string> describe(const PortOffloads& offloads);

// What workers leave to a port on transmission.
struct TransmitOffloads {
  bool tcp_checksum = false;
  bool udp_checksum = false;
  bool segmentation = false;            // of TCP, over IPv4 and IPv6
  std::uint16_t most_segments = 65535;  // mbufs a packet may consist of
};
[[nodiscard]] TransmitOffloads transmit_offloads(const PortOffloads& offloads, std::uint16_t most_segments);

}  // namespace millrace::core
