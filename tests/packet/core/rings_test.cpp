// SPDX-License-Identifier: BSD-3-Clause
// A ring or queue that is full costs the packets that find it so, by their own name; once it is emptied all
// is as before. And ports with fewer transmit queues than there are workers.
#include <gtest/gtest.h>

#include "tests/packet/core/small_firewall.h"
#include "tests/support/packet_text.h"

namespace millrace::testing {
namespace {

using core::Drop;

constexpr unsigned kPlaces = 31;  // of a ring of 32
constexpr unsigned kRound = 30;   // what a port's receive queue surely takes

TestbedConfig with_small_rings(unsigned workers) {
  TestbedConfig config;
  config.workers = workers;
  config.buffers = 1023;
  config.ring_size = 32;
  return config;
}

// So many frames arrive inside at the first worker, and it alone runs.
void arrive(SmallFirewall& firewall, unsigned rounds, const std::function<Frame(std::uint16_t)>& frame) {
  std::uint16_t number = 0;
  for (unsigned round = 0; round < rounds; ++round) {
    for (unsigned i = 0; i < kRound; ++i) firewall.bed().receive(0, frame(number++));
    while (firewall.bed().worker(0).poll_once() != 0) continue;
  }
}

std::function<Frame(std::uint16_t)> udp_flows(const SmallFirewall& firewall, std::uint16_t first) {
  return [&firewall, first](std::uint16_t number) {
    return firewall.client_udp(number % 2 == 0, static_cast<std::uint16_t>(first + number)).bytes();
  };
}

TEST(FullRings, TheTwinIsBehind) {
  SmallFirewall firewall(with_small_rings(1));
  const auto arp = packet()
                       .ethernet(neighbor_mac(0).to_string(), "ff:ff:ff:ff:ff:ff")
                       .arp(1, neighbor_mac(0), "10.0.0.10", {}, "10.0.0.1")
                       .bytes();
  arrive(firewall, 3, [&](std::uint16_t) { return arp; });
  EXPECT_EQ(firewall.dropped(Drop::kHostRingFull), 3 * kRound - kPlaces);
  EXPECT_EQ(firewall.bed().to_host().size(), kPlaces);
  arrive(firewall, 1, [&](std::uint16_t) { return arp; });
  EXPECT_EQ(firewall.bed().to_host().size(), kRound);
  EXPECT_EQ(firewall.dropped(Drop::kHostRingFull), 3 * kRound - kPlaces);
  firewall.expect_conservation();
}

TEST(FullRings, APortIsBehind) {
  SmallFirewall firewall(with_small_rings(1));
  arrive(firewall, 3, udp_flows(firewall, 1000));
  EXPECT_EQ(firewall.dropped(Drop::kTransmitFailed), 3 * kRound - kPlaces);
  EXPECT_EQ(firewall.bed().transmitted(1).size(), kPlaces);
  arrive(firewall, 1, udp_flows(firewall, 2000));
  EXPECT_EQ(firewall.bed().transmitted(1).size(), kRound);
  EXPECT_EQ(firewall.dropped(Drop::kTransmitFailed), 3 * kRound - kPlaces);
  firewall.expect_conservation();
}

TEST(FullRings, AnotherWorkerIsBehind) {
  SmallFirewall firewall(with_small_rings(2));
  const auto sent = [&] {
    const auto count = firewall.bed().transmitted(1).size();
    return static_cast<std::uint64_t>(count);
  };
  std::uint64_t passed = 0;
  std::uint64_t came = 0;
  // About half of the flows are the other worker's, which does not run.
  for (std::uint16_t round = 0; round < 8; ++round, came += kRound) {
    arrive(firewall, 1, udp_flows(firewall, static_cast<std::uint16_t>(1000 + 100 * round)));
    passed += sent();
  }
  EXPECT_EQ(firewall.bed().total(&core::WorkerCounters::handed_over), kPlaces);
  EXPECT_EQ(firewall.dropped(Drop::kOwnerRingFull), came - passed - kPlaces);
  EXPECT_GT(firewall.dropped(Drop::kOwnerRingFull), 0U);
  const std::uint64_t lost = firewall.dropped(Drop::kOwnerRingFull);
  firewall.bed().run();
  EXPECT_EQ(sent(), kPlaces);
  // Now that it runs, nothing is lost.
  EXPECT_EQ(firewall
                .send({firewall.client_udp(false, 1).bytes(), firewall.client_udp(false, 2).bytes(),
                       firewall.client_udp(false, 3).bytes(), firewall.client_udp(false, 4).bytes()})
                .size(),
            4U);
  EXPECT_EQ(firewall.dropped(Drop::kOwnerRingFull), lost);
  firewall.expect_conservation();
}

class OneTransmitQueue : public ::testing::Test {
 protected:
  static TestbedConfig config() {
    TestbedConfig config = with_small_rings(2);
    config.transmit_queues = 1;
    return config;
  }
  // Frames of flows that belong to the second worker, which has no queue to send by.
  std::vector<PacketBuilder> of_second_worker(unsigned count) {
    std::vector<PacketBuilder> list;
    for (std::uint16_t port = 1000; list.size() < count; ++port) {
      const std::uint64_t before = handed_over();
      auto packet = firewall_.client_udp(port % 2 == 0, port);
      EXPECT_EQ(firewall_.send({packet.bytes()}).size(), 1U);
      if (handed_over() != before) list.push_back(packet);
    }
    return list;
  }
  [[nodiscard]] std::uint64_t handed_over() {
    return firewall_.bed().total(&core::WorkerCounters::handed_over);
  }

  SmallFirewall firewall_{config()};
};

TEST_F(OneTransmitQueue, TheWorkerThatHasItSendsForTheOther) {
  const auto packets = of_second_worker(20);
  std::vector<Frame> in;
  std::vector<Frame> out;
  for (const PacketBuilder& packet : packets) {
    in.push_back(packet.bytes());
    out.push_back(firewall_.forwarded(packet));
  }
  EXPECT_TRUE(same_packets(out, firewall_.send(in, 1)));
  EXPECT_EQ(firewall_.bed().dropped_in_all(), 0U);
  EXPECT_EQ(firewall_.bed().worker(0).counters().ports[1].transmitted.read(),
            firewall_.bed().total(&core::WorkerCounters::transmitted));
  firewall_.expect_conservation();
}

TEST_F(OneTransmitQueue, ItsRingIsFull) {
  const auto packets = of_second_worker(20);
  for (unsigned round = 0; round < 3; ++round) {
    for (const PacketBuilder& packet : packets) firewall_.bed().receive(0, packet.bytes(), 1);
    while (firewall_.bed().worker(1).poll_once() != 0) continue;
  }
  EXPECT_EQ(firewall_.dropped(Drop::kTransmitRingFull), 60 - kPlaces);
  firewall_.bed().run();
  EXPECT_EQ(firewall_.bed().transmitted(1).size(), kPlaces);
  EXPECT_EQ(firewall_.send({packets[0].bytes()}, 1).size(), 1U);
  EXPECT_EQ(firewall_.dropped(Drop::kTransmitRingFull), 60 - kPlaces);
  firewall_.expect_conservation();
}

}  // namespace
}  // namespace millrace::testing
