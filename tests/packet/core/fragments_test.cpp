// SPDX-License-Identifier: BSD-3-Clause
// Fragments through the whole worker: what passes, in which order, and what is dropped for which reason.
#include "common/core/fragments.h"

#include <algorithm>
#include <ostream>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "tests/packet/core/small_firewall.h"
#include "tests/support/packet_text.h"

namespace millrace::testing {
namespace {

using core::Drop;

constexpr Tick kHeldTimeout = 2000;
// Some of these flows belong to the home of their fragments and some to the other worker.
constexpr std::uint16_t kFlows = 4;

struct Case {
  unsigned burst;
  unsigned workers;
  bool v6;
};
void PrintTo(const Case& c, std::ostream* out) {
  *out << (c.v6 ? "ipv6" : "ipv4") << "_burst" << c.burst << "_workers" << c.workers;
}

class FragmentsThrough : public ::testing::TestWithParam<Case> {
 protected:
  [[nodiscard]] static TestbedConfig config() {
    TestbedConfig config;
    config.burst = GetParam().burst;
    config.workers = GetParam().workers;
    config.buffers = 1023;
    config.ring_size = 512;
    return config;
  }
  [[nodiscard]] static bool v6() { return GetParam().v6; }
};

// The datagram in three fragments, of which only the first shows the ports.
std::vector<PacketBuilder> three(const PacketBuilder& whole, std::uint32_t id) {
  PacketBuilder datagram = whole;
  datagram.payload(3000);
  return {datagram.piece(0, 1000, id), datagram.piece(1000, 1000, id), datagram.piece(2000, 4000, id)};
}

std::vector<Frame> frames(const std::vector<PacketBuilder>& packets, const std::vector<std::size_t>& order) {
  std::vector<Frame> out;
  for (const std::size_t at : order) out.push_back(packets[at].bytes());
  return out;
}

std::vector<Frame> forwarded(const SmallFirewall& firewall, const std::vector<PacketBuilder>& packets,
                             const std::vector<std::size_t>& order) {
  std::vector<Frame> out;
  for (const std::size_t at : order) out.push_back(firewall.forwarded(packets[at]));
  return out;
}

std::vector<Case> cases() {
  std::vector<Case> list;
  for (const unsigned burst : {1U, 7U, 32U}) {
    for (const unsigned workers : {1U, 2U}) {
      list.push_back({burst, workers, false});
      list.push_back({burst, workers, true});
    }
  }
  return list;
}
INSTANTIATE_TEST_SUITE_P(Packet, FragmentsThrough, ::testing::ValuesIn(cases()),
                         ::testing::PrintToStringParamName());

struct Order {
  std::vector<std::size_t> in;
  std::vector<std::size_t> out;  // the first goes before those that wait for it
};

TEST_P(FragmentsThrough, AnyOrderPassesAndOpensOneSession) {
  const std::vector<Order> orders = {{{0, 1, 2}, {0, 1, 2}}, {{2, 1, 0}, {0, 2, 1}}, {{1, 2, 0}, {0, 1, 2}},
                                     {{2, 0, 1}, {0, 2, 1}}, {{0, 2, 1}, {0, 2, 1}}, {{1, 0, 2}, {0, 1, 2}}};
  SmallFirewall firewall(config());
  std::uint32_t id = 100;
  for (std::uint16_t flow = 0; flow < kFlows; ++flow) {
    for (const Order& order : orders) {
      const auto pieces = three(firewall.client_udp(v6(), static_cast<std::uint16_t>(5000 + flow)), id++);
      EXPECT_TRUE(
          same_packets(forwarded(firewall, pieces, order.out), firewall.send(frames(pieces, order.in))));
    }
  }
  EXPECT_EQ(firewall.sessions(), kFlows);
  EXPECT_EQ(firewall.held(), 0U);
  EXPECT_EQ(firewall.bed().dropped_in_all(), 0U);
  firewall.expect_conservation();
}

TEST_P(FragmentsThrough, OneAfterTheOtherPasses) {
  SmallFirewall firewall(config());
  const auto pieces = three(firewall.client_udp(v6(), 5000), 7);
  EXPECT_TRUE(firewall.send({pieces[1].bytes()}).empty());
  EXPECT_EQ(firewall.held(), 1U);
  EXPECT_TRUE(same_packets(forwarded(firewall, pieces, {0, 1}), firewall.send({pieces[0].bytes()})));
  EXPECT_EQ(firewall.held(), 0U);
  EXPECT_TRUE(same_packets(forwarded(firewall, pieces, {2}), firewall.send({pieces[2].bytes()})));
  firewall.expect_conservation();
}

TEST_P(FragmentsThrough, InterleavedDatagramsKeepTheirOwnOrder) {
  constexpr std::size_t kDatagrams = 12;
  SmallFirewall firewall(config());
  std::vector<std::vector<PacketBuilder>> datagrams;
  for (std::uint16_t i = 0; i < kDatagrams; ++i)
    datagrams.push_back(three(firewall.client_udp(v6(), static_cast<std::uint16_t>(6000 + i)), 300U + i));
  std::vector<Frame> in;
  for (const std::size_t piece : {1U, 0U, 2U}) {
    for (const auto& pieces : datagrams) in.push_back(pieces[piece].bytes());
  }
  const std::vector<Frame> out = firewall.send(in);
  EXPECT_EQ(out.size(), 3 * kDatagrams);
  for (const auto& pieces : datagrams) {
    const auto expected = forwarded(firewall, pieces, {0, 1, 2});
    std::vector<Frame> mine;
    std::copy_if(out.begin(), out.end(), std::back_inserter(mine), [&](const Frame& frame) {
      return std::find(expected.begin(), expected.end(), frame) != expected.end();
    });
    EXPECT_TRUE(same_packets(expected, mine));
  }
  if (GetParam().workers > 1) {
    // Half of the flows belong to either worker, so some fragments had to go on from their home.
    EXPECT_GT(firewall.bed().total(&core::WorkerCounters::handed_over), 0U);
    EXPECT_GT(firewall.bed().worker(0).counters().transmitted.read(), 0U);
    EXPECT_GT(firewall.bed().worker(1).counters().transmitted.read(), 0U);
  }
  EXPECT_EQ(firewall.sessions(), kDatagrams);
  firewall.expect_conservation();
}

TEST_P(FragmentsThrough, ArrivingAtDifferentWorkersTheyMeet) {
  SmallFirewall firewall(config());
  for (std::uint16_t flow = 0; flow < kFlows; ++flow) {
    const auto pieces = three(firewall.client_udp(v6(), static_cast<std::uint16_t>(5000 + flow)), 40U + flow);
    for (std::size_t i = 0; i < 3; ++i)
      firewall.bed().receive(0, pieces[i].bytes(), static_cast<unsigned>(i) % GetParam().workers);
    firewall.bed().run();
    EXPECT_TRUE(same_packets(forwarded(firewall, pieces, {0, 1, 2}), firewall.bed().transmitted(1), false));
  }
  EXPECT_EQ(firewall.sessions(), kFlows);
  firewall.expect_conservation();
}

TEST_P(FragmentsThrough, MoreAreReleasedThanABatchHolds) {
  constexpr std::uint16_t kDatagrams = 10;
  constexpr std::size_t kPieces = 10;
  SmallFirewall firewall(config());
  std::vector<Frame> later;
  std::vector<Frame> first;
  std::vector<Frame> expected;
  for (std::uint16_t i = 0; i < kDatagrams; ++i) {
    PacketBuilder whole = firewall.client_udp(v6(), static_cast<std::uint16_t>(7000 + i));
    whole.payload(kPieces * 80 - 8);
    for (std::size_t at = 0; at < kPieces; ++at) {
      const PacketBuilder piece = whole.piece(at * 80, 80, 500U + i);
      (at == 0 ? first : later).push_back(piece.bytes());
      expected.push_back(firewall.forwarded(piece));
    }
  }
  EXPECT_TRUE(firewall.send(later).empty());
  EXPECT_EQ(firewall.held(), later.size());
  firewall.expect_conservation();
  EXPECT_TRUE(same_packets(expected, firewall.send(first), false));
  EXPECT_EQ(firewall.held(), 0U);
  firewall.expect_conservation();
}

// RFC 5722 section 4: the whole datagram goes, what has not passed yet at least.
TEST_P(FragmentsThrough, AnOverlapEndsTheDatagram) {
  SmallFirewall firewall(config());
  for (std::uint16_t flow = 0; flow < kFlows; ++flow) {
    PacketBuilder whole = firewall.client_udp(v6(), static_cast<std::uint16_t>(5000 + flow));
    whole.payload(3000);
    const std::uint32_t id = 60U + flow;
    const PacketBuilder first = whole.piece(0, 1000, id);
    const auto out = firewall.send(
        {first.bytes(), whole.piece(992, 1000, id).bytes(), whole.piece(2000, 4000, id).bytes()});
    EXPECT_TRUE(same_packets({firewall.forwarded(first)}, out));
  }
  EXPECT_EQ(firewall.dropped(Drop::kFragmentOverlap), 2U * kFlows);
  firewall.expect_conservation();
}

TEST_P(FragmentsThrough, AnOverlapDropsWhatIsHeld) {
  SmallFirewall firewall(config());
  PacketBuilder whole = firewall.client_udp(v6(), 5000);
  whole.payload(3000);
  EXPECT_TRUE(firewall
                  .send({whole.piece(2000, 4000, 1).bytes(), whole.piece(1000, 1008, 1).bytes(),
                         whole.piece(0, 1000, 1).bytes()})
                  .empty());
  EXPECT_EQ(firewall.dropped(Drop::kFragmentOverlap), 3U);
  EXPECT_EQ(firewall.held(), 0U);
  firewall.expect_conservation();
}

TEST_P(FragmentsThrough, ARepeatIsDroppedAlone) {
  SmallFirewall firewall(config());
  const auto pieces = three(firewall.client_udp(v6(), 5000), 1);
  EXPECT_TRUE(
      same_packets(forwarded(firewall, pieces, {0, 1, 2}), firewall.send(frames(pieces, {0, 1, 1, 0, 2}))));
  EXPECT_EQ(firewall.dropped(Drop::kFragmentDuplicate), 2U);
  firewall.expect_conservation();
}

TEST_P(FragmentsThrough, ASecondEndIsInvalid) {
  SmallFirewall firewall(config());
  PacketBuilder whole = firewall.client_udp(v6(), 5000);
  whole.payload(3000);
  PacketBuilder shorter = firewall.client_udp(v6(), 5000);
  shorter.payload(1992);
  const std::vector<PacketBuilder> pieces = {whole.piece(0, 1000, 1), whole.piece(2000, 4000, 1),
                                             shorter.piece(1000, 1000, 1)};
  EXPECT_TRUE(same_packets(forwarded(firewall, pieces, {0, 1}), firewall.send(frames(pieces, {0, 1}))));
  EXPECT_TRUE(firewall.send(frames(pieces, {2})).empty());
  EXPECT_EQ(firewall.dropped(Drop::kFragmentInvalid), 1U);
  firewall.expect_conservation();
}

// RFC 1858 section 3: a first fragment without the flags; RFC 7112: without its whole transport header.
TEST_P(FragmentsThrough, TinyFirstFragmentsAreDroppedWithTheRest) {
  SmallFirewall firewall(config());
  PacketBuilder syn = firewall.client_tcp(v6(), 5000);
  syn.option_mss(1460).option_timestamps(1, 0).payload(400);
  for (const std::size_t cut : {8U, 16U, 24U}) {
    const auto id = static_cast<std::uint32_t>(cut);
    EXPECT_TRUE(firewall.send({syn.piece(0, cut, id).bytes(), syn.piece(cut, 1000, id).bytes()}).empty());
  }
  EXPECT_EQ(firewall.dropped(Drop::kFragmentTiny), 6U);
  EXPECT_EQ(firewall.sessions(), 0U);
  firewall.expect_conservation();
}

// RFC 3128: a later fragment that would write over the flags.
TEST_P(FragmentsThrough, ALaterFragmentInsideTheTransportHeaderIsDropped) {
  SmallFirewall firewall(config());
  PacketBuilder syn = firewall.client_tcp(v6(), 5000);
  syn.payload(400);
  EXPECT_TRUE(firewall.send({syn.piece(8, 1000, 1).bytes()}).empty());
  EXPECT_EQ(firewall.dropped(Drop::kFragmentTiny), 1U);
  firewall.expect_conservation();
}

TEST_P(FragmentsThrough, TcpInFragmentsIsOneSession) {
  SmallFirewall firewall(config());
  for (std::uint16_t flow = 0; flow < kFlows; ++flow) {
    PacketBuilder syn = firewall.client_tcp(v6(), static_cast<std::uint16_t>(5000 + flow));
    const auto pieces = three(syn, 80U + flow);
    EXPECT_TRUE(
        same_packets(forwarded(firewall, pieces, {0, 1, 2}), firewall.send(frames(pieces, {1, 0, 2}))));
  }
  EXPECT_EQ(firewall.sessions(), kFlows);
  firewall.expect_conservation();
}

TEST_P(FragmentsThrough, WithoutItsFirstTheyTimeOut) {
  SmallFirewall firewall(config());
  const auto pieces = three(firewall.client_udp(v6(), 5000), 1);
  firewall.bed().set_time(100);
  EXPECT_TRUE(firewall.send(frames(pieces, {1, 2})).empty());
  firewall.bed().set_time(100 + kHeldTimeout - 1);
  firewall.bed().run();
  EXPECT_EQ(firewall.held(), 2U);
  firewall.expect_conservation();
  firewall.bed().set_time(100 + kHeldTimeout);
  firewall.bed().run();
  EXPECT_EQ(firewall.held(), 0U);
  EXPECT_EQ(firewall.dropped(Drop::kFragmentTimeout), 2U);
  firewall.expect_conservation();
}

TEST_P(FragmentsThrough, LaterOnesFollowARefusedFirst) {
  SmallFirewall firewall(config());
  std::uint32_t id = 1;
  for (std::uint16_t flow = 0; flow < kFlows; ++flow) {
    for (const std::vector<std::size_t>& order : {std::vector<std::size_t>{0, 1, 2}, {2, 1, 0}, {1, 0, 2}}) {
      const auto source = static_cast<std::uint16_t>(5000 + flow);
      const auto pieces = three(firewall.client_udp(v6(), source, kForbiddenPort), id++);
      EXPECT_TRUE(firewall.send(frames(pieces, order)).empty());
    }
  }
  EXPECT_EQ(firewall.dropped(firewall::Drop::kDeniedByRule), 3U * kFlows);
  EXPECT_EQ(firewall.dropped(Drop::kFragmentRefused), 6U * kFlows);
  EXPECT_EQ(firewall.held(), 0U);
  EXPECT_EQ(firewall.sessions(), 0U);
  firewall.expect_conservation();
}

// The verdict is what became of the first, not what the rules would say: here it dies of age at egress, in a
// session that stands.
TEST_P(FragmentsThrough, LaterOnesFollowAFirstThatEgressDropped) {
  SmallFirewall firewall(config());
  for (std::uint16_t flow = 0; flow < kFlows; ++flow) {
    const PacketBuilder udp = firewall.client_udp(v6(), static_cast<std::uint16_t>(5000 + flow));
    EXPECT_EQ(firewall.send({PacketBuilder(udp).payload(10).bytes()}).size(), 1U);
    auto pieces = three(udp, 9);
    pieces[0].ttl(1);
    EXPECT_TRUE(firewall.send(frames(pieces, {1, 0, 2})).empty());
  }
  EXPECT_EQ(firewall.dropped(Drop::kTtlExceeded), std::uint64_t{kFlows});
  EXPECT_EQ(firewall.dropped(Drop::kFragmentRefused), 2U * kFlows);
  EXPECT_EQ(firewall.bed().total(&core::WorkerCounters::originated_transmitted), std::uint64_t{kFlows});
  firewall.expect_conservation();
}

TEST_P(FragmentsThrough, AFullTableGivesUpTheOldestDatagram) {
  TestbedConfig small = config();
  small.fragments.datagrams = 2;
  SmallFirewall firewall(small);
  std::vector<std::vector<PacketBuilder>> datagrams;
  std::vector<Frame> later;
  for (std::uint32_t id = 0; id < 3; ++id) {
    datagrams.push_back(three(firewall.client_udp(v6(), 5000), id));
    later.push_back(datagrams.back()[1].bytes());
  }
  EXPECT_TRUE(firewall.send(later).empty());
  EXPECT_EQ(firewall.dropped(Drop::kFragmentTableFull), 1U);
  EXPECT_EQ(firewall.held(), 2U);
  firewall.expect_conservation();
  // The two youngest are still there.
  for (std::size_t i = 1; i < 3; ++i) {
    EXPECT_TRUE(
        same_packets(forwarded(firewall, datagrams[i], {0, 1}), firewall.send(frames(datagrams[i], {0}))));
  }
  firewall.expect_conservation();
}

TEST_P(FragmentsThrough, AFullWaitingRoomGivesUpTheOldestPacket) {
  TestbedConfig small = config();
  small.fragments.held = 2;
  SmallFirewall firewall(small);
  std::vector<std::vector<PacketBuilder>> datagrams;
  std::vector<Frame> later;
  for (std::uint32_t id = 0; id < 3; ++id) {
    datagrams.push_back(three(firewall.client_udp(v6(), 5000), id));
    later.push_back(datagrams.back()[1].bytes());
  }
  EXPECT_TRUE(firewall.send(later).empty());
  EXPECT_EQ(firewall.dropped(Drop::kFragmentTableFull), 1U);
  EXPECT_EQ(firewall.held(), 2U);
  EXPECT_TRUE(same_packets(forwarded(firewall, datagrams[0], {0}), firewall.send(frames(datagrams[0], {0}))));
  EXPECT_TRUE(
      same_packets(forwarded(firewall, datagrams[1], {0, 1}), firewall.send(frames(datagrams[1], {0}))));
  firewall.expect_conservation();
}

TEST_P(FragmentsThrough, ForTheApplianceItselfTheTwinReassembles) {
  SmallFirewall firewall(config());
  PacketBuilder whole = firewall.client_ip(v6());
  if (v6()) {
    whole.ipv6("2001:db8:1::10", "2001:db8:1::1");
  } else {
    whole.ipv4("10.0.0.10", "10.0.0.1");
  }
  const auto pieces = three(whole.udp(5000, 53), 1);
  // In no order, and one twice: nothing of it is looked at here.
  const auto in = frames(pieces, {2, 2, 1, 0});
  EXPECT_TRUE(firewall.send(in).empty());
  EXPECT_TRUE(same_packets(in, firewall.bed().to_host()));
  EXPECT_EQ(firewall.bed().total(&core::WorkerCounters::to_host), 4U);
  EXPECT_EQ(firewall.held(), 0U);
  firewall.expect_conservation();
}

TEST_P(FragmentsThrough, WhatIsHeldAtTheEndIsDropped) {
  SmallFirewall firewall(config());
  const auto pieces = three(firewall.client_udp(v6(), 5000), 1);
  EXPECT_TRUE(firewall.send(frames(pieces, {1, 2})).empty());
  for (unsigned w = 0; w < GetParam().workers; ++w) firewall.bed().worker(w).stop();
  EXPECT_EQ(firewall.held(), 0U);
  EXPECT_EQ(firewall.dropped(Drop::kShutdown), 2U);
  firewall.expect_conservation();
}

TEST_P(FragmentsThrough, TransparentModeFollowsTheFirstToo) {
  SmallFirewall firewall(config(), true);
  for (std::uint16_t flow = 0; flow < kFlows; ++flow) {
    const auto source = static_cast<std::uint16_t>(5000 + flow);
    const auto good = three(firewall.client_udp(v6(), source), 10U + flow);
    EXPECT_TRUE(same_packets(forwarded(firewall, good, {0, 2, 1}), firewall.send(frames(good, {2, 1, 0}))));
    const auto bad = three(firewall.client_udp(v6(), source, kForbiddenPort), 20U + flow);
    EXPECT_TRUE(firewall.send(frames(bad, {1, 0, 2})).empty());
  }
  EXPECT_EQ(firewall.dropped(firewall::Drop::kDeniedByRule), std::uint64_t{kFlows});
  EXPECT_EQ(firewall.dropped(Drop::kFragmentRefused), 2U * kFlows);
  EXPECT_EQ(firewall.sessions(), kFlows);
  firewall.expect_conservation();
}

// RFC 6946 section 4: an atomic fragment has nothing to do with others, though their identification is its
// own.
TEST(AtomicFragments, AreNotMixedWithOthers) {
  for (const unsigned workers : {1U, 2U}) {
    TestbedConfig config;
    config.workers = workers;
    config.buffers = 1023;
    config.ring_size = 512;
    SmallFirewall firewall(config);
    const auto pieces = three(firewall.client_udp(true, 5000), 77);
    EXPECT_TRUE(firewall.send({pieces[1].bytes()}).empty());
    const PacketBuilder atomic = firewall.client_ip(true).fragment_header(0, false, 77).udp(5000, 80);
    EXPECT_TRUE(same_packets({firewall.forwarded(atomic)}, firewall.send({atomic.bytes()})));
    EXPECT_EQ(firewall.held(), 1U);
    EXPECT_TRUE(same_packets(forwarded(firewall, pieces, {0, 1}), firewall.send({pieces[0].bytes()})));
    EXPECT_TRUE(same_packets({firewall.forwarded(atomic)}, firewall.send({atomic.bytes()})));
    EXPECT_TRUE(same_packets(forwarded(firewall, pieces, {2}), firewall.send({pieces[2].bytes()})));
    EXPECT_EQ(firewall.bed().dropped_in_all(), 0U);
    firewall.expect_conservation();
  }
}

// The chain behind the fragment header: destination options, then UDP. A later fragment names only the
// former.
TEST(FragmentsOfAChain, TheFirstTellsTheUpperProtocol) {
  for (const unsigned workers : {1U, 2U}) {
    TestbedConfig config;
    config.workers = workers;
    config.buffers = 1023;
    config.ring_size = 512;
    SmallFirewall firewall(config);
    PacketBuilder whole = firewall.client_udp(true, 5000);
    whole.destination_options().payload(400);
    // piece() does not cut extension headers, so the cuts are made here.
    const Frame body = whole.ip_payload();
    ASSERT_EQ(body[0], 17);  // the options' next header
    const auto piece = [&](std::size_t offset, std::size_t length) {
      const std::size_t end = std::min(offset + length, body.size());
      return firewall.client_ip(true)
          .fragment_header(static_cast<std::uint16_t>(offset), end < body.size(), 77)
          .protocol(60)
          .payload(Frame(body.begin() + static_cast<std::ptrdiff_t>(offset),
                         body.begin() + static_cast<std::ptrdiff_t>(end)));
    };
    const std::vector<PacketBuilder> pieces = {piece(0, 104), piece(104, 200), piece(304, 400)};
    EXPECT_TRUE(
        same_packets(forwarded(firewall, pieces, {0, 2, 1}), firewall.send(frames(pieces, {2, 0, 1}))));
    EXPECT_EQ(firewall.sessions(), 1U);
    firewall.expect_conservation();
  }
}

}  // namespace
}  // namespace millrace::testing
