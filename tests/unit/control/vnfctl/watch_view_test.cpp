// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/watch_view.h"

#include <boost/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::vnfctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

TEST(WatchView, ALookSumsWhatItSees) {
  const Look look =
      look_at(5,
              "millrace_received_packets_total{port=\"a\"} 10\n"
              "millrace_received_packets_total{port=\"b\"} 5\n"
              "millrace_received_bytes_total 1500\n"
              "millrace_dropped_packets_total{reason=\"land\"} 2\n"
              "millrace_sessions 7\nmillrace_sessions_created_total 9\n"
              "millrace_backend_packets_total{service=\"web\",backend=\"10.0.0.11\",direction=\"in\"} 4\n"
              "millrace_backend_packets_total{service=\"web\",backend=\"10.0.0.11\",direction=\"out\"} 5\n"
              "millrace_backend_packets_total{service=\"dns\",backend=\"10.0.0.11\",direction=\"in\"} 1\n",
              boost::json::parse(R"({"workers": [{"busy_ratio": 0.5}]})"),
              boost::json::parse(R"([{"name": "web", "packets": 3}])").as_array());
  EXPECT_EQ(look.seconds, 5);
  EXPECT_EQ(look.packets, 15);
  EXPECT_EQ(look.bytes, 1500);
  EXPECT_EQ(look.sessions, 7);
  EXPECT_EQ(look.sessions_created, 9);
  EXPECT_THAT(look.drops, ElementsAre(Pair("land", 2)));
  EXPECT_THAT(look.rules, ElementsAre(Pair("web", 3)));
  EXPECT_THAT(look.backends, ElementsAre(Pair("dns 10.0.0.11", 1), Pair("web 10.0.0.11", 9)));
  EXPECT_THAT(look.busy, ElementsAre(0.5));
}

Look look_with(double seconds, double count) {
  Look look;
  look.seconds = seconds;
  look.packets = count * 10;
  look.bytes = count * 100;
  look.sessions = 42;
  look.sessions_created = count;
  look.drops = {{"a", count}, {"b", count * 3}, {"quiet", 5}};
  look.rules = {{"web", count * 2}};
  look.backends = {{"web 10.0.0.11", count * 4}, {"web 10.0.0.12", 7}};
  look.busy = {0.25};
  return look;
}

TEST(WatchView, RatesArePerSecond) {
  const Rates rates = rates_between(look_with(10, 100), look_with(12, 300));
  EXPECT_DOUBLE_EQ(rates.packets, 1000);
  EXPECT_DOUBLE_EQ(rates.bits, 80000);
  EXPECT_DOUBLE_EQ(rates.new_sessions, 100);
  EXPECT_DOUBLE_EQ(rates.sessions, 42);
  EXPECT_DOUBLE_EQ(rates.drops, 400);
  EXPECT_THAT(rates.drop_reasons, ElementsAre(Pair("b", 300), Pair("a", 100)));
  EXPECT_THAT(rates.rules, ElementsAre(Pair("web", 200)));
  EXPECT_THAT(rates.backends, ElementsAre(Pair("web 10.0.0.11", 400)));
}

TEST(WatchView, ARestartedApplianceCountsFromZero) {
  const Rates rates = rates_between(look_with(10, 1000), look_with(11, 10));
  EXPECT_DOUBLE_EQ(rates.packets, 100);
  EXPECT_THAT(rates.rules, ElementsAre(Pair("web", 20)));
}

TEST(WatchView, TheFrameSaysItAll) {
  Rates rates = rates_between(look_with(10, 100), look_with(12, 300));
  const std::string frame = format_rates(rates, "firewall fw-1: live", Style());
  EXPECT_THAT(frame, HasSubstr("firewall fw-1: live\n"));
  EXPECT_THAT(frame, HasSubstr("PACKETS/S         BITS  DROPS/S  SESSIONS  NEW SESSIONS/S\n"
                               "     1000  80.0 kbit/s      400        42             100\n"));
  EXPECT_THAT(frame, HasSubstr("worker 0   [########                      ]  25%\n"));
  EXPECT_THAT(frame, HasSubstr("b                  300\na                  100\n"));
  EXPECT_THAT(frame, HasSubstr("web         200\n"));
  EXPECT_THAT(frame, Not(HasSubstr("quiet")));
  EXPECT_THAT(frame, Not(HasSubstr("\x1b")));
  rates.drop_reasons.clear();
  EXPECT_THAT(format_rates(rates, "t", Style()), Not(HasSubstr("DROPPED FOR")));
}

TEST(WatchView, OnlyTheFirstNamesOfALongRankingAreShown) {
  Rates rates;
  for (int i = 0; i < 20; ++i) rates.rules.emplace_back("rule" + std::to_string(100 + i), 20 - i);
  const std::string frame = format_rates(rates, "t", Style());
  EXPECT_THAT(frame, HasSubstr("rule107"));
  EXPECT_THAT(frame, Not(HasSubstr("rule108")));
}

TEST(WatchView, Bars) {
  EXPECT_EQ(bar(0, 4), "[    ]");
  EXPECT_EQ(bar(0.5, 4), "[##  ]");
  EXPECT_EQ(bar(7, 4), "[####]");
  EXPECT_EQ(bar(-1, 4), "[    ]");
}

}  // namespace
}  // namespace millrace::vnfctl
