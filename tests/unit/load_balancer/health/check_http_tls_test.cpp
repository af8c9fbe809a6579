// SPDX-License-Identifier: BSD-3-Clause
#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>

#include "tests/support/certificates.h"
#include "tests/support/scripted_server.h"
#include "tests/unit/load_balancer/health/one_check.h"

namespace millrace::load_balancer::health::test {
namespace {

using namespace std::chrono_literals;
using millrace::test::context_for;
using millrace::test::Identity;
using millrace::test::make_identity;
using millrace::test::Saying;
using millrace::test::ScriptedServer;

std::optional<Saying> well(std::size_t) { return Saying{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}; }

class HttpsCheckTest : public OneCheck {
 protected:
  HttpsCheckTest() {
    folder_ = ::testing::TempDir() + "millrace-health-XXXXXX";
    if (::mkdtemp(folder_.data()) == nullptr) std::abort();
    EXPECT_TRUE(millrace::test::write_pem(authority_file(), authority_));
  }
  ~HttpsCheckTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string authority_file() const { return folder_ + "/ca.pem"; }
  [[nodiscard]] HttpCheck https(const std::string& server_name) const {
    return {.tls = Tls{.server_name = server_name, .ca_file = authority_file()}};
  }
  Status checked(const Identity& server, const HttpCheck& http) {
    ScriptedServer listening(io_, well, context_for(&server, nullptr));
    const Status status = check(target_at(listening.port(), http));
    asked_name_ = listening.server_name();
    return status;
  }
  std::string text_with(const Identity& server, const HttpCheck& http) {
    return checked(server, http).last.text;
  }

