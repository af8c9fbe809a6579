// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include "common/net/wire.h"
#include "vnfs/firewall/rule.h"

namespace millrace::firewall {
namespace {

class Explain : public ::testing::Test {
 protected:
  Explain() {
    sets_ = {{"web_servers", {*net::Prefix::parse("192.0.2.10"), *net::Prefix::parse("192.0.2.16/28")}}};
    key_.source = *net::IpAddress::parse("198.51.100.7");
    key_.destination = *net::IpAddress::parse("192.0.2.77");
    key_.from = ZoneId(1);
    key_.to = ZoneId(0);
    key_.interface = 3;
    key_.protocol = net::protocol::kTcp;
    key_.source_port = 40000;
    key_.destination_port = 22;
    key_.tcp_flags = 0x10;
  }

  std::string why(const Rule& rule) { return why_not(rule, sets_, key_, {zones_, {}}); }

  std::vector<std::string> zones_{"inside", "internet"};
  std::vector<AddressSet> sets_;
  RuleKey key_;
};

TEST_F(Explain, SaysWhichConditionFailed) {
  EXPECT_EQ(why({.name = "all"}), "");
  Rule rule{.name = "r"};
  rule.from = {ZoneId(0)};
  EXPECT_EQ(why(rule), "it comes from internet, not inside");
  rule.from = {ZoneId(1)};
  rule.to = {ZoneId(1), ZoneId(9)};
  EXPECT_EQ(why(rule), "it goes to inside, not one of internet, zone 9");
  rule.to = {};
  rule.interfaces = {4};
  EXPECT_EQ(why(rule), "it came in on interface 3, not interface 4");
  rule.interfaces = {};
  rule.destination = {.any = false, .negated = false, .prefixes = {}, .sets = {SetId(0)}};
  EXPECT_EQ(why(rule), "destination 192.0.2.77 is not in @web_servers");
  rule.destination = {};
  rule.source = {
      .any = false, .negated = true, .prefixes = {*net::Prefix::parse("198.51.100.0/24")}, .sets = {}};
  EXPECT_EQ(why(rule), "source 198.51.100.7 is in 198.51.100.0/24");
  rule.source = {};
  rule.services = {Service{.protocol = net::protocol::kTcp, .destination = {80, 80}}};
  EXPECT_EQ(why(rule), "service tcp/22 from port 40000 is not tcp/80");
  rule.services = {};
  rule.tcp_flags = TcpFlagsMatch{0x02, 0x12};
  EXPECT_EQ(why(rule), "TCP flags 0x10 under mask 0x12 are not 0x02");
  rule.tcp_flags = {};
  rule.dscp = {46};
  EXPECT_EQ(why(rule), "DSCP 0 is not 46");
  rule.dscp = {};
  rule.applications = {*dpi::application_named("tls"), kOtherApplication};
  EXPECT_EQ(why(rule), "") << "it may be";
  key_.application = *dpi::application_named("ssh");
  EXPECT_EQ(why(rule), "application ssh is not one of tls, other");
  rule.applications.pop_back();
  key_.application = kOtherApplication;
  EXPECT_EQ(why(rule), "application other is not tls");
}

TEST_F(Explain, SpeaksOfIcmpAndFragments) {
  Rule rule{.name = "ping"};
  rule.services = {
      Service{.protocol = net::protocol::kIcmp, .source = {}, .destination = {}, .icmp_type = 8}};
  key_.protocol = net::protocol::kIcmp;
  key_.icmp_type = 3;
  key_.icmp_code = 4;
  EXPECT_EQ(why(rule), "service icmp/type 3 code 4 is not icmp/type 8");
  rule.services = {Service{.protocol = net::protocol::kUdp, .destination = {53, 53}}};
  key_.protocol = net::protocol::kUdp;
  key_.has_ports = false;
  EXPECT_EQ(why(rule), "service udp (a fragment without ports) is not udp/53");
}

TEST_F(Explain, StopsAtTheRuleThatMatches) {
  std::vector<Rule> rules{{.name = "web"}, {.name = "all"}, {.name = "never reached"}};
  rules[0].services = {Service{.protocol = net::protocol::kTcp, .destination = {80, 443}}};
  const auto explanations = explain(rules, sets_, key_, {zones_, {}});
  ASSERT_EQ(explanations.size(), 2U);
  EXPECT_EQ(explanations[0].why_not, "service tcp/22 from port 40000 is not tcp/80-443");
  EXPECT_EQ(explanations[1].rule, RuleIndex(1));
  EXPECT_EQ(explanations[1].why_not, "");
  EXPECT_EQ(linear_match(rules, sets_, key_), RuleIndex(1));
}

}  // namespace
}  // namespace millrace::firewall
