// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/profile/service.h"

#include <gmock/gmock.h>

namespace millrace::control {
namespace {

using ::testing::Optional;

TEST(Services, SpeakTheNotation) {
  const auto service = [](const char* text) { return parse_service(text).value(); };
  EXPECT_EQ(service("tcp/80"), (Service{6, {80, 80}, {}, {}}));
  EXPECT_EQ(service("udp/1000-2000"), (Service{17, {1000, 2000}, {}, {}}));
  EXPECT_EQ(service("sctp/5060"), (Service{132, {5060, 5060}, {}, {}}));
  EXPECT_EQ(service("tcp"), (Service{6, {}, {}, {}}));
  EXPECT_EQ(service("icmp"), (Service{1, {}, {}, {}}));
  EXPECT_EQ(service("icmp/echo-request"), (Service{1, {}, 8, {}}));
  EXPECT_EQ(service("icmpv6/echo-request"), (Service{58, {}, 128, {}}));
  EXPECT_EQ(service("icmpv6/135"), (Service{58, {}, 135, {}}));
  EXPECT_EQ(service("icmp/destination-unreachable/4"), (Service{1, {}, 3, 4}));
  EXPECT_EQ(service("gre"), (Service{47, {}, {}, {}}));
  EXPECT_EQ(service("proto/47"), (Service{47, {}, {}, {}}));
  EXPECT_EQ(service("proto/255"), (Service{255, {}, {}, {}}));
  for (const char* bad : {"",           "/",
                          "tcp/",       "tcp/65536",
                          "tcp/2-1",    "tcp/-",
                          "tcp/80-",    "tcp/80/",
                          "tcp/http",   "http",
                          "icmp/ping",  "icmp/256",
                          "icmp/8/256", "icmp/8/",
                          "icmp/8/0/0", "gre/1",
                          "proto",      "proto/256",
                          "proto/x",    "TCP/80",
                          "tcp /80",    "icmp/packet-too-big"}) {
    EXPECT_FALSE(parse_service(bad)) << bad;
  }
  for (const char* text : {"tcp", "tcp/80", "udp/1-2", "icmp/echo-request", "icmpv6/200",
                           "icmp/echo-request/1", "gre", "proto/200"}) {
    EXPECT_EQ(print_service(service(text)), text);
  }
}

TEST(CodePoints, HaveNamesAndNumbers) {
  // IANA "Differentiated Services Field Codepoints".
  EXPECT_THAT(parse_dscp("ef"), Optional(46));
  EXPECT_THAT(parse_dscp("af43"), Optional(38));
  EXPECT_THAT(parse_dscp("cs7"), Optional(56));
  EXPECT_THAT(parse_dscp("0"), Optional(0));
  EXPECT_THAT(parse_dscp("63"), Optional(63));
  for (const char* bad : {"", "64", "af14", "EF", "-1", "ef "}) EXPECT_FALSE(parse_dscp(bad)) << bad;
  EXPECT_EQ(print_dscp(46), "ef");
  EXPECT_EQ(print_dscp(47), "47");
}

}  // namespace
}  // namespace millrace::control
