// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/port_offloads.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rte_ethdev.h>

namespace millrace::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint64_t kReceiveSums = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM |
                                       RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_SCTP_CKSUM;
constexpr std::uint64_t kTransmitSums = RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
constexpr std::uint64_t kLro = RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_SCATTER;

// As the drivers of DPDK 22.11 say it of themselves, with much that is none of ours.
PortAbilities virtio() {
  return {.driver = "net_virtio",
          .receive = RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | kLro |
                     RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_VLAN_FILTER,
          .transmit = kTransmitSums | RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS |
                      RTE_ETH_TX_OFFLOAD_VLAN_INSERT,
          .peer = {}};
}
PortAbilities ixgbe() {
  return {.driver = "net_ixgbe",
          .receive = kReceiveSums | kLro | RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_RSS_HASH,
          .transmit = kTransmitSums | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_SCTP_CKSUM |
                      RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS |
                      RTE_ETH_TX_OFFLOAD_VLAN_INSERT,
          .most_segments = 40,
          .peer = {}};
}
PortAbilities af_packet() {
  return {.driver = "net_af_packet",
          .receive = RTE_ETH_RX_OFFLOAD_VLAN_STRIP,
          .transmit = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_VLAN_INSERT,
          .peer = {}};
}
PortAbilities tap() {
  return {.driver = "net_tap",
          .receive = kReceiveSums & ~RTE_ETH_RX_OFFLOAD_SCTP_CKSUM,
          .transmit = kTransmitSums | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO |
                      RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
          .peer = {}};
}

std::vector<PortOffloads> choose(std::vector<PortAbilities> ports) { return choose_offloads(ports); }

TEST(PortOffloads, AnAdapterVerifiesAndSendsPlainly) {
  const auto chosen = choose({ixgbe(), ixgbe()});
  EXPECT_EQ(chosen[0].receive, kReceiveSums);  // no LRO: the driver does not tell the size of segments
  EXPECT_EQ(chosen[0].transmit, RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
  EXPECT_EQ(chosen[1], chosen[0]);
  EXPECT_THAT(describe(chosen[0]), ElementsAre("receive IPv4 checksum", "receive transport checksum"));
}

TEST(PortOffloads, VirtioLeavesToOthersWhatItIsGiven) {
  const auto chosen = choose({virtio(), ixgbe(), af_packet()});
  EXPECT_EQ(chosen[0].receive, RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | kLro);
  EXPECT_EQ(chosen[0].transmit, kTransmitSums | RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
  EXPECT_EQ(chosen[1].receive, kReceiveSums);
  EXPECT_EQ(chosen[1].transmit, kTransmitSums | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO |
                                    RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
  EXPECT_EQ(chosen[2].receive, 0U);
  EXPECT_EQ(chosen[2].transmit, RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
  EXPECT_THAT(describe(chosen[2]), IsEmpty());
}

TEST(PortOffloads, TheProfileHasTheLastWord) {
  PortAbilities no_lro = virtio();
  no_lro.choice = OffloadChoice::kNoLro;
  const auto without = choose({no_lro, ixgbe()});
  EXPECT_EQ(without[0].receive, RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
  EXPECT_EQ(without[1].transmit, kTransmitSums | RTE_ETH_TX_OFFLOAD_MULTI_SEGS);  // open checksums still come
  PortAbilities none = virtio();
  none.choice = OffloadChoice::kNone;
  const auto plain = choose({none, ixgbe()});
  EXPECT_EQ(plain[0].receive, 0U);
  EXPECT_EQ(plain[0].transmit, RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
  EXPECT_EQ(plain[1].transmit, RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
}

TEST(PortOffloads, AWireTakesNoAggregatesThatItsOtherEndCanNotCut) {
  const auto wire = [](PortAbilities a, PortAbilities b) {
    a.peer = 1;
    b.peer = 0;
    return choose({a, b});
  };
  EXPECT_NE(wire(virtio(), ixgbe())[0].receive & RTE_ETH_RX_OFFLOAD_TCP_LRO, 0U);
  EXPECT_EQ(wire(virtio(), af_packet())[0].receive & RTE_ETH_RX_OFFLOAD_TCP_LRO, 0U);
  EXPECT_EQ(wire(virtio(), tap())[0].receive & RTE_ETH_RX_OFFLOAD_TCP_LRO, 0U);
  PortAbilities refusing = virtio();
  refusing.choice = OffloadChoice::kNone;
  EXPECT_EQ(wire(virtio(), refusing)[0].receive & RTE_ETH_RX_OFFLOAD_TCP_LRO, 0U);
}

TEST(PortOffloads, NoAggregatesWithoutChainsOfBuffers) {
  PortAbilities port = virtio();
  port.receive &= ~RTE_ETH_RX_OFFLOAD_SCATTER;
  EXPECT_EQ(choose({port})[0].receive, RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
}

TEST(PortOffloads, ATapVerifiesButIsLeftNothing) {
  const auto chosen = choose({virtio(), tap()});
  EXPECT_EQ(chosen[1].receive, kReceiveSums & ~RTE_ETH_RX_OFFLOAD_SCTP_CKSUM);
  EXPECT_EQ(chosen[1].transmit, RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
}

TEST(PortOffloads, WorkersLearnWhatWasSetUp) {
  const auto chosen = choose({virtio(), ixgbe()});
  const TransmitOffloads adapter = transmit_offloads(chosen[1], 40);
  EXPECT_TRUE(adapter.tcp_checksum && adapter.udp_checksum && adapter.segmentation);
  EXPECT_EQ(adapter.most_segments, 40);
  const TransmitOffloads none = transmit_offloads({}, 0);
  EXPECT_FALSE(none.tcp_checksum || none.udp_checksum || none.segmentation);
  EXPECT_EQ(none.most_segments, 65535);
}

}  // namespace
}  // namespace millrace::core
