// SPDX-License-Identifier: BSD-3-Clause
// What the outputs do when the other side does not take a packet: it is counted once and its buffer comes
// back.
#include "common/core/output.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include "common/core/eal.h"
#include "tests/support/testbed.h"

namespace millrace::core {
namespace {

class OutputTest : public ::testing::Test {
 protected:
  OutputTest() {
    testing::ensure_eal(64);
    const auto pool = make_packet_pool(1023, RTE_MBUF_DEFAULT_DATAROOM);
    if (!pool) throw std::runtime_error(pool.error().message());
    pool_ = *pool;
  }
  ~OutputTest() override { rte_mempool_free(pool_); }

  rte_mbuf* mbuf() {
    rte_mbuf* made = rte_pktmbuf_alloc(pool_);
    rte_pktmbuf_append(made, 60);
    return made;
  }
  // A ring of which `room` places are free to take.
  static rte_ring* ring(const char* name, unsigned size) {
    return rte_ring_create(name, size, SOCKET_ID_ANY, 0);
  }
  static unsigned drain(rte_ring* from) {
    unsigned count = 0;
    void* entry = nullptr;
    for (; rte_ring_dequeue(from, &entry) == 0; ++count) rte_pktmbuf_free(static_cast<rte_mbuf*>(entry));
    return count;
  }
  [[nodiscard]] std::uint64_t dropped(Drop reason) const {
    return counters_.dropped[static_cast<std::size_t>(reason)].read();
  }

  rte_mempool* pool_ = nullptr;
  WorkerCounters counters_;
  Capturer capturer_;
};

TEST_F(OutputTest, ARingTakesWhatItHasRoomFor) {
  rte_ring* to = ring("out_ring", 128);  // 127 places
  RingOutput output(to, Drop::kHostRingFull, counters_);
  for (int i = 0; i < 200; ++i) output.push(mbuf());
  EXPECT_EQ(output.flush(), 127U);
  EXPECT_EQ(output.flush(), 0U);
  EXPECT_EQ(dropped(Drop::kHostRingFull), 73U);
  EXPECT_EQ(drain(to), 127U);
  EXPECT_EQ(rte_mempool_in_use_count(pool_), 0U);
  rte_ring_free(to);
}

TEST_F(OutputTest, NoRingTakesNothing) {
  RingOutput output(nullptr, Drop::kOwnerRingFull, counters_);
  for (int i = 0; i < 70; ++i) output.push(mbuf());
  EXPECT_EQ(output.flush(), 0U);
  EXPECT_EQ(dropped(Drop::kOwnerRingFull), 70U);
  EXPECT_EQ(rte_mempool_in_use_count(pool_), 0U);
}

TEST_F(OutputTest, APortWithoutAPathIsDown) {
  Transmitter transmitter({}, counters_, capturer_);
  for (int i = 0; i < 70; ++i) transmitter.send(PortId(3), mbuf(), Origin::kReceived);
  transmitter.flush();
  EXPECT_EQ(dropped(Drop::kPortDown), 70U);
  EXPECT_EQ(counters_.transmitted.read(), 0U);
  EXPECT_EQ(rte_mempool_in_use_count(pool_), 0U);
}

TEST_F(OutputTest, AnotherWorkersQueueIsReachedThroughItsRing) {
  rte_ring* to = ring("out_other", 64);  // 63 places
  std::array<Transmitter::Path, kMaxPorts> paths{};
  paths[5] = {.present = true, .queue = 0, .ring = to};
  Transmitter transmitter(paths, counters_, capturer_);
  for (int i = 0; i < 60; ++i)
    transmitter.send(PortId(5), mbuf(), i % 2 == 0 ? Origin::kHost : Origin::kReceived);
  transmitter.flush();
  EXPECT_EQ(rte_ring_count(to), 60U);
  EXPECT_EQ(counters_.transmitted.read(), 0U) << "the worker with the queue counts";
  for (int i = 0; i < 10; ++i) transmitter.send(PortId(5), mbuf(), Origin::kReceived);
  transmitter.flush();
  EXPECT_EQ(dropped(Drop::kTransmitRingFull), 7U);
  void* entry = nullptr;
  ASSERT_EQ(rte_ring_dequeue(to, &entry), 0);
  const Note& with = note(static_cast<rte_mbuf*>(entry));
  EXPECT_EQ(with.port, PortId(5));
  EXPECT_EQ(static_cast<Origin>(with.type_or_flags), Origin::kHost);
  rte_pktmbuf_free(static_cast<rte_mbuf*>(entry));
  drain(to);
  EXPECT_EQ(rte_mempool_in_use_count(pool_), 0U);
  rte_ring_free(to);
}

// A port whose queue holds 127 frames.
class PortOutputTest : public OutputTest {
 protected:
  PortOutputTest() {
    queue_ = ring("out_port", 128);
    const int id = rte_eth_from_rings("out_port", &queue_, 1, &queue_, 1, 0);
    if (id < 0) throw std::runtime_error("no ring port");
    port_ = PortId(static_cast<std::uint16_t>(id));
    rte_eth_conf settings{};
    rte_eth_dev_configure(port_.value(), 1, 1, &settings);
    rte_eth_rx_queue_setup(port_.value(), 0, 512, 0, nullptr, pool_);
    rte_eth_tx_queue_setup(port_.value(), 0, 512, 0, nullptr);
    rte_eth_dev_start(port_.value());
    paths_[port_.value()] = {.present = true, .queue = 0, .ring = nullptr};
  }
  ~PortOutputTest() override {
    rte_eth_dev_info info{};
    rte_eth_dev_info_get(port_.value(), &info);
    rte_eth_dev_stop(port_.value());
    rte_eth_dev_close(port_.value());
    rte_dev_remove(info.device);
    rte_ring_free(queue_);
  }

