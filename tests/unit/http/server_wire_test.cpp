// SPDX-License-Identifier: BSD-3-Clause
// Requests as bytes on a socket: what is malformed, what is split, what is put in one packet.
#include <boost/asio/io_context.hpp>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/http/harness.h"

namespace millrace::http::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A server and one connection on the test's own thread, so that each step is exact and nothing has to be
// waited for.
class Stepped {
 public:
  explicit Stepped(Limits limits = {}) : server_(io_, sample_router(), limits) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) std::abort();
    socket_ = std::make_unique<RawSocket>(pair[0]);
    if (!server_.serve(pair[1])) std::abort();
    io_.poll();
  }
  void send(std::string_view bytes) {
    (void)socket_->send(bytes);
    io_.restart();
    while (io_.poll() > 0) {
    }
  }
  // What has been answered by now.
  std::string answer() {
    std::string got(1 << 20, '\0');
    const ssize_t size = ::recv(socket_->fd(), got.data(), got.size(), MSG_DONTWAIT);
    got.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return got;
  }
  void finish() {
    socket_->finish();
    send("");
  }
  [[nodiscard]] std::size_t connections() const { return server_.connections(); }

 private:
  boost::asio::io_context io_{1};
  Server server_;
  std::unique_ptr<RawSocket> socket_;
};

struct Malformed {
  const char* what;
  std::string bytes;
  const char* status;
};

