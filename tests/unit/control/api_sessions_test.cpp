// SPDX-License-Identifier: BSD-3-Clause
#include <gmock/gmock.h>

#include "tests/support/control_client.h"

namespace millrace::test {
namespace {

using ::testing::HasSubstr;

class ApiSessions : public ControlTest {
 protected:
  void have(std::size_t count) {
    for (std::size_t id = 0; id < count; ++id) fake.all_sessions.push_back(boost::json::object{{"id", id}});
  }
};

TEST_F(ApiSessions, PagesCoverEverySessionOnce) {
  have(25);
  std::vector<std::int64_t> ids;
  std::string cursor;
  unsigned pages = 0;
  do {
    const auto page = get("/v1/sessions?limit=10" + (cursor.empty() ? "" : "&cursor=" + cursor)).json();
    for (const auto& session : page.at("sessions").as_array())
      ids.push_back(session.at("id").to_number<int>());
    cursor = page.at("next").is_null() ? "" : std::string(page.at("next").as_string());
    ++pages;
  } while (!cursor.empty());
  EXPECT_EQ(pages, 3U);
  ASSERT_EQ(ids.size(), 25U);
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], static_cast<std::int64_t>(i));
}

TEST_F(ApiSessions, APageHas100UnlessSaid) {
  have(150);
  EXPECT_EQ(get("/v1/sessions").json().at("sessions").as_array().size(), 100U);
}

TEST_F(ApiSessions, TheFilterReachesTheAppliance) {
  EXPECT_EQ(
      get("/v1/sessions?source=192.0.2.0%2F24&destination=198.51.100.9&port=443&protocol=tcp&interface=trust"
          "&rule=web+in")
          .status,
      200U);
  const auto& match = asked().match;
  ASSERT_TRUE(match);
  EXPECT_EQ(match->source, net::Prefix::parse("192.0.2.0/24"));
  EXPECT_EQ(match->destination, net::Prefix::parse("198.51.100.9/32"));
  EXPECT_EQ(match->port, 443);
  EXPECT_EQ(match->protocol, 6);
  EXPECT_EQ(match->interface, "trust");
  EXPECT_EQ(match->rule, "web in");
}

TEST_F(ApiSessions, BadValuesNameTheParameter) {
  for (const char* limit : {"0", "1001", "-1", "+5", "1e2", "", "10x", "99999999999999999999999"}) {
    expect_refusal(get("/v1/sessions?limit=" + std::string(limit)), "parameter", "limit");
  }
  expect_refusal(get("/v1/sessions?source=300.0.0.1"), "parameter", "source");
  expect_refusal(get("/v1/sessions?source=10.0.0.1%2F8"), "parameter", "source");
  expect_refusal(get("/v1/sessions?destination=here"), "parameter", "destination");
  expect_refusal(get("/v1/sessions?source=192.0.2.1&destination=2001:db8::1"), "parameter", "destination");
  expect_refusal(get("/v1/sessions?port=65536"), "parameter", "port");
  expect_refusal(get("/v1/sessions?protocol=tpc"), "parameter", "protocol");
  expect_refusal(get("/v1/sessions?protocol=256"), "parameter", "protocol");
  expect_refusal(get("/v1/sessions?sorce=192.0.2.1"), "parameter", "sorce");
  EXPECT_THAT(get("/v1/sessions?sorce=192.0.2.1").member("detail"), HasSubstr("did you mean source?"));
  EXPECT_EQ(asked().calls, 0U);
}

TEST_F(ApiSessions, ABadCursorIsTheAppliancesToRefuse) {
  have(3);
  expect_refusal(get("/v1/sessions?cursor=nonsense"), "parameter", "cursor");
}

TEST_F(ApiSessions, FlushEndsWhatMatches) {
  have(3);
  EXPECT_EQ(remove("/v1/sessions?protocol=udp").json(), boost::json::parse(R"({"flushed": 3})"));
  EXPECT_EQ(asked().match->protocol, 17);
}

TEST_F(ApiSessions, FlushOfEverythingMustBeSaid) {
  have(3);
  expect_refusal(remove("/v1/sessions"), "parameter", "all");
  expect_refusal(remove("/v1/sessions?all=false"), "parameter", "all");
  expect_refusal(remove("/v1/sessions?all=true&port=80"), "parameter", "all");
  expect_refusal(remove("/v1/sessions?limit=5"), "parameter", "limit");
  EXPECT_EQ(remove("/v1/sessions?all=true").member("flushed"), "3");
  EXPECT_EQ(asked().calls, 1U);
}

TEST_F(ApiSessions, ExportIsOneStreamOfThePieces) {
  fake.exported = {std::string("\0head", 5), std::string(100'000, 'x'), "tail"};
  const auto answer = get("/v1/sessions/export");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.type, "application/octet-stream");
  EXPECT_EQ(answer.body, fake.exported[0] + fake.exported[1] + fake.exported[2]);
}

TEST_F(ApiSessions, AnExportThatFailsCannotPassForAWholeOne) {
  fake.exported = {"head"};
  fake.trouble = Error{"export", "the worker is gone", ""};
  server.start();
  auto client = http::Client::unix_socket(server.socket());
  EXPECT_FALSE(client.get("/v1/sessions/export"));
}

TEST_F(ApiSessions, ImportTakesTheWholeBody) {
  const std::string stream("\x01\0\xff state", 9);
  EXPECT_EQ(post("/v1/sessions/import", stream).json(), boost::json::parse(R"({"taken": 9, "refused": 1})"));
  EXPECT_EQ(asked().imported, stream);
}

TEST_F(ApiSessions, ImportOfSomethingElseIsRefused) {
  fake.trouble = Error{"import sessions", "not a session stream", ""};
  const auto answer = post("/v1/sessions/import", "PK");
  EXPECT_EQ(answer.status, 400U);
  EXPECT_EQ(answer.member("detail"), "import sessions: not a session stream");
}

}  // namespace
}  // namespace millrace::test
