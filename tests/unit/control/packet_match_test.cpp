// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/packet_match.h"

#include <boost/json.hpp>

#include <gtest/gtest.h>

#include "common/control/members.h"

namespace millrace::control {
namespace {

Result<PacketMatch> read_match(std::string_view json) {
  Members members(boost::json::parse(json).as_object());
  PacketMatch match = read_packet_match(members);
  if (const auto right = members.finish(); !right) return tl::unexpected(right.error());
  return match;
}

std::string wrong_member(std::string_view json) {
  const auto match = read_match(json);
  return match ? "nothing" : match.error().where;
}

TEST(PacketMatch, AnEmptyObjectMatchesAll) {
  const auto match = read_match("{}");
  ASSERT_TRUE(match);
  EXPECT_TRUE(matches_all(*match));
}

TEST(PacketMatch, EveryMemberIsRead) {
  const auto match =
      read_match(R"({"source": "2001:db8::/32", "destination": "2001:db8::1", "protocol": "icmpv6",
                              "port": 0, "interface": "trust", "vlan": 4095,
                              "outer_vlan": 0})");
  ASSERT_TRUE(match) << match.error().message();
  EXPECT_FALSE(matches_all(*match));
  EXPECT_EQ(match->source, net::Prefix::parse("2001:db8::/32"));
  EXPECT_EQ(match->destination, net::Prefix::parse("2001:db8::1/128"));
  EXPECT_EQ(match->protocol, 58);  // RFC 4443
  EXPECT_EQ(match->port, 0);
  EXPECT_EQ(match->interface, "trust");
  EXPECT_EQ(match->vlan, 4095);
  EXPECT_EQ(match->outer_vlan, 0);
}

TEST(PacketMatch, AProtocolIsANameOrANumber) {
  EXPECT_EQ(read_match(R"({"protocol": "sctp"})")->protocol, 132);  // RFC 9260
  EXPECT_EQ(read_match(R"({"protocol": "50"})")->protocol, 50);
  EXPECT_EQ(read_match(R"({"protocol": 255})")->protocol, 255);
  EXPECT_EQ(wrong_member(R"({"protocol": 256})"), "protocol");
  EXPECT_EQ(wrong_member(R"({"protocol": -6})"), "protocol");
  EXPECT_EQ(wrong_member(R"({"protocol": "TCP"})"), "protocol");
  EXPECT_EQ(wrong_member(R"({"protocol": true})"), "protocol");
}

TEST(PacketMatch, TheFirstThingWrongIsNamed) {
  EXPECT_EQ(wrong_member(R"({"source": 7, "port": 99999})"), "source");
  EXPECT_EQ(wrong_member(R"({"port": 65536})"), "port");
  EXPECT_EQ(wrong_member(R"({"port": 80.0})"), "port");
  EXPECT_EQ(wrong_member(R"({"interface": ""})"), "interface");
  EXPECT_EQ(wrong_member(R"({"vlan": 4096})"), "vlan");
  EXPECT_EQ(wrong_member(R"({"outer_vlan": "7"})"), "outer_vlan");
  EXPECT_EQ(wrong_member(R"({"interface": null})"), "interface");
  EXPECT_EQ(wrong_member(R"({"Source": "192.0.2.1"})"), "Source");
}

}  // namespace
}  // namespace millrace::control
