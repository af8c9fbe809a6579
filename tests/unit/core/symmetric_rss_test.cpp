// SPDX-License-Identifier: BSD-3-Clause
// Where a port's receive-side scaling sends a packet, by what was written into the device: its key, its hash
// functions, its redirection table, and DPDK's software Toeplitz hash in the place of the device's. net_null
// keeps all three as an adapter does.
#include "common/core/symmetric_rss.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_thash.h>

#include "common/core/eal.h"
#include "common/core/owner.h"
#include "common/core/port.h"
#include "tests/support/packet_builder.h"
#include "tests/support/testbed.h"

namespace millrace::core {
namespace {

using ::testing::Contains;
using ::testing::Not;

constexpr unsigned kQueues = 8;

class SymmetricRssTest : public ::testing::Test {
 protected:
  SymmetricRssTest() {
    testing::ensure_eal(64);
    auto pool = make_packet_pool(1023, 256);
    if (!pool) throw std::runtime_error(pool.error().message());
    pool_ = *pool;
  }
  ~SymmetricRssTest() override { rte_mempool_free(pool_); }

  Port open(const std::string& device, std::uint16_t queues) {
    auto port = Port::find({.name = "p", .device = device, .queues = queues, .descriptors = 64});
    if (!port) throw std::runtime_error(port.error().message());
    const std::array abilities = {port->abilities()};
    const auto done = port->set_up(choose_offloads(abilities)[0], pool_);
    if (!done) throw std::runtime_error(done.error().message());
    const auto started = port->start();
    if (!started) throw std::runtime_error(started.error().message());
    return std::move(*port);
  }

  rte_mempool* pool_ = nullptr;
};

struct Device {
  std::array<std::uint8_t, 40> key{};
  std::uint64_t functions = 0;
  std::vector<unsigned> table;
};

Device read_device(PortId port) {
  Device device;
  rte_eth_rss_conf hash{};
  hash.rss_key = device.key.data();
  hash.rss_key_len = static_cast<std::uint8_t>(device.key.size());
  EXPECT_EQ(rte_eth_dev_rss_hash_conf_get(port.value(), &hash), 0);
  device.functions = hash.rss_hf;
  std::array<rte_eth_rss_reta_entry64, 2> table{};
  for (auto& group : table) group.mask = ~std::uint64_t{0};
  EXPECT_EQ(rte_eth_dev_rss_reta_query(port.value(), table.data(), 128), 0);
  for (const auto& group : table) device.table.insert(device.table.end(), group.reta, group.reta + 64);
  return device;
}

// The queue a TCP or UDP packet would come by: the hash over addresses and ports, as RSS is defined for them.
unsigned queue_of(Device& device, const testing::PacketBuilder& packet) {
  const auto bytes = packet.bytes();
  const bool v6 = bytes[0] >> 4 == 6;
  const std::size_t addresses = v6 ? 8 : 12;
  const std::size_t l4 = v6 ? 40 : 20;
  std::array<std::uint32_t, 9> input{};
  const auto words = static_cast<std::uint32_t>((l4 - addresses) / 4);
  const auto big_endian = [&](std::size_t at) {
    return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 |
           std::uint32_t{bytes[at + 2]} << 8 | bytes[at + 3];
  };
  for (std::uint32_t i = 0; i < words; ++i) input[i] = big_endian(addresses + 4 * i);
  input[words] = big_endian(l4);
  return device.table[rte_softrss(input.data(), words + 1, device.key.data()) % 128];
}

unsigned owner(const testing::PacketBuilder& packet, unsigned workers) {
  const auto bytes = packet.bytes();
  net::Headers headers;
  headers.family = bytes[0] >> 4 == 6 ? 6 : 4;
  EXPECT_EQ(net::parse_ip(bytes, bytes.size(), headers, {}), net::ParseError::kNone);
  return owner_of(owner_hash(headers, bytes.data(), true), workers);
}

TEST_F(SymmetricRssTest, DeliversEachFlowToItsOwner) {
  Port port = open("net_null_rss0", kQueues);
  ASSERT_EQ(port.receive_queues(), kQueues);
  // The number of workers changes while the port goes on.
  for (const unsigned workers : {2U, 3U, 1U, 5U, 8U, 7U, 4U}) {
    port.spread(workers);
    EXPECT_TRUE(port.symmetric_rss());
    EXPECT_THAT(port.offloads(), Contains("symmetric RSS"));
    Device device = read_device(port.id());
    constexpr std::uint64_t kNeeded = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
                                      RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
    EXPECT_EQ(device.functions & kNeeded, kNeeded);
    std::mt19937 random(workers);
    const auto address = [&](bool v6) {
      return v6 ? "2001:db8::" + std::to_string(random() % 10000)
                : "10." + std::to_string(random() % 256) + "." + std::to_string(random() % 256) + ".1";
    };
    for (int i = 0; i < 500; ++i) {
      const bool v6 = i % 2 != 0;
      const std::string client = address(v6);
      const std::string server = address(v6);
      const auto ports = random();
      const auto from = static_cast<std::uint16_t>(ports);
      const auto to = static_cast<std::uint16_t>(ports >> 16);
      const auto ip = [&](const std::string& source, const std::string& destination) {
        return v6 ? testing::packet().ipv6(source, destination) : testing::packet().ipv4(source, destination);
      };
      const auto there = ip(client, server).tcp(from, to);
      const auto back = ip(server, client).tcp(to, from);
      // A queue is read by worker (its number % workers): see WorkerConfig::queues.
      ASSERT_EQ(queue_of(device, there) % workers, owner(there, workers));
      ASSERT_EQ(queue_of(device, back) % workers, owner(there, workers));
    }
  }
}

TEST_F(SymmetricRssTest, UsesNoQueueThatIsNotThere) {
  Port port = open("net_null_rss1", 2);
  port.spread(5);
  EXPECT_FALSE(port.symmetric_rss());
  for (const unsigned queue : read_device(port.id()).table) EXPECT_LT(queue, 2U);
}

TEST_F(SymmetricRssTest, IsNotAskedOfOneQueue) {
  Port port = open("net_null_rss2", 1);
  port.spread(1);
  EXPECT_FALSE(port.symmetric_rss());
}

// What arrives elsewhere is then handed over: the packet tests with two workers, on ring ports.
TEST_F(SymmetricRssTest, IsNotThereWithoutADriverThatHasIt) {
  Port port = open("net_ring_rss3", 1);
  port.spread(2);
  EXPECT_FALSE(port.symmetric_rss());
  EXPECT_THAT(port.offloads(), Not(Contains("symmetric RSS")));
}

}  // namespace
}  // namespace millrace::core