  rte_ring* queue_ = nullptr;
  PortId port_;
  std::array<Transmitter::Path, kMaxPorts> paths_{};
};

TEST_F(PortOutputTest, CountsEachOriginApart) {
  Transmitter transmitter(paths_, counters_, capturer_);
  const auto send = [&](Origin origin, int count) {
    for (int i = 0; i < count; ++i) transmitter.send(port_, mbuf(), origin);
  };
  send(Origin::kReceived, 20);
  send(Origin::kHost, 5);
  send(Origin::kOriginated, 3);
  send(Origin::kPiece, 7);
  send(Origin::kReceived, 1);
  transmitter.flush();
  EXPECT_EQ(counters_.transmitted.read(), 21U);
  EXPECT_EQ(counters_.from_host_transmitted.read(), 5U);
  EXPECT_EQ(counters_.originated_transmitted.read(), 3U);
  EXPECT_EQ(counters_.ports[port_.value()].transmitted.read(), 36U);
  EXPECT_EQ(counters_.ports[port_.value()].transmitted_bytes.read(), 36U * 60);
  EXPECT_EQ(drain(queue_), 36U);
}

TEST_F(PortOutputTest, KeepsTheOrder) {
  Transmitter transmitter(paths_, counters_, capturer_);
  for (std::uint8_t i = 0; i < 100; ++i) {
    rte_mbuf* one = mbuf();
    *rte_pktmbuf_mtod(one, std::uint8_t*) = i;
    transmitter.send(port_, one, i % 3 == 0 ? Origin::kHost : Origin::kReceived);
  }
  transmitter.flush();
  void* entry = nullptr;
  for (std::uint8_t i = 0; i < 100; ++i) {
    ASSERT_EQ(rte_ring_dequeue(queue_, &entry), 0);
    EXPECT_EQ(*rte_pktmbuf_mtod(static_cast<rte_mbuf*>(entry), std::uint8_t*), i);
    rte_pktmbuf_free(static_cast<rte_mbuf*>(entry));
  }
}

TEST_F(PortOutputTest, AFullQueueDropsTheRestAndCountsPiecesWithTheirDatagram) {
  Transmitter transmitter(paths_, counters_, capturer_);
  for (int i = 0; i < 120; ++i) transmitter.send(port_, mbuf(), Origin::kReceived);
  transmitter.flush();
  // Seven places are left for 6 pieces and their datagram, then another such, which is lost.
  for (int datagram = 0; datagram < 2; ++datagram) {
    for (int i = 0; i < 6; ++i) transmitter.send(port_, mbuf(), Origin::kPiece);
    transmitter.send(port_, mbuf(), Origin::kReceived);
  }
  transmitter.flush();
  EXPECT_EQ(counters_.transmitted.read(), 121U);
  EXPECT_EQ(dropped(Drop::kTransmitFailed), 1U);
  EXPECT_EQ(counters_.ports[port_.value()].transmitted_bytes.read(), 127U * 60);
  EXPECT_EQ(drain(queue_), 127U);
  EXPECT_EQ(rte_mempool_in_use_count(pool_), 0U);
}

// The port's driver, that prepares packets for its device and can not send every one.
class PreparingPortTest : public PortOutputTest {
 protected:
  PreparingPortTest() {
    asked = 0;
    rte_eth_fp_ops[port_.value()].tx_pkt_prepare = [](void*, rte_mbuf** mbufs, std::uint16_t count) {
      for (std::uint16_t i = 0; i < count; ++i) {
        ++asked;
        if (mbufs[i]->tso_segsz == kImpossible) return i;
      }
      return count;
    };
  }
  // A burst of packets numbered from 0, those in `impossible` not to be sent.
  void send(Transmitter& transmitter, std::uint8_t count, std::initializer_list<std::uint8_t> impossible) {
    for (std::uint8_t i = 0; i < count; ++i) {
      rte_mbuf* one = mbuf();
      *rte_pktmbuf_mtod(one, std::uint8_t*) = i;
      const bool refused = std::find(impossible.begin(), impossible.end(), i) != impossible.end();
      one->tso_segsz = refused ? kImpossible : std::uint16_t{0};
      transmitter.send(port_, one, i % 2 == 0 ? Origin::kReceived : Origin::kHost);
    }
  }
  [[nodiscard]] std::vector<unsigned> sent() {
    std::vector<unsigned> numbers;
    for (void* entry = nullptr; rte_ring_dequeue(queue_, &entry) == 0;) {
      numbers.push_back(*rte_pktmbuf_mtod(static_cast<rte_mbuf*>(entry), std::uint8_t*));
      rte_pktmbuf_free(static_cast<rte_mbuf*>(entry));
    }
    return numbers;
  }

