// SPDX-License-Identifier: BSD-3-Clause
#include <gmock/gmock.h>

#include "tests/support/control_client.h"

namespace millrace::test {
namespace {

using ::testing::HasSubstr;

class ApiServices : public ControlTest {
 protected:
  ApiServices() {
    fake.listings["services"] = boost::json::parse(R"([
      {"name": "web", "address": "203.0.113.80", "backends": [{"address": "10.0.0.13", "state": "active"}]},
      {"name": "mail/in", "address": "203.0.113.25", "backends": []}])");
    fake.backends = {{"web", {"10.0.0.13", "2001:db8::13"}}, {"mail/in", {}}};
  }
  // The location of a call's answer.
  std::string location(http::Method method, const std::string& target) {
    auto client = http::Client::unix_socket(server.socket());
    const auto response = client.request({.method = method, .target = target, .headers = {}, .body = {}});
    return response ? std::string(response->headers.get("Location")) : "";
  }
};

TEST_F(ApiServices, AllOfThemAndOne) {
  const auto all = get("/v1/services");
  EXPECT_EQ(all.status, 200U);
  EXPECT_EQ(all.json(), fake.listings["services"]);
  const auto one = get("/v1/services/mail%2Fin");
  EXPECT_EQ(one.status, 200U);
  EXPECT_EQ(one.member("address"), "203.0.113.25");
  const auto none = get("/v1/services/wep");
  EXPECT_EQ(none.status, 404U);
  EXPECT_THAT(none.member("detail"), HasSubstr("there is no service 'wep'"));
  expect_refusal(get("/v1/services?name=web"), "parameter", "name");
  expect_refusal(get("/v1/services/web?x=1"), "parameter", "x");
}

TEST_F(ApiServices, ABackendIsAddedAsItIs) {
  const auto answer = put("/v1/services/web/backends/10.0.0.14", "");
  EXPECT_EQ(answer.status, 202U);
  EXPECT_EQ(
      answer.json(),
      boost::json::parse(R"({"service": "web", "address": "10.0.0.14", "port": null, "removed": false})"));
  EXPECT_EQ(location(http::Method::kPut, "/v1/services/mail%2Fin/backends/10.0.0.14"),
            "/v1/services/mail%2Fin");
  const auto& change = asked().backend;
  ASSERT_TRUE(change);
  EXPECT_EQ(change->service, "mail/in");
  EXPECT_EQ(change->address, *net::IpAddress::parse("10.0.0.14"));
  EXPECT_EQ(change->port, 0);
  EXPECT_FALSE(change->remove);
  EXPECT_FALSE(change->weight);
  EXPECT_FALSE(change->draining);
}

TEST_F(ApiServices, AWeightAndADrain) {
  const auto answer =
      put("/v1/services/web/backends/10.0.0.13:8080", R"({"weight": 1000, "draining": true})");
  EXPECT_EQ(answer.status, 202U);
  EXPECT_EQ(answer.json(),
            boost::json::parse(R"({"service": "web", "address": "10.0.0.13", "port": 8080, "removed": false,
                                   "weight": 1000, "draining": true})"));
  const auto& change = asked().backend;
  ASSERT_TRUE(change);
  EXPECT_EQ(change->port, 8080);
  EXPECT_EQ(change->weight, 1000U);
  EXPECT_EQ(change->draining, true);
}

TEST_F(ApiServices, EveryWayToWriteABackend) {
  const auto ends = [this](const std::string& backend) {
    if (put("/v1/services/web/backends/" + backend, "{}").status != 202U) return std::string("refused");
    std::string read;
    server.run([&] {
      read = fake.asked.backend->address.to_string() + " " + std::to_string(fake.asked.backend->port);
    });
    return read;
  };
  EXPECT_EQ(ends("10.0.0.13"), "10.0.0.13 0");
  EXPECT_EQ(ends("10.0.0.13:65535"), "10.0.0.13 65535");
  EXPECT_EQ(ends("2001:db8::13"), "2001:db8::13 0");
  EXPECT_EQ(ends("%5B2001:db8::13%5D"), "2001:db8::13 0");
  EXPECT_EQ(ends("[2001:db8::13]:8080"), "2001:db8::13 8080");
  EXPECT_EQ(ends("%5B2001%3Adb8%3A%3A13%5D%3A8080"), "2001:db8::13 8080");
}

TEST_F(ApiServices, WhatIsNoBackend) {
  for (const char* backend : {"10.0.0", "10.0.0.13:", "10.0.0.13:0", "10.0.0.13:65536", "10.0.0.13:80x",
                              "10.0.0.13:+80", "10.0.0.13/32", "[2001:db8::13", "[2001:db8::13]8080",
                              "[2001:db8::13]:", "[10.0.0.13]:80", "[]:80", "web1", "2001:db8::13%25eth0"}) {
    const std::string escaped = std::string(backend) == "10.0.0.13/32" ? "10.0.0.13%2F32" : backend;
    expect_refusal(put("/v1/services/web/backends/" + escaped, ""), "parameter", "backend");
  }
  EXPECT_EQ(asked().calls, 0U);
}

TEST_F(ApiServices, ABadBodyChangesNothing) {
  const auto refused = [this](const std::string& body, std::string_view member) {
    expect_refusal(put("/v1/services/web/backends/10.0.0.13", body), "member", member);
  };
  refused(R"({"weight": -1})", "weight");
  refused(R"({"weight": 1001})", "weight");
  refused(R"({"weight": 1.5})", "weight");
  refused(R"({"weight": "1"})", "weight");
  refused(R"({"weight": 5, "draining": "yes"})", "draining");
  refused(R"({"drain": true})", "drain");
  EXPECT_EQ(put("/v1/services/web/backends/10.0.0.13", "[]").status, 400U);
  EXPECT_EQ(put("/v1/services/web/backends/10.0.0.13", "{").status, 400U);
  EXPECT_EQ(call(http::Method::kDelete, "/v1/services/web/backends/10.0.0.13", "{}").status, 400U);
  expect_refusal(put("/v1/services/web/backends/10.0.0.13?weight=5", ""), "parameter", "weight");
  EXPECT_EQ(asked().calls, 0U);
}

TEST_F(ApiServices, ABackendIsTakenAway) {
  const auto answer = remove("/v1/services/web/backends/2001:db8::13");
  EXPECT_EQ(answer.status, 202U);
  EXPECT_EQ(answer.member("removed"), "true");
  EXPECT_TRUE(asked().backend->remove);
}

TEST_F(ApiServices, UnknownOnesAreNotFound) {
  for (const auto& answer : {remove("/v1/services/wep/backends/10.0.0.13"),
                             put("/v1/services/wep/backends/10.0.0.13", R"({"weight": 2})")}) {
    EXPECT_EQ(answer.status, 404U);
    EXPECT_THAT(answer.member("detail"), HasSubstr("there is no service of that name"));
  }
  const auto backend = remove("/v1/services/web/backends/10.0.0.99");
  EXPECT_EQ(backend.status, 404U);
  EXPECT_THAT(backend.member("detail"), HasSubstr("no such backend"));
}

TEST_F(ApiServices, WhatTheApplianceFindsWrongIsNamed) {
  fake.trouble = Error{"add a backend", "its address is of another family", "backend"};
  expect_refusal(put("/v1/services/web/backends/2001:db8::14", ""), "parameter", "backend");
}

TEST_F(ApiServices, AnApplianceWithoutServicesSaysSo) {
  fake.listings.erase("services");
  fake.backends.clear();
  for (const auto& answer :
       {get("/v1/services"), get("/v1/services/web"), put("/v1/services/web/backends/10.0.0.13", ""),
        remove("/v1/services/web/backends/10.0.0.13")}) {
    EXPECT_EQ(answer.status, 404U);
    EXPECT_THAT(answer.member("detail"), HasSubstr("the firewall has no services"));
  }
}

}  // namespace
}  // namespace millrace::test
