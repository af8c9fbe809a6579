// SPDX-License-Identifier: BSD-3-Clause
// Blocks of ports: RFC 6888 REQ-4, REQ-8 and REQ-14, RFC 7422.
#include <map>
#include <set>

#include "tests/packet/nat/nat_bed.h"

namespace millrace::testing {
namespace {

class Blocks : public NatTest {};
MILLRACE_NAT_VARIANTS(Blocks);

NatSpec in_blocks(std::uint16_t block, std::uint8_t most) {
  NatSpec spec;
  spec.pools[0].block = block;
  spec.pools[0].blocks_per_subscriber = most;
  return spec;
}

PacketBuilder udp_out(unsigned host, unsigned port) {
  return NatBed::inside("10.0.0." + std::to_string(host), "8.8.8.8")
      .udp(static_cast<std::uint16_t>(port), 53);
}

TEST_P(Blocks, ASubscriberHasItsBlockAlone) {
  NatBed bed(variant(), in_blocks(128, 1), {.sessions = 2048, .subscribers = 64});
  std::map<unsigned, unsigned> host_of;
  for (unsigned host = 10; host < 30; ++host) {
    std::set<unsigned> blocks;
    for (unsigned port = 1; port <= 20; ++port) {
      const auto out = bed.one(kInside, udp_out(host, port));
      ASSERT_TRUE(out);
      blocks.insert(out->source_port / 128U);
    }
    ASSERT_EQ(blocks.size(), 1U);
    EXPECT_TRUE(host_of.emplace(*blocks.begin(), host).second) << "the block is another's";
  }
}

// RFC 6888 REQ-4: so many and no more; RFC 4787 REQ-3: each once.
TEST_P(Blocks, AllPortsOfItsBlocksAndNoMore) {
  NatBed bed(variant(), in_blocks(64, 2), {.sessions = 512, .subscribers = 64});
  std::set<std::uint16_t> ports;
  std::set<unsigned> blocks;
  for (unsigned port = 1; port <= 128; ++port) {
    const auto out = bed.one(kInside, udp_out(10, port));
    ASSERT_TRUE(out);
    ASSERT_EQ(out->port, kOutside) << port;
    EXPECT_TRUE(ports.insert(out->source_port).second);
    blocks.insert(out->source_port / 64U);
  }
  EXPECT_EQ(blocks.size(), 2U);
  const auto told = bed.one(kInside, udp_out(10, 129));
  ASSERT_TRUE(told);
  EXPECT_EQ(int{told->icmp_code}, 13);
  EXPECT_EQ(bed.dropped(nat::Drop::kSubscriberPorts), 1U);
  // TCP has ports of its own.
  EXPECT_TRUE(bed.one(kInside, NatBed::inside("10.0.0.10", "8.8.8.8").tcp(1, 80).flags("S")));
}

// RFC 6888 REQ-8 B: its own ports a subscriber may use again at once; a block rests before it is another's.
TEST_P(Blocks, ABlockRestsBeforeItIsAnothers) {
  NatSpec spec = in_blocks(64, 1);
  spec.pools[0].first_port = 2048;
  spec.pools[0].last_port = 2048 + 63;  // one block
  NatBed bed(variant(), spec);
  ASSERT_TRUE(bed.one(kInside, udp_out(10, 1)));
  bed.wait(301'000);
  EXPECT_EQ(bed.mappings(), 0U);
  EXPECT_EQ(bed.subscribers(), 1U);
  const auto told = bed.one(kInside, udp_out(11, 1));
  ASSERT_TRUE(told);
  EXPECT_EQ(int{told->icmp_code}, 13);
  EXPECT_EQ(bed.dropped(nat::Drop::kPoolExhausted), 1U);
  bed.wait(60'000);
  ASSERT_TRUE(bed.one(kInside, udp_out(10, 2)));  // and it is not idle any more
  bed.wait(301'000);
  bed.wait(132'000);  // the rest, and a round over the subscribers
  const auto out = bed.one(kInside, udp_out(11, 1));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->port, kOutside);
}

// RFC 7422: reversible by the configuration alone. 203.0.113.0 to .3 have 1008 runs of ports each; sixteen
// inside addresses share them, four to an address, with a fourth of its 252 blocks of 4 runs.
TEST_P(Blocks, DeterministicMappingsFollowFromTheAddress) {
  NatSpec spec = in_blocks(16128 / 64 * 64, 1);
  spec.pools[0].addresses = {"203.0.113.0", "203.0.113.1", "203.0.113.2", "203.0.113.3"};
  spec.pools[0].block = 8192;
  spec.pools[0].first_port = 8192;
  spec.pools[0].arithmetic = nat::Pool::Arithmetic{.first_inside = 0x0a000000 + 16, .insides = 16};
  NatBed bed(variant(), spec);
  // Blocks 1 to 7 of 8192 ports: seven inside addresses to an outside one.
  for (unsigned n = 0; n < 16; ++n) {
    for (unsigned port = 1; port <= 3; ++port) {
      const auto out = bed.one(kInside, udp_out(16 + n, port));
      ASSERT_TRUE(out);
      EXPECT_EQ(out->source, "203.0.113." + std::to_string(n / 7));
      EXPECT_EQ(out->source_port / 8192, 1 + n % 7);
    }
  }
}

}  // namespace
}  // namespace millrace::testing
