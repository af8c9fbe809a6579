// SPDX-License-Identifier: BSD-3-Clause
#include <boost/asio/ssl/context.hpp>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/http/client.h"
#include "tests/unit/http/harness.h"

namespace millrace::http::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
namespace ssl = boost::asio::ssl;

template <class T, void (*kFree)(T*)>
struct Deleter {
  void operator()(T* object) const { kFree(object); }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509, X509_free>>;

struct Identity {
  Key key;
  Certificate certificate;
};

// Valid for an hour; signed by `issuer`, or by itself.
Identity make_identity(const char* name, const char* alternative_names, const Identity* issuer) {
  Identity made{Key(EVP_EC_gen("P-256")), Certificate(X509_new())};
  X509* certificate = made.certificate.get();
  static long serial = 0;
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509* signer = issuer == nullptr ? certificate : issuer->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(signer));
  const auto extend = [certificate](int kind, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  };
  extend(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
  if (alternative_names != nullptr) extend(NID_subject_alt_name, alternative_names);
  X509_sign(certificate, issuer == nullptr ? made.key.get() : issuer->key.get(), EVP_sha256());
  return made;
}

std::shared_ptr<ssl::context> context_for(const Identity* own, const Identity* trusted,
                                          bool client_must_prove = false) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls);
  if (own != nullptr) {
    SSL_CTX_use_certificate(context->native_handle(), own->certificate.get());
    SSL_CTX_use_PrivateKey(context->native_handle(), own->key.get());
  }
  if (trusted != nullptr) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context->native_handle()), trusted->certificate.get());
  }
  if (client_must_prove) context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  return context;
}

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
  FILE* file = std::fopen(pem.c_str(), "w");
  PEM_write_X509(file, authority_.certificate.get());
  std::fclose(file);
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
