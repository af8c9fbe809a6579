// SPDX-License-Identifier: BSD-3-Clause
// Streams of TLS built by hand: what is found does not hang on segments or records.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "tests/support/hex.h"
#include "tests/support/protocol_listener.h"
#include "tests/support/tls_bytes.h"

namespace millrace::firewall::inspection::readers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::pairs;
using ::testing::SizeIs;
using testing::tls_client_hello;
using testing::tls_extension;
using testing::tls_message;
using testing::tls_protocols;
using testing::tls_record;
using testing::tls_records;
using testing::tls_server_hello;
using testing::tls_server_name;
using testing::TlsListener;
using testing::Told;

constexpr unsigned kHandshake = 22;
constexpr auto kClientHello = static_cast<unsigned>(TlsEvent::What::kClientHello);
constexpr auto kServerHello = static_cast<unsigned>(TlsEvent::What::kServerHello);
constexpr auto kCertificate = static_cast<unsigned>(TlsEvent::What::kCertificate);

const std::string kChangeCipher = tls_record(20, "\1");
const std::string kExtensions = tls_server_name("www.example.org") +
                                tls_extension(10, testing::counted(pairs({0x1a1a, 29, 23}), 2)) +
                                tls_extension(11, std::string("\1\0", 2)) + tls_extension(0x2a2a, "") +
                                tls_protocols({"h2", "http/1.1"}) +
                                tls_extension(43, testing::counted(pairs({0x3a3a, 0x0304, 0x0303}), 1));
const std::string kHello = tls_client_hello(kExtensions, {0x4a4a, 0x1301, 0xc02f});
const std::string kJa3 = "771,4865-49199,0-10-11-16-43,29-23,0";

std::string md5_text(const std::string& text) {
  unsigned char hash[16];
  EVP_Digest(text.data(), text.size(), hash, nullptr, EVP_md5(), nullptr);
  std::string hex;
  for (const unsigned char byte : hash) {
    hex += "0123456789abcdef"[byte >> 4U];
    hex += "0123456789abcdef"[byte & 15U];
  }
  return hex;
}

TlsListener tls_heard(Side side, const std::string& stream, bool ended = false) {
  TlsListener listener;
  listener.hear(side, stream, ended);
  return listener;
}

TEST(TlsReader, FindsWhatAClientOffers) {
  const TlsListener listener = tls_heard(Side::kClient, tls_record(kHandshake, kHello));
  ASSERT_THAT(listener.told, SizeIs(1));
  const Told& hello = listener.told[0];
  EXPECT_EQ(hello.what, kClientHello);
  EXPECT_EQ(hello[Buffer::kTlsSni], "www.example.org");
  EXPECT_EQ(hello[Buffer::kJa3String], kJa3);
  EXPECT_EQ(hello[Buffer::kJa3Hash], md5_text(kJa3));
  EXPECT_THAT(hello.others, ElementsAre("771", "772", "h2", "http/1.1"));
  EXPECT_TRUE(listener.anomalies.empty());
  EXPECT_EQ(listener.progress, ReadProgress::kReading);
}

// https://github.com/salesforce/ja3 has this in its README, with its hash.
TEST(TlsReader, MakesThePublishedJa3) {
  const std::string hello = tls_message(
      1, pairs({769}) + std::string(32, 'r') + testing::counted("", 1) +
             testing::counted(pairs({47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4}), 2) +
             testing::counted(std::string(1, '\0'), 1) +
             testing::counted(tls_server_name("a") +
                                  tls_extension(10, testing::counted(pairs({23, 24, 25}), 2)) +
                                  tls_extension(11, std::string("\1\0", 2)),
                              2));
  const TlsListener listener = tls_heard(Side::kClient, tls_record(kHandshake, hello));
  ASSERT_THAT(listener.told, SizeIs(1));
  EXPECT_EQ(listener.told[0][Buffer::kJa3String],
            "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0");
  EXPECT_EQ(listener.told[0][Buffer::kJa3Hash], "ada70206e40642a3e4461f35503241d5");
}

// The README's other one: no extensions at all.
TEST(TlsReader, MakesJa3WithoutExtensions) {
  const std::string hello =
      tls_message(1, pairs({769}) + std::string(32, 'r') + testing::counted("", 1) +
                         testing::counted(pairs({4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99}), 2) +
                         testing::counted(std::string(1, '\0'), 1));
  const TlsListener listener = tls_heard(Side::kClient, tls_record(kHandshake, hello));
  ASSERT_THAT(listener.told, SizeIs(1));
  EXPECT_EQ(listener.told[0][Buffer::kJa3String], "769,4-5-10-9-100-98-3-6-19-18-99,,,");
  EXPECT_EQ(listener.told[0][Buffer::kJa3Hash], "de350869b8c85de67a350c8d186f11e6");
  EXPECT_TRUE(listener.anomalies.empty());
}

