// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/tls_reader.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "tests/support/hex.h"
#include "vnfs/firewall/inspection/certificate.h"

namespace millrace::firewall::inspection {
namespace {

using testing::Octets;

// The ClientHello of RFC 8448 section 3, with its handshake header.
const Octets kHello = testing::hex(
    "010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece70000061301130313020100009100"
    "00000b0009"
    "0000067365727665"
    "72ff01000100000a00140012001d0017001800190100010101020103010400230000003300260024001d002099381de560"
    "e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e040305030603020308040805"
    "0806040105"
    "01060102010402050206020202002d00020101001c00024001");

Octets record(std::uint8_t type, std::span<const std::uint8_t> content) {
  Octets out = {type, 3, 1, static_cast<std::uint8_t>(content.size() >> 8U),
                static_cast<std::uint8_t>(content.size())};
  out.insert(out.end(), content.begin(), content.end());
  return out;
}

std::string words(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

// What is found when the bytes come in pieces of this size.
struct Found {
  std::vector<std::string> names;
  std::vector<std::string> fingerprints;
  std::vector<std::string> subjects;
  bool over = false;
};
Found read(const Octets& stream, std::size_t step) {
  Room room(std::size_t{1} << 20);
  TlsReader reader{};
  Found found;
  for (std::size_t end = step; end < stream.size() + step; end += step) {
    room.clear();
    reader.advance(Bytes(stream).first(std::min(end, stream.size())), room, [&](const Parts& parts) noexcept {
      if (parts.has(Buffer::kTlsSni)) found.names.push_back(words(parts[Buffer::kTlsSni]));
      if (parts.has(Buffer::kJa3String)) found.fingerprints.push_back(words(parts[Buffer::kJa3String]));
      if (parts.has(Buffer::kJa3Hash)) found.fingerprints.push_back(words(parts[Buffer::kJa3Hash]));
      if (parts.has(Buffer::kTlsSubject)) found.subjects.push_back(words(parts[Buffer::kTlsSubject]));
      return true;
    });
  }
  found.over = reader.over();
  return found;
}

std::string md5_of(const std::string& of) {
  std::array<unsigned char, 16> digest;
  EVP_Digest(of.data(), of.size(), digest.data(), nullptr, EVP_md5(), nullptr);
  std::string hex;
  for (const unsigned char byte : digest) {
    hex += "0123456789abcdef"[byte >> 4U];
    hex += "0123456789abcdef"[byte & 15U];
  }
  return hex;
}

// By hand, from the numbers in the RFC's message.
const std::string kJa3 = "771,4865-4867-4866,0-65281-10-35-51-43-13-45-28,29-23-24-25-256-257-258-259-260,";

TEST(TlsReader, ReadsAHelloHoweverItIsCut) {
  const Octets whole = record(22, kHello);
  for (std::size_t step = 1; step <= whole.size(); ++step) {
    const Found found = read(whole, step);
    ASSERT_EQ(found.names, std::vector<std::string>{"server"}) << step;
    EXPECT_EQ(found.fingerprints, (std::vector<std::string>{kJa3, md5_of(kJa3)}));
    EXPECT_FALSE(found.over);
  }
}

TEST(TlsReader, ReadsAHelloThatLiesInManyRecords) {
  for (std::size_t size = 1; size < kHello.size(); ++size) {
    Octets stream;
    for (std::size_t at = 0; at < kHello.size(); at += size) {
      const Octets one = record(22, std::span(kHello).subspan(at, std::min(size, kHello.size() - at)));
      stream.insert(stream.end(), one.begin(), one.end());
    }
    ASSERT_EQ(read(stream, stream.size()).names, std::vector<std::string>{"server"}) << size;
    ASSERT_EQ(read(stream, 7).names, std::vector<std::string>{"server"}) << size;
  }
}

TEST(TlsReader, ReadsSeveralMessagesOfOneRecord) {
  Octets both = kHello;
  both.insert(both.end(), kHello.begin(), kHello.end());
  EXPECT_EQ(read(record(22, both), 50).names.size(), 2U);
}

TEST(TlsReader, EndsWhereNothingIsInTheClear) {
  Octets stream = record(22, kHello);
  const Octets change = record(20, Octets{1});
  stream.insert(stream.end(), change.begin(), change.end());
  EXPECT_TRUE(read(stream, 10).over);
  EXPECT_TRUE(read(Octets{'G', 'E', 'T', ' ', '/', ' '}, 1).over);
}

TEST(TlsReader, LeavesGreaseOut) {
  Octets hello = kHello;
  hello[41] = 0x1a;  // the first cipher of three
  hello[42] = 0x1a;
  const auto found = read(record(22, hello), 1000);
  ASSERT_EQ(found.fingerprints.size(), 2U);
  EXPECT_EQ(found.fingerprints[0], "771,4867-4866" + kJa3.substr(std::string("771,4865-4867-4866").size()));
}

TEST(TlsReader, TakesAnyBytes) {
  // Each byte of the message changed: nothing breaks, whatever is found.
  for (std::size_t i = 0; i < kHello.size(); ++i) {
    for (const std::uint8_t value :
         {std::uint8_t{0}, std::uint8_t{0xff}, static_cast<std::uint8_t>(kHello[i] ^ 1U)}) {
      Octets hello = kHello;
      hello[i] = value;
      static_cast<void>(read(record(22, hello), 64));
    }
  }
}

struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

// Signed by OpenSSL, which also says what its names are.
struct Certificate {
  Octets der;
  std::string subject;
};
Certificate make_certificate() {
  const std::unique_ptr<EVP_PKEY, FreeX509> key(EVP_EC_gen("P-256"));
  const std::unique_ptr<X509, FreeX509> certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 0x01ab);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* name = X509_get_subject_name(certificate.get());
  const auto add = [&](const char* kind, const char* value) {
    X509_NAME_add_entry_by_txt(name, kind, MBSTRING_ASC, reinterpret_cast<const unsigned char*>(value), -1,
                               -1, 0);
  };
  add("C", "SE");
  add("O", "Example, Ltd");
  add("CN", "www.example.org");
  add("emailAddress", "a@example.org");
  X509_set_issuer_name(certificate.get(), name);
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  Certificate made;
  unsigned char* der = nullptr;
  const int length = i2d_X509(certificate.get(), &der);
  made.der.assign(der, der + length);
  OPENSSL_free(der);
  made.subject = "C=SE, O=Example, Ltd, CN=www.example.org, emailAddress=a@example.org";
  return made;
}

TEST(TlsReader, ReadsWhatACertificateSays) {
  const Certificate made = make_certificate();
  Room room(std::size_t{1} << 20);
  Parts parts;
  ASSERT_TRUE(read_certificate(made.der, room, parts));
  EXPECT_EQ(words(parts[Buffer::kTlsSubject]), made.subject);
  EXPECT_EQ(words(parts[Buffer::kTlsIssuer]), made.subject);
  EXPECT_EQ(words(parts[Buffer::kTlsSerial]), "01:AB");
  std::array<unsigned char, 20> digest;
  EVP_Digest(made.der.data(), made.der.size(), digest.data(), nullptr, EVP_sha1(), nullptr);
  std::string hex;
  for (const unsigned char byte : digest) {
    if (!hex.empty()) hex += ':';
    hex += "0123456789abcdef"[byte >> 4U];
    hex += "0123456789abcdef"[byte & 15U];
  }
  EXPECT_EQ(words(parts[Buffer::kTlsFingerprint]), hex);
  // In a message of TLS 1.2, and cut short at every place.
  Octets message = {11, 0, 0, 0};
  const auto put = [&](std::size_t value) {
    for (const unsigned shift : {16U, 8U, 0U}) message.push_back(static_cast<std::uint8_t>(value >> shift));
  };
  put(made.der.size() + 3);
  put(made.der.size());
  message.insert(message.end(), made.der.begin(), made.der.end());
  for (const unsigned i : {1U, 2U, 3U})
    message[i] = static_cast<std::uint8_t>((message.size() - 4) >> (8 * (3 - i)));
  EXPECT_EQ(read(record(22, message), 100).subjects, std::vector<std::string>{made.subject});
  for (std::size_t length = 0; length < made.der.size(); ++length) {
    room.clear();
    Parts none;
    static_cast<void>(read_certificate(Bytes(made.der).first(length), room, none));
  }
}

}  // namespace
}  // namespace millrace::firewall::inspection
