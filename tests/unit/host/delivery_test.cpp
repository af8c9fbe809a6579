// SPDX-License-Identifier: BSD-3-Clause
// What the kernel gets of packets that a port left unfinished: the frames their sender would have sent.
#include "common/host/delivery.h"

#include <cstring>

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include "common/core/eal.h"
#include "tests/support/packet_builder.h"
#include "tests/support/packet_text.h"
#include "tests/support/testbed.h"

namespace millrace::host {
namespace {

using testing::PacketBuilder;
using Frames = std::vector<testing::Frame>;

class DeliveryTest : public ::testing::Test {
 protected:
  DeliveryTest() {
    testing::ensure_eal(64);
    auto pool = core::make_packet_pool(511, 1024);
    if (!pool) throw std::runtime_error(pool.error().message());
    pool_ = *pool;
  }
  ~DeliveryTest() override { rte_mempool_free(pool_); }

  // The frames of a packet with these marks, to a device of `mtu`.
  Frames frames(const PacketBuilder& packet, std::uint64_t flags, std::uint16_t segment_size = 0,
                std::uint16_t mtu = 1500) {
    rte_mbuf* chain = nullptr;
    const testing::Frame bytes = packet.bytes();
    for (std::size_t at = 0; at < bytes.size();) {
      rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
      const std::size_t part = std::min<std::size_t>(rte_pktmbuf_tailroom(mbuf), bytes.size() - at);
      std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(part)), bytes.data() + at, part);
      at += part;
      if (chain == nullptr) {
        chain = mbuf;
      } else {
        rte_pktmbuf_chain(chain, mbuf);
      }
    }
    chain->ol_flags |= flags;
    chain->tso_segsz = segment_size;
    Frames list;
    EXPECT_TRUE(delivery_.deliver(chain, mtu, [&](Bytes frame) {
      list.emplace_back(frame.begin(), frame.end());
      return true;
    }));
    rte_pktmbuf_free(chain);
    return list;
  }

  rte_mempool* pool_ = nullptr;
  Delivery delivery_;
};

constexpr std::uint64_t kOpen = RTE_MBUF_F_RX_L4_CKSUM_NONE;
constexpr std::uint64_t kAggregate = RTE_MBUF_F_RX_LRO | kOpen;

PacketBuilder link() { return testing::packet().ethernet("02:00:00:00:00:01", "02:00:00:00:00:02"); }
std::vector<PacketBuilder> both() {
  return {link().ipv4("10.0.0.1", "10.0.0.2").id(5), link().ipv6("2001:db8::1", "2001:db8::2")};
}
PacketBuilder broken(PacketBuilder packet) { return packet.bad_transport_checksum(); }

void expect_frames(const std::vector<PacketBuilder>& expected, const Frames& found) {
  Frames frames;
  for (const PacketBuilder& packet : expected) frames.push_back(packet.bytes());
  EXPECT_TRUE(testing::same_packets(frames, found));
}

TEST_F(DeliveryTest, TagsAreNotTheKernels) {
  for (const PacketBuilder& ip : both()) {
    const auto packet = PacketBuilder(ip).udp(1, 2).payload(100);
    expect_frames({packet}, frames(packet, 0));
    expect_frames({packet}, frames(PacketBuilder(packet).vlan(7), 0));
    expect_frames({packet}, frames(PacketBuilder(packet).service_vlan(7).vlan(8), 0));
    const auto arp = link().arp(1, net::MacAddress{}, "10.0.0.1", net::MacAddress{}, "10.0.0.2");
    expect_frames({arp}, frames(PacketBuilder(arp).vlan(7), kOpen));
  }
}

TEST_F(DeliveryTest, OpenChecksumsAreWritten) {
  for (const PacketBuilder& ip : both()) {
    for (const PacketBuilder& packet :
         {PacketBuilder(ip).udp(1, 2).payload(1201), PacketBuilder(ip).tcp(1, 2).flags("S")}) {
      expect_frames({packet}, frames(broken(packet), kOpen));
      expect_frames({packet}, frames(PacketBuilder(broken(packet)).vlan(7), kOpen));
      expect_frames({broken(packet)}, frames(broken(packet), 0));
    }
  }
}

TEST_F(DeliveryTest, AggregatesAreCutToWhatTheDeviceTakes) {
  for (const PacketBuilder& ip : both()) {
    const bool v6 = ip.datagram()[0] >> 4 == 6;
    const auto segments = [&](std::size_t bytes, std::size_t size) {
      std::vector<PacketBuilder> list;
      for (std::size_t at = 0; at < bytes; at += size) {
        std::vector<std::uint8_t> part(std::min(size, bytes - at));
        for (std::size_t i = 0; i < part.size(); ++i) part[i] = static_cast<std::uint8_t>(at + i);
        list.push_back(PacketBuilder(ip)
                           .id(static_cast<std::uint16_t>(5 + list.size()))
                           .tcp(1, 179)
                           .seq(static_cast<std::uint32_t>(1000 + at))
                           .flags(at + size < bytes ? "A" : "PA")
                           .payload(part));
      }
      return list;
    };
    const auto whole =
        PacketBuilder(ip).tcp(1, 179).seq(1000).flags("PA").payload(5000).bad_transport_checksum();
    expect_frames(segments(5000, 1400), frames(whole, kAggregate, 1400));
    expect_frames(segments(5000, 1400), frames(PacketBuilder(whole).vlan(7), kAggregate, 1400));
    expect_frames(segments(5000, 1280U - (v6 ? 60 : 40)), frames(whole, kAggregate, 1400, 1280));
    expect_frames(segments(5000, 1500U - (v6 ? 60 : 40)), frames(whole, RTE_MBUF_F_RX_LRO, 0));
    const auto one = PacketBuilder(ip).tcp(1, 179).seq(1000).flags("PA").payload(1400);
    expect_frames({one}, frames(broken(one), kAggregate, 1400));
    expect_frames({one}, frames(one, RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_GOOD, 1400));
  }
}

TEST_F(DeliveryTest, StopsWhenTheDeviceTakesNoMore) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
  const auto bytes = both()[0].tcp(1, 2).payload(900).bytes();
  std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(bytes.size())), bytes.data(), bytes.size());
  mbuf->ol_flags |= kAggregate;
  mbuf->tso_segsz = 300;
  unsigned asked = 0;
  EXPECT_FALSE(delivery_.deliver(mbuf, 1500, [&](Bytes) { return ++asked < 2; }));
  EXPECT_EQ(asked, 2U);
  rte_pktmbuf_free(mbuf);
}

}  // namespace
}  // namespace millrace::host
