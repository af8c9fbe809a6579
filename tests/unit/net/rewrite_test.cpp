// SPDX-License-Identifier: BSD-3-Clause
// Against checksums over everything they cover, computed word by word.
#include "common/net/rewrite.h"

#include <array>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "common/net/checksum.h"
#include "tests/support/packet_builder.h"

namespace millrace::net {
namespace {

constexpr std::uint8_t kUdpLiteProtocol = 136;
constexpr std::uint8_t kDccpProtocol = 33;

struct Layout {
  std::uint8_t protocol;
  std::size_t checksum_at;
  bool has_pseudo_header;
};
constexpr std::array kLayouts = {
    Layout{protocol::kTcp, 16, true},  Layout{protocol::kUdp, 6, true}, Layout{protocol::kIcmp, 2, false},
    Layout{kUdpLiteProtocol, 6, true}, Layout{kDccpProtocol, 6, true},
};

struct Addresses {
  std::array<std::uint8_t, 4> source;
  std::array<std::uint8_t, 4> destination;
};

std::uint16_t word_at(const std::vector<std::uint8_t>& bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

void set_word(std::vector<std::uint8_t>& bytes, std::size_t at, std::uint16_t word) {
  bytes[at] = static_cast<std::uint8_t>(word >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(word);
}

// As RFC 9293 section 3.1, RFC 768, RFC 792, RFC 3828 section 3.1 (all is covered) and RFC 4340 section 9.1
// have it.
std::uint16_t full_checksum(std::vector<std::uint8_t> segment, const Layout& layout,
                            const Addresses& between) {
  set_word(segment, layout.checksum_at, 0);
  std::vector<std::uint8_t> covered;
  if (layout.has_pseudo_header) {
    covered.insert(covered.end(), between.source.begin(), between.source.end());
    covered.insert(covered.end(), between.destination.begin(), between.destination.end());
    covered.insert(covered.end(), {0, layout.protocol});
    covered.resize(covered.size() + 2);
    set_word(covered, covered.size() - 2, static_cast<std::uint16_t>(segment.size()));
  }
  covered.insert(covered.end(), segment.begin(), segment.end());
  const std::uint16_t checksum = testing::plain_checksum(covered);
  const bool zero_means_none = layout.protocol == protocol::kUdp || layout.protocol == kUdpLiteProtocol;
  return zero_means_none && checksum == 0 ? 0xffff : checksum;
}

ChecksumSum sum_of(const Addresses& between) {
  return sum_bytes(between.source, sum_bytes(between.destination));
}

std::uint16_t wire(std::uint16_t host) { return be16(host).wire(); }

class Rewrite : public ::testing::Test {
 protected:
  std::uint16_t word() {
    constexpr std::array<std::uint16_t, 8> kEdges = {0, 1, 0xff, 0x100, 0x8000, 0xff00, 0xfffe, 0xffff};
    return random_() % 3 == 0 ? kEdges[random_() % kEdges.size()] : static_cast<std::uint16_t>(random_());
  }
  Addresses addresses() {
    Addresses made{};
    for (auto* address : {&made.source, &made.destination}) {
      const std::array words = {word(), word()};
      std::memcpy(address->data(), words.data(), sizeof words);
      (*address)[0] |= 1;  // 0.0.0.0 has no port
    }
    return made;
  }
  // A segment with a right checksum, of 20 bytes and more, odd lengths too.
  std::vector<std::uint8_t> segment(const Layout& layout, const Addresses& between) {
    std::vector<std::uint8_t> bytes(20 + random_() % 30);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random_());
    set_word(bytes, 0, word());
    set_word(bytes, 2, word());
    set_word(bytes, layout.checksum_at, full_checksum(bytes, layout, between));
    return bytes;
  }

  std::mt19937 random_{1};
};

TEST_F(Rewrite, ChecksumsAreThoseOfAFullComputation) {
  for (const Layout& layout : kLayouts) {
    const bool query = layout.protocol == protocol::kIcmp;
    const bool has_ports = layout.protocol == protocol::kTcp || layout.protocol == protocol::kUdp;
    for (int i = 0; i < 100'000; ++i) {
      const Addresses before = addresses();
      const Addresses after = addresses();
      std::vector<std::uint8_t> bytes = segment(layout, before);
      const std::uint16_t source = word();
      const std::uint16_t destination = word();
      ChecksumSum delta = layout.has_pseudo_header ? difference(sum_of(before), sum_of(after)) : 0;
      std::vector<std::uint8_t> expected = bytes;
      if (has_ports) {
        delta += difference(wire(word_at(bytes, 0)), wire(source));
        delta += difference(wire(word_at(bytes, 2)), wire(destination));
        set_word(expected, 0, source);
        set_word(expected, 2, destination);
      } else if (query) {
        delta += difference(wire(word_at(bytes, 4)), wire(source));
        set_word(expected, 4, source);
      }
      set_word(expected, layout.checksum_at, full_checksum(expected, layout, after));
      rewrite_transport(bytes.data(), bytes.size(), layout.protocol, {wire(source), wire(destination)},
                        fold(delta));
      ASSERT_EQ(bytes, expected) << "protocol " << int{layout.protocol};
    }
  }
}

// The way back is the complement: what was changed is as it was.
TEST_F(Rewrite, TheComplementUndoesIt) {
  for (const Layout& layout : kLayouts) {
    for (int i = 0; i < 20'000; ++i) {
      const Addresses before = addresses();
      const std::vector<std::uint8_t> bytes = segment(layout, before);
      std::vector<std::uint8_t> turned = bytes;
      const WirePorts ports{wire(word_at(bytes, layout.protocol == protocol::kIcmp ? 4 : 0)),
                            wire(word_at(bytes, 2))};
      const std::uint16_t delta = fold(difference(sum_of(before), sum_of(addresses())));
      rewrite_transport(turned.data(), turned.size(), layout.protocol, ports, delta);
      rewrite_transport(turned.data(), turned.size(), layout.protocol, ports,
                        static_cast<std::uint16_t>(~delta));
      ASSERT_EQ(turned, bytes) << "protocol " << int{layout.protocol};
    }
  }
}

// RFC 768: no checksum was computed.
TEST_F(Rewrite, AUdpChecksumOfZeroStays) {
  std::vector<std::uint8_t> bytes(8);
  rewrite_transport(bytes.data(), bytes.size(), protocol::kUdp, {wire(0x1234), wire(0x5678)}, 0x1111);
  EXPECT_EQ(bytes, (std::vector<std::uint8_t>{0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0}));
}

// The same of one that is to become zero: it is written as its equal. By hand: ~0x1234 + 0x1234 is 0xffff.
TEST_F(Rewrite, NoUdpChecksumBecomesZero) {
  for (const std::uint8_t protocol : {protocol::kUdp, kUdpLiteProtocol}) {
    std::vector<std::uint8_t> bytes(8);
    set_word(bytes, 6, 0x1234);
    rewrite_transport(bytes.data(), bytes.size(), protocol, {0, 0}, wire(0x1234));
    EXPECT_EQ(word_at(bytes, 6), 0xffff) << int{protocol};
  }
  // TCP's may be.
  std::vector<std::uint8_t> tcp(20);
  set_word(tcp, 16, 0x1234);
  rewrite_transport(tcp.data(), tcp.size(), protocol::kTcp, {0, 0}, wire(0x1234));
  EXPECT_EQ(word_at(tcp, 16), 0);
}

// As inside an ICMP error, which may have eight bytes of it (RFC 792).
TEST_F(Rewrite, WhatIsNotThereIsNotWritten) {
  struct Case {
    std::uint8_t protocol;
    std::size_t checksum_at;
  };
  for (const Case& test :
       {Case{protocol::kTcp, 16}, {protocol::kUdp, 6}, {kUdpLiteProtocol, 6}, {kDccpProtocol, 6}}) {
    for (std::size_t present = 4; present <= test.checksum_at + 2; ++present) {
      std::vector<std::uint8_t> bytes(20, 0x55);
      rewrite_transport(bytes.data(), present, test.protocol, {0x5555, 0x5555}, wire(0x0101));
      // ~0x5555 + 0x0101 is 0xabab; its complement 0x5454.
      EXPECT_EQ(word_at(bytes, test.checksum_at), present < test.checksum_at + 2 ? 0x5555 : 0x5454)
          << int{test.protocol} << " " << present;
    }
  }
}

// RFC 9260 section 6.8: SCTP's checksum does not cover addresses; and nothing is known of others.
TEST_F(Rewrite, OthersStayAsTheyAre) {
  for (const std::uint8_t protocol : {protocol::kSctp, protocol::kGre, protocol::kEsp}) {
    std::vector<std::uint8_t> bytes(20, 0x55);
    rewrite_transport(bytes.data(), bytes.size(), protocol, {1, 2}, 3);
    EXPECT_EQ(bytes, std::vector<std::uint8_t>(20, 0x55));
  }
}

}  // namespace
}  // namespace millrace::net
