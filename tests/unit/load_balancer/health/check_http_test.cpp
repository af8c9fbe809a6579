// SPDX-License-Identifier: BSD-3-Clause
#include <gmock/gmock.h>

#include "tests/support/scripted_server.h"
#include "tests/unit/load_balancer/health/one_check.h"

namespace millrace::load_balancer::health::test {
namespace {

using namespace std::chrono_literals;
using millrace::test::Saying;
using millrace::test::ScriptedServer;

ScriptedServer::Script says(Saying saying) {
  return [saying](std::size_t) { return saying; };
}

std::string answer_with(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

class HttpCheckTest : public OneCheck {
 protected:
  std::string text_from(Saying saying, const HttpCheck& http = {}) {
    ScriptedServer server(io_, says(std::move(saying)));
    last_ = check(target_at(server.port(), http));
    return last_.last.text;
  }
  Status last_;
};

TEST_F(HttpCheckTest, AsksAsTheOperatorWrote) {
  for (const char* address : {"127.0.0.1", "::1"}) {
    ScriptedServer server(io_, says({"HTTP/1.1 204 No Content\r\n\r\n"}), {}, address);
    Target target = target_at(server.port(), HttpCheck{.path = "/healthz?full=1"}, address);
    EXPECT_EQ(text_of(target), "HTTP 204");
    const std::string host = address[0] == ':' ? "[::1]" : "127.0.0.1";
    ASSERT_EQ(server.requests().size(), 1U);
    EXPECT_THAT(server.requests()[0], ::testing::StartsWith("GET /healthz?full=1 HTTP/1.1\r\nHost: " + host +
                                                            ":" + std::to_string(server.port()) + "\r\n"));
    target.spec.check = HttpCheck{.host = "web.example"};
    EXPECT_EQ(text_of(target), "HTTP 204");
    EXPECT_THAT(server.requests().at(1), ::testing::StartsWith("GET / HTTP/1.1\r\nHost: web.example\r\n"));
  }
}

TEST_F(HttpCheckTest, JudgesTheStatus) {
  const auto status_line = [](unsigned status) {
    return Saying{"HTTP/1.1 " + std::to_string(status) + " So\r\nContent-Length: 0\r\n\r\n"};
  };
  EXPECT_EQ(text_from(status_line(200)), "HTTP 200");
  EXPECT_EQ(text_from(status_line(399)), "HTTP 399");
  EXPECT_EQ(last_.state, State::kUp);
  EXPECT_EQ(text_from(status_line(400)), "HTTP 400 where 200 to 399 was expected");
  EXPECT_EQ(text_from(status_line(503)), "HTTP 503 where 200 to 399 was expected");
  EXPECT_EQ(last_.state, State::kDown);
  EXPECT_EQ(text_from(status_line(503), HttpCheck{.statuses = {200, 503}}), "HTTP 503");
  EXPECT_EQ(text_from(status_line(204), HttpCheck{.statuses = {200, 503}}),
            "HTTP 204 where 200 or 503 was expected");
  EXPECT_EQ(text_from({"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"}), "HTTP 200");
}

TEST_F(HttpCheckTest, LooksIntoTheBodyHoweverItIsFramed) {
  const HttpCheck wanted{.body = "ready"};
  EXPECT_EQ(text_from({answer_with("I am ready.")}, wanted), "HTTP 200");
  EXPECT_EQ(text_from({"HTTP/1.0 200 OK\r\n\r\nI am ready."}, wanted), "HTTP 200");
  EXPECT_EQ(
      text_from(
          {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nI am re\r\n3\r\nady\r\n0\r\n\r\n"},
          wanted),
      "HTTP 200");
  EXPECT_EQ(text_from({.text = answer_with("I am ready."), .gap = 1ms}, wanted), "HTTP 200")
      << "and in whatever pieces it comes";
  EXPECT_EQ(text_from({answer_with("I am rea")}, wanted), "HTTP 200, but the body lacks \"ready\"");
  EXPECT_EQ(last_.state, State::kDown);
  EXPECT_EQ(text_from({"HTTP/1.1 204 No Content\r\n\r\n"}, wanted), "HTTP 204, but the body lacks \"ready\"");
  EXPECT_EQ(text_from({answer_with("").substr(0, 15) + "\r\nContent-Length: 50\r\n\r\nI am rea"}, wanted),
            "the answer breaks off");
}

TEST_F(HttpCheckTest, ReadsNoMoreOfABodyThanItsBound) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
  const HttpCheck wanted{.body = "ready"};
  const std::string dots(std::size_t{64} * 1024, '.');
  EXPECT_EQ(text_from({head + dots.substr(5) + "ready"}, wanted), "HTTP 200");
  EXPECT_EQ(text_from({head + dots + "ready" + dots}, wanted), "HTTP 200, but the body lacks \"ready\"");
  const std::string chunk = "400\r\n" + std::string(0x400, '.') + "\r\n";
  std::string endless = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 2000; ++i) endless += chunk;
  EXPECT_EQ(text_from({endless}, wanted), "HTTP 200, but the body lacks \"ready\"");
}

TEST_F(HttpCheckTest, IsNotFooledByWhatIsNoAnswer) {
  EXPECT_THAT(text_from({"220 mail.example ESMTP\r\n"}), ::testing::StartsWith("the answer is not HTTP: "));
  EXPECT_EQ(last_.state, State::kDown);
  EXPECT_EQ(text_from({""}), "connection closed without an answer");
  EXPECT_EQ(text_from({"HTTP/1.1 200 OK\r\nContent-Len"}), "the answer breaks off");
  EXPECT_EQ(text_from({.text = "HTTP/1.1 100 Continue\r\n\r\n", .forever = true}),
            "no answer in the first 262144 bytes");
  EXPECT_THAT(text_from({.text = "HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x'), .close = false}),
              ::testing::StartsWith("the answer is not HTTP: "));
  ScriptedServer hangs_up(io_, [](std::size_t) { return std::nullopt; });
  const Status status = check(target_at(hangs_up.port(), HttpCheck{}));
  EXPECT_EQ(status.state, State::kDown);
}

TEST_F(HttpCheckTest, SilenceAndSlowLorisRunIntoTheTimeout) {
  const auto outcome_of = [this](Saying saying, const HttpCheck& http) {
    ScriptedServer server(io_, says(std::move(saying)));
    last_ = check(with_timeout(target_at(server.port(), http), 300ms));
    return last_.last.text;
  };
  EXPECT_EQ(outcome_of({.text = "", .close = false}, {}), "no answer within 300 ms");
  EXPECT_EQ(outcome_of({.text = "HTTP/1.1 200 OK\r\n" + std::string(2000, 'x'), .gap = 20ms}, {}),
            "no answer within 300 ms");
  EXPECT_GE(last_.latency, 300ms);
  EXPECT_EQ(outcome_of({.text = "HTTP/1.1 100 Continue\r\n\r\n", .forever = true, .gap = 2ms}, {}),
            "no answer within 300 ms");
  // The header is there in time, the body is not.
  ScriptedServer trickles(io_, says({.text = answer_with(std::string(5000, '.')), .gap = 1ms}));
  last_ = check(with_timeout(target_at(trickles.port(), HttpCheck{.body = "ready"}), 1000ms));
  EXPECT_EQ(last_.last.text, "no end of the answer within 1 s");
  EXPECT_EQ(last_.state, State::kDown);
}

TEST_F(HttpCheckTest, SendsNoLinesOfAnothersMaking) {
  EXPECT_EQ(text_from({answer_with("")}, HttpCheck{.path = "/a HTTP/1.1\r\nX: y"}),
            "a space or a control character in the path or the host cannot be sent");
  EXPECT_EQ(last_.state, State::kUnknown);
  EXPECT_EQ(text_from({answer_with("")}, HttpCheck{.host = "a\nb"}),
            "a space or a control character in the path or the host cannot be sent");
}

}  // namespace
}  // namespace millrace::load_balancer::health::test
