// SPDX-License-Identifier: BSD-3-Clause
// What a session counts, past what its first cache line holds.
#include "vnfs/firewall/session.h"

#include <random>

#include <gtest/gtest.h>

namespace millrace::firewall {
namespace {

TEST(Session, CountsPast32BitsWhereverItIsCarriedOver) {
  std::mt19937 random(1);
  Session session{};
  std::array<std::uint64_t, 2> packets{};
  std::array<std::uint64_t, 2> bytes{};
  std::uint64_t longest = 0;  // without a carry
  std::uint64_t fresh = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const std::size_t side = random() % 8 == 0 ? 1 : 0;
    const auto length = static_cast<unsigned>(60'000 + random() % 5'536);
    session.count(static_cast<Direction>(side), length);
    ++packets[side];
    bytes[side] += length;
    longest = std::max(longest, fresh += side == 0 ? length : 0);
    if (random() % 100'000 == 0) {
      session.carry();
      fresh = 0;
      ASSERT_EQ(session.packets[0] | session.packets[1], 0U);
      ASSERT_EQ(session.fresh_bytes(Direction::kForward) + session.fresh_bytes(Direction::kReverse), 0U);
    }
    if (i % 1000 != 0) continue;
    for (const Direction d : {Direction::kForward, Direction::kReverse}) {
      const auto of = static_cast<std::size_t>(d);
      ASSERT_EQ(session.total_packets(d), packets[of]);
      ASSERT_EQ(session.total_bytes(d), bytes[of]);
      ASSERT_EQ(session.total_bytes(d), session.carried_bytes[of] + session.fresh_bytes(d));
    }
  }
  EXPECT_GT(longest, std::uint64_t{2} << 32);
  EXPECT_GT(session.carried_bytes[0], std::uint64_t{2} << 32);
}

}  // namespace
}  // namespace millrace::firewall