TEST(TlsReader, EndsWithAServersHelloOfTls13) {
  const std::string stream = tls_record(kHandshake, tls_server_hello(tls_extension(43, pairs({0x0304})))) +
                             kChangeCipher + "anything";
  const TlsListener listener = tls_heard(Side::kServer, stream);
  ASSERT_THAT(listener.told, SizeIs(1));
  EXPECT_EQ(listener.told[0].what, kServerHello);
  EXPECT_THAT(listener.told[0].others, ElementsAre("771", "772"));
  EXPECT_EQ(listener.progress, ReadProgress::kOver);
  EXPECT_TRUE(listener.anomalies.empty());
}

// SHA-256 of "HelloRetryRequest", by OpenSSL.
std::string retry_random() {
  std::string hash(32, '\0');
  EVP_Digest("HelloRetryRequest", 17, reinterpret_cast<unsigned char*>(hash.data()), nullptr, EVP_sha256(),
             nullptr);
  return hash;
}

TEST(TlsReader, GoesOnBehindARetry) {
  const std::string retry = tls_server_hello(tls_extension(43, pairs({0x0304})), retry_random());
  const std::string hello = tls_server_hello(tls_extension(43, pairs({0x0304})) + tls_protocols({"h2"}));
  const TlsListener server =
      tls_heard(Side::kServer, tls_record(kHandshake, retry) + kChangeCipher + tls_record(kHandshake, hello) +
                                   tls_record(23, "x"));
  ASSERT_THAT(server.told, SizeIs(2));
  EXPECT_THAT(server.told[1].others, ElementsAre("771", "772", "h2"));
  EXPECT_EQ(server.progress, ReadProgress::kOver);

  const TlsListener client =
      tls_heard(Side::kClient, tls_record(kHandshake, kHello) + kChangeCipher +
                                   tls_record(kHandshake, tls_client_hello(tls_server_name("b.example"))) +
                                   tls_record(23, "x"));
  ASSERT_THAT(client.told, SizeIs(2));
  EXPECT_EQ(client.told[1][Buffer::kTlsSni], "b.example");
  EXPECT_EQ(client.progress, ReadProgress::kOver);
  EXPECT_TRUE(client.anomalies.empty());
}

TEST(TlsReader, EndsWithAnEncryptedFinished) {
  const TlsListener client =
      tls_heard(Side::kClient, tls_record(kHandshake, kHello) + kChangeCipher +
                                   tls_record(kHandshake, std::string(40, '\0')) + "rest");
  EXPECT_THAT(client.told, SizeIs(1));
  EXPECT_EQ(client.progress, ReadProgress::kOver);
  EXPECT_TRUE(client.anomalies.empty());
  const TlsListener server =
      tls_heard(Side::kServer, tls_record(kHandshake, tls_server_hello("")) + kChangeCipher + "rest");
  EXPECT_THAT(server.told, SizeIs(1));
  EXPECT_EQ(server.progress, ReadProgress::kOver);
  EXPECT_TRUE(server.anomalies.empty());
}

struct TlsCase {
  const char* name;
  Side side;
  std::string stream;
  ReadAnomaly anomaly;
  std::size_t told;
};

class TlsAnomaly : public ::testing::TestWithParam<TlsCase> {};

TEST_P(TlsAnomaly, IsNamed) {
  const TlsCase& one = GetParam();
  const TlsListener listener = tls_heard(one.side, one.stream, true);
  EXPECT_TRUE(listener.anomalies.has(one.anomaly)) << one.name;
  EXPECT_THAT(listener.told, SizeIs(one.told)) << one.name;
  EXPECT_EQ(listener.progress, ReadProgress::kOver);
}

const std::string kWhole = tls_record(kHandshake, kHello);

