// SPDX-License-Identifier: BSD-3-Clause
#include <gmock/gmock.h>

#include "tests/support/control_client.h"

namespace millrace::test {
namespace {

class ApiInspect : public ControlTest {};

constexpr const char* kPacket =
    R"({"source": "192.0.2.7", "destination": "198.51.100.9", "protocol": "tcp", "destination_port": 80})";

TEST_F(ApiInspect, ExplainPassesThePacketOnAndTheExplanationBack) {
  fake.explanation = {{"verdict", "accept"}, {"rule", "web-in"}};
  const auto answer = post("/v1/explain", kPacket);
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.json(), boost::json::parse(R"({"verdict": "accept", "rule": "web-in"})"));
  EXPECT_EQ(asked().packet, boost::json::parse(kPacket).as_object());
}

TEST_F(ApiInspect, ExplainRefusesBeforeTheApplianceIsAsked) {
  expect_refusal(post("/v1/explain", R"({"destination": "198.51.100.9", "protocol": "esp"})"), "member",
                 "source");
  expect_refusal(post("/v1/explain?check=true", kPacket), "parameter", "check");
  EXPECT_EQ(post("/v1/explain", "").status, 400U);
  EXPECT_EQ(asked().calls, 0U);
}

TEST_F(ApiInspect, WhatTheApplianceFindsWrongIsNamedToo) {
  fake.trouble = Error{"explain", "no interface of that name", "interface"};
  expect_refusal(post("/v1/explain", kPacket), "member", "interface");
}

TEST_F(ApiInspect, TraceWaitsForThePackets) {
  fake.traced = boost::json::parse(R"([{"packet": 0, "worker": 1, "events": []}])").as_array();
  const auto answer = post(
      "/v1/trace", R"({"match": {"source": "192.0.2.0/24", "port": 53}, "packets": 3, "timeout_ms": 250})");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.json(), boost::json::parse(R"({"packets": [{"packet": 0, "worker": 1, "events": []}]})"));
  EXPECT_EQ(asked().match->source, net::Prefix::parse("192.0.2.0/24"));
  EXPECT_EQ(asked().match->port, 53);
  EXPECT_EQ(asked().packets, 3U);
  EXPECT_EQ(asked().timeout_ms, 250U);
}

TEST_F(ApiInspect, TheServerAnswersOthersWhileATraceWaits) {
  std::function<void()> held;
  server.start();
  server.run([&] { fake.later = [&held](std::function<void()> answer) { held = std::move(answer); }; });
  auto waiting = http::Client::unix_socket(server.socket());
  std::thread tracer([&waiting] {
    const auto answer =
        waiting.request({.method = http::Method::kPost, .target = "/v1/trace", .headers = {}, .body = "{}"});
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->status, 200U);
  });
  auto other = http::Client::unix_socket(server.socket());
  bool asked_already = false;
  while (!asked_already) {
    const auto health = other.get("/v1/health");
    ASSERT_TRUE(health);
    EXPECT_EQ(health->status, 200U);
    server.run([&] { asked_already = static_cast<bool>(held); });
  }
  server.run([&] { held(); });
  tracer.join();
}

TEST_F(ApiInspect, TraceHasBounds) {
  expect_refusal(post("/v1/trace", R"({"packets": 0})"), "member", "packets");
  expect_refusal(post("/v1/trace", R"({"packets": 1001})"), "member", "packets");
  expect_refusal(post("/v1/trace", R"({"timeout_ms": 600001})"), "member", "timeout_ms");
  expect_refusal(post("/v1/trace", R"({"timeout": 5})"), "member", "timeout");
  expect_refusal(post("/v1/trace", R"({"match": []})"), "member", "match");
  expect_refusal(post("/v1/trace", R"({"match": {"sport": 1}})"), "member", "match.sport");
  expect_refusal(post("/v1/trace", R"({"match": {"rule": "web-in"}})"), "member", "match.rule");
  expect_refusal(post("/v1/trace", R"({"match": {"port": "80"}})"), "member", "match.port");
  EXPECT_EQ(asked().calls, 0U);
}

TEST_F(ApiInspect, OneTraceAtATimeIsAConflict) {
  fake.trouble = Error{"trace", "another trace is running", ""};
  EXPECT_EQ(post("/v1/trace", "{}").status, 409U);
  EXPECT_EQ(post("/v1/capture", "{}").status, 409U);
}

TEST_F(ApiInspect, CaptureIsAFile) {
  fake.captured = std::string("\x0a\x0d\x0d\x0a\0\xff", 6);
  const auto answer = post("/v1/capture", R"({"match": {"protocol": 17}, "packets": 7, "timeout_ms": 9,
    "snap_length": 128})");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.type, "application/x-pcapng");
  EXPECT_EQ(answer.body, fake.captured);
  EXPECT_EQ(asked().match->protocol, 17);
  EXPECT_EQ(asked().packets, 7U);
  EXPECT_EQ(asked().timeout_ms, 9U);
  EXPECT_EQ(asked().snap_length, 128U);
}

TEST_F(ApiInspect, CaptureIsBoundedInMemory) {
  EXPECT_EQ(post("/v1/capture", R"({"packets": 1024, "snap_length": 65535})").status, 200U);
  expect_refusal(post("/v1/capture", R"({"packets": 1025, "snap_length": 65535})"), "member", "packets");
  expect_refusal(post("/v1/capture", R"({"packets": 10001})"), "member", "packets");
  expect_refusal(post("/v1/capture", R"({"snap_length": 63})"), "member", "snap_length");
}

}  // namespace
}  // namespace millrace::test
