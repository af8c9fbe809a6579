// SPDX-License-Identifier: BSD-3-Clause
// Messages byte by byte, from the figures of RFC 6886 sections 3.2 to 3.5.
#include "vnfs/nat/nat_pmp_message.h"

#include <vector>

#include <gtest/gtest.h>

namespace millrace::nat::nat_pmp {
namespace {

using Octets = std::vector<std::uint8_t>;

Octets written(const Message& out, std::size_t length) {
  return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(length)};
}

TEST(NatPmpMessage, RequestsAreRead) {
  EXPECT_TRUE(is_nat_pmp(Octets{0, 0}));
  EXPECT_FALSE(is_nat_pmp(Octets{2, 0}));
  EXPECT_FALSE(is_nat_pmp({}));
  EXPECT_EQ(read_request(Octets{0, 0}).verdict, Verdict::kServe);
  const Read got = read_request(Octets{0, 2, 0, 0, 0x0f, 0xa0, 0x13, 0x88, 0, 0, 0x1c, 0x20});
  ASSERT_EQ(got.verdict, Verdict::kServe);
  EXPECT_EQ(got.request.opcode, Opcode::kMapTcp);
  EXPECT_EQ(got.request.internal_port, 4000);
  EXPECT_EQ(got.request.suggested_port, 5000);
  EXPECT_EQ(got.request.lifetime, 7200U);
}

TEST(NatPmpMessage, WhatIsNoRequestIsIgnored) {
  for (const Octets& message : {Octets{}, Octets{0}, Octets{0, 128}, Octets{0, 255}, Octets{0, 1},
                                Octets{0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0}})
    EXPECT_EQ(read_request(message).verdict, Verdict::kIgnore);
  // All ports, but no deletion.
  EXPECT_EQ(read_request(Octets{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}).verdict, Verdict::kIgnore);
  EXPECT_EQ(read_request(Octets{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}).verdict, Verdict::kServe);
  EXPECT_EQ(read_request(Octets{0, 3}).verdict, Verdict::kRefuse);
}

TEST(NatPmpMessage, ResponsesAreWritten) {
  Message out;
  const net::Ipv4Address address = *net::Ipv4Address::parse("203.0.113.1");
  EXPECT_EQ(written(out, write_address(out, Result::kSuccess, 258, address)),
            (Octets{0, 128, 0, 0, 0, 0, 1, 2, 203, 0, 113, 1}));
  const Request request{.opcode = Opcode::kMapUdp, .internal_port = 4000, .suggested_port = 1, .lifetime = 9};
  EXPECT_EQ(written(out, write_mapping(out, Result::kNoResources, 3, request, 5000, 7200)),
            (Octets{0, 129, 0, 4, 0, 0, 0, 3, 0x0f, 0xa0, 0x13, 0x88, 0, 0, 0x1c, 0x20}));
  EXPECT_EQ(written(out, write_unsupported(out, Octets{0, 7}, 1)), (Octets{0, 135, 0, 5, 0, 0, 0, 1}));
}

}  // namespace
}  // namespace millrace::nat::nat_pmp
