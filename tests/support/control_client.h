// SPDX-License-Identifier: BSD-3-Clause
// Calls to a ControlServer, with answers read as JSON.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "common/http/client.h"
#include "tests/support/control_server.h"

namespace millrace::test {

struct Answer {
  unsigned status = 0;
  std::string type;
  std::string body;

  [[nodiscard]] boost::json::value json() const { return boost::json::parse(body); }
  [[nodiscard]] const std::string& text() const { return body; }
  // A member of the JSON object, as text; "" when it is not there.
  [[nodiscard]] std::string member(std::string_view name) const {
    const boost::json::value value = json();
    const auto* found = value.as_object().if_contains(name);
    if (found == nullptr) return "";
    return found->is_string() ? std::string(found->as_string()) : boost::json::serialize(*found);
  }
};

class ControlTest : public ::testing::Test {
 protected:
  ControlServer server;
  FakeAppliance& fake = server.appliance;

  // Starts the server at the first call.
  Answer call(http::Method method, const std::string& target, std::string body = {}) {
    if (!client_) {
      server.start();
      client_.emplace(http::Client::unix_socket(server.socket()));
    }
    const auto response =
        client_->request({.method = method, .target = target, .headers = {}, .body = std::move(body)});
    if (!response) {
      ADD_FAILURE() << target << ": " << response.error().message();
      return {};
    }
    return {response->status, std::string(response->headers.get("Content-Type")), response->body};
  }
  Answer get(const std::string& target) { return call(http::Method::kGet, target); }
  Answer put(const std::string& target, std::string body) {
    return call(http::Method::kPut, target, std::move(body));
  }
  Answer post(const std::string& target, std::string body = {}) {
    return call(http::Method::kPost, target, std::move(body));
  }
  Answer remove(const std::string& target) { return call(http::Method::kDelete, target); }

  // What the appliance was asked. Ends the server: the two threads do not share the appliance.
  const FakeAppliance::Asked& asked() {
    client_.reset();
    server.stop();
    return fake.asked;
  }

 private:
  std::optional<http::Client> client_;
};

// A refusal in the form of RFC 9457 that names what is at fault ("parameter" or "member").
inline void expect_refusal(const Answer& answer, std::string_view kind, std::string_view name) {
  EXPECT_EQ(answer.status, 400U) << answer.body;
  EXPECT_EQ(answer.type, "application/problem+json");
  EXPECT_EQ(answer.member("status"), "400");
  EXPECT_EQ(answer.member(kind), name) << answer.body;
  EXPECT_NE(answer.member("detail").find(name), std::string::npos) << answer.body;
}

}  // namespace millrace::test
