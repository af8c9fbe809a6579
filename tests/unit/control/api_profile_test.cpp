// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/control_client.h"

namespace millrace::test {
namespace {

class ApiProfile : public ControlTest {};

TEST_F(ApiProfile, IsGivenAsItWasWritten) {
  fake.profile = "# mine\nvnf: firewall\n";
  const auto answer = get("/v1/profile");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.type, "application/yaml");
  EXPECT_EQ(answer.text(), "# mine\nvnf: firewall\n");
}

TEST_F(ApiProfile, AppliesAndSaysWhatItCost) {
  fake.outcome.notes = {"rule old is shadowed by web-in"};
  fake.outcome.needs_restart = {"dataplane.memory"};
  const auto answer = put("/v1/profile?file=fw.yaml", "vnf: firewall\nname: b\n");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.json(), boost::json::parse(R"({"applied": true, "generation": 8, "compile_ms": 1.5,
    "notes": ["rule old is shadowed by web-in"], "needs_restart": ["dataplane.memory"]})"));
  EXPECT_EQ(asked().profile, "vnf: firewall\nname: b\n");
  EXPECT_EQ(asked().file, "fw.yaml");
  EXPECT_FALSE(asked().check_only);
}

TEST_F(ApiProfile, CheckOnlyChecks) {
  EXPECT_EQ(put("/v1/profile?check=true", "vnf: firewall\n").member("applied"), "false");
  EXPECT_TRUE(asked().check_only);
  EXPECT_EQ(asked().file, "profile");
}

TEST_F(ApiProfile, EveryErrorIsReportedWithItsPlace) {
  fake.outcome = control::ProfileOutcome();
  fake.outcome.diagnostics = control::Diagnostics("fw.yaml");
  fake.outcome.diagnostics.error({3, 7}, "burst: 0 is out of range");
  fake.outcome.diagnostics.error("web.rules", {1, 1}, "not a rule");
  fake.outcome.diagnostics.error({}, "no ports");
  const auto answer = put("/v1/profile?file=fw.yaml", "x");
  EXPECT_EQ(answer.status, 400U);
  EXPECT_EQ(answer.type, "application/problem+json");
  EXPECT_EQ(answer.json().at("errors"), boost::json::parse(R"([
    {"file": "fw.yaml", "line": 3, "column": 7, "message": "burst: 0 is out of range"},
    {"file": "web.rules", "line": 1, "column": 1, "message": "not a rule"},
    {"file": "fw.yaml", "message": "no ports"}])"));
}

TEST_F(ApiProfile, TroubleOutsideTheTextIsAConflict) {
  fake.outcome = control::ProfileOutcome();
  fake.outcome.error = Error{"open port outside", "the device is gone", ""};
  const auto answer = put("/v1/profile", "x");
  EXPECT_EQ(answer.status, 409U);
  EXPECT_EQ(answer.member("detail"), "open port outside: the device is gone");
}

TEST_F(ApiProfile, RefusesBadParameters) {
  expect_refusal(put("/v1/profile?check=maybe", "x"), "parameter", "check");
  expect_refusal(put("/v1/profile?file=" + std::string(256, 'x'), "x"), "parameter", "file");
  expect_refusal(put("/v1/profile?dry_run=true", "x"), "parameter", "dry_run");
  EXPECT_EQ(asked().calls, 0U);
}

}  // namespace
}  // namespace millrace::test
