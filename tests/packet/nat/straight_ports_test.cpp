// SPDX-License-Identifier: BSD-3-Clause
// Outside ports are chosen so that a NIC whose RSS has the symmetric key delivers answers to the worker that
// has their session: DPDK's software Toeplitz hash in the place of the NIC's.
#include <array>

#include <arpa/inet.h>
#include <rte_thash.h>

#include "tests/packet/nat/nat_bed.h"

namespace millrace::testing {
namespace {

std::uint32_t number_of(const std::string& address) {
  in_addr parsed{};
  EXPECT_EQ(inet_pton(AF_INET, address.c_str(), &parsed), 1) << address;
  return ntohl(parsed.s_addr);
}

// The worker whose queue the answer to a packet would come by.
unsigned worker_by_rss(const Seen& sent, unsigned workers) {
  std::array<std::uint8_t, 40> key{};
  for (std::size_t i = 0; i < key.size(); i += 2) {
    key[i] = 0x6d;
    key[i + 1] = 0x5a;
  }
  std::array<std::uint32_t, 3> input{number_of(sent.destination), number_of(sent.source),
                                     std::uint32_t{sent.destination_port} << 16 | sent.source_port};
  return rte_softrss(input.data(), 3, key.data()) % 128 % workers;
}

// The worker that has a session; more than there are when none has.
unsigned worker_with_session(NatBed& bed, const Seen& sent) {
  const auto inward =
      nat::Tuple::of({htonl(number_of(sent.destination)), htons(sent.destination_port)},
                     {htonl(number_of(sent.source)), htons(sent.source_port)}, sent.protocol, 0);
  unsigned worker = 0;
  while (worker < bed.states().size() && bed.states()[worker]->bindings.find(inward).session == nat::kNoIndex)
    ++worker;
  return worker;
}

struct StraightCase {
  unsigned workers;
  std::uint16_t block;
};

class StraightPorts : public ::testing::TestWithParam<StraightCase> {};
INSTANTIATE_TEST_SUITE_P(Each, StraightPorts,
                         ::testing::Values(StraightCase{2, 0}, StraightCase{3, 0}, StraightCase{8, 0},
                                           StraightCase{2, 256}, StraightCase{3, 256}),
                         [](const auto& one) {
                           return std::to_string(one.param.workers) + "Workers" +
                                  (one.param.block == 0 ? "SharedPorts" : "Blocks");
                         });

TEST_P(StraightPorts, LeadAnswersToTheWorkerThatHasTheSession) {
  const unsigned workers = GetParam().workers;
  NatSpec spec;
  spec.pools[0].block = GetParam().block;
  NatBed bed({.burst = 32, .workers = workers}, spec);
  unsigned handed_over = 0;
  for (unsigned i = 0; i < 200; ++i) {
    const std::string host = "10.0.0." + std::to_string(10 + i % 20);
    const std::string server = "8.8." + std::to_string(i % 7) + "." + std::to_string(1 + i);
    const auto port = static_cast<std::uint16_t>(4000 + i);
    auto packet = NatBed::inside(host, server);
    const auto sent =
        bed.one(kInside, i % 2 == 0 ? packet.udp(port, 53).payload(20) : packet.tcp(port, 443).flags("S"));
    ASSERT_TRUE(sent);
    const unsigned worker = worker_with_session(bed, *sent);
    ASSERT_LT(worker, workers);
    handed_over += worker_by_rss(*sent, workers) != worker;
  }
  // By chance it would be half of them at the least.
  EXPECT_EQ(handed_over, 0U);
}

}  // namespace
}  // namespace millrace::testing
