// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/port_offloads.h"

#include <algorithm>
#include <array>

#include <rte_ethdev.h>

namespace millrace::core {
namespace {

constexpr std::uint64_t kReceiveChecksums = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM |
                                            RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_SCTP_CKSUM;
// An aggregate comes in a chain of buffers.
constexpr std::uint64_t kReceiveAggregates = RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_SCATTER;
constexpr std::uint64_t kTransmitChecksums = RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
// The device writes the headers of each segment, their checksums included.
constexpr std::uint64_t kTransmitAggregates =
    RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;

template <std::size_t n>
bool one_of(std::string_view driver, const std::array<std::string_view, n>& drivers) {
  return std::find(drivers.begin(), drivers.end(), driver) != drivers.end();
}

// Drivers that mark an aggregate and tell the size of its segments, as seen in DPDK's sources. Others hand it
// on like one large packet, and what the path can carry would be forgotten.
bool tells_segment_size(std::string_view driver) {
  constexpr std::array<std::string_view, 7> kDrivers = {
      "net_virtio", "net_virtio_user", "net_vmxnet3", "mlx5_pci", "net_hns3", "net_hns3_vf", "net_hinic"};
  return one_of(driver, kDrivers);
}

// Drivers whose peer is software on the same machine, which leaves its checksums open when it may.
bool hands_on_open_checksums(std::string_view driver) {
  constexpr std::array<std::string_view, 3> kDrivers = {"net_virtio", "net_virtio_user", "net_vhost"};
  return one_of(driver, kDrivers);
}

// net_tap's are software too, of IPv4 only, and refuse segments of the full MTU.
bool transmits_by_itself(const PortAbilities& port) {
  return port.choice != OffloadChoice::kNone && port.driver != "net_tap";
}

bool can_segment(const PortAbilities& port) {
  return transmits_by_itself(port) && (port.transmit & RTE_ETH_TX_OFFLOAD_TCP_TSO) != 0 &&
         (port.transmit & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
}

bool aggregates(const PortAbilities& port, std::span<const PortAbilities> ports) {
  if (port.choice != OffloadChoice::kAuto || !tells_segment_size(port.driver)) return false;
  if ((port.receive & kReceiveAggregates) != kReceiveAggregates) return false;
  // A bump in the wire whose other end can not cut would only do work twice.
  return !port.peer || can_segment(ports[*port.peer]);
}

}  // namespace

std::vector<PortOffloads> choose_offloads(std::span<const PortAbilities> ports) {
  std::vector<PortOffloads> chosen;
  bool open_checksums = false;
  bool aggregated = false;
  for (const PortAbilities& port : ports) {
    PortOffloads& use = chosen.emplace_back();
    use.transmit = port.transmit & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    if (port.choice == OffloadChoice::kNone) continue;
    use.receive = port.receive & kReceiveChecksums;
    if (aggregates(port, ports)) use.receive |= kReceiveAggregates;
    aggregated |= (use.receive & RTE_ETH_RX_OFFLOAD_TCP_LRO) != 0 || port.driver == "net_vhost";
    open_checksums |=
        hands_on_open_checksums(port.driver) && (use.receive & RTE_ETH_RX_OFFLOAD_TCP_CKSUM) != 0;
  }
  // Many drivers send faster when no offload is set up, and the few short packets the appliance makes itself
  // cost next to nothing to sum: so nothing is asked for that no port gives reason to.
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (!transmits_by_itself(ports[i])) continue;
    if (open_checksums || aggregated) chosen[i].transmit |= ports[i].transmit & kTransmitChecksums;
    if (aggregated && can_segment(ports[i])) chosen[i].transmit |= ports[i].transmit & kTransmitAggregates;
  }
  return chosen;
}

std::vector<std::string> describe(const PortOffloads& offloads) {
  constexpr std::uint64_t kTransport = kReceiveChecksums & ~RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
  std::vector<std::string> names;
  const auto add = [&](std::uint64_t set, std::uint64_t any, const char* name) {
    if ((set & any) != 0) names.emplace_back(name);
  };
  add(offloads.receive, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM, "receive IPv4 checksum");
  add(offloads.receive, kTransport, "receive transport checksum");
  add(offloads.receive, RTE_ETH_RX_OFFLOAD_TCP_LRO, "large receive");
  add(offloads.transmit, kTransmitChecksums, "transmit checksum");
  add(offloads.transmit, RTE_ETH_TX_OFFLOAD_TCP_TSO, "TCP segmentation");
  return names;
}

TransmitOffloads transmit_offloads(const PortOffloads& offloads, std::uint16_t most_segments) {
  const auto has = [&](std::uint64_t offload) { return (offloads.transmit & offload) != 0; };
  return {.tcp_checksum = has(RTE_ETH_TX_OFFLOAD_TCP_CKSUM),
          .udp_checksum = has(RTE_ETH_TX_OFFLOAD_UDP_CKSUM),
          .segmentation = has(RTE_ETH_TX_OFFLOAD_TCP_TSO),
          .most_segments = most_segments == 0 ? std::uint16_t{65535} : most_segments};
}

}  // namespace millrace::core
