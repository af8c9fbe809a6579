// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/ipv4_ids.h"

#include <cstdlib>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::core {
namespace {

net::Ipv4Ends ends(std::uint32_t source, std::uint32_t destination) {
  return {.source = {be32(source)}, .destination = {be32(destination)}};
}

// RFC 6864 section 4.3.
TEST(Ipv4Ids, NoneComesTwiceBetweenTwoAddresses) {
  constexpr unsigned kIdWorkers = 3;
  std::vector<bool> seen(65536);
  for (unsigned worker = 0; worker < kIdWorkers; ++worker) {
    Ipv4Ids ids(0x1234, worker, kIdWorkers);
    for (unsigned i = 0; i < 65536 / kIdWorkers - 1; ++i) {
      const std::uint16_t id = ids.next(ends(1, 2), 17).host();
      ASSERT_FALSE(seen[id]) << worker << " " << i;
      seen[id] = true;
    }
  }
}

TEST(Ipv4Ids, TheNextDoesNotFollowFromThoseBefore) {
  Ipv4Ids ids(99, 0, 1);
  unsigned near = 0;
  std::uint16_t before = ids.next(ends(1, 2), 17).host();
  for (unsigned i = 0; i < 10'000; ++i) {
    const std::uint16_t id = ids.next(ends(1, 2), 17).host();
    if (std::abs(int{id} - int{before}) < 256) ++near;
    before = id;
  }
  EXPECT_LT(near, 200U);  // of random numbers, 78
}

TEST(Ipv4Ids, OtherSeedsAddressesAndProtocolsHaveOthers) {
  const auto first_ten = [](std::uint64_t seed, const net::Ipv4Ends& of, std::uint8_t protocol) {
    Ipv4Ids ids(seed, 0, 1);
    std::vector<std::uint16_t> out;
    for (unsigned i = 0; i < 10; ++i) out.push_back(ids.next(of, protocol).host());
    return out;
  };
  const auto one = first_ten(7, ends(1, 2), 17);
  EXPECT_EQ(first_ten(7, ends(1, 2), 17), one);
  EXPECT_NE(first_ten(8, ends(1, 2), 17), one);
  EXPECT_NE(first_ten(7, ends(1, 3), 17), one);
  EXPECT_NE(first_ten(7, ends(3, 2), 17), one);
  EXPECT_NE(first_ten(7, ends(1, 2), 6), one);
}

}  // namespace
}  // namespace millrace::core
