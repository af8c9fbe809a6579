// SPDX-License-Identifier: BSD-3-Clause
// Certificates made by OpenSSL; the names are written out by hand.
#include "vnfs/firewall/inspection/readers/tls_certificate.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <openssl/asn1.h>
#include <openssl/ec.h>
#include <openssl/x509.h>

#include "tests/support/protocol_listener.h"

namespace millrace::firewall::inspection::readers {
namespace {

struct FreeX509 {
  void operator()(X509* x) const { X509_free(x); }
};

class Certificate {
 public:
  Certificate() : x509_(X509_new()) {
    X509_set_version(x509_.get(), X509_VERSION_3);
    serial(1);
    X509_gmtime_adj(X509_getm_notBefore(x509_.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509_.get()), 86400);
  }
  void serial(long number) { ASN1_INTEGER_set(X509_get_serialNumber(x509_.get()), number); }
  void subject(const char* type, int form, const std::string& text, int set = 0) {
    add(X509_get_subject_name(x509_.get()), type, form, text, set);
  }
  void issuer(const char* type, int form, const std::string& text) {
    add(X509_get_issuer_name(x509_.get()), type, form, text, 0);
  }
  [[nodiscard]] std::string der() const {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509_set_pubkey(x509_.get(), key);
    X509_sign(x509_.get(), key, EVP_sha256());
    EVP_PKEY_free(key);
    unsigned char* bytes = nullptr;
    const int length = i2d_X509(x509_.get(), &bytes);
    std::string out;
    if (length > 0) out.assign(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(length));
    OPENSSL_free(bytes);
    return out;
  }

 private:
  static void add(X509_NAME* name, const char* type, int form, const std::string& text, int set) {
    ASN1_OBJECT* object = OBJ_txt2obj(type, 0);
    X509_NAME_add_entry_by_OBJ(name, object, form, reinterpret_cast<const unsigned char*>(text.data()),
                               static_cast<int>(text.size()), -1, set);
    ASN1_OBJECT_free(object);
  }
  std::unique_ptr<X509, FreeX509> x509_;
};

struct ReadCertificate {
  testing::PartTexts parts;
  ReadAnomalySet anomalies;
  std::size_t used = 0;
};
ReadCertificate read_der(const std::string& der) {
  const testing::StreamCopy copy(der);
  Room& room = testing::HelloListener::room();
  Parts parts;
  ReadCertificate result;
  result.used = add_certificate(copy.bytes(), room, parts, result.anomalies);
  result.parts = testing::texts_of(parts);
  room.give_back(result.used);
  return result;
}

TEST(TlsCertificate, WritesNamesInOrder) {
  Certificate certificate;
  certificate.subject("C", V_ASN1_PRINTABLESTRING, "DE");
  certificate.subject("ST", V_ASN1_UTF8STRING, "Th\xc3\xbcringen");
  certificate.subject("O", V_ASN1_T61STRING,
                      "Gr\xfc\xdf"
                      "e");
  certificate.subject("OU", V_ASN1_BMPSTRING, std::string("\0A\x20\xac\0\xfc", 6));
  certificate.subject("CN", V_ASN1_UTF8STRING, "a, b=c");
  certificate.subject("L", V_ASN1_PRINTABLESTRING, "Jena");
  certificate.subject("emailAddress", V_ASN1_IA5STRING, "a@b.example");
  certificate.subject("1.2.840.113549.1.9.2", V_ASN1_UTF8STRING, "x");
  certificate.subject("2.999.1", V_ASN1_UTF8STRING, "y");
  certificate.issuer("CN", V_ASN1_UTF8STRING, "Test CA");
  certificate.serial(0x00c4fb12);
  const ReadCertificate got = read_der(certificate.der());
  EXPECT_TRUE(got.anomalies.empty());
  EXPECT_EQ(got.parts.at(Buffer::kTlsSubject),
            "C=DE, ST=Th\xc3\xbcringen, O=Gr\xfc\xdf"
            "e, OU=A\xe2\x82\xac\xc3\xbc, CN=a, b=c, L=Jena, "
            "emailAddress=a@b.example, 1.2.840.113549.1.9.2=x, 2.999.1=y");
  EXPECT_EQ(got.parts.at(Buffer::kTlsIssuer), "CN=Test CA");
  EXPECT_EQ(got.parts.at(Buffer::kTlsSerial), "00:C4:FB:12");
}

TEST(TlsCertificate, JoinsPartsOfOneSet) {
  Certificate certificate;
  certificate.subject("C", V_ASN1_PRINTABLESTRING, "US");
  certificate.subject("CN", V_ASN1_UTF8STRING, "a");
  certificate.subject("OU", V_ASN1_UTF8STRING, "b", -1);  // in the set before
  EXPECT_EQ(read_der(certificate.der()).parts.at(Buffer::kTlsSubject), "C=US, CN=a + OU=b");
}

TEST(TlsCertificate, HasEmptyNames) {
  const ReadCertificate got = read_der(Certificate().der());
  EXPECT_TRUE(got.anomalies.empty());
  EXPECT_EQ(got.parts.at(Buffer::kTlsSubject), "");
  EXPECT_EQ(got.parts.at(Buffer::kTlsSerial), "01");
}

TEST(TlsCertificate, CutsLongNames) {
  Certificate certificate;
  certificate.issuer("CN", V_ASN1_UTF8STRING, "CA");
  for (int i = 0; i < 200; ++i) certificate.subject("OU", V_ASN1_UTF8STRING, std::string(60, 'x'));
  const ReadCertificate got = read_der(certificate.der());
  EXPECT_TRUE(got.anomalies.has(ReadAnomaly::kTlsNameTooLong));
  EXPECT_LE(got.parts.at(Buffer::kTlsSubject).size(), kLongestCertificateName);
  EXPECT_GT(got.parts.at(Buffer::kTlsSubject).size(), kLongestCertificateName - 70);
  EXPECT_EQ(got.parts.at(Buffer::kTlsIssuer), "CN=CA");
}

// Each prefix, and each byte changed: nothing but anomalies comes of it. A sanitizer watches.
TEST(TlsCertificate, SurvivesDamage) {
  Certificate certificate;
  certificate.subject("C", V_ASN1_PRINTABLESTRING, "US");
  certificate.issuer("OU", V_ASN1_BMPSTRING, std::string("\0A\0B", 4));
  certificate.issuer("2.999", V_ASN1_UTF8STRING, "y");
  const std::string der = certificate.der();
  for (std::size_t length = 0; length < der.size(); ++length)
    EXPECT_TRUE(read_der(der.substr(0, length)).anomalies.has(ReadAnomaly::kTlsBadCertificate)) << length;
  for (std::size_t at = 0; at < der.size(); ++at) {
    for (const char bits : {'\x01', '\x80', '\xff'}) {
      std::string damaged = der;
      damaged[at] = static_cast<char>(damaged[at] ^ bits);
      EXPECT_LE(read_der(damaged).used, kTlsRoom);
    }
  }
}

}  // namespace
}  // namespace millrace::firewall::inspection::readers
