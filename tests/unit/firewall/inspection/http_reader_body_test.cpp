// SPDX-License-Identifier: BSD-3-Clause
// Packed bodies, made by zlib.
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "tests/support/http_listener.h"

namespace millrace::firewall::inspection {
namespace {

using testing::HttpListener;
using testing::HttpMessage;

constexpr int kGzip = MAX_WBITS + 16;
constexpr int kZlib = MAX_WBITS;
constexpr int kBare = -MAX_WBITS;

std::string pack(const std::string& text, int window_bits) {
  z_stream zlib{};
  if (deflateInit2(&zlib, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  std::string packed(deflateBound(&zlib, text.size()), '\0');
  zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  zlib.avail_in = static_cast<uInt>(text.size());
  zlib.next_out = reinterpret_cast<Bytef*>(packed.data());
  zlib.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&zlib, Z_FINISH), Z_STREAM_END);
  packed.resize(packed.size() - zlib.avail_out);
  deflateEnd(&zlib);
  return packed;
}

// Longer than the window, and not too easily packed.
std::string long_text() {
  std::minstd_rand random(7);
  std::string text;
  while (text.size() < 100'000) text += "line " + std::to_string(random() % 5000) + "\n";
  return text;
}

std::string counted(const std::string& coding, const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Encoding: " + coding +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
std::string chunked(const std::string& coding, const std::string& body) {
  std::string message =
      "HTTP/1.1 200 OK\r\nContent-Encoding: " + coding + "\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::size_t at = 0; at < body.size(); at += 7)
    message +=
        std::to_string(std::min<std::size_t>(7, body.size() - at)) + "\r\n" + body.substr(at, 7) + "\r\n";
  return message + "0\r\n\r\n";
}

class HttpReaderBody : public ::testing::Test {
 protected:
  HttpReaderBody() {
    for (unsigned i = 0; i < 8; ++i) EXPECT_TRUE(listener.exchange.asked(HttpMethod::kOther));
  }
  const HttpMessage& hear(const std::string& stream) {
    listener.hear(Side::kServer, stream, false);
    return listener.server.messages.at(0);
  }
  HttpListener listener;
};

TEST_F(HttpReaderBody, IsUnpacked) {
  const std::string text = long_text();
  struct Row {
    const char* coding;
    int window_bits;
  };
  std::string all;
  std::vector<std::string> packed;
  for (const auto& [coding, window_bits] :
       {Row{"gzip", kGzip}, Row{"X-GZIP", kGzip}, Row{"deflate", kZlib}, Row{"deflate", kBare},
        Row{"identity, gzip", kZlib}, Row{"deflate", kGzip}}) {
    packed.push_back(pack(text, window_bits));
    all += packed.size() % 2 == 0 ? counted(coding, packed.back()) : chunked(coding, packed.back());
  }
  listener.hear(Side::kServer, all, false);
  ASSERT_EQ(listener.server.messages.size(), packed.size());
  for (std::size_t i = 0; i < packed.size(); ++i) {
    const HttpMessage& message = listener.server.messages[i];
    EXPECT_EQ(message[Buffer::kFileData], text) << i;
    EXPECT_EQ(message[Buffer::kHttpResponseBody], packed[i]) << i;
    EXPECT_TRUE(message.ends && message.anomalies.empty()) << i;
  }
  EXPECT_EQ(listener.inflate.taken(), 0U);
}

// Each state has been used for another format before.
TEST_F(HttpReaderBody, IsTheSameByteByByte) {
  const std::string text = long_text().substr(0, 300);
  std::string all;
  for (const int window_bits : {kGzip, kZlib, kBare}) {
    all += counted(window_bits == kGzip ? "gzip" : "deflate", pack(text, window_bits));
    all += chunked(window_bits == kGzip ? "gzip" : "deflate", pack(text, window_bits));
  }
  listener.hear_byte_by_byte(Side::kServer, all, false);
  ASSERT_EQ(listener.server.messages.size(), 6U);
  for (const HttpMessage& message : listener.server.messages) {
    EXPECT_EQ(message[Buffer::kFileData], text);
    EXPECT_TRUE(message.ends && message.anomalies.empty());
    EXPECT_EQ(message.growing, 0U);
  }
}

// RFC 1952 section 2.2.
TEST_F(HttpReaderBody, MayBeOfSeveralMembers) {
  const HttpMessage& message =
      hear(counted("gzip", pack("one", kGzip) + pack("", kGzip) + pack("two", kGzip)));
  EXPECT_EQ(message[Buffer::kFileData], "onetwo");
  EXPECT_TRUE(message.anomalies.empty());
}

TEST_F(HttpReaderBody, IsToldAsItComes) {
  const std::string message = counted("gzip", pack(long_text(), kGzip));
  hear(message.substr(0, message.size() / 2));
  const HttpMessage& half = listener.server.messages.at(0);
  EXPECT_TRUE(long_text().starts_with(half[Buffer::kFileData]));
  EXPECT_GT(half[Buffer::kFileData].size(), 10'000U);
  EXPECT_EQ(half.growing, bit(Buffer::kHttpResponseBody) | bit(Buffer::kFileData));
  EXPECT_EQ(hear(message)[Buffer::kFileData], long_text());
}

TEST_F(HttpReaderBody, StopsABomb) {
  listener.most_unpacked = 50'000;
  const HttpMessage& message = hear(counted("gzip", pack(std::string(20'000'000, 'b'), kGzip)));
  EXPECT_EQ(message[Buffer::kFileData], std::string(50'000, 'b'));
  EXPECT_TRUE(message.anomalies.has(HttpAnomaly::kUnpackedTooLong));
  EXPECT_EQ(listener.inflate.taken(), 0U);
  // All that may be is not too long.
  HttpListener exact;
  ASSERT_TRUE(exact.exchange.asked(HttpMethod::kOther));
  exact.most_unpacked = 50'000;
  exact.hear(Side::kServer, counted("gzip", pack(std::string(50'000, 'b'), kGzip)), false);
  EXPECT_TRUE(exact.server.messages.at(0).anomalies.empty());
  EXPECT_EQ(exact.server.messages[0][Buffer::kFileData].size(), 50'000U);
}

TEST_F(HttpReaderBody, ThatIsDamagedIsToldSoFar) {
  const std::string packed = pack(long_text(), kGzip);
  std::string damaged = packed;
  damaged.replace(damaged.size() / 2, 40, std::string(40, '\xff'));
  std::string late = packed;
  late[late.size() - 6] = static_cast<char>(~late[late.size() - 6]);  // the check sum
  for (const std::string& body : {damaged, late, packed + "x", packed.substr(0, packed.size() - 1),
                                  std::string("plain"), packed + packed.substr(0, 3)}) {
    HttpListener one;
    ASSERT_TRUE(one.exchange.asked(HttpMethod::kOther));
    one.hear(Side::kServer, counted("gzip", body), false);
    const HttpMessage& message = one.server.messages.at(0);
    EXPECT_TRUE(message.anomalies.has(HttpAnomaly::kBadPacked));
    EXPECT_TRUE(message.ends);
    EXPECT_EQ(message[Buffer::kHttpResponseBody], body);
    EXPECT_EQ(one.inflate.taken(), 0U);
  }
  EXPECT_TRUE(hear(counted("gzip", "")).anomalies.empty()) << "an empty body is no packed one";
}

TEST_F(HttpReaderBody, InAnUnknownCodingIsLookedAtAsItIs) {
  for (const char* coding : {"br", "gzip, gzip", "zstd"}) {
    HttpListener one;
    ASSERT_TRUE(one.exchange.asked(HttpMethod::kOther));
    one.hear(Side::kServer, counted(coding, "abc"), false);
    EXPECT_EQ(one.server.messages.at(0)[Buffer::kFileData], "abc");
    EXPECT_TRUE(one.server.messages[0].anomalies.has(HttpAnomaly::kUnknownCoding));
  }
}

TEST_F(HttpReaderBody, IsLookedAtAsItIsWithoutAState) {
  HttpListener one(0);
  ASSERT_TRUE(one.exchange.asked(HttpMethod::kOther));
  const std::string packed = pack("text", kGzip);
  one.hear(Side::kServer, counted("gzip", packed), false);
  EXPECT_TRUE(one.server.messages.at(0).anomalies.has(HttpAnomaly::kNotUnpacked));
  EXPECT_EQ(one.server.messages[0][Buffer::kFileData], packed);
}

TEST_F(HttpReaderBody, IsKeptAsFarAsThereIsMemory) {
  listener.server.joined.most = 10;
  const std::string two =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n1\r\n!\r\n0\r\n\r\n"
      "HTTP/1.1 204 OK\r\n\r\n";
  EXPECT_EQ(hear(two)[Buffer::kHttpResponseBody], "hello") << "nothing behind a gap";
  EXPECT_TRUE(listener.server.messages.at(0).anomalies.has(HttpAnomaly::kBodyNotKept));
  EXPECT_EQ(listener.server.messages.size(), 2U);

  HttpListener one;
  ASSERT_TRUE(one.exchange.asked(HttpMethod::kOther));
  one.server.unpacked.most = 10;
  one.hear(Side::kServer, counted("gzip", pack("more than ten", kGzip)), false);
  EXPECT_TRUE(one.server.messages.at(0).anomalies.has(HttpAnomaly::kBodyNotKept));
  EXPECT_EQ(one.inflate.taken(), 0U);
}

TEST_F(HttpReaderBody, IsJoinedUpToTheLimit) {
  listener.most_joined = 8;
  EXPECT_EQ(
      hear("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
          [Buffer::kHttpResponseBody],
      "hello wo");
  EXPECT_TRUE(listener.server.messages.at(0).anomalies.has(HttpAnomaly::kBodyNotKept));
}

}  // namespace
}  // namespace millrace::firewall::inspection
