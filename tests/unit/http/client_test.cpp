// SPDX-License-Identifier: BSD-3-Clause
#include "common/http/client.h"

#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/http/harness.h"

namespace millrace::http::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// Listens, and plays a script on each connection: for each line it waits for a request's header, then sends
// the line (nothing, when it is empty). At the script's end it closes.
class CannedServer {
 public:
  using Script = std::vector<std::string>;

  explicit CannedServer(Script one_answer_each) : CannedServer(split(std::move(one_answer_each))) {}
  explicit CannedServer(std::vector<Script> scripts) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 8) != 0)
      std::abort();
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, scripts = std::move(scripts)] {
      for (const Script& script : scripts) {
        const int fd = ::accept(listener_, nullptr, nullptr);
        if (fd < 0) return;
        const RawSocket socket(fd);
        for (const std::string& line : script) {
          if (socket.read_until("\r\n\r\n").empty()) break;
          ++requests_;
          (void)socket.send(line);
        }
      }
    });
  }
  CannedServer(const CannedServer&) = delete;
  CannedServer& operator=(const CannedServer&) = delete;
  ~CannedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int requests() const { return requests_; }

 private:
  static std::vector<Script> split(Script answers) {
    std::vector<Script> scripts;
    for (std::string& answer : answers) scripts.push_back({std::move(answer)});
    return scripts;
  }

  std::atomic<int> requests_ = 0;
  int listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

Call post(std::string target, std::string body) {
  return {Method::kPost, std::move(target), {}, std::move(body)};
}

TEST(Client, AsksOverAUnixSocket) {
  const TemporaryFolder folder;
  LiveServer live(sample_router());
  ASSERT_TRUE(live.unix_socket(folder / "s"));
  Client client = Client::unix_socket(folder / "s");
  const auto health = client.get("/v1/health");
  ASSERT_TRUE(health) << health.error().message();
  EXPECT_EQ(health->status, 200U);
  EXPECT_EQ(health->body, "well\n");
  EXPECT_EQ(health->headers.get("content-type"), "text/plain; charset=utf-8");
  const std::string large(3'000'000, 'x');
  EXPECT_EQ(client.request(post("/v1/echo", large))->body, large);
  EXPECT_EQ(client.get("/nowhere")->status, 404U) << "an answer is an answer";
  const auto head = client.request({Method::kHead, "/v1/health", {}, {}});
  EXPECT_EQ(head->body, "");
  EXPECT_EQ(head->headers.get("Content-Length"), "5");
  EXPECT_EQ(client.request({Method::kDelete, "/v1/items/1", {}, {}})->status, 204U);
  EXPECT_EQ(client.get("/v1/lines?count=1000")->body.size(), 9U * 7 + 90 * 8 + 900 * 9 + 10);
  EXPECT_EQ(live.on_thread([&live] { return live.server().connections(); }), 1U) << "all on one connection";
}

TEST(Client, TakesAStreamPieceByPiece) {
  LiveServer live(sample_router());
  Client client = Client::tcp("localhost", live.tcp());
  std::string whole;
  std::size_t largest = 0;
  const auto append = [&](std::string_view piece) {
    whole += piece;
    largest = std::max(largest, piece.size());
    return true;
  };
  const auto answer = client.stream({Method::kGet, "/v1/lines?count=100000", {}, {}}, append);
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->body, "");
  EXPECT_EQ(count_of(whole, "\n"), 100'000U);
  EXPECT_THAT(whole, ::testing::EndsWith("line 100000\n"));
  EXPECT_LT(largest, 1U << 20);

  whole.clear();
  const auto missing = client.stream({Method::kGet, "/nowhere", {}, {}}, append);
  ASSERT_TRUE(missing);
  EXPECT_EQ(whole, "") << "a problem is no part of the stream";
  EXPECT_THAT(missing->body, HasSubstr("Not Found"));

  const auto ended =
      client.stream({Method::kGet, "/v1/lines?count=100000", {}, {}}, [](std::string_view) { return false; });
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().message(), HasSubstr("receiver ended"));
  EXPECT_EQ(client.get("/v1/health")->status, 200U);
}

TEST(Client, SaysWhatItAttemptedAndWhyItFailed) {
  const TemporaryFolder folder;
  const auto absent = Client::unix_socket(folder / "absent").get("/v1/health");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().message(),
            "GET /v1/health on " + (folder / "absent").string() + ": connect: No such file or directory");
  const auto long_path = Client::unix_socket(folder / std::string(300, 'x')).get("/");
  ASSERT_FALSE(long_path);

  std::uint16_t closed_port = 0;
  {
    const CannedServer listens(CannedServer::Script{});
    closed_port = listens.port();
  }
  const auto refused = Client::tcp("127.0.0.1", closed_port).get("/v1/health");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("Connection refused"));
  EXPECT_THAT(refused.error().message(), HasSubstr("127.0.0.1:" + std::to_string(closed_port)));
}