  std::string folder_;
  Identity authority_ = make_identity("Test authority", nullptr, nullptr);
  Identity web_ = make_identity("web", "DNS:web.example,DNS:*.web.example,IP:127.0.0.1", &authority_);
  std::string asked_name_;
};

TEST_F(HttpsCheckTest, TakesTheRightNameOfAKnownAuthority) {
  const Status status = checked(web_, https("web.example"));
  EXPECT_EQ(status.last.text, "HTTP 200");
  EXPECT_EQ(status.state, State::kUp);
  EXPECT_EQ(asked_name_, "web.example");
  EXPECT_EQ(text_with(web_, https("eu.web.example")), "HTTP 200") << "by its wildcard";
  HttpCheck body = https("web.example");
  body.body = "ok";
  EXPECT_EQ(text_with(web_, body), "HTTP 200");
}

TEST_F(HttpsCheckTest, TheNameIsTheHostsOrTheAddressWhenNoneIsGiven) {
  HttpCheck check = https("");
  check.host = "web.example:8443";
  EXPECT_EQ(text_with(web_, check), "HTTP 200");
  EXPECT_EQ(asked_name_, "web.example");
  EXPECT_EQ(text_with(web_, https("")), "HTTP 200");
  EXPECT_EQ(asked_name_, "") << "an address is no server name (RFC 6066 section 3)";
}

TEST_F(HttpsCheckTest, RefusesAnotherName) {
  const Identity other = make_identity("web.example", "DNS:other.example", &authority_);
  const Status status = checked(other, https("web.example"));
  EXPECT_EQ(status.last.text, "certificate is for other.example, not web.example");
  EXPECT_EQ(status.state, State::kDown);
  EXPECT_EQ(text_with(other, https("")), "certificate is for other.example, not 127.0.0.1");
  const Identity many = make_identity(
      "x", "DNS:a.example,DNS:b.example,IP:192.0.2.1,IP:2001:db8::1,DNS:c.example", &authority_);
  EXPECT_EQ(text_with(many, https("web.example")),
            "certificate is for a.example and b.example and 192.0.2.1 and 2 more, not web.example");
  const Identity by_subject = make_identity("web.example", nullptr, &authority_);
  EXPECT_EQ(text_with(by_subject, https("web.example")), "certificate is for no name, not web.example");
}

TEST_F(HttpsCheckTest, RefusesWhatIsNotValidNow) {
  const Identity expired = make_identity("web", "DNS:web.example", &authority_, {-7200, -3600});
  EXPECT_THAT(text_with(expired, https("web.example")),
              ::testing::MatchesRegex("certificate has expired on 20..-..-.. ..:.. UTC"));
  const Identity early = make_identity("web", "DNS:web.example", &authority_, {3600, 7200});
  EXPECT_THAT(text_with(early, https("web.example")),
              ::testing::MatchesRegex("certificate is not valid before 20..-..-.. ..:.. UTC"));
}

TEST_F(HttpsCheckTest, RefusesAnUnknownAuthority) {
  const Identity stranger = make_identity("Another authority", nullptr, nullptr);
  const Identity theirs = make_identity("web", "DNS:web.example", &stranger);
  EXPECT_THAT(text_with(theirs, https("web.example")), ::testing::StartsWith("certificate is not trusted: "));
  const Identity itself = make_identity("web", "DNS:web.example", nullptr);
  EXPECT_THAT(text_with(itself, https("web.example")), ::testing::StartsWith("certificate is not trusted: "));
  HttpCheck system = https("web.example");
  system.tls->ca_file.clear();
  EXPECT_THAT(text_with(web_, system), ::testing::StartsWith("certificate is not trusted: "))
      << "the system does not know the test's authority";
}

TEST_F(HttpsCheckTest, TakesAnyCertificateWhenToldTo) {
  const Identity expired = make_identity("x", "DNS:other.example", nullptr, {-7200, -3600});
  HttpCheck check = https("web.example");
  check.tls->verify = false;
  EXPECT_EQ(text_with(expired, check), "HTTP 200");
  EXPECT_EQ(asked_name_, "web.example") << "the name is asked for all the same";
}

TEST_F(HttpsCheckTest, ServersThatSpeakNoTlsOrStaySilent) {
  ScriptedServer plain(
      io_, [](std::size_t) { return Saying{.text = "HTTP/1.1 400 Bad Request\r\n\r\n", .listens = false}; });
  const Status status = check(target_at(plain.port(), https("web.example")));
  EXPECT_THAT(status.last.text, ::testing::StartsWith("TLS handshake: "));
  EXPECT_EQ(status.state, State::kDown);
  ScriptedServer hangs_up(io_, [](std::size_t) { return Saying{.text = "", .listens = false}; });
  EXPECT_THAT(
      text_of(target_at(hangs_up.port(), https("web.example"))),
      ::testing::AnyOf("TLS handshake: connection closed", "TLS handshake: Connection reset by peer"));
  ScriptedServer silent(io_, [](std::size_t) { return Saying{.text = "", .close = false}; });
  EXPECT_EQ(text_of(with_timeout(target_at(silent.port(), https("web.example")), 200ms)),
            "no TLS handshake within 200 ms");
}

TEST_F(HttpsCheckTest, AFileWithoutAuthoritiesIsAnErrorOfSet) {
  Checker checker(io_, {});
  HttpCheck missing = https("web.example");
  missing.tls->ca_file = folder_ + "/none.pem";
  const Target target = target_at(443, missing);
  const auto refused = checker.set(std::span(&target, 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().attempt, "read the authorities of health checks in " + missing.tls->ca_file);
  EXPECT_EQ(checker.status("backend"), nullptr);
}

TEST_F(HttpsCheckTest, ARenewedFileCountsFromTheNextSet) {
  const Identity next = make_identity("Next authority", nullptr, nullptr);
  const Identity renewed = make_identity("web", "DNS:web.example", &next);
  ScriptedServer server(io_, well, context_for(&renewed, nullptr));
  Target target = target_at(server.port(), https("web.example"));
  target.spec.interval = 5ms;
  Checker checker(io_, {});
  ASSERT_TRUE(checker.set(std::span(&target, 1)));
  run_until([&] { return checker.status("backend")->state == State::kDown; });
  ASSERT_TRUE(millrace::test::write_pem(authority_file(), next));
  ASSERT_TRUE(checker.set(std::span(&target, 1)));
  EXPECT_EQ(checker.status("backend")->state, State::kDown) << "the same target goes on";
  run_until([&] { return checker.status("backend")->state == State::kUp; });
}

}  // namespace
}  // namespace millrace::load_balancer::health::test
