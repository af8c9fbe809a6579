// SPDX-License-Identifier: BSD-3-Clause
// RFC 9293 section 3.7.1, and RFC 1624 for the checksum. A right segment that announced the smaller size from
// the beginning is the oracle.
#include "common/net/tcp_mss.h"

#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"

namespace millrace::net {
namespace {

using testing::Frame;
using testing::PacketBuilder;

PacketBuilder syn() {
  return PacketBuilder().ipv4("192.0.2.7", "203.0.113.80").tcp(4000, 80).flags("S").seq(0x12345678);
}

Frame held(const PacketBuilder& segment, std::uint16_t most) {
  Frame bytes = segment.datagram();
  const std::size_t header = (bytes.at(32) >> 4U) * 4U;
  hold_mss_to({bytes.data() + 20, header}, most);
  return bytes;
}

TEST(TcpMss, IsHeldToWhatFits) {
  EXPECT_EQ(held(syn().option_mss(1460).option_window_scale(7), 1420),
            syn().option_mss(1420).option_window_scale(7).datagram());
  EXPECT_EQ(held(syn().option_sack_permitted().option_timestamps(1, 0).option_mss(65'535), 1),
            syn().option_sack_permitted().option_timestamps(1, 0).option_mss(1).datagram());
}

TEST(TcpMss, ThatIsSmallEnoughStays) {
  for (const std::uint16_t size : std::array<std::uint16_t, 3>{536, 1419, 1420})
    EXPECT_EQ(held(syn().option_mss(size), 1420), syn().option_mss(size).datagram());
}

// Two no-operations less or more, and the number begins at an odd byte.
TEST(TcpMss, AtAnOddPlaceKeepsTheChecksumRight) {
  const auto at_odd = [](std::uint8_t high, std::uint8_t low) {
    return syn().option({1, 2, 4, high, low, 1, 1, 0});
  };
  EXPECT_EQ(held(at_odd(0x05, 0xb4), 1420), at_odd(0x05, 0x8c).datagram());
  EXPECT_EQ(held(at_odd(0xff, 0xff), 0x100), at_odd(0x01, 0x00).datagram());
}

TEST(TcpMss, KeepsTheChecksumRightForEverySize) {
  for (unsigned size = 1; size <= 0xffff; size += 257) {
    const auto most = static_cast<std::uint16_t>(size);
    ASSERT_EQ(held(syn().option_mss(0xffff), most), syn().option_mss(most).datagram()) << size;
  }
}

TEST(TcpMss, OptionsThatAreNotRightAreLeftAlone) {
  for (const auto& options :
       std::vector<std::vector<std::uint8_t>>{{2, 3, 5, 0},    // of another length
                                              {3, 0, 2, 4},    // an option of no length before it
                                              {8, 40, 2, 4},   // one that ends behind the header
                                              {0, 2, 4, 5},    // behind the end of the list
                                              {1, 1, 1, 2},    // cut off
                                              {254, 2, 0, 0},  // an unknown one
                                              {}}) {
    const auto segment = syn().option(options);
    EXPECT_EQ(held(segment, 100), segment.datagram());
  }
}

}  // namespace
}  // namespace millrace::net
