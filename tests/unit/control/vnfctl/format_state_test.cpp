// SPDX-License-Identifier: BSD-3-Clause
#include <boost/json.hpp>

#include <gtest/gtest.h>

#include "common/control/vnfctl/formats.h"

namespace millrace::vnfctl {
namespace {

TEST(FormatState, Health) {
  EXPECT_EQ(
      format_health(boost::json::parse(R"({"live": true, "ready": false, "reasons": ["port outside is down"],
      "workers": [{"id": 0, "cpu": 2, "alive": true, "busy_ratio": 0.25, "backlog": 3},
                  {"id": 1, "cpu": -1, "alive": false, "busy_ratio": 1, "backlog": 0}],
      "ports": [{"name": "inside", "driver": "net_tap", "link_up": true, "speed_mbps": 10000,
                 "offloads": ["large receive", "symmetric RSS"]},
                {"name": "out", "driver": "net_memif", "link_up": false, "speed_mbps": 0}],
      "uptime_ms": 3723000, "policy_generation": 7})"),
                    Style()),
      "live, not ready, up 1h02m, policy generation 7\n"
      "  port outside is down\n"
      "\n"
      "WORKER  CPU  STATE    BUSY  BACKLOG\n"
      "     0    2  alive     25%        3\n"
      "     1    -  stalled  100%        0\n"
      "\n"
      "PORT    LINK        SPEED  DRIVER     OFFLOADS\n"
      "inside  up    10.0 Gbit/s  net_tap    large receive, symmetric RSS\n"
      "out     down            -  net_memif  -\n");
}

TEST(FormatState, HealthOfAnUnknownKindStillShows) {
  EXPECT_EQ(format_health(boost::json::parse("{}"), Style()),
            "not live, not ready, up 0.0s, policy generation -\n");
}

TEST(FormatState, Drain) {
  EXPECT_EQ(
      format_drain(boost::json::parse(R"({"draining": true, "sessions_left": 12345, "since_ms": 90000})"),
                   Style()),
      "draining for 1m30s, 12.3k sessions left\n");
  EXPECT_EQ(
      format_drain(boost::json::parse(R"({"draining": false, "sessions_left": 3, "since_ms": 0})"), Style()),
      "not draining, 3 sessions\n");
}

TEST(FormatState, ProfileOutcome) {
  EXPECT_EQ(
      format_profile_outcome(boost::json::parse(R"({"applied": true, "generation": 8, "compile_ms": 12.34,
      "notes": ["rule old is never reached"], "needs_restart": ["dataplane.memory"]})"),
                             Style()),
      "applied: generation 8, compiled in 12.3 ms\n"
      "restart: dataplane.memory takes effect at the next start\n"
      "note: rule old is never reached\n");
  EXPECT_EQ(format_profile_outcome(boost::json::parse(R"({"applied": false, "compile_ms": 2})"), Style()),
            "valid: compiled in 2.0 ms; not applied\n");
}

}  // namespace
}  // namespace millrace::vnfctl
