// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/block_list.h"

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::firewall::inspection {
namespace {

net::IpAddress address(const char* text) { return *net::IpAddress::parse(text); }
Block block(const char* source, Tick until, flow::Segment segment = {}) {
  return {flow::SourceKey::of_network(address(source), 64, segment), until};
}

TEST(BlockList, AnEmptyOneBlocksNothing) {
  EXPECT_FALSE(BlockList().blocks(address("203.0.113.7"), {}, 0));
  EXPECT_FALSE(BlockList({}, 64, 5).blocks(address("2001:db8::1"), {}, 0));
}

TEST(BlockList, BlocksASourceUntilItsTime) {
  const std::vector<Block> blocks = {block("203.0.113.7", 5000), block("203.0.113.8", 100),
                                     block("203.0.113.7", 4000)};
  const BlockList list(blocks, 64, 99);
  EXPECT_EQ(list.size(), 2U);
  EXPECT_TRUE(list.blocks(address("203.0.113.7"), {}, 4999));
  EXPECT_FALSE(list.blocks(address("203.0.113.7"), {}, 5000));
  EXPECT_FALSE(list.blocks(address("203.0.113.8"), {}, 200));
  EXPECT_FALSE(list.blocks(address("203.0.113.9"), {}, 0));
  // The clock wraps.
  const std::vector<Block> late = {block("203.0.113.7", 10)};
  EXPECT_TRUE(BlockList(late, 64, 99).blocks(address("203.0.113.7"), {}, 0xfffffff0));
}

// Workers ask while one list takes the place of another, and say now and then that they hold none: 10.0.0.0
// is in each list, and 10.0.0.n only in the n-th.
TEST(BlockDirectory, IsReplacedUnderWorkers) {
  constexpr unsigned kWorkers = 2;
  constexpr std::uint32_t kLists = 300;
  BlockDirectory directory;
  const auto number = [](std::uint32_t n) { return net::IpAddress(net::Ipv4Address{be32(0x0a000000 + n)}); };
  const auto list_of = [&](std::uint32_t n) {
    std::vector<Block> blocks;
    for (const std::uint32_t one : {std::uint32_t{0}, n})
      blocks.push_back({flow::SourceKey::of_network(number(one), 64, {}), 1000});
    return std::make_unique<const BlockList>(blocks, 64, n);
  };
  static_cast<void>(directory.replace(list_of(1)));
  std::array<std::atomic<std::uint64_t>, kWorkers> rounds{};
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> wrong{0};
  std::vector<std::thread> workers;
  for (unsigned w = 0; w < kWorkers; ++w) {
    workers.emplace_back([&, w] {
      std::uint32_t newest = 1;
      while (!over.load(std::memory_order_relaxed)) {
        const BlockList& list = directory.get();
        while (newest < kLists && !list.blocks(number(newest), {}, 5)) ++newest;
        if (!list.blocks(number(0), {}, 5) || !list.blocks(number(newest), {}, 5) || list.size() != 2)
          ++wrong;
        rounds[w].fetch_add(1, std::memory_order_release);
      }
    });
  }
  for (std::uint32_t n = 2; n <= kLists; ++n) {
    const auto before = directory.replace(list_of(n));
    for (auto& round : rounds) {
      const std::uint64_t seen = round.load(std::memory_order_acquire);
      while (round.load(std::memory_order_acquire) < seen + 2) std::this_thread::yield();
    }
  }
  over = true;
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(wrong, 0U);
}

TEST(BlockList, OfIpv6TheWholeNetwork) {
  const std::vector<Block> blocks = {block("2001:db8:0:1::7", 5000)};
  const BlockList list(blocks, 64, 99);
  EXPECT_TRUE(list.blocks(address("2001:db8:0:1:ffff::"), {}, 0));
  EXPECT_FALSE(list.blocks(address("2001:db8:0:2::7"), {}, 0));
}

TEST(BlockList, ASegmentIsAnotherPlace) {
  const std::vector<Block> blocks = {block("10.0.0.1", 5000, flow::Segment::domain(3))};
  const BlockList list(blocks, 64, 99);
  EXPECT_TRUE(list.blocks(address("10.0.0.1"), flow::Segment::domain(3), 0));
  EXPECT_FALSE(list.blocks(address("10.0.0.1"), flow::Segment::domain(4), 0));
}

TEST(BlockList, HoldsMany) {
  std::vector<Block> blocks;
  for (std::uint32_t i = 0; i < 1024; ++i)
    blocks.push_back({flow::SourceKey(net::Ipv4Address{be32(i * 7)}, {}, 0), 10});
  const BlockList list(blocks, 64, 99);
  EXPECT_EQ(list.size(), 1024U);
  for (std::uint32_t i = 0; i < 7 * 1024; ++i)
    EXPECT_EQ(list.blocks(net::Ipv4Address{be32(i)}, {}, 0), i % 7 == 0) << i;
}

}  // namespace
}  // namespace millrace::firewall::inspection
