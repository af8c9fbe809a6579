// SPDX-License-Identifier: BSD-3-Clause
#include <boost/json.hpp>

#include <gtest/gtest.h>

#include "common/control/vnfctl/formats.h"

namespace millrace::vnfctl {
namespace {

TEST(FormatTrace, AWayThroughAndADrop) {
  const auto packets = boost::json::parse(R"([
    {"packet": 0, "worker": 1, "events": [
      {"stage": "ingress", "verdict": "passed", "summary": "tcp 192.0.2.7:1 > 198.51.100.9:80 syn", "nanoseconds": 1000},
      {"stage": "match_rules", "verdict": "passed", "summary": "tcp 192.0.2.7:1 > 198.51.100.9:80 syn", "nanoseconds": 1350}]},
    {"packet": 1, "worker": 0, "events": [
      {"stage": "ingress", "verdict": "dropped", "reason": "land", "sentence": "It claims to come from where it goes.",
       "summary": "tcp 192.0.2.7:1 > 192.0.2.7:1 syn", "nanoseconds": 5}]},
    {"packet": 2, "worker": 0, "events": [
      {"stage": "ingress", "verdict": "to_host", "summary": "arp", "nanoseconds": 7}]}])");
  EXPECT_EQ(format_trace(packets.as_array(), Style()),
            "packet 1 on worker 1\n"
            "  STAGE          TIME  VERDICT  PACKET\n"
            "  ingress        0 ns  passed   tcp 192.0.2.7:1 > 198.51.100.9:80 syn\n"
            "  match_rules  350 ns  passed   \"\n"
            "\n"
            "packet 2 on worker 0\n"
            "  STAGE    TIME  VERDICT        PACKET\n"
            "  ingress  0 ns  dropped: land  tcp 192.0.2.7:1 > 192.0.2.7:1 syn\n"
            "  It claims to come from where it goes.\n"
            "\n"
            "packet 3 on worker 0\n"
            "  STAGE    TIME  VERDICT      PACKET\n"
            "  ingress  0 ns  to the host  arp\n");
  EXPECT_EQ(format_trace({}, Style()), "no packet matched in time\n");
}

TEST(FormatTrace, AnExplanationStartsWithTheVerdict) {
  EXPECT_EQ(
      format_explanation(boost::json::parse(R"({"interface": "untrust", "verdict": "accept", "rule": "web-in",
      "binding": null, "earlier": [{"rule": "bad", "why_not": "source is not in @bad"}, {"rule": "x", "why_not": "no"}],
      "zones": {"from": "internet", "to": "inside"}, "notes": ["one", "two"]})"),
                         Style()),
      "accept\n"
      "interface: untrust\n"
      "rule: web-in\n"
      "earlier:\n"
      "  - rule: bad\n"
      "    why_not: source is not in @bad\n"
      "  - rule: x\n"
      "    why_not: no\n"
      "zones:\n"
      "  from: internet\n"
      "  to: inside\n"
      "notes:\n"
      "  - one\n"
      "  - two\n");
}

TEST(FormatExplanation, BeginsWithTheSummaryAndLeavesOutWhatIsEmpty) {
  EXPECT_EQ(format_explanation(boost::json::parse(R"({"limits": {}, "rules": [], "route": null,
      "verdict": {"action": "drop", "rule": "bad"}, "summary": "dropped by rule bad"})"),
                               Style()),
            "dropped by rule bad\n"
            "verdict:\n"
            "  action: drop\n"
            "  rule: bad\n");
}

}  // namespace
}  // namespace millrace::vnfctl
