// SPDX-License-Identifier: BSD-3-Clause
// What curl, which nobody here wrote, makes of the server.
#include <array>
#include <cstdio>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "tests/unit/http/harness.h"

namespace millrace::http::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

class Curl : public ::testing::Test {
 protected:
  struct Outcome {
    int status = -1;
    std::string output;
  };

  void SetUp() override {
    if (run("curl --version").status != 0) GTEST_SKIP() << "curl is not installed";
    ASSERT_TRUE(live_.unix_socket(socket_));
  }
  static Outcome run(const std::string& command) {
    Outcome outcome;
    FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
    std::array<char, 4096> buffer{};
    while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe))
      outcome.output.append(buffer.data(), size);
    const int status = ::pclose(pipe);
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return outcome;
  }
  // With ten seconds of patience, over the Unix socket.
  Outcome curl(const std::string& arguments) {
    return run("curl -sS --max-time 10 --unix-socket " + socket_.string() + " " + arguments);
  }
  std::string file_of(std::size_t size) {
    const auto path = folder_ / ("body" + std::to_string(size));
    std::ofstream(path) << std::string(size, 'b');
    return path.string();
  }
  static Router router() {
    Router router = sample_router();
    router.on(Method::kPost, "/v1/size", [](const Request& request) {
      return Response::text(200, std::to_string(request.body.size()));
    });
    return router;
  }

  TemporaryFolder folder_;
  std::filesystem::path socket_ = folder_ / "vnf.sock";
  LiveServer live_{router()};
};

TEST_F(Curl, KeepsTheConnectionAlive) {
  const auto got =
      curl("-v http://vnf/v1/health http://vnf/v1/lines http://vnf/nowhere http://vnf/v1/health");
  EXPECT_EQ(got.status, 0) << got.output;
  EXPECT_EQ(count_of(got.output, "Connected to"), 1U) << got.output;
  EXPECT_EQ(count_of(got.output, "Re-using existing connection"), 3U) << got.output;
  EXPECT_EQ(count_of(got.output, "well\n"), 2U);
  EXPECT_EQ(count_of(got.output, "< HTTP/1.1 404 Not Found"), 1U);
}

TEST_F(Curl, GetsHeadersOnlyForHead) {
  const auto got = curl("-I http://vnf/v1/health");
  EXPECT_EQ(got.status, 0);
  EXPECT_THAT(got.output, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(got.output, EndsWith("\r\n\r\n"));
}

TEST_F(Curl, IsToldWhatIsWrong) {
  const auto status = [this](const std::string& arguments) {
    return curl("-o /dev/null -w '%{http_code}' " + arguments).output;
  };
  EXPECT_EQ(status("http://vnf/nowhere"), "404");
  EXPECT_EQ(status("-X DELETE http://vnf/v1/health"), "405");
  EXPECT_EQ(status("-X BREW http://vnf/v1/health"), "501");
  EXPECT_EQ(status("-H \"X: $(head -c 9000 /dev/zero | tr '\\0' x)\" http://vnf/v1/health"), "431");
  EXPECT_EQ(status("--data-binary @" + file_of(20'000'000) + " http://vnf/v1/echo"), "413");
  EXPECT_EQ(status("-H 'Expect:' --data-binary @" + file_of(20'000'000) + " http://vnf/v1/echo"), "413");
  EXPECT_EQ(status("-H 'Host:' http://vnf/v1/health"), "400");
  EXPECT_EQ(status("--path-as-is http://vnf/v1/../v1/health"), "400");
  EXPECT_EQ(status("-X OPTIONS http://vnf/v1/items/7"), "204");
  EXPECT_THAT(curl("-i -X DELETE http://vnf/v1/health").output,
              HasSubstr("\r\nAllow: GET, HEAD, OPTIONS\r\n"));
}

TEST_F(Curl, Uploads) {
  const std::string file = file_of(5'000'000);
  EXPECT_EQ(curl("--data-binary @" + file + " http://vnf/v1/size").output, "5000000");
  EXPECT_EQ(curl("-X POST -T " + file + " http://vnf/v1/size").output, "5000000");
  EXPECT_EQ(curl("-H 'Transfer-Encoding: chunked' --data-binary @" + file + " http://vnf/v1/size").output,
            "5000000");
  EXPECT_EQ(run("cat " + file + " | curl -sS --max-time 10 -X POST -T - --unix-socket " + socket_.string() +
                " http://vnf/v1/size")
                .output,
            "5000000");
  EXPECT_EQ(curl("-X PUT -d 'a=b' http://vnf/v1/items/x%2Fy").output, "x/y=a=b");
}

TEST_F(Curl, DownloadsAStream) {
  const auto chunked = curl("http://vnf/v1/lines?count=100000");
  EXPECT_EQ(chunked.status, 0);
  EXPECT_EQ(count_of(chunked.output, "\n"), 100'000U);
  EXPECT_THAT(chunked.output, EndsWith("line 100000\n"));
  EXPECT_EQ(curl("--http1.0 http://vnf/v1/lines?count=2").output, "line 1\nline 2\n");
}

TEST_F(Curl, NoticesAStreamThatBreaksOff) {
  Router router;
  router.on(Method::kGet, "/", [](const Request&) {
    return Response::stream(200, "text/plain", [n = 0]() mutable -> Chunk {
      if (n++ == 0) return "first\n";
      return failure("read a session");
    });
  });
  LiveServer broken(std::move(router));
  const auto got = run("curl -sS --max-time 10 http://127.0.0.1:" + std::to_string(broken.tcp()));
  EXPECT_EQ(got.status, 18) << got.output;  // CURLE_PARTIAL_FILE
}

TEST_F(Curl, ServesManyAtOnce) {
  const auto port = std::to_string(live_.tcp());
  const auto got = run("curl -sS --max-time 30 --parallel --parallel-max 50 'http://127.0.0.1:" + port +
                       "/v1/health?[1-1000]'");
  EXPECT_EQ(got.status, 0);
  EXPECT_EQ(count_of(got.output, "well\n"), 1000U);
}

}  // namespace
}  // namespace millrace::http::test
