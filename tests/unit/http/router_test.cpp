// SPDX-License-Identifier: BSD-3-Clause
#include "common/http/router.h"

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/http/target.h"

namespace millrace::http {
namespace {

Handler says(std::string text) {
  return [text](const Request&) { return Response::text(200, text); };
}

Request request_for(Method method, std::string_view target) {
  Request request;
  request.method = method;
  request.target = target;
  request.segments = parse_target(target)->segments;
  return request;
}

Response ask(const Router& router, Method method, std::string_view target) {
  Request request = request_for(method, target);
  auto found = router.resolve(request);
  if (auto* response = std::get_if<Response>(&found)) return *response;
  return std::get<const Route*>(found)->handler(request);
}

TEST(Router, PrefersTheLiteralFurthestLeft) {
  Router router;
  router.on(Method::kGet, "/v1/{kind}/export", says("kind"))
      .on(Method::kGet, "/v1/sessions/{id}", says("id"))
      .on(Method::kGet, "/v1/sessions/export", says("export"))
      .on(Method::kGet, "/", says("root"));
  EXPECT_EQ(ask(router, Method::kGet, "/v1/sessions/export").body, "export");
  EXPECT_EQ(ask(router, Method::kGet, "/v1/sessions/7").body, "id");
  EXPECT_EQ(ask(router, Method::kGet, "/v1/rules/export").body, "kind");
  EXPECT_EQ(ask(router, Method::kGet, "/").body, "root");
  for (const char* unknown :
       {"/v1", "/v1/sessions", "/v1/sessions/", "/v1/sessions/7/", "/v1/sessions/7/8", "/V1/sessions/7"}) {
    EXPECT_EQ(ask(router, Method::kGet, unknown).status, 404U) << unknown;
  }
}

TEST(Router, FillsVariables) {
  Router router;
  router.on(Method::kGet, "/v1/{pool}/bindings/{id}", [](const Request& request) {
    return Response::text(
        200, std::string(request.variables.get("pool")) + "|" + std::string(request.variables.get("id")));
  });
  EXPECT_EQ(ask(router, Method::kGet, "/v1/a%2Fb/bindings/%C3%A9").body, "a/b|\xc3\xa9");
}

TEST(Router, AnswersForMethodsWithoutAHandler) {
  Router router;
  router.on(Method::kGet, "/v1/profile", says("profile")).on(Method::kPut, "/v1/profile", says("put"));
  const Response wrong = ask(router, Method::kDelete, "/v1/profile");
  EXPECT_EQ(wrong.status, 405U);
  EXPECT_EQ(wrong.headers.get("Allow"), "GET, HEAD, PUT, OPTIONS");
  const Response options = ask(router, Method::kOptions, "/v1/profile");
  EXPECT_EQ(options.status, 204U);
  EXPECT_EQ(options.headers.get("Allow"), "GET, HEAD, PUT, OPTIONS");
  EXPECT_EQ(ask(router, Method::kHead, "/v1/profile").body, "profile");
  EXPECT_EQ(ask(router, Method::kOptions, "/nowhere").status, 404U);
}

TEST(Router, AsksItsGuardsFirst) {
  Router router;
  router.on(Method::kGet, "/v1/secret", says("secret"));
  router.guard([](const Request& request) -> std::optional<Response> {
    if (request.headers.get("Authorization") == "Bearer good") return std::nullopt;
    return problem(401, "Unauthorized", "a token is needed");
  });
  EXPECT_EQ(ask(router, Method::kGet, "/v1/secret").status, 401U);
  EXPECT_EQ(ask(router, Method::kGet, "/nowhere").status, 401U)
      << "what exists is told to those who may know";
  Request request = request_for(Method::kGet, "/v1/secret");
  request.headers.add("authorization", "Bearer good");
  EXPECT_TRUE(std::holds_alternative<const Route*>(router.resolve(request)));
}

TEST(Router, RefusesMistakesOfItsAuthor) {
  Router router;
  router.on(Method::kGet, "/v1/{id}", says(""));
  for (const char* bad : {"", "v1", "/v1/{}", "/v1/x{id}", "/v1/{id", "/v1//x", "/v1/{other}", "/v1/{id}"}) {
    EXPECT_THROW(router.on(Method::kGet, bad, says("")), std::logic_error) << bad;
  }
  EXPECT_THROW(router.on(Method::kHead, "/x", says("")), std::logic_error);
}

}  // namespace
}  // namespace millrace::http
