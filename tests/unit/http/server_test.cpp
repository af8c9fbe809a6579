// SPDX-License-Identifier: BSD-3-Clause
// Listening, limits, time and the end.
#include "common/http/server.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "tests/unit/http/harness.h"

namespace millrace::http::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kGet = "GET /v1/health HTTP/1.1\r\nHost: vnf\r\n\r\n";
constexpr std::string_view kWell = "\r\n\r\nwell\n";

std::string post_header(std::size_t length) {
  return "POST /v1/echo HTTP/1.1\r\nHost: vnf\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

TEST(UnixSocket, HasTheModeAskedForAndGoesAwayAtStop) {
  const TemporaryFolder folder;
  const auto path = folder / "vnf.sock";
  LiveServer live(sample_router());
  const mode_t umask_before = ::umask(0077);
  const auto listening = live.unix_socket(path, 0666);
  ::umask(umask_before);
  ASSERT_TRUE(listening) << listening.error().message();
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0666U);

  const RawSocket socket = RawSocket::to_unix(path);
  ASSERT_TRUE(socket.send(kGet));
  EXPECT_THAT(socket.read_until("well\n"), ::testing::EndsWith(kWell));

  live.stop(5s).get();
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(socket.read_all(), "") << "an idle connection ends with the server";
}

TEST(UnixSocket, TakesThePlaceOfADeadOneOnly) {
  const TemporaryFolder folder;
  const auto path = folder / "vnf.sock";
  {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(::bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(dead);
  }
  ASSERT_TRUE(std::filesystem::exists(path));
  LiveServer first(sample_router());
  const auto taken = first.unix_socket(path);
  ASSERT_TRUE(taken) << taken.error().message();

  LiveServer second(sample_router());
  const auto refused = second.unix_socket(path);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("another process answers"));
  EXPECT_THAT(refused.error().message(), HasSubstr(path.string()));

  const auto file = folder / "file";
  std::ofstream(file) << "precious";
  EXPECT_FALSE(second.unix_socket(file));
  EXPECT_EQ(std::filesystem::file_size(file), 8U);
  EXPECT_FALSE(second.unix_socket(folder / "missing/vnf.sock"));
  EXPECT_FALSE(second.unix_socket(folder / std::string(200, 'x')));

  const RawSocket socket = RawSocket::to_unix(path);
  ASSERT_TRUE(socket.send(kGet));
  EXPECT_THAT(socket.read_until("well\n"), ::testing::EndsWith(kWell)) << "the first still serves";
}

