// SPDX-License-Identifier: BSD-3-Clause
#include <boost/json.hpp>

#include <gtest/gtest.h>

#include "common/control/vnfctl/formats.h"

namespace millrace::vnfctl {
namespace {

boost::json::array array(std::string_view text) { return boost::json::parse(text).as_array(); }

TEST(FormatTables, Sessions) {
  EXPECT_EQ(format_sessions(array(R"([{"id": 1, "protocol": "tcp", "source": "192.0.2.7:40001",
      "destination": "198.51.100.9:443", "state": "established", "rule": "web-in", "age_s": 61, "idle_s": 0.2,
      "packets": {"forward": 10000, "reverse": 2345}, "bytes": {"forward": 1024, "reverse": 512}, "worker": 1}])"),
                            Style()),
            "PROTOCOL  SOURCE           DESTINATION       STATE        RULE      AGE  IDLE  PACKETS     "
            "BYTES  WORKER\n"
            "tcp       192.0.2.7:40001  198.51.100.9:443  established  web-in  1m01s  0.2s    12.3k  1.50 "
            "KiB       1\n");
  EXPECT_EQ(format_sessions({}, Style()), "no session\n");
  const std::string tagged =
      format_sessions(array(R"([{"protocol": "udp", "source": "a", "destination": "b", "state": "s"},
                {"protocol": "udp", "source": "a", "destination": "b", "state": "s", "vlan": 7},
                {"protocol": "udp", "source": "a", "destination": "b", "state": "s", "vlan": 7,
                 "outer_vlan": 100}])"),
                      Style());
  EXPECT_NE(tagged.find("DESTINATION  VLAN   STATE"), std::string::npos) << tagged;
  EXPECT_NE(tagged.find("udp       a       b                   s"), std::string::npos) << tagged;
  EXPECT_NE(tagged.find("udp       a       b            7      s"), std::string::npos) << tagged;
  EXPECT_NE(tagged.find("udp       a       b            100.7  s"), std::string::npos) << tagged;
}

TEST(FormatTables, SessionsThatHaveAnApplication) {
  const std::string text = format_sessions(
      array(
          R"([{"protocol": "tcp", "source": "a", "destination": "b", "application": "tls/youtube", "state": "s"},
      {"protocol": "udp", "source": "c", "destination": "d", "state": "s"}])"),
      Style());
  EXPECT_NE(text.find("DESTINATION  APPLICATION  STATE"), std::string::npos) << text;
  EXPECT_NE(text.find("b            tls/youtube  s"), std::string::npos) << text;
}

TEST(FormatTables, Rules) {
  EXPECT_EQ(format_rules(array(R"([
      {"name": "web-in", "action": "accept", "hits": 10, "packets": 120000, "bytes": 1572864, "open_sessions": 2, "never_hit": false, "last_hit_ago_s": 274000},
      {"name": "old", "action": "drop", "hits": 0, "packets": 0, "bytes": 0, "open_sessions": 0, "shadowed_by": "web-in", "never_hit": true, "last_hit": null},
      {"name": "new", "action": "drop", "hits": 0, "packets": 0, "bytes": 0, "open_sessions": 0, "shadowed_by": null, "never_hit": true}])"),
                         Style()),
            "#  RULE    ACTION  HITS  PACKETS     BYTES  SESSIONS   LAST HIT  REMARK\n"
            "1  web-in  accept    10     120k  1.50 MiB         2  3d04h ago\n"
            "2  old     drop       0        0       0 B         0          -  shadowed by web-in\n"
            "3  new     drop       0        0       0 B         0          -  never hit\n");
}

TEST(FormatTables, Stages) {
  EXPECT_EQ(format_stages(
                array(R"([{"stage": "find_session", "packets": 1500, "drops": 0, "cycles_per_packet": 41.25},
      {"stage": "inspect", "packets": 0, "drops": 0, "cycles_per_packet": 0}])"),
                Style()),
            "STAGE         PACKETS  DROPS  CYCLES/PACKET\n"
            "find_session     1500      0           41.2\n"
            "inspect             0      0              -\n");
}

TEST(FormatTables, MetersAndTrafficRules) {
  const auto report = boost::json::parse(R"({"policers": {"gold": {"green": {"packets": 1500, "bytes": 1536},
      "yellow": {"packets": 0, "bytes": 0}, "red": {"packets": 3, "bytes": 300}}},
      "rules": {"voice": {"packets": 20, "bytes": 2048}}})");
  EXPECT_EQ(format_qos(report.as_object(), Style()),
            "POLICER          CONFORM   EXCEED    VIOLATE\n"
            "gold     1500 / 1.50 KiB  0 / 0 B  3 / 300 B\n"
            "\n"
            "RULE   PACKETS     BYTES\n"
            "voice       20  2.00 KiB\n");
  const auto none = boost::json::parse(R"({"policers": {}, "rules": {}})");
  EXPECT_EQ(format_qos(none.as_object(), Style()), "the profile has no `qos` rules\n");
}

TEST(FormatTables, DropsAreSortedAndQuietReasonsLeftOut) {
  EXPECT_EQ(format_drops({{"land", 3, "Source and destination are the same."},
                          {"no_route", 12, ""},
                          {"quiet", 0, "Nothing."},
                          {"a_tie", 3, "Same."}},
                         Style()),
            "PACKETS  REASON    WHAT HAPPENED\n"
            "     12  no_route\n"
            "      3  a_tie     Same.\n"
            "      3  land      Source and destination are the same.\n");
  EXPECT_EQ(format_drops({{"quiet", 0, ""}}, Style()), "no packet was dropped\n");
}

}  // namespace
}  // namespace millrace::vnfctl
