// SPDX-License-Identifier: BSD-3-Clause
// Offloads on virtio, by DPDK's own drivers on both sides: the appliance's ports are virtio-user, the other
// ends are vhost ports that the test holds as a host does. What is said there in RTE_MBUF_F_TX_* arrives here
// as RTE_MBUF_F_RX_*, and the other way round: both drivers carry it by the virtio net header.
#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <rte_ethdev.h>

#include "tests/packet/core/port_bed.h"
#include "tests/packet/core/vhost_end.h"
#include "tests/support/packet_text.h"

namespace millrace::testing {
namespace {

using std::chrono::steady_clock;

class VirtioTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!inside_.up() || !outside_.up()) GTEST_SKIP() << "DPDK has no vhost driver here";
  }

  PortBed& open(bool transparent = false, core::OffloadChoice inside = core::OffloadChoice::kAuto,
                core::OffloadChoice outside = core::OffloadChoice::kAuto) {
    bed_ = std::make_unique<PortBed>(std::array{inside_.port("in", inside), outside_.port("out", outside)},
                                     transparent);
    const auto until = steady_clock::now() + std::chrono::seconds(20);
    while (!(inside_.connected() && outside_.connected()) && steady_clock::now() < until)
      std::this_thread::yield();
    return *bed_;
  }

  // Lets the worker go round until a packet comes out at a host's end.
  rte_mbuf* next(VhostEnd& end) {
    const auto until = steady_clock::now() + std::chrono::seconds(20);
    while (steady_clock::now() < until) {
      bed_->worker().poll_once();
      if (rte_mbuf* mbuf = end.receive(); mbuf != nullptr) return mbuf;
    }
    ADD_FAILURE() << "no packet came";
    return nullptr;
  }

  VhostEnd inside_{"a"};
  VhostEnd outside_{"b"};
  std::unique_ptr<PortBed> bed_;
};

std::size_t checksum_at(const Unfinished& sent) {
  return kEthernetLength + l3_length(sent.v6) + (sent.tcp ? 16U : 6U);
}

// Virtio 1.1 section 5.1.6.2: the field of a checksum left to the device holds the pseudo-header's sum, over
// the whole length.
std::uint16_t pseudo_sum(const Unfinished& sent) {
  const Frame ip = sent.packet.datagram();
  const std::size_t addresses = sent.v6 ? 8 : 12;
  Frame pseudo(ip.begin() + static_cast<std::ptrdiff_t>(addresses),
               ip.begin() + static_cast<std::ptrdiff_t>(l3_length(sent.v6)));
  const std::size_t length = ip.size() - l3_length(sent.v6);
  for (const std::size_t byte :
       {length >> 8, length & 0xff, std::size_t{0}, std::size_t{sent.tcp ? 6U : 17U}})
    pseudo.push_back(static_cast<std::uint8_t>(byte));
  return static_cast<std::uint16_t>(~plain_checksum(pseudo));
}

// The frame of the packet with its checksum left open.
Frame open_frame(const Unfinished& sent) {
  Frame frame = sent.packet.bytes();
  const std::uint16_t sum = pseudo_sum(sent);
  frame[checksum_at(sent)] = static_cast<std::uint8_t>(sum >> 8);
  frame[checksum_at(sent) + 1] = static_cast<std::uint8_t>(sum);
  return frame;
}

Unfinished tcp_data(const PortBed& bed, bool v6, std::size_t bytes) {
  return {bed.arrives(v6).id(9).tcp(1, 80).flags("PA").seq(1000).ack(1).payload(bytes), v6, true, bytes};
}
Unfinished udp_data(const PortBed& bed, bool v6, std::size_t bytes) {
  return {bed.arrives(v6).udp(1, 2).payload(bytes), v6, false, bytes};
}

PacketBuilder segment_of(const Unfinished& sent, std::size_t at, std::size_t length) {
  std::vector<std::uint8_t> part(length);
  for (std::size_t i = 0; i < length; ++i) part[i] = static_cast<std::uint8_t>(at + i);
  const bool last = at + length == sent.payload;
  return PacketBuilder(sent.packet)
      .id(static_cast<std::uint16_t>(9 + at / 1400))
      .seq(static_cast<std::uint32_t>(1000 + at))
      .flags(last ? "PA" : "A")
      .payload(part);
}

TEST_F(VirtioTest, AsksForWhatTheDeviceHas) {
  PortBed& bed = open();
  for (const unsigned port : {0U, 1U}) {
    EXPECT_THAT(bed.port(port).offloads(),
                ::testing::ElementsAre("receive transport checksum", "large receive", "transmit checksum",
                                       "TCP segmentation"));
  }
}

TEST_F(VirtioTest, LeavesOutWhatTheProfileRefuses) {
  PortBed& bed = open(false, core::OffloadChoice::kNoLro, core::OffloadChoice::kNone);
  EXPECT_THAT(bed.port(0).offloads(),
              ::testing::ElementsAre("receive transport checksum", "transmit checksum"));
  EXPECT_THAT(bed.port(1).offloads(), ::testing::IsEmpty());
}

