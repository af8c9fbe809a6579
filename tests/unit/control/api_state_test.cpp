// SPDX-License-Identifier: BSD-3-Clause
#include <gmock/gmock.h>

#include "tests/support/control_client.h"

namespace millrace::test {
namespace {

using ::testing::HasSubstr;

class ApiState : public ControlTest {};

TEST_F(ApiState, IndexNamesTheApplianceAndLinksThatLeadSomewhere) {
  const auto index = get("/v1");
  ASSERT_EQ(index.status, 200U);
  EXPECT_EQ(index.member("vnf"), "firewall");
  EXPECT_EQ(index.member("name"), "fw-test");
  EXPECT_EQ(index.member("version"), "1.2.3");
  const auto document = index.json();
  const auto& links = document.at("links").as_object();
  EXPECT_EQ(links.at("rules").as_string(), "/v1/firewall/rules");
  for (const auto& link : links) {
    // OPTIONS is answered for every path that exists, and for no other.
    EXPECT_EQ(call(http::Method::kOptions, std::string(link.value().as_string())).status, 204U) << link.key();
  }
}

TEST_F(ApiState, VersionIsSaid) { EXPECT_EQ(get("/v1/version").member("version"), "1.2.3"); }

TEST_F(ApiState, HealthSaysWhatTheApplianceSays) {
  const auto answer = get("/v1/health");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.type, "application/json");
  EXPECT_EQ(answer.json(), boost::json::parse(R"({
    "live": true, "ready": true, "reasons": [],
    "workers": [{"id": 0, "cpu": 2, "alive": true, "heartbeat": 17, "busy_ratio": 0.25, "backlog": 3},
                {"id": 1, "cpu": -1, "alive": true, "heartbeat": 18, "busy_ratio": 0.5, "backlog": 0}],
    "ports": [{"name": "inside", "driver": "net_af_packet", "link_up": true, "speed_mbps": 10000,
               "offloads": []},
              {"name": "outside", "driver": "net_tap", "link_up": false, "speed_mbps": 0,
               "offloads": ["receive IPv4 checksum"]}],
    "uptime_ms": 3723000, "policy_generation": 7})"));
}

TEST_F(ApiState, NotReadyIsStillLive) {
  fake.state.ready = false;
  fake.state.reasons = {"port outside is down"};
  EXPECT_EQ(get("/v1/health").status, 200U);
  EXPECT_EQ(get("/v1/health?ready=false").status, 200U);
  const auto answer = get("/v1/health?ready=true");
  EXPECT_EQ(answer.status, 503U);
  EXPECT_EQ(answer.json().at("reasons").at(0).as_string(), "port outside is down");
}

TEST_F(ApiState, NotLiveIs503EvenWhenReadinessIsNotAsked) {
  fake.state.live = false;
  EXPECT_EQ(get("/v1/health").status, 503U);
  EXPECT_EQ(get("/v1/health?ready=true").status, 503U);
}

TEST_F(ApiState, HealthRefusesWhatItDoesNotKnow) {
  expect_refusal(get("/v1/health?ready=yes"), "parameter", "ready");
  expect_refusal(get("/v1/health?raedy=true"), "parameter", "raedy");
  expect_refusal(get("/v1/health?ready=true&ready=true"), "parameter", "ready");
}

TEST_F(ApiState, MetricsAreInTheTextFormat) {
  const auto answer = get("/v1/metrics");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(answer.text(), HasSubstr("millrace_sessions{vnf=\"firewall\",name=\"fw-test\"} 2\n"));
  expect_refusal(get("/v1/metrics?format=json"), "parameter", "format");
}

TEST_F(ApiState, WorkersAreCountedAndChanged) {
  EXPECT_EQ(get("/v1/workers").member("count"), "2");
  const auto changed = put("/v1/workers", R"({"count": 4})");
  EXPECT_EQ(changed.status, 200U);
  EXPECT_EQ(changed.member("count"), "4");
  EXPECT_EQ(get("/v1/workers").json().at("workers").as_array().size(), 2U);  // as the fake's health has it
}

TEST_F(ApiState, WorkersRefusesBadBodies) {
  expect_refusal(put("/v1/workers", R"({"count": 0})"), "member", "count");
  expect_refusal(put("/v1/workers", R"({"count": 129})"), "member", "count");
  expect_refusal(put("/v1/workers", R"({"count": -1})"), "member", "count");
  expect_refusal(put("/v1/workers", R"({"count": 1.5})"), "member", "count");
  expect_refusal(put("/v1/workers", R"({"count": "2"})"), "member", "count");
  expect_refusal(put("/v1/workers", R"({})"), "member", "count");
  expect_refusal(put("/v1/workers", R"({"count": 2, "cpu": 3})"), "member", "cpu");
  EXPECT_EQ(put("/v1/workers", "[2]").status, 400U);
  EXPECT_THAT(put("/v1/workers", "{\"count\": ").member("detail"), HasSubstr("at byte"));
  EXPECT_EQ(asked().calls, 0U);
}

TEST_F(ApiState, WorkersThatCannotBeHadAreAConflict) {
  fake.trouble = Error{"start worker 3", "no CPU is left", ""};
  const auto answer = put("/v1/workers", R"({"count": 4})");
  EXPECT_EQ(answer.status, 409U);
  EXPECT_EQ(answer.member("detail"), "start worker 3: no CPU is left");
}

TEST_F(ApiState, DrainBeginsAndEnds) {
  fake.drain = {.draining = false, .sessions_left = 5, .since_ms = 40};
  EXPECT_EQ(get("/v1/drain").member("draining"), "false");
  EXPECT_EQ(post("/v1/drain").json(),
            boost::json::parse(R"({"draining": true, "sessions_left": 5, "since_ms": 40})"));
  EXPECT_EQ(get("/v1/drain").member("draining"), "true");
  EXPECT_EQ(remove("/v1/drain").member("draining"), "false");
}

TEST_F(ApiState, ListingsOfItsOwn) {
  const auto rules = get("/v1/firewall/rules");
  EXPECT_EQ(rules.status, 200U);
  EXPECT_EQ(rules.json().at(0).at("name").as_string(), "web-in");
  const auto unknown = get("/v1/firewall/pools");
  EXPECT_EQ(unknown.status, 404U);
  EXPECT_THAT(unknown.member("detail"), HasSubstr("drops, rules, stages"));
  EXPECT_EQ(get("/v1/nat/pools").status, 404U);
}

TEST_F(ApiState, EntriesOfItsOwnAreTakenAway) {
  fake.blocked = {"203.0.113.7", "2001:db8::/64"};
  const auto gone = remove("/v1/firewall/blocks/2001:db8::%2F64");
  EXPECT_EQ(gone.status, 200U);
  EXPECT_EQ(gone.member("removed"), "2001:db8::/64");
  EXPECT_EQ(fake.blocked.size(), 1U);
  const auto again = remove("/v1/firewall/blocks/2001:db8::%2F64");
  EXPECT_EQ(again.status, 404U);
  EXPECT_THAT(again.member("detail"), HasSubstr("it is not blocked"));
  expect_refusal(remove("/v1/firewall/blocks/nobody"), "parameter", "name");
  expect_refusal(remove("/v1/firewall/blocks/203.0.113.7?soon=1"), "parameter", "soon");
  EXPECT_EQ(remove("/v1/firewall/rules/web-in").status, 404U);
  EXPECT_EQ(fake.blocked.size(), 1U);
}

TEST_F(ApiState, WrongMethodsSayWhichAreRight) {
  EXPECT_EQ(post("/v1/health").status, 405U);
  EXPECT_EQ(remove("/v1/profile").status, 405U);
  EXPECT_EQ(get("/v1/explain").status, 405U);
  EXPECT_EQ(get("/v2").status, 404U);
}

}  // namespace
}  // namespace millrace::test
