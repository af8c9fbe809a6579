// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/block_list.h"

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
