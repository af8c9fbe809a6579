// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/guess_http.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace millrace::firewall::inspection {
namespace {

Guess guess(std::string_view text) {
  return guess_http({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

TEST(GuessHttp, KnowsRequests) {
  for (const char* text : {"GET / HTTP/1.1\r\n", "GET /", "get /index.html HTTP/1.0\r\n", "\r\nPOST /x",
                           "OPTIONS * HTTP/1.1\r\n", "BREW /pot HTTP/1.1\r\n", "CONNECT a:443 HTTP/1.1\r\n",
                           "GET http://a.example/ HTTP/1.1\r\n", "GET /old\r\n"})
    EXPECT_EQ(guess(text), Guess::kYes) << text;
}

TEST(GuessHttp, KnowsOtherProtocols) {
  for (const char* text :
       {"\x16\x03\x01\x02", "SSH-2.0-OpenSSH_9.2p1\r\n", "EHLO mail.example\r\n", "USER anonymous\r\n",
        "OPTIONS sip:bob@example.org SIP/2.0\r\n", "OPTIONS * RTSP/1.0\r\n", "GET key\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "{\"a\": 1}"})
    EXPECT_EQ(guess(text), Guess::kNo) << text;
}

TEST(GuessHttp, WaitsForWhatIsMissing) {
  for (const char* text :
       {"", "G", "GET", "GET ", "\r\n", "OPTIONS *", "OPTIONS rtsp://a/", "BREW /pot HTTP/"})
    EXPECT_EQ(guess(text), Guess::kNotYet) << text;
}

TEST(GuessHttp, KnowsAtSomeTime) {
  EXPECT_EQ(guess(std::string(300, 'A')), Guess::kNo);
  EXPECT_EQ(guess("BREW " + std::string(300, 'a')), Guess::kNo);
  EXPECT_EQ(guess(std::string(300, '\n')), Guess::kNo);
  EXPECT_EQ(guess("GET http://a.example/" + std::string(300, 'a')), Guess::kYes);
}

// What was said once stays.
TEST(GuessHttp, DoesNotChangeItsMind) {
  for (const std::string text :
       {"GET /index.html HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n HTTP/1.1",
        "SUBSCRIBE /event HTTP/1.1\r\n", "\r\n GET http://a/ HTTP/1.1\r\n", "MAIL FROM:<a>\r\n"}) {
    Guess before = Guess::kNotYet;
    for (std::size_t length = 0; length <= text.size(); ++length) {
      const Guess now = guess(std::string_view(text).substr(0, length));
      EXPECT_TRUE(before == Guess::kNotYet || now == before) << text << " at " << length;
      before = now;
    }
    EXPECT_NE(before, Guess::kNotYet) << text;
  }
}

}  // namespace
}  // namespace millrace::firewall::inspection