TEST(Wire, RefusesWhatIsMalformedAndCloses) {
  const std::string post = "POST /v1/echo HTTP/1.1\r\nHost: vnf\r\n";
  const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  const std::string hello("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", 10);
  const std::vector<Malformed> table{
      {"nothing but a word", "HELLO\r\n\r\n", "400"},
      {"a TLS client hello", hello, "400"},
      {"no version", "GET /v1/health\r\n\r\n", "400"},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"},
      {"a lower-case version", "GET /v1/health http/1.1\r\nHost: vnf\r\n\r\n", "400"},
      {"two spaces", "GET  /v1/health HTTP/1.1\r\nHost: vnf\r\n\r\n", "400"},
      {"no Host", "GET /v1/health HTTP/1.1\r\n\r\n", "400"},
      {"two Hosts", "GET /v1/health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
      {"a space before the colon", "GET /v1/health HTTP/1.1\r\nHost : vnf\r\n\r\n", "400"},
      {"a field without a name", "GET /v1/health HTTP/1.1\r\nHost: vnf\r\n: x\r\n\r\n", "400"},
      {"a field without a colon", "GET /v1/health HTTP/1.1\r\nHost: vnf\r\nX\r\n\r\n", "400"},
      {"a NUL in a field", std::string("GET /v1/health HTTP/1.1\r\nHost: v\0f\r\n\r\n", 39), "400"},
      {"a bare CR in a field", "GET /v1/health HTTP/1.1\r\nHost: vnf\r\nX: a\rb\r\n\r\n", "400"},
      {"bare LF line ends", "GET /v1/health HTTP/1.1\nHost: vnf\n\n", "400"},
      {"an escape for NUL", "POST /v1/%00 HTTP/1.1\r\nHost: vnf\r\nContent-Length: 1\r\n\r\nx", "400"},
      {"a length that is no number", post + "Content-Length: five\r\n\r\nhello", "400"},
      {"a negative length", post + "Content-Length: -5\r\n\r\nhello", "400"},
      {"a length past 64 bits", post + "Content-Length: 99999999999999999999\r\n\r\nhello", "400"},
      {"two lengths", post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "400"},
      {"a list of lengths", post + "Content-Length: 5, 6\r\n\r\nhello", "400"},
      {"a length and chunks", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "400"},
      {"chunks and a length", post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
       "400"},
      {"chunked twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "400"},
      {"chunks before HTTP/1.1", "POST /v1/echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "400"},
      {"a coding after chunked", post + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", "501"},
      {"a coding before chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"},
      {"an unknown coding", post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501"},
      {"a chunk size that is no number", chunked + "zz\r\nhello\r\n0\r\n\r\n", "400"},
      {"a chunk size past 64 bits", chunked + "11111111111111111\r\nhello\r\n0\r\n\r\n", "400"},
      {"a chunk longer than it says", chunked + "3\r\nhello\r\n0\r\n\r\n", "400"},
      {"a chunk of more than the limit", chunked + "ffffffffffffff\r\nhello\r\n", "413"},
      {"a chunk extension that is none", chunked + "5 x y\r\nhello\r\n0\r\n\r\n", "400"},
      {"a chunk header without end", chunked + "5;x=" + std::string(70'000, 'x'), "400"},
      {"a body cut short", post + "Content-Length: 10\r\n\r\nhello", "400"},
      {"a header cut short", "GET /v1/health HTT", "400"},
      {"an expectation beyond us", post + "Content-Length: 5\r\nExpect: wonders\r\n\r\nhello", "417"},
  };
  LiveServer live(sample_router());
  const auto port = live.tcp();
  for (const Malformed& row : table) {
    const RawSocket socket = RawSocket::to_tcp(port);
    (void)socket.send(row.bytes);
    socket.finish();
    const std::string answer = socket.read_all();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + std::string(row.status) + " ")) << row.what;
    EXPECT_THAT(header_of(answer), HasSubstr("Connection: close")) << row.what;
    EXPECT_EQ(count_of(answer, "\r\nDate: "), 1U) << row.what;
    EXPECT_THAT(answer, ::testing::EndsWith("}")) << row.what;
  }
}

TEST(Wire, AnswersTheSameHoweverTheRequestIsCut) {
  const std::string requests[] = {
      "\r\nPUT /v1/items/7 HTTP/1.1\r\nHost: vnf\r\nContent-Length: 5\r\n\r\nhello",
      "PUT /v1/items/7 HTTP/1.1\r\nHost: vnf\r\nTransfer-Encoding: "
      "chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nT: t\r\n\r\n",
  };
  for (const std::string& request : requests) {
    for (std::size_t cut = 0; cut < request.size(); ++cut) {
      Stepped stepped;
      stepped.send(request.substr(0, cut));
      EXPECT_EQ(stepped.answer(), "") << cut;
      stepped.send(request.substr(cut));
      const std::string answer = stepped.answer();
      EXPECT_THAT(answer, StartsWith("HTTP/1.1 201 Created\r\n")) << cut;
      EXPECT_THAT(answer, ::testing::EndsWith("\r\n\r\n7=hello")) << cut;
    }
    Stepped by_byte;
    for (const char byte : request) by_byte.send({&byte, 1});
    EXPECT_THAT(by_byte.answer(), ::testing::EndsWith("\r\n\r\n7=hello"));
  }
  const std::string empty =
      "PUT /v1/items/7 HTTP/1.1\r\nHost: vnf\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  Stepped by_byte;
  for (const char byte : empty) by_byte.send({&byte, 1});
  EXPECT_THAT(by_byte.answer(), ::testing::EndsWith("\r\n\r\n7="));
}

TEST(Wire, AnswersPipelinedRequestsInOrder) {
  LiveServer live(sample_router());
  const RawSocket socket = RawSocket::to_tcp(live.tcp());
  const auto put = [](int id) {
    return "PUT /v1/items/" + std::to_string(id) + " HTTP/1.1\r\nHost: vnf\r\nContent-Length: 1\r\n\r\nx";
  };
  std::string batch;
  for (int id = 0; id < 100; ++id) batch += put(id);
  batch += "DELETE /v1/items/7 HTTP/1.1\r\nHost: vnf\r\n\r\n";
  batch += "GET /nowhere HTTP/1.1\r\nHost: vnf\r\n\r\n";
  batch += "HEAD /v1/health HTTP/1.1\r\nHost: vnf\r\n\r\n";
  batch += "GET /v1/health HTTP/1.1\r\nHost: vnf\r\nConnection: close\r\n\r\n";
  ASSERT_TRUE(socket.send(batch));
  const std::string answer = socket.read_all();
  std::size_t at = 0;
  for (int id = 0; id < 100; ++id) {
    const auto next = answer.find("\r\n\r\n" + std::to_string(id) + "=x", at);
    ASSERT_NE(next, std::string::npos) << id;
    at = next;
  }
  const auto deleted = answer.find("HTTP/1.1 204 No Content", at);
  const auto unknown = answer.find("HTTP/1.1 404 Not Found", deleted);
  const auto head = answer.find("HTTP/1.1 200 OK", unknown);
  ASSERT_NE(head, std::string::npos);
  const auto last = answer.find("HTTP/1.1 200 OK", head + 1);
  ASSERT_NE(last, std::string::npos);
  EXPECT_THAT(answer.substr(head, last - head), HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(answer.substr(head, last - head), Not(HasSubstr("well")));
  EXPECT_THAT(answer.substr(last), ::testing::EndsWith("\r\n\r\nwell\n"));
  EXPECT_THAT(answer.substr(last), HasSubstr("Connection: close"));
}

TEST(Wire, SpeaksHttp10) {
  LiveServer live(sample_router());
  const auto port = live.tcp();
  const auto ask = [port](std::string_view text) {
    const RawSocket socket = RawSocket::to_tcp(port);
    EXPECT_TRUE(socket.send(text));
    return socket.read_all();
  };
  EXPECT_THAT(ask("GET /v1/health HTTP/1.0\r\n\r\n"), ::testing::EndsWith("\r\n\r\nwell\n"));
  const std::string stream = ask("GET /v1/lines HTTP/1.0\r\n\r\n");
  EXPECT_THAT(stream, ::testing::EndsWith("\r\n\r\nline 1\nline 2\nline 3\n"));
  EXPECT_THAT(stream, Not(HasSubstr("chunked")));
  const std::string kept =
      ask("GET /v1/health HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /v1/health HTTP/1.0\r\n\r\n");
  EXPECT_EQ(count_of(kept, "\r\n\r\nwell\n"), 2U);
  EXPECT_THAT(header_of(kept), HasSubstr("Connection: keep-alive"));
}

TEST(Wire, TrailersCannotChangeTheHeader) {
  Router router;
  router.on(Method::kPost, "/", [](const Request& request) {
    return Response::text(200, request.headers.contains("Authorization") ? "fooled" : request.body);
  });
  LiveServer live(std::move(router));
  const RawSocket socket = RawSocket::to_tcp(live.tcp());
  ASSERT_TRUE(
      socket.send("POST / HTTP/1.1\r\nHost: vnf\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "2\r\nok\r\n0\r\nAuthorization: Bearer x\r\n\r\n"));
  EXPECT_THAT(socket.read_all(), ::testing::EndsWith("\r\n\r\nok"));
}

// No oracle for the answers here; what must hold is that each connection ends and the server lives.
TEST(Wire, LivesThroughDamagedRequests) {
  const std::string seed =
      "POST /v1/echo?a=b HTTP/1.1\r\nHost: vnf\r\nContent-Length: 5\r\n\r\nhello"
      "PUT /v1/items/7 HTTP/1.1\r\nHost: vnf\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  std::mt19937 random(7);
  const auto below = [&random](std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
  };
  for (int round = 0; round < 500; ++round) {
    std::string bytes = seed;
    for (std::size_t i = below(4) + 1; i > 0; --i) {
      const std::size_t at = below(bytes.size());
      switch (below(3)) {
        case 0:
          bytes[at] = static_cast<char>(below(256));
          break;
        case 1:
          bytes.erase(at, below(8));
          break;
        default:
          bytes.insert(at, bytes.substr(below(bytes.size()), below(16)));
      }
    }
    Stepped stepped;
    const std::size_t cut = below(bytes.size());
    stepped.send(bytes.substr(0, cut));
    stepped.send(bytes.substr(cut));
    stepped.finish();
    (void)stepped.answer();
    EXPECT_EQ(stepped.connections(), 0U) << ::testing::PrintToString(bytes);
  }
}

}  // namespace
}  // namespace millrace::http::test