  static constexpr std::uint16_t kImpossible = 1;
  static inline unsigned asked = 0;
};

TEST_F(PreparingPortTest, IsAskedOnlyWhereThereIsWorkForIt) {
  Transmitter transmitter(paths_, counters_, capturer_);
  send(transmitter, 10, {});
  transmitter.flush();
  EXPECT_EQ(asked, 0U);
  transmitter.announce_offload(port_);
  send(transmitter, 10, {});
  transmitter.flush();
  EXPECT_EQ(asked, 10U);
  send(transmitter, 10, {});
  transmitter.flush();
  EXPECT_EQ(asked, 10U);
  EXPECT_EQ(sent().size(), 30U);
}

TEST_F(PreparingPortTest, WhatItCanNotSendIsDroppedAndTheRestGoesInOrder) {
  Transmitter transmitter(paths_, counters_, capturer_);
  transmitter.announce_offload(port_);
  send(transmitter, 10, {0, 4, 5, 9});
  transmitter.flush();
  EXPECT_EQ(sent(), (std::vector<unsigned>{1, 2, 3, 6, 7, 8}));
  EXPECT_EQ(dropped(Drop::kTransmitFailed), 4U);
  EXPECT_EQ(counters_.transmitted.read(), 3U);            // 2, 6, 8
  EXPECT_EQ(counters_.from_host_transmitted.read(), 3U);  // 1, 3, 7
  EXPECT_EQ(counters_.ports[port_.value()].transmitted_bytes.read(), 6U * 60);
  transmitter.announce_offload(port_);
  send(transmitter, 2, {0, 1});
  transmitter.flush();
  EXPECT_EQ(dropped(Drop::kTransmitFailed), 6U);
  EXPECT_EQ(rte_mempool_in_use_count(pool_), 0U);
}

TEST_F(PreparingPortTest, IsAskedByTheWorkerThatHasTheQueue) {
  rte_ring* to = ring("out_prepared", 64);
  std::array<Transmitter::Path, kMaxPorts> others{};
  others[port_.value()] = {.present = true, .queue = 0, .ring = to};
  Transmitter other(others, counters_, capturer_);
  other.announce_offload(port_);
  send(other, 10, {3});
  other.flush();
  EXPECT_EQ(asked, 0U);
  Transmitter transmitter(paths_, counters_, capturer_);
  for (void* entry = nullptr; rte_ring_dequeue(to, &entry) == 0;) {
    auto* one = static_cast<rte_mbuf*>(entry);
    const Note with = note(one);
    transmitter.send_for_other(with.port, one, with.type_or_flags);
  }
  transmitter.flush();
  EXPECT_EQ(asked, 10U);
  EXPECT_EQ(sent(), (std::vector<unsigned>{0, 1, 2, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(counters_.transmitted.read(), 5U);
  EXPECT_EQ(counters_.from_host_transmitted.read(), 4U);
  rte_ring_free(to);
}

}  // namespace
}  // namespace millrace::core