INSTANTIATE_TEST_SUITE_P(
    All, TlsAnomaly,
    ::testing::Values(
        TlsCase{"another protocol", Side::kClient, "GET / HTTP/1.1\r\n", ReadAnomaly::kTlsNotTls, 0},
        TlsCase{"another version", Side::kClient, tls_record(kHandshake, kHello, 0x0203),
                ReadAnomaly::kTlsNotTls, 0},
        TlsCase{"SSLv2", Side::kClient, std::string("\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10", 11),
                ReadAnomaly::kTlsSslV2, 0},
        TlsCase{"too long", Side::kClient, tls_record(kHandshake, std::string(16385, '\1')),
                ReadAnomaly::kTlsRecordTooLong, 0},
        TlsCase{"empty record", Side::kClient, tls_record(kHandshake, "") + kWhole,
                ReadAnomaly::kTlsEmptyRecord, 1},
        TlsCase{"interleaved", Side::kClient,
                tls_record(kHandshake, kHello.substr(0, 50)) + tls_record(21, "\1\1") +
                    tls_record(kHandshake, kHello.substr(50)),
                ReadAnomaly::kTlsInterleaved, 1},
        TlsCase{"data first", Side::kClient, tls_record(23, "x"), ReadAnomaly::kTlsBeforeHello, 0},
        TlsCase{"change of ciphers first", Side::kClient, kChangeCipher + kWhole,
                ReadAnomaly::kTlsBeforeHello, 1},
        TlsCase{"message too long", Side::kClient,
                tls_records(kHandshake, tls_message(1, std::string(70'000, '\3')), 16384),
                ReadAnomaly::kTlsMessageTooLong, 1},
        TlsCase{"no ciphers", Side::kClient, tls_record(kHandshake, tls_message(1, std::string(36, '\3'))),
                ReadAnomaly::kTlsBadHello, 1},
        TlsCase{"short extension", Side::kClient,
                tls_record(kHandshake, tls_client_hello(tls_server_name("a") + std::string("\0\x0a\0", 3))),
                ReadAnomaly::kTlsBadHello, 1},
        TlsCase{"two server names", Side::kClient,
                tls_record(kHandshake,
                           tls_client_hello(tls_server_name("a.example") + tls_server_name("b.example"))),
                ReadAnomaly::kTlsRepeatedExtension, 1},
        TlsCase{"NUL in a name", Side::kClient,
                tls_record(kHandshake, tls_client_hello(tls_server_name(std::string("a\0.example", 10)))),
                ReadAnomaly::kTlsBadServerName, 1},
        TlsCase{"cut off", Side::kClient, kWhole.substr(0, kWhole.size() - 1), ReadAnomaly::kCutOff, 0},
        TlsCase{"no certificate", Side::kServer,
                tls_record(kHandshake, tls_server_hello("") + testing::tls_certificates({"not DER"})),
                ReadAnomaly::kTlsBadCertificate, 2}));

// However a stream is cut, into segments at each place and into records of each size.
TEST(TlsReader, IsTheSameInPieces) {
  const std::string certificate = testing::tls_certificates({std::string(300, '\x30')});
  const std::string server = tls_server_hello(tls_protocols({"h2"})) + certificate + tls_message(14, "");
  const std::string second = tls_client_hello(tls_server_name("b.example"));
  for (const std::size_t record : {1U, 3U, 4U, 5U, 7U, 100U, 16384U}) {
    for (const auto& [side, stream] :
         {std::pair{Side::kClient, tls_records(kHandshake, kHello, record) + kChangeCipher +
                                       tls_records(kHandshake, second, record) + tls_record(23, "opaque")},
          std::pair{Side::kServer, tls_records(kHandshake, server, record) + kChangeCipher + "opaque"}}) {
      const TlsListener whole = tls_heard(side, stream);
      ASSERT_THAT(whole.told, SizeIs(2)) << record;
      for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        TlsListener pieces;
        pieces.hear(side, stream.substr(0, cut), false);
        pieces.hear(side, stream, false);
        ASSERT_EQ(pieces, whole) << record << " cut at " << cut;
      }
      TlsListener bytes;
      for (std::size_t end = 1; end <= stream.size(); ++end) bytes.hear(side, stream.substr(0, end), false);
      EXPECT_EQ(bytes, whole) << record;
    }
  }
}

TEST(TlsReader, StopsWhenItIsToldToAndGoesOn) {
  TlsListener listener;
  listener.stop_at_each = true;
  const std::string stream = kWhole + kChangeCipher + kWhole;
  listener.hear(Side::kClient, stream, false);
  EXPECT_EQ(listener.progress, ReadProgress::kStopped);
  EXPECT_THAT(listener.told, SizeIs(1));
  listener.hear(Side::kClient, stream, false);
  EXPECT_THAT(listener.told, SizeIs(2));
  listener.hear(Side::kClient, stream, false);
  EXPECT_EQ(listener.progress, ReadProgress::kReading);
  EXPECT_THAT(listener.told, SizeIs(2));
}

TEST(TlsReader, GivesTheRoomBack) {
  TlsListener listener;
  const std::string stream = tls_records(kHandshake, kHello, 10);
  for (int i = 0; i < 10'000; ++i) {
    listener.reader = {};
    listener.hear(Side::kClient, stream, false);
  }
  EXPECT_TRUE(listener.anomalies.empty());  // no_room, had any of it stayed taken
}

TEST(TlsReader, HasNoRoom) {
  Room room(0);
  TlsReader reader;
  ReadAnomalySet anomalies;
  unsigned told = 0;
  const testing::StreamCopy stream(kWhole);
  reader.advance(stream.bytes(), false, Side::kClient, room, [&](const TlsEvent& event) noexcept {
    ++told;
    anomalies.add(event.anomalies);
    EXPECT_EQ(testing::text_of(event.parts[Buffer::kTlsSni]), "www.example.org");
    return true;
  });
  EXPECT_EQ(told, 1U);
  EXPECT_TRUE(anomalies.has(ReadAnomaly::kNoRoom));
}

}  // namespace
}  // namespace millrace::firewall::inspection::readers
