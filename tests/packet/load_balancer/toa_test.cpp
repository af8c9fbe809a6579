// SPDX-License-Identifier: BSD-3-Clause
// The client's address in a TCP option, as modules for IPVS and DPVS read it: kind 254, length, port,
// address.
#include "tests/packet/load_balancer/balancer_bed.h"

namespace millrace::testing {
namespace {

using load_balancer::ClientAddress;
using load_balancer::ServiceSpec;

class Toa : public BalancerTest {
 protected:
  static ServiceSpec told(ServiceSpec service = full_nat_service()) {
    service.client_address = ClientAddress::kToa;
    return service;
  }
  static PacketBuilder from_client(std::uint32_t seq) {
    return BalancerBed::from_client(kClient, kService).tcp(4000, 80).seq(seq).ack(500).flags("A");
  }
  static std::uint64_t left_out(const BalancerBed& bed) {
    std::uint64_t sum = 0;
    for (const auto* state : bed.states()) sum += state->tallies.service(0).toa_left_out.read();
    return sum;
  }
  static Frame options(const Seen& seen) {
    const std::size_t l4 = 14 + (seen.frame.at(14) >> 4U == 6 ? 40 : 20);
    const std::size_t length = (seen.frame.at(l4 + 12) >> 4U) * 4U;
    return {seen.frame.begin() + static_cast<std::ptrdiff_t>(l4 + 20),
            seen.frame.begin() + static_cast<std::ptrdiff_t>(l4 + length)};
  }
};
MILLRACE_BALANCER_VARIANTS(Toa);

TEST_P(Toa, TheOptionIsInSegmentsUntilDataIsAcknowledged) {
  const Frame option{254, 8, 0x0f, 0xa0, 192, 0, 2, 7};
  BalancerBed bed(variant(), {.services = {told()}});
  const auto there = bed.one(kClients, from_client(999).flags("S"));
  ASSERT_TRUE(there);
  EXPECT_TRUE(options(*there).empty());
  const auto last = bed.one(kClients, from_client(1000));
  ASSERT_TRUE(last);
  EXPECT_EQ(options(*last), option);
  const auto data = bed.one(kClients, from_client(1000).option({1, 1, 1, 1}).payload(100));
  ASSERT_TRUE(data);
  EXPECT_EQ(options(*data), (Frame{254, 8, 0x0f, 0xa0, 192, 0, 2, 7, 1, 1, 1, 1}));
  EXPECT_EQ(data->payload.size(), 100U);
  const auto answer = [&](std::uint32_t ack) {
    return BalancerBed::from_backend(there->destination, kSource)
        .tcp(80, there->source_port)
        .ack(ack)
        .flags("A");
  };
  ASSERT_TRUE(bed.one(kBackends, answer(1000)));
  const auto more = bed.one(kClients, from_client(1100).payload(10));
  ASSERT_TRUE(more);
  EXPECT_EQ(options(*more), option);
  ASSERT_TRUE(bed.one(kBackends, answer(1100)));
  const auto later = bed.one(kClients, from_client(1110).payload(10));
  ASSERT_TRUE(later);
  EXPECT_TRUE(options(*later).empty());
  EXPECT_EQ(left_out(bed), 0U);
}

TEST_P(Toa, OfIpv6HasTwentyBytes) {
  BalancerBed bed(variant(), {.services = {told(full_nat_service6())}});
  const auto from = [] { return BalancerBed::from_client("2001:db8:9::7", kService6).tcp(4000, 80); };
  ASSERT_TRUE(bed.one(kClients, from().seq(999).flags("S")));
  const auto last = bed.one(kClients, from().seq(1000).flags("A"));
  ASSERT_TRUE(last);
  EXPECT_EQ(options(*last),
            (Frame{254, 20, 0x0f, 0xa0, 0x20, 0x01, 0x0d, 0xb8, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}));
}

TEST_P(Toa, WhereThereIsNoRoomTheSegmentGoesWithoutAndIsCounted) {
  BalancerBed bed(variant(), {.services = {told()}});
  ASSERT_TRUE(bed.one(kClients, from_client(999).flags("S")));
  const auto full = bed.one(kClients, from_client(1000).df().payload(1453));
  ASSERT_TRUE(full);
  EXPECT_EQ(full->payload.size(), 1453U);
  EXPECT_TRUE(options(*full).empty());
  EXPECT_EQ(left_out(bed), 1U);
  const auto fits = bed.one(kClients, from_client(1000).df().payload(1452));
  ASSERT_TRUE(fits);
  EXPECT_EQ(options(*fits).size(), 8U);
  const auto crowded =
      bed.one(kClients, from_client(1000).option(std::vector<std::uint8_t>(36, 1)).payload(5));
  ASSERT_TRUE(crowded);
  EXPECT_EQ(options(*crowded).size(), 36U);
  EXPECT_EQ(left_out(bed), 2U);
}

}  // namespace
}  // namespace millrace::testing
