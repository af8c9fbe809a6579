// SPDX-License-Identifier: BSD-3-Clause
#include "common/http/message.h"

#include <boost/json.hpp>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::http {
namespace {

TEST(Headers, AreFoundWhateverTheirCase) {
  Headers headers;
  headers.add("Content-Type", "text/plain");
  headers.add("X-Tag", "a");
  headers.add("x-tag", "b");
  EXPECT_EQ(headers.get("content-TYPE"), "text/plain");
  EXPECT_THAT(headers.all("X-TAG"), ::testing::ElementsAre("a", "b"));
  headers.set("X-tag", "c");
  EXPECT_THAT(headers.all("X-TAG"), ::testing::ElementsAre("c"));
  EXPECT_EQ(headers.find("X-Ta"), nullptr);
  EXPECT_EQ(headers.size(), 2U);
}

TEST(Problem, HasTheMembersOfRfc9457) {
  const Response response =
      problem(409, "Conflict", "a \"quoted\" reason", {{"errors", boost::json::array{1, 2}}});
  EXPECT_EQ(response.status, 409U);
  EXPECT_EQ(response.headers.get("content-type"), "application/problem+json");
  const auto body = boost::json::parse(response.body).as_object();
  EXPECT_EQ(body.at("title").as_string(), "Conflict");
  EXPECT_EQ(body.at("status").to_number<int>(), 409);
  EXPECT_EQ(body.at("detail").as_string(), "a \"quoted\" reason");
  EXPECT_EQ(body.at("errors").as_array().size(), 2U);
}

TEST(Json, SaysWhereItStopsBeingJson) {
  EXPECT_EQ(parse_json(R"({"a": [1, 2]})")->at("a").as_array().size(), 2U);
  EXPECT_TRUE(parse_json(" 7 \n"));
  const auto broken = parse_json(R"({"a": 1,, })");
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message(), ::testing::HasSubstr("at byte 8"));
  for (const char* bad : {"", "{", "[1] x", "{\"a\":}", "nul"}) EXPECT_FALSE(parse_json(bad)) << bad;
  EXPECT_FALSE(parse_json(std::string(100'000, '['))) << "nesting is bounded";
}

TEST(Reply, CountsTheFirstAnswerAndFallsBackWithTheLastCopy) {
  std::vector<int> answers;
  {
    const Reply<int> reply([&](int answer) { answers.push_back(answer); }, -1);
    const Reply<int> copy = reply;
    copy(7);
    reply(8);
  }
  EXPECT_THAT(answers, ::testing::ElementsAre(7));
  {
    const Reply<int> reply([&](int answer) { answers.push_back(answer); }, -1);
    { const Reply<int> copy = reply; }
    EXPECT_EQ(answers.size(), 1U) << "a copy is still there";
  }
  EXPECT_THAT(answers, ::testing::ElementsAre(7, -1));
}

TEST(Reply, IsGivenOnceByManyThreads) {
  std::atomic<int> answers = 0;
  const Reply<int> reply([&](int) { ++answers; }, -1);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([reply, i] { reply(i); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(answers, 1);
}

}  // namespace
}  // namespace millrace::http
