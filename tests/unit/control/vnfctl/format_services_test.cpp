// SPDX-License-Identifier: BSD-3-Clause
#include <boost/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/control/vnfctl/formats.h"

namespace millrace::vnfctl {
namespace {

using ::testing::HasSubstr;

boost::json::array parsed(std::string_view text) { return boost::json::parse(text).as_array(); }

TEST(FormatServices, EachWithItsBackends) {
  EXPECT_EQ(format_services(parsed(R"([
      {"name": "web", "address": "203.0.113.80", "scheduler": "maglev", "forwarding": "nat",
       "connections": 12345, "open": 7, "without_record": 0, "refused": 3, "backends": [
        {"address": "10.0.0.11", "port": null, "state": "active", "share": 0.6667, "connections": 340, "open": 5,
         "health": {"state": "up", "last": "HTTP 200", "latency_ms": 1.234}},
        {"address": "10.0.0.12", "port": 8080, "state": "down", "share": 0.0, "connections": 10, "open": 2,
         "health": {"state": "down", "last": "no answer within 1 s", "latency_ms": 1000.0}}]},
      {"name": "dns", "address": "2001:db8:80::53", "scheduler": "source_hash", "forwarding": "direct",
       "connections": 2, "open": 0, "without_record": 9, "refused": 0, "backends": [
        {"address": "2001:db8::13", "port": 53, "state": "draining", "share": 0.0, "connections": 2, "open": 0,
         "health": null}]}])"),
                            Style()),
            "web: 203.0.113.80, maglev, nat; 7 open, 12.3k connections, 3 refused\n"
            "  BACKEND         STATE    SHARE  OPEN  CONNECTIONS    LATENCY  CHECK\n"
            "  10.0.0.11       active  66.7 %     5          340     1.2 ms  HTTP 200\n"
            "  10.0.0.12:8080  down     0.0 %     2           10  1000.0 ms  no answer within 1 s\n"
            "\n"
            "dns: 2001:db8:80::53, source_hash, direct; 0 open, 2 connections, 9 packets by hash alone\n"
            "  BACKEND            STATE     SHARE  OPEN  CONNECTIONS  LATENCY  CHECK\n"
            "  [2001:db8::13]:53  draining  0.0 %     0            2        -  -\n");
}

TEST(FormatServices, WhereThereIsNone) {
  EXPECT_EQ(format_services({}, Style()), "the profile has no service\n");
  EXPECT_THAT(format_services(parsed(R"([{"name": "web", "backends": []}])"), Style()),
              HasSubstr("  no backend\n"));
}

TEST(FormatServices, WhatIsDownIsRed) {
  const std::string text = format_services(parsed(R"([{"name": "web", "backends": [
          {"address": "10.0.0.11", "state": "down", "health": {"state": "down", "last": "refused"}},
          {"address": "10.0.0.12", "state": "active", "health": {"state": "up", "last": "connected"}}]}])"),
                                           Style(true));
  const Style colour(true);
  EXPECT_THAT(text, HasSubstr(colour.paint("refused", Tone::kBad)));
  EXPECT_THAT(text, HasSubstr(colour.paint("connected", Tone::kGood)));
}

TEST(FormatServices, NamesCanNotSteerTheTerminal) {
  const std::string text = format_services(
      parsed(R"([{"name": "w\u001b[2Jeb", "backends": [{"address": "10.0.0.11", "state": "active",
                  "health": {"state": "up", "last": "\u001b[2J", "latency_ms": 1}}]}])"),
      Style());
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(FormatServices, SessionsOfALoadBalancer) {
  EXPECT_EQ(
      format_sessions(
          parsed(R"([{"protocol": "tcp", "client": "192.0.2.7:40001", "service": "203.0.113.80:80",
      "service_name": "web", "backend": "10.0.0.13:8080", "state": "established", "age_s": 61, "idle_s": 0.2,
      "timeout_s": 3600, "bytes": {"in": 1024, "out": 1536}, "domain": "default", "worker": 1},
      {"protocol": "udp", "client": "[2001:db8::7]:53", "service": "[2001:db8:80::53]:53", "service_name": null,
      "backend": null, "state": "open", "age_s": 1, "idle_s": 1, "bytes": {"in": 60, "out": 0}, "worker": 0}])"),
          Style()),
      "PROTOCOL  CLIENT            NAME  SERVICE               BACKEND         STATE          AGE  IDLE  "
      "      IN       OUT  WORKER\n"
      "tcp       192.0.2.7:40001   web   203.0.113.80:80       10.0.0.13:8080  established  1m01s  0.2s  "
      "1.00 KiB  1.50 KiB       1\n"
      "udp       [2001:db8::7]:53  -     [2001:db8:80::53]:53  -               open          1.0s  1.0s  "
      "    60 B       0 B       0\n");
}

}  // namespace
}  // namespace millrace::vnfctl
