// SPDX-License-Identifier: BSD-3-Clause
// What a port left unfinished is finished before a tunnel hides it, and TCP segments that were put together
// go into the tunnel one by one.
#include <rte_mbuf.h>

#include "common/core/drop_reason.h"
#include "tests/packet/load_balancer/tunnel_reader.h"

namespace millrace::testing {
namespace {

using load_balancer::Forwarding;

class TunnelOffloads : public BalancerTest {};
MILLRACE_BALANCER_VARIANTS(TunnelOffloads);

constexpr unsigned kMtu = 1500;
constexpr std::size_t kSegment = 1000;

Marks aggregate_of(std::uint16_t size) {
  return {.flags = RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE, .segment_size = size};
}

std::vector<Seen> pass(BalancerBed& bed, const PacketBuilder& packet, const Marks& marks) {
  bed.bed().receive(kClients, packet.bytes(), 0, marks);
  bed.bed().run();
  return bed.at_backends();
}

std::vector<std::uint8_t> some_bytes(std::size_t count, std::size_t from = 0) {
  std::vector<std::uint8_t> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>((i + from) * 31 >> 3U);
  return bytes;
}

PacketBuilder data_of(const TunnelWay& way, std::size_t from, std::size_t count, std::uint16_t id) {
  auto segment = way.from_client().id(id);
  return segment.tcp(4000, 80)
      .flags("A")
      .seq(static_cast<std::uint32_t>(77 + from))
      .payload(some_bytes(count, from));
}

TEST_P(TunnelOffloads, AnOpenChecksumIsWrittenInside) {
  for (const TunnelWay& way : tunnel_ways()) {
    SCOPED_TRACE(way.name());
    BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
    for (const auto& whole : {way.from_client().udp(4000, 80).payload(301),
                              way.from_client().tcp(4000, 80).flags("S").option_mss(536)}) {
      const auto left =
          pass(bed, PacketBuilder(whole).bad_transport_checksum(), {.flags = RTE_MBUF_F_RX_L4_CKSUM_NONE});
      ASSERT_EQ(left.size(), 1U);
      EXPECT_EQ(take_out(datagram_of(left[0]), way).inside, PacketBuilder(whole).hop().datagram());
    }
  }
}

TEST_P(TunnelOffloads, EachSegmentOfAnAggregateIsInATunnelOfItsOwn) {
  for (const TunnelWay& way : tunnel_ways()) {
    SCOPED_TRACE(way.name());
    BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
    const auto left = pass(bed, data_of(way, 0, 4300, 9).flags("PA"), aggregate_of(kSegment));
    ASSERT_EQ(left.size(), 5U);
    std::uint16_t port = 0;
    for (std::size_t i = 0; i < left.size(); ++i) {
      const Outer outer = take_out(datagram_of(left[i]), way);
      const auto expected =
          data_of(way, i * kSegment, i == 4 ? 300 : kSegment, static_cast<std::uint16_t>(9 + i))
              .flags(i == 4 ? "PA" : "A")
              .hop();
      EXPECT_EQ(outer.inside, expected.datagram()) << i;
      EXPECT_EQ(outer.ttl, 64);
      EXPECT_EQ(outer.source, way.ours());
      if (i == 0) port = outer.port;
      EXPECT_EQ(outer.port, port);
    }
    EXPECT_EQ(bed.connections(), 1U);
  }
}

TEST_P(TunnelOffloads, AnAggregateWaitsForTheBackendsMacAddress) {
  for (const TunnelWay& way : tunnel_ways()) {
    SCOPED_TRACE(way.name());
    BalancerBed bed(
        variant(), {.services = {way.service_at(way.backend())}, .unresolved = {std::string(way.backend())}});
    EXPECT_TRUE(pass(bed, data_of(way, 0, 2500, 9), aggregate_of(kSegment)).empty());
    static_cast<void>(bed.bed().to_host_with_notes());
    const auto left = bed.neighbors_answer();
    ASSERT_EQ(left.size(), 3U);
    for (std::size_t i = 0; i < left.size(); ++i) {
      EXPECT_EQ(take_out(datagram_of(left[i]), way).inside,
                data_of(way, i * kSegment, i == 2 ? 500 : kSegment, static_cast<std::uint16_t>(9 + i))
                    .hop()
                    .datagram());
    }
  }
}

// An aggregate that is small enough is a packet like any other.
TEST_P(TunnelOffloads, AnAggregateThatFitsGoesWhole) {
  for (const TunnelWay& way : tunnel_ways()) {
    SCOPED_TRACE(way.name());
    BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
    const auto left = pass(bed, data_of(way, 0, 900, 9), aggregate_of(450));
    ASSERT_EQ(left.size(), 1U);
    EXPECT_EQ(take_out(datagram_of(left[0]), way).inside, data_of(way, 0, 900, 9).hop().datagram());
  }
}

// Segments as large as the client's link takes do not fit with the headers of a tunnel.
TEST_P(TunnelOffloads, AClientWhoseSegmentsDoNotFitIsTold) {
  for (const TunnelWay& way : tunnel_ways()) {
    SCOPED_TRACE(way.name());
    BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
    auto large = data_of(way, 0, 4380, 9);
    if (way.inner_ipv4) large.df();
    const std::uint16_t room = static_cast<std::uint16_t>(kMtu - way.overhead() - (way.inner_ipv4 ? 40 : 60));
    EXPECT_TRUE(pass(bed, large, aggregate_of(static_cast<std::uint16_t>(room + 1))).empty());
    EXPECT_EQ(bed.bed().dropped(static_cast<std::uint8_t>(core::Drop::kPacketTooBig)), 1U);
    const auto told = bed.bed().transmitted(kClients);
    ASSERT_EQ(told.size(), 1U);
    const Frame error = datagram_of(read_frame(kClients, told[0]));
    const std::size_t at = way.inner_ipv4 ? 20 : 40;
    EXPECT_EQ(error.at(at), way.inner_ipv4 ? 3 : 2);
    EXPECT_EQ(error.at(at + 6) * 256U + error.at(at + 7), kMtu - way.overhead());
    EXPECT_EQ(pass(bed, large, aggregate_of(room)).size(), (4380U + room - 1) / room);
  }
}

}  // namespace
}  // namespace millrace::testing
