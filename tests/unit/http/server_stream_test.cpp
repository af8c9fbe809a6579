// SPDX-License-Identifier: BSD-3-Clause
// Answers that take time, and bodies that come in pieces.
#include <condition_variable>
#include <deque>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/http/harness.h"

namespace millrace::http::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A thread that does jobs when told to.
class Worker {
 public:
  Worker() : thread_([this] { run(); }) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    submit({});
    thread_.join();
  }
  void submit(std::function<void()> job) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    changed_.notify_one();
  }

 private:
  void run() {
    for (;;) {
      std::function<void()> job;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return !jobs_.empty(); });
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
      if (!job) return;
      job();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  std::thread thread_;
};

std::string get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: vnf\r\n\r\n";
}

TEST(AsyncHandler, AnswersFromAnotherThreadWhileOthersAreServed) {
  std::promise<void> gate;
  auto opened = gate.get_future().share();
  Worker worker;
  Router router = sample_router();
  router.on_async(Method::kPut, "/v1/policy",
                  [&worker, opened](const Request& request, const Responder& reply) {
                    worker.submit([opened, reply, body = request.body] {
                      opened.wait();
                      reply(Response::text(200, "compiled " + body));
                    });
                  });
  LiveServer live(std::move(router));
  const auto port = live.tcp();
  const RawSocket waiting = RawSocket::to_tcp(port);
  ASSERT_TRUE(waiting.send("PUT /v1/policy HTTP/1.1\r\nHost: vnf\r\nContent-Length: 3\r\n\r\nacl" +
                           get("/v1/health")));
  const RawSocket other = RawSocket::to_tcp(port);
  ASSERT_TRUE(other.send(get("/v1/health")));
  EXPECT_THAT(other.read_until("well\n"), EndsWith("well\n"));
  char byte = 0;
  EXPECT_EQ(::recv(waiting.fd(), &byte, 1, MSG_DONTWAIT | MSG_PEEK), -1);
  gate.set_value();
  const std::string both = waiting.read_until("well\n");
  EXPECT_LT(both.find("compiled acl"), both.find("well\n")) << "a pipelined request waits for its turn";
}

TEST(AsyncHandler, DropsItsReplyAndTheClientLearnsIt) {
  Router router;
  router.on_async(Method::kGet, "/forgetful", [](const Request&, const Responder&) {});
  LiveServer live(std::move(router));
  const RawSocket socket = RawSocket::to_tcp(live.tcp());
  ASSERT_TRUE(socket.send(get("/forgetful")));
  EXPECT_THAT(socket.read_until("}"), StartsWith("HTTP/1.1 500 "));
}

TEST(AsyncHandler, MayAnswerAfterTheClientOrTheServerHasGone) {
  std::vector<Responder> kept;
  Router router;
  router.on_async(Method::kGet, "/",
                  [&kept](const Request&, const Responder& reply) { kept.push_back(reply); });
  boost::asio::io_context io;
  auto server = std::make_unique<Server>(io, std::move(router));
  for (int i = 0; i < 2; ++i) {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    const RawSocket client(pair[0]);
    ASSERT_TRUE(server->serve(pair[1]));
    ASSERT_TRUE(client.send(get("/")));
    io.restart();
    io.poll();
  }
  ASSERT_EQ(kept.size(), 2U);
  kept[0](Response::text(200, "to nobody"));
  io.poll();
  EXPECT_EQ(server->connections(), 1U);
  server.reset();
  kept[1](Response::text(200, "to nobody"));
  kept.clear();
  io.poll();
}

TEST(Stream, IsChunkedAndLeavesTheConnectionUsable) {
  LiveServer live(sample_router());
  const RawSocket socket = RawSocket::to_tcp(live.tcp());
  ASSERT_TRUE(socket.send(get("/v1/lines?count=2") + "HEAD /v1/lines HTTP/1.1\r\nHost: vnf\r\n\r\n" +
                          get("/v1/health")));
  const std::string answer = socket.read_until("well\n");
  EXPECT_THAT(
      answer,
      HasSubstr("Transfer-Encoding: chunked\r\n\r\n7\r\nline 1\n\r\n7\r\nline 2\n\r\n0\r\n\r\nHTTP/1.1 200"));
  EXPECT_EQ(count_of(answer, "line 1"), 1U) << "HEAD has no body";
}

TEST(Stream, TakesPiecesFromAnotherThread) {
  Worker worker;
  Router router;
  router.on(Method::kGet, "/", [&worker](const Request&) {
    return Response::stream_later(200, "text/plain", [&worker, left = 3](const Reply<Chunk>& reply) mutable {
      const int now = left--;
      worker.submit([reply, now] {
        if (now == 0) return reply(std::nullopt);
        reply(now == 2 ? std::string() : std::string(static_cast<std::size_t>(now), 'x'));
      });
    });
  });
  LiveServer live(std::move(router));
  const RawSocket socket = RawSocket::to_tcp(live.tcp());
  ASSERT_TRUE(socket.send(get("/")));
  EXPECT_THAT(socket.read_until("0\r\n\r\n"), EndsWith("\r\n\r\n3\r\nxxx\r\n1\r\nx\r\n0\r\n\r\n"));
}

TEST(Stream, ThatFailsIsCutSoThatItCannotPassForWhole) {
  Router router;
  router
      .on(Method::kGet, "/error",
          [](const Request&) {
            return Response::stream(200, "text/plain", [n = 0]() mutable -> Chunk {
              if (n++ == 0) return "first";
              return failure("read a session", "worker 1 is gone");
            });
          })
      .on(Method::kGet, "/throw", [](const Request&) {
        return Response::stream(200, "text/plain", [n = 0]() mutable -> Chunk {
          if (n++ == 0) return "first";
          throw std::runtime_error("thrown");
        });
      });
  LiveServer live(std::move(router));
  const auto port = live.tcp();
  for (const char* path : {"/error", "/throw"}) {
    const RawSocket socket = RawSocket::to_tcp(port);
    ASSERT_TRUE(socket.send(get(path)));
    const std::string answer = socket.read_all();
    EXPECT_THAT(answer, HasSubstr("5\r\nfirst\r\n")) << path;
    EXPECT_THAT(answer, ::testing::Not(HasSubstr("0\r\n\r\n"))) << path;
  }
  EXPECT_THAT(live.reports(), ::testing::Contains(HasSubstr("worker 1 is gone")));
  EXPECT_THAT(live.reports(), ::testing::Contains(HasSubstr("thrown")));
}

TEST(Stream, IsProducedOnlyAsFastAsItIsTaken) {
  std::size_t produced = 0;
  Router router;
  router.on(Method::kGet, "/", [&produced](const Request&) {
    return Response::stream(200, "application/octet-stream", [&produced]() -> Chunk {
      produced += 64 * 1024;
      return std::string(64 * 1024, 'x');
    });
  });
  boost::asio::io_context io;
  Server server(io, std::move(router));
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  const RawSocket client(pair[0]);
  ASSERT_TRUE(server.serve(pair[1]));
  ASSERT_TRUE(client.send(get("/")));
  while (io.poll() > 0) {
  }
  EXPECT_GT(produced, 0U);
  EXPECT_LT(produced, std::size_t{4 << 20}) << "an endless stream nobody reads rests in the socket's buffer";
}

}  // namespace
}  // namespace millrace::http::test
