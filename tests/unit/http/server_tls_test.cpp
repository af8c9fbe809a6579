// SPDX-License-Identifier: BSD-3-Clause
#include <boost/asio/ssl/context.hpp>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/http/client.h"
#include "tests/support/certificates.h"
#include "tests/unit/http/harness.h"

namespace millrace::http::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
namespace ssl = boost::asio::ssl;
using millrace::test::context_for;
using millrace::test::Identity;
using millrace::test::make_identity;

class Tls : public ::testing::Test {
 protected:
  static Router router() {
    Router router = sample_router();
    router.on(Method::kGet, "/who", [](const Request& request) {
      if (!request.peer.certificate) return Response::text(200, "nobody");
      const auto& certificate = *request.peer.certificate;
      return Response::text(
          200, certificate.subject + "|" + certificate.dns_names.at(0) + "|" + certificate.sha256);
    });
    return router;
  }
  std::uint16_t listen(const std::shared_ptr<ssl::context>& context) {
    const auto port =
        live_.on_thread([&, this] { return live_.server().listen_tls("127.0.0.1", 0, context); });
    if (!port) ADD_FAILURE() << port.error().message();
    return port.value_or(0);
  }

  Identity authority_ = make_identity("Test authority", nullptr, nullptr);
  Identity server_ = make_identity("vnf", "DNS:localhost,IP:127.0.0.1", &authority_);
  Identity client_ = make_identity("vnfm", "DNS:vnfm.example", &authority_);
  Identity stranger_ = make_identity("stranger", "DNS:vnfm.example", nullptr);
  Limits limits_{.read_timeout = 500ms};
  LiveServer live_{router(), limits_};
};

TEST_F(Tls, ServesAClientThatTrustsIt) {
  const auto port = listen(context_for(&server_, nullptr));
  for (const char* host : {"localhost", "127.0.0.1"}) {
    Client client = Client::tls(host, port, context_for(nullptr, &authority_));
    const auto health = client.get("/v1/health");
    ASSERT_TRUE(health) << health.error().message();
    EXPECT_EQ(health->body, "well\n");
    EXPECT_EQ(client.get("/who")->body, "nobody");
    const std::string large(2'000'000, 'x');
    EXPECT_EQ(client.request({Method::kPost, "/v1/echo", {}, large})->body, large);
    EXPECT_EQ(count_of(client.get("/v1/lines?count=10000")->body, "\n"), 10'000U);
  }
}

TEST_F(Tls, ClientRefusesAServerItCannotVerify) {
  const auto port = listen(context_for(&server_, nullptr));
  const auto unknown = Client::tls("localhost", port, context_for(nullptr, &stranger_)).get("/v1/health");
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message(), HasSubstr("TLS handshake: certificate verify failed"));
  const auto misnamed = listen(context_for(&client_, nullptr));
  EXPECT_FALSE(Client::tls("localhost", misnamed, context_for(nullptr, &authority_)).get("/v1/health"));
}

TEST_F(Tls, MutualTlsLetsInThoseWithACertificateOnly) {
  const auto port = listen(context_for(&server_, &authority_, true));
  const auto known = Client::tls("localhost", port, context_for(&client_, &authority_)).get("/who");
  ASSERT_TRUE(known) << known.error().message();
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned char* der = nullptr;
  const int size = i2d_X509(client_.certificate.get(), &der);
  EVP_Digest(der, static_cast<std::size_t>(size), digest, nullptr, EVP_sha256(), nullptr);
  OPENSSL_free(der);
  std::string hex;
  for (int i = 0; i < 32; ++i) {
    char text[3];
    std::snprintf(text, sizeof text, "%02x", digest[i]);
    hex += text;
  }
  EXPECT_EQ(known->body, "CN=vnfm|vnfm.example|" + hex);

  for (const Identity* refused :
       {static_cast<const Identity*>(nullptr), static_cast<const Identity*>(&stranger_)}) {
    const auto answer = Client::tls("localhost", port, context_for(refused, &authority_)).get("/who");
    ASSERT_FALSE(answer);
    EXPECT_THAT(answer.error().message(), HasSubstr("alert"));
  }
  EXPECT_THAT(live_.reports(),
              ::testing::Contains(HasSubstr("TLS handshake failed: peer did not return a certificate")));
}

TEST_F(Tls, EndsAClientThatNeverFinishesTheHandshake) {
  const auto port = listen(context_for(&server_, nullptr));
  const RawSocket silent = RawSocket::to_tcp(port);
  const RawSocket plain = RawSocket::to_tcp(port);
  ASSERT_TRUE(plain.send("GET / HTTP/1.1\r\nHost: vnf\r\n\r\n"));
  EXPECT_EQ(Client::tls("localhost", port, context_for(nullptr, &authority_)).get("/v1/health")->status,
            200U);
  EXPECT_THAT(plain.read_all(), ::testing::Not(HasSubstr("HTTP")));
  EXPECT_EQ(silent.read_all(), "");
}

TEST_F(Tls, ClientHearsARefusalWhileItIsStillSending) {
  const auto port = listen(context_for(&server_, nullptr));
  const auto answer = Client::tls("localhost", port, context_for(nullptr, &authority_))
                          .request({Method::kPost, "/v1/echo", {}, std::string(20 << 20, 'x')});
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->status, 413U);
}

TEST_F(Tls, CurlAgrees) {
  if (std::system("curl --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "curl is not installed";
  const TemporaryFolder folder;
  const auto pem = (folder / "ca.pem").string();
  ASSERT_TRUE(millrace::test::write_pem(pem, authority_));
  const auto port = std::to_string(listen(context_for(&server_, nullptr)));
  const auto curl = [&](const std::string& options) {
    return std::system(("curl -sS -o /dev/null --max-time 10 " + options + " https://localhost:" + port +
                        "/v1/health https://localhost:" + port + "/v1/lines 2>/dev/null")
                           .c_str());
  };
  EXPECT_EQ(curl("--cacert " + pem), 0);
  EXPECT_EQ(curl("--tls-max 1.2 --cacert " + pem), 0);
  EXPECT_NE(curl(""), 0) << "an authority curl does not know";
}

}  // namespace
}  // namespace millrace::http::test