TEST(Client, RefusesToSendWhatBreaksOutOfItsLine) {
  Client client = Client::tcp("127.0.0.1", 1);
  Call call{Method::kGet, "/", {}, {}};
  call.headers.add("X", "a\r\nY: b");
  EXPECT_THAT(client.request(call).error().reason, HasSubstr("cannot be sent"));
  EXPECT_THAT(client.get("/a b").error().reason, HasSubstr("cannot be sent"));
  EXPECT_THAT(client.get("/a\r\nX: y").error().reason, HasSubstr("cannot be sent"));
}

TEST(Client, GivesUpInTime) {
  std::vector<Responder> kept;
  Router router;
  router.on_async(Method::kGet, "/",
                  [&kept](const Request&, const Responder& reply) { kept.push_back(reply); });
  LiveServer live(std::move(router));
  Client client = Client::tcp("127.0.0.1", live.tcp(), {.timeout = 200ms});
  const auto start = std::chrono::steady_clock::now();
  const auto answer = client.get("/");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message(), HasSubstr("no answer within 200 ms"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
  live.on_thread([&kept] { kept.clear(); });
}

TEST(Client, GivesUpConnectingInTime) {
  // A listener whose queue is full leaves a further connection waiting.
  const TemporaryFolder folder;
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 0), 0);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  const RawSocket first = RawSocket::to_tcp(ntohs(address.sin_port));
  const auto answer = Client::tcp("127.0.0.1", ntohs(address.sin_port), {.timeout = 300ms}).get("/");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message(), HasSubstr("no answer within 300 ms"));
  ::close(listener);
}

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST(Client, AsksAgainWhenAnOldConnectionBreaks) {
  const CannedServer server(std::vector<CannedServer::Script>{{kOk, ""}, {kOk}});
  Client client = Client::tcp("127.0.0.1", server.port());
  for (int i = 0; i < 2; ++i) {
    const auto answer = client.get("/");
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->body, "ok");
  }
  EXPECT_EQ(server.requests(), 3);
}

TEST(Client, NeverSendsAPostTwice) {
  const CannedServer server(std::vector<CannedServer::Script>{{kOk, ""}, {kOk}});
  Client client = Client::tcp("127.0.0.1", server.port());
  ASSERT_TRUE(client.get("/"));
  EXPECT_FALSE(client.request(post("/", "x")));
  EXPECT_EQ(server.requests(), 2);
  EXPECT_TRUE(client.get("/")) << "on a new connection";
}

TEST(Client, AsksOnceOnANewConnection) {
  const CannedServer server(std::vector<CannedServer::Script>{{""}, {kOk}});
  EXPECT_FALSE(Client::tcp("127.0.0.1", server.port()).get("/"));
  EXPECT_EQ(server.requests(), 1);
}

TEST(Client, ReadsWhatOtherServersSay) {
  const CannedServer server(CannedServer::Script{
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhint",
      "HTTP/1.0 200 OK\r\n\r\nuntil the end",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      "HTTP/1.1 204 No Content\r\n\r\n",
  });
  Client client = Client::tcp("127.0.0.1", server.port());
  for (const char* body : {"hint", "until the end", "abc", ""}) {
    const auto answer = client.get("/");
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->body, body);
  }
}

TEST(Client, KeepsTrailersOutOfTheHeader) {
  const CannedServer server(
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: late\r\n\r\n"});
  const auto answer = Client::tcp("127.0.0.1", server.port()).get("/");
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->body, "ok");
  EXPECT_FALSE(answer->headers.contains("X"));
}

TEST(Client, RefusesAnAnswerThatIsNone) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"", "the server closed the connection"},
      {"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "breaks off"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "breaks off"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", "malformed"},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n", "not HTTP"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + std::string(2000, 'x'), "more than 1000 bytes"},
  };
  std::vector<std::string> answers;
  for (const auto& row : table) answers.push_back(row.first);
  const CannedServer server(answers);
  for (const auto& [bytes, reason] : table) {
    const auto answer = Client::tcp("127.0.0.1", server.port(), {.body_bytes = 1000}).get("/");
    ASSERT_FALSE(answer) << reason;
    EXPECT_THAT(answer.error().reason, HasSubstr(reason));
  }
}

TEST(Client, HearsARefusalWhileItIsStillSending) {
  Limits limits;
  limits.body_bytes = 1000;
  LiveServer live(sample_router(), limits);
  Client client = Client::tcp("127.0.0.1", live.tcp());
  const auto answer = client.request(post("/v1/echo", std::string(8 << 20, 'x')));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->status, 413U);
}

}  // namespace
}  // namespace millrace::http::test
