// SPDX-License-Identifier: BSD-3-Clause
#include <boost/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/control/vnfctl/formats.h"

namespace millrace::vnfctl {
namespace {

using ::testing::HasSubstr;

TEST(FormatAnomalies, EachWithItsEvidenceAndWhoIsBlocked) {
  EXPECT_EQ(
      format_anomalies(boost::json::parse(R"({"watched": true, "untold": 0, "anomalies": [
      {"kind": "port_scan", "severity": "minor", "strength": 1.24, "subject": "203.0.113.7", "since_s": 72,
       "sentence": "203.0.113.7 tried 62 ports of 1 host in 9 seconds; 0 answered."},
      {"kind": "syn_flood", "severity": "critical", "strength": 17, "subject": "192.0.2.80", "protocol": "tcp",
       "port": 443, "since_s": 5, "sentence": "192.0.2.80 gets many openings."},
      {"kind": "dns_tunnel", "severity": "major", "strength": 5, "subject": "192.0.2.9", "below": "t.example",
       "since_s": 7300, "sentence": "192.0.2.9 asked for many names."}],
      "blocks": [{"source": "203.0.113.7", "domain": "default", "kind": "port_scan", "left_s": 590}]})"),
                       Style()),
      "KIND        SEVERITY  WHO          WHAT             STRENGTH  SINCE  EVIDENCE\n"
      "port_scan   minor     203.0.113.7  -                     1.2  1m12s  203.0.113.7 tried 62 ports of 1 "
      "host in 9 seconds; 0 answered.\n"
      "syn_flood   critical  192.0.2.80   tcp/443              17.0   5.0s  192.0.2.80 gets many openings.\n"
      "dns_tunnel  major     192.0.2.9    below t.example       5.0  2h01m  192.0.2.9 asked for many names.\n"
      "\n"
      "BLOCKED      DOMAIN   FOR         LEFT\n"
      "203.0.113.7  default  port_scan  9m50s\n");
}

TEST(FormatAnomalies, WhereThereIsNone) {
  EXPECT_EQ(
      format_anomalies(boost::json::parse(R"({"watched": true, "anomalies": [], "blocks": []})"), Style()),
      "nothing is out of the usual\n");
  EXPECT_THAT(
      format_anomalies(boost::json::parse(R"({"watched": false, "anomalies": [], "blocks": []})"), Style()),
      HasSubstr("nobody is watched"));
}

TEST(FormatAnomalies, WhatIsNotMinorIsRed) {
  const Style colour(true);
  const auto of = [&](std::string severity) {
    return format_anomalies(boost::json::object{{"watched", true},
                                                {"anomalies", {boost::json::object{{"severity", severity}}}},
                                                {"blocks", boost::json::array()}},
                            colour);
  };
  EXPECT_THAT(of("minor"), HasSubstr(colour.paint("minor", Tone::kWarn)));
  EXPECT_THAT(of("major"), HasSubstr(colour.paint("major", Tone::kBad)));
}

}  // namespace
}  // namespace millrace::vnfctl
