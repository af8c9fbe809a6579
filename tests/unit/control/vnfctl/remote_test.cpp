// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/remote.h"

#include <boost/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/control/vnfctl/failure.h"
#include "tests/support/control_server.h"

namespace millrace::vnfctl {
namespace {

using ::testing::HasSubstr;

template <class Action>
Failure failure_of(Action action) {
  try {
    action();
  } catch (const Failure& failure) {
    return failure;
  }
  ADD_FAILURE() << "nothing failed";
  return {kDone, ""};
}

TEST(Remote, FindsTheOnlySocket) {
  ::unsetenv("MILLRACE_CONTROL");
  test::ControlServer server;
  const auto none = failure_of([&] { (void)find_socket("", server.folder()); });
  EXPECT_EQ(none.code(), kUnreachable);
  EXPECT_EQ(failure_of([&] { (void)find_socket("", server.folder() / "missing"); }).code(), kUnreachable);

  server.start();
  EXPECT_EQ(find_socket("", server.folder()), server.socket());
  EXPECT_EQ(find_socket("/given.sock", server.folder()), "/given.sock");
  ::setenv("MILLRACE_CONTROL", "/from/environment.sock", 1);
  EXPECT_EQ(find_socket("", server.folder()), "/from/environment.sock");
  EXPECT_EQ(find_socket("/given.sock", server.folder()), "/given.sock");
  ::unsetenv("MILLRACE_CONTROL");
}

TEST(Remote, SeveralSocketsAreNamed) {
  ::unsetenv("MILLRACE_CONTROL");
  test::ControlServer server;
  server.start();
  http::Router router;
  boost::asio::io_context io;
  http::Server other(io, std::move(router));
  ASSERT_TRUE(other.listen_unix(server.folder() / "nat.sock"));
  const auto several = failure_of([&] { (void)find_socket("", server.folder()); });
  EXPECT_EQ(several.code(), kUsage);
  EXPECT_THAT(several.what(), HasSubstr("fw.sock"));
  EXPECT_THAT(several.what(), HasSubstr("nat.sock"));
}

TEST(Remote, QueriesAreEscaped) {
  EXPECT_EQ(query_text({}), "");
  EXPECT_EQ(query_text({{"a", ""}}), "");
  EXPECT_EQ(query_text({{"a", "10.0.0.0/8"}, {"b", ""}, {"c", "x&y=z"}}), "?a=10.0.0.0%2F8&c=x%26y%3Dz");
}

TEST(Remote, ProblemsAreSaidAsLines) {
  http::Response response = http::problem(400, "Profile refused", "2 errors");
  EXPECT_EQ(problem_text(response), "2 errors");
  response.body = R"({"detail": "2 errors", "errors": [
    {"file": "fw.yaml", "line": 3, "column": 7, "message": "one"}, {"file": "fw.yaml", "message": "two"}]})";
  EXPECT_EQ(problem_text(response), "fw.yaml:3:7: one\nfw.yaml: two");
  response.body = "<html>";
  EXPECT_EQ(problem_text(response), "the appliance answers 400 Bad Request");
}

}  // namespace
}  // namespace millrace::vnfctl
