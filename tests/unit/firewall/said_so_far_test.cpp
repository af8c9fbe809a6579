// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/said_so_far.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::firewall {
namespace {

using Octets = std::vector<std::uint8_t>;

Octets some_bytes(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  Octets bytes(count);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

TEST(SaidSoFar, IsTheSameHoweverItIsCut) {
  SaidSoFar said(4);
  std::vector<std::uint8_t> room(SaidSoFar::kMostHeader + SaidSoFar::kMost);
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const std::uint32_t connection = seed % 4;
    said.begin(connection);
    Octets whole[2];
    Octets headers[2];
    bool begun[2] = {false, false};
    unsigned first = 2;
    for (int i = 0; i < 30; ++i) {
      const bool responder = random() % 2 != 0;
      const std::size_t side = responder ? 1 : 0;
      const Octets header = some_bytes(40 + random() % 60, seed * 100 + static_cast<unsigned>(i));
      const Octets payload = some_bytes(1 + random() % 300, seed + static_cast<unsigned>(i) * 1000);
      if (!begun[side]) headers[side] = header;
      begun[side] = true;
      if (first == 2) first = responder ? 1 : 0;
      const bool room_left = whole[side].size() < SaidSoFar::kMost;
      EXPECT_EQ(said.add(connection, responder, header, 20, payload), room_left);
      whole[side].insert(whole[side].end(), payload.begin(), payload.end());
    }
    EXPECT_EQ(said.first(connection), first);
    for (const unsigned side : {0U, 1U}) {
      whole[side].resize(std::min(whole[side].size(), SaidSoFar::kMost));
      Octets expected = headers[side];
      expected.insert(expected.end(), whole[side].begin(), whole[side].end());
      const Bytes packet = said.as_packet(connection, side, room);
      EXPECT_TRUE(std::ranges::equal(packet, expected)) << seed;
    }
  }
}

TEST(SaidSoFar, HeadersTooLongAreNotKept) {
  SaidSoFar said(1);
  said.begin(0);
  const Octets header = some_bytes(SaidSoFar::kMostHeader + 1, 1);
  EXPECT_FALSE(said.add(0, false, header, 20, header));
  EXPECT_FALSE(said.has_said(0, 0));
  std::vector<std::uint8_t> room(SaidSoFar::kMostHeader + SaidSoFar::kMost);
  EXPECT_TRUE(said.as_packet(0, 0, room).empty());
}

}  // namespace
}  // namespace millrace::firewall