TEST(UnixSocket, LeavesASuccessorsSocketAlone) {
  const TemporaryFolder folder;
  const auto path = folder / "vnf.sock";
  LiveServer first(sample_router());
  ASSERT_TRUE(first.unix_socket(path));
  std::filesystem::rename(path, folder / "old.sock");
  LiveServer second(sample_router());
  ASSERT_TRUE(second.unix_socket(path));
  first.stop(1s).get();
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(UnixSocket, KnowsTheProcessAtTheOtherEnd) {
  const TemporaryFolder folder;
  Router router;
  router.on(Method::kGet, "/", [](const Request& request) {
    if (!request.peer.process) return Response::text(500, "");
    return Response::text(
        200, std::to_string(request.peer.process->pid) + " " + std::to_string(request.peer.process->uid));
  });
  LiveServer live(std::move(router));
  ASSERT_TRUE(live.unix_socket(folder / "s"));
  const RawSocket socket = RawSocket::to_unix(folder / "s");
  ASSERT_TRUE(socket.send("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_THAT(socket.read_all(), ::testing::EndsWith("\r\n\r\n" + std::to_string(::getpid()) + " " +
                                                     std::to_string(::getuid())));
}

TEST(Listen, SaysWhyItCannot) {
  LiveServer live(sample_router());
  const auto port = live.tcp();
  const auto listen = [&live](std::string_view address, std::uint16_t at) {
    return live.on_thread([&, at] { return live.server().listen_tcp(address, at); });
  };
  const auto busy = listen("127.0.0.1", port);
  ASSERT_FALSE(busy);
  EXPECT_THAT(busy.error().message(), HasSubstr("in use"));
  EXPECT_FALSE(listen("localhost", 0));
  EXPECT_FALSE(listen("192.0.2.1", 0)) << "not an address of this host";
  EXPECT_TRUE(listen("127.0.0.2", port));
}

TEST(Limit, HeaderOf8KiB) {
  LiveServer live(sample_router());
  const auto port = live.tcp();
  // A request of so many bytes, its target padded by some of them and a field by the rest.
  const auto ask = [port](std::size_t size, std::size_t target) {
    const std::string start =
        "GET /v1/health?" + std::string(target, 'q') + " HTTP/1.1\r\nHost: vnf\r\nConnection: close\r\nX: ";
    const std::string end = "\r\n\r\n";
    const RawSocket socket = RawSocket::to_tcp(port);
    (void)socket.send(start + std::string(size - start.size() - end.size(), 'x') + end);
    return socket.read_all();
  };
  EXPECT_THAT(ask(8192, 0), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask(8193, 0), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(ask(8192, 4000), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask(8193, 4000), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(ask(9200, 9000), StartsWith("HTTP/1.1 414 "));
  EXPECT_THAT(ask(1'000'000, 0), StartsWith("HTTP/1.1 431 "));
}

TEST(Limit, BodyPerServerAndPerRoute) {
  Limits limits;
  limits.body_bytes = 1000;
  Router router = sample_router();
  router.on(Method::kPost, "/v1/import",
            [](const Request& request) { return Response::text(200, std::to_string(request.body.size())); },
            {.body_bytes = 300'000});
  LiveServer live(std::move(router), limits);
  const auto port = live.tcp();
  const auto ask = [port](const std::string& text) {
    const RawSocket socket = RawSocket::to_tcp(port);
    (void)socket.send(text);
    socket.finish();
    return socket.read_all();
  };
  const std::string chunked = "POST /v1/echo HTTP/1.1\r\nHost: vnf\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string half = "1f4\r\n" + std::string(500, 'x') + "\r\n";
  EXPECT_THAT(ask(post_header(1000) + std::string(1000, 'x')), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask(post_header(1001) + std::string(1001, 'x')), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask(post_header(1'000'000'000'000)), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask(post_header(3'000'000) + std::string(3'000'000, 'x')), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask(chunked + half + half + "0\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask(chunked + half + half + "1\r\nx\r\n0\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  const std::string import = "POST /v1/import HTTP/1.1\r\nHost: vnf\r\nContent-Length: ";
  EXPECT_THAT(ask(import + "300000\r\n\r\n" + std::string(300'000, 'x')),
              ::testing::EndsWith("\r\n\r\n300000"));
  EXPECT_THAT(ask(import + "300001\r\n\r\n" + std::string(300'001, 'x')), StartsWith("HTTP/1.1 413 "));
}

TEST(Limit, ContinueIsSaidOnlyWhenTheBodyIsWanted) {
  LiveServer live(sample_router());
  const auto port = live.tcp();
  const std::string expecting = "Host: vnf\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n";
  const RawSocket wanted = RawSocket::to_tcp(port);
  ASSERT_TRUE(wanted.send("POST /v1/echo HTTP/1.1\r\n" + expecting));
  EXPECT_EQ(wanted.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(wanted.send("hello"));
  EXPECT_THAT(wanted.read_until("hello"), StartsWith("HTTP/1.1 200 OK\r\n"));
  const RawSocket unwanted = RawSocket::to_tcp(port);
  ASSERT_TRUE(unwanted.send("POST /nowhere HTTP/1.1\r\n" + expecting));
  EXPECT_THAT(unwanted.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 404 Not Found\r\n"));
}

TEST(Limit, AnIdleConnectionMakesPlaceAndABusyOneDoesNot) {
  Limits limits;
  limits.connections = 2;
  LiveServer live(sample_router(), limits);
  const auto port = live.tcp();
  const auto ask = [](const RawSocket& socket) {
    (void)socket.send(kGet);
    return socket.read_until("well\n");
  };
  const RawSocket oldest = RawSocket::to_tcp(port);
  EXPECT_THAT(ask(oldest), ::testing::EndsWith(kWell));
  const RawSocket busy = RawSocket::to_tcp(port);
  ASSERT_TRUE(
      busy.send("POST /v1/echo HTTP/1.1\r\nHost: vnf\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
  EXPECT_THAT(busy.read_until("\r\n\r\n"), HasSubstr("100 Continue"));

  const RawSocket third = RawSocket::to_tcp(port);
  ASSERT_TRUE(
      third.send("POST /v1/echo HTTP/1.1\r\nHost: vnf\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
  EXPECT_THAT(third.read_until("\r\n\r\n"), HasSubstr("100 Continue"));
  EXPECT_EQ(oldest.read_all(), "") << "closed to make place";

  const RawSocket fourth = RawSocket::to_tcp(port);
  EXPECT_THAT(fourth.read_all(), StartsWith("HTTP/1.1 503 "));
  ASSERT_TRUE(busy.send("ok"));
  EXPECT_THAT(busy.read_until("\r\n\r\nok"), StartsWith("HTTP/1.1 200 "));
}

TEST(Time, ASlowClientIsEndedAndHoldsNobody) {
  Limits limits;
  limits.read_timeout = 400ms;
  LiveServer live(sample_router(), limits);
  const auto port = live.tcp();
  const RawSocket slow_header = RawSocket::to_tcp(port);
  ASSERT_TRUE(slow_header.send("GET /v1/health HT"));
  const RawSocket slow_body = RawSocket::to_tcp(port);
  ASSERT_TRUE(slow_body.send(post_header(100) + "hello"));

  const auto start = std::chrono::steady_clock::now();
  const RawSocket quick = RawSocket::to_tcp(port);
  ASSERT_TRUE(quick.send(kGet));
  EXPECT_THAT(quick.read_until("well\n"), ::testing::EndsWith(kWell));
  char byte = 0;
  EXPECT_EQ(::recv(slow_header.fd(), &byte, 1, MSG_DONTWAIT | MSG_PEEK), -1)
      << "served while the slow one waits";

  EXPECT_THAT(slow_header.read_all(), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
  EXPECT_THAT(slow_body.read_all(), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
}

TEST(Time, DripsDoNotBuyTime) {
  Limits limits;
  limits.read_timeout = 400ms;
  LiveServer live(sample_router(), limits);
  const RawSocket socket = RawSocket::to_tcp(live.tcp());
  const timeval between{0, 50'000};  // each wait for an answer is the pace of the drip
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &between, sizeof between);
  ASSERT_TRUE(socket.send("GET /v1/health HTTP/1.1\r\nX: "));
  std::string answer;
  for (int drips = 0; drips < 200 && answer.empty(); ++drips) {
    (void)socket.send("x");
    std::array<char, 64> got{};
    const ssize_t size = ::recv(socket.fd(), got.data(), got.size(), 0);
    if (size > 0) answer.assign(got.data(), static_cast<std::size_t>(size));
  }
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 408 "));
}

TEST(Time, AnIdleConnectionIsClosedWithoutAWord) {
  Limits limits;
  limits.idle_timeout = 200ms;
  LiveServer live(sample_router(), limits);
  const auto port = live.tcp();
  const RawSocket silent = RawSocket::to_tcp(port);
  const RawSocket used = RawSocket::to_tcp(port);
  ASSERT_TRUE(used.send(kGet));
  EXPECT_THAT(used.read_all(), ::testing::EndsWith(kWell));
  EXPECT_EQ(silent.read_all(), "");
}

TEST(Time, AClientThatDoesNotReadIsEnded) {
  Limits limits;
  limits.write_timeout = 300ms;
  Router router;
  router.on(Method::kGet, "/",
            [](const Request&) { return Response::text(200, std::string(64 << 20, 'x')); });
  LiveServer live(std::move(router), limits);
  const RawSocket socket = RawSocket::to_tcp(live.tcp());
  ASSERT_TRUE(socket.send("GET / HTTP/1.1\r\nHost: vnf\r\n\r\n"));
  (void)socket.read_until("\r\n\r\n");
  while (live.on_thread([&live] { return live.server().connections(); }) > 0) std::this_thread::yield();
  EXPECT_LT(socket.read_all().size(), std::size_t{64 << 20});
}

TEST(Exception, BecomesA500AndTheServerGoesOn) {
  Router router = sample_router();
  router
      .on(Method::kGet, "/throw",
          [](const Request&) -> Response { throw std::runtime_error("secret detail"); })
      .on(Method::kGet, "/throw-int", [](const Request&) -> Response { throw 42; })
      .on(Method::kGet, "/split",
          [](const Request&) {
            Response response = Response::text(200, "body");
            response.headers.add("X-Note", "a\r\nSet-Cookie: evil");
            return response;
          })
      .on(Method::kGet, "/status", [](const Request&) { return Response::empty(99); })
      .on_async(Method::kGet, "/throw-later",
                [](const Request&, const Responder&) { throw std::runtime_error("later"); });
  LiveServer live(std::move(router));
  const RawSocket socket = RawSocket::to_tcp(live.tcp());
  for (const std::string path : {"/throw", "/throw-int", "/split", "/status", "/throw-later"}) {
    ASSERT_TRUE(socket.send("GET " + path + " HTTP/1.1\r\nHost: vnf\r\n\r\n"));
    const std::string answer = socket.read_until("}");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 500 Internal Server Error\r\n")) << path;
    EXPECT_THAT(answer, HasSubstr("Content-Type: application/problem+json\r\n"));
    EXPECT_THAT(answer, ::testing::Not(HasSubstr("secret")));
    EXPECT_THAT(answer, ::testing::Not(HasSubstr("evil")));
  }
  ASSERT_TRUE(socket.send(kGet));
  EXPECT_THAT(socket.read_until("well\n"), ::testing::EndsWith(kWell)) << "on the same connection";
  EXPECT_THAT(live.reports(), ::testing::Contains(HasSubstr("GET /throw: secret detail")));
}

// What was sent to a Unix socket and not read yet.
int unread_of(const RawSocket& socket) {
  int bytes = -1;
  EXPECT_EQ(::ioctl(socket.fd(), SIOCOUTQ, &bytes), 0);
  return bytes;
}

TEST(Limits, BoundTheBodiesOfAllRequestsTogether) {
  const TemporaryFolder folder;
  const auto path = folder / "vnf.sock";
  LiveServer live(sample_router(), {.body_bytes = 100'000, .bodies_bytes = 150'000});
  ASSERT_TRUE(live.unix_socket(path));
  const std::string most(99'999, 'x');
  {
    const RawSocket first = RawSocket::to_unix(path);
    ASSERT_TRUE(first.send(post_header(100'000) + most));
    while (unread_of(first) > 0) std::this_thread::yield();
    const RawSocket second = RawSocket::to_unix(path);
    ASSERT_TRUE(second.send(post_header(100'000) + most));
    EXPECT_THAT(second.read_until("}"), StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
    ASSERT_TRUE(first.send("x"));
    EXPECT_THAT(first.read_until(most + "x"), StartsWith("HTTP/1.1 200 OK\r\n"));
  }
  const RawSocket third = RawSocket::to_unix(path);
  ASSERT_TRUE(third.send(post_header(100'000) + most + "y"));
  EXPECT_THAT(third.read_until(most + "y"), StartsWith("HTTP/1.1 200 OK\r\n")) << "the room is given back";
}

TEST(Reply, IsNotWantedOnceTheClientIsGone) {
  const TemporaryFolder folder;
  const auto path = folder / "vnf.sock";
  std::vector<Responder> kept;
  Router router = sample_router();
  router.on_async(Method::kGet, "/later",
                  [&kept](const Request&, Responder reply) { kept.push_back(std::move(reply)); });
  LiveServer live(std::move(router));
  ASSERT_TRUE(live.unix_socket(path));
  RawSocket patient = RawSocket::to_unix(path);
  ASSERT_TRUE(patient.send("GET /later HTTP/1.1\r\nHost: vnf\r\n\r\n"));
  while (live.on_thread([&kept] { return kept.size(); }) < 1) std::this_thread::yield();
  RawSocket hasty = RawSocket::to_unix(path);
  ASSERT_TRUE(hasty.send("GET /later HTTP/1.1\r\nHost: vnf\r\n\r\n"));
  while (live.on_thread([&kept] { return kept.size(); }) < 2) std::this_thread::yield();
  EXPECT_TRUE(live.on_thread([&kept] { return kept[1].wanted(); }));

  patient.finish();  // has said all it has to say, and reads on
  hasty.close();
  while (live.on_thread([&kept] { return kept[1].wanted(); })) std::this_thread::yield();
  EXPECT_TRUE(live.on_thread([&kept] { return kept[0].wanted(); }));
  live.on_thread([&kept] {
    for (const Responder& reply : kept) reply(Response::text(200, "late\n"));
    kept.clear();
  });
  EXPECT_THAT(patient.read_until("late\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST(Stop, LetsRequestsInProgressFinish) {
  LiveServer live(sample_router());
  const auto port = live.tcp();
  const RawSocket busy = RawSocket::to_tcp(port);
  ASSERT_TRUE(
      busy.send("POST /v1/echo HTTP/1.1\r\nHost: vnf\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
  EXPECT_THAT(busy.read_until("\r\n\r\n"), HasSubstr("100 Continue"));
  auto stopped = live.stop(10s);
  ASSERT_TRUE(busy.send("ok"));
  const std::string answer = busy.read_all();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  EXPECT_THAT(answer, ::testing::EndsWith("\r\n\r\nok"));
  EXPECT_EQ(stopped.wait_for(5s), std::future_status::ready);
}

TEST(Stop, IsBoundedByItsGrace) {
  std::vector<Responder> kept;
  Router router = sample_router();
  router.on_async(Method::kGet, "/never",
                  [&kept](const Request&, Responder reply) { kept.push_back(std::move(reply)); });
  LiveServer live(std::move(router));
  const auto port = live.tcp();
  const RawSocket half = RawSocket::to_tcp(port);
  ASSERT_TRUE(half.send(post_header(10)));
  const RawSocket waiting = RawSocket::to_tcp(port);
  ASSERT_TRUE(waiting.send("GET /never HTTP/1.1\r\nHost: vnf\r\n\r\n"));
  while (live.on_thread([&kept] { return kept.size(); }) == 0) std::this_thread::yield();
  auto stopped = live.stop(200ms);
  EXPECT_EQ(stopped.wait_for(5s), std::future_status::ready);
  EXPECT_THAT(half.read_all(), ::testing::Not(HasSubstr("200")));
  EXPECT_EQ(waiting.read_all(), "");
  live.on_thread([&kept] { kept.clear(); });  // an answer that comes too late does no harm
}

}  // namespace
}  // namespace millrace::http::test