class Passage : public VirtioTest, public ::testing::WithParamInterface<std::tuple<bool, bool>> {
 protected:
  [[nodiscard]] bool v6() const { return std::get<0>(GetParam()); }
  [[nodiscard]] bool transparent() const { return std::get<1>(GetParam()); }
  Unfinished after(const PortBed& bed, Unfinished sent) {
    sent.packet = bed.leaves(sent.packet);
    return sent;
  }
};

TEST_P(Passage, OpenChecksumsAreLeftToTheNextDevice) {
  PortBed& bed = open(transparent());
  for (const Unfinished& sent :
       {udp_data(bed, v6(), 100), udp_data(bed, v6(), 101), tcp_data(bed, v6(), 1000)}) {
    ASSERT_TRUE(inside_.send(left_to_the_device(bed, sent, 0)));
    rte_mbuf* mbuf = next(outside_);
    ASSERT_NE(mbuf, nullptr);
    EXPECT_EQ(mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK, RTE_MBUF_F_RX_L4_CKSUM_NONE);
    EXPECT_EQ(mbuf->ol_flags & RTE_MBUF_F_RX_LRO, 0U);
    EXPECT_TRUE(same_packet(open_frame(after(bed, sent)), PortBed::bytes_of(mbuf)));
  }
}

TEST_P(Passage, OpenChecksumsAreWrittenWhereTheNextDeviceDoesNot) {
  PortBed& bed = open(transparent(), core::OffloadChoice::kAuto, core::OffloadChoice::kNone);
  for (const Unfinished& sent :
       {udp_data(bed, v6(), 100), udp_data(bed, v6(), 101), tcp_data(bed, v6(), 1000)}) {
    ASSERT_TRUE(inside_.send(left_to_the_device(bed, sent, 0)));
    rte_mbuf* mbuf = next(outside_);
    ASSERT_NE(mbuf, nullptr);
    EXPECT_EQ(mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK, RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN);
    EXPECT_TRUE(same_packet(after(bed, sent).packet.bytes(), PortBed::bytes_of(mbuf)));
  }
}

TEST_P(Passage, AggregatesAreLeftToTheNextDevice) {
  PortBed& bed = open(transparent());
  for (const std::size_t bytes : {3000U, 20001U, 64000U}) {
    const Unfinished sent = tcp_data(bed, v6(), bytes);
    ASSERT_TRUE(inside_.send(left_to_the_device(bed, sent, 1400)));
    rte_mbuf* mbuf = next(outside_);
    ASSERT_NE(mbuf, nullptr);
    EXPECT_NE(mbuf->ol_flags & RTE_MBUF_F_RX_LRO, 0U);
    EXPECT_EQ(mbuf->tso_segsz, 1400);
    const Unfinished expected = after(bed, sent);
    Frame frame = PortBed::bytes_of(mbuf);
    // vhost's receiving side of DPDK 22.11 leaves the length out of the sum; the data are the same.
    const Frame open_packet = open_frame(expected);
    EXPECT_TRUE(same_packet(open_packet, frame)) << bytes;
  }
  EXPECT_EQ(bed.worker().counters().segmented.read(), 0U);
}

TEST_P(Passage, AggregatesAreCutWhereTheNextDeviceDoesNot) {
  // On a wire it takes a next device that can: the other end never gets to see an aggregate.
  if (transparent()) GTEST_SKIP() << "no aggregates are asked for then";
  PortBed& bed = open(false, core::OffloadChoice::kAuto, core::OffloadChoice::kNone);
  const Unfinished sent = tcp_data(bed, v6(), 20001);
  ASSERT_TRUE(inside_.send(left_to_the_device(bed, sent, 1400)));
  for (std::size_t at = 0; at < sent.payload; at += 1400) {
    rte_mbuf* mbuf = next(outside_);
    ASSERT_NE(mbuf, nullptr);
    EXPECT_EQ(mbuf->ol_flags & (RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_LRO), 0U);
    const auto segment = segment_of(sent, at, std::min<std::size_t>(1400, sent.payload - at));
    EXPECT_TRUE(same_packet(bed.leaves(segment).bytes(), PortBed::bytes_of(mbuf))) << at;
  }
  EXPECT_EQ(bed.worker().counters().segmented.read(), 1U);
}

TEST_P(Passage, NoAggregatesOnAWireWhoseOtherEndDoesNotCut) {
  PortBed& bed = open(true, core::OffloadChoice::kAuto, core::OffloadChoice::kNone);
  EXPECT_EQ(bed.use(0).receive & RTE_ETH_RX_OFFLOAD_TCP_LRO, 0U);
  PortBed& other = *bed_;
  EXPECT_EQ(other.use(1).receive, 0U);
}

INSTANTIATE_TEST_SUITE_P(Each, Passage, ::testing::Combine(::testing::Bool(), ::testing::Bool()),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param) ? "v6" : "v4") +
                                  (std::get<1>(test.param) ? "_wire" : "_routed");
                         });

}  // namespace
}  // namespace millrace::testing
