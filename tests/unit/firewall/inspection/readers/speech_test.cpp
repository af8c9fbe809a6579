// SPDX-License-Identifier: BSD-3-Clause
// Which protocol a connection speaks, from its first bytes.
#include "vnfs/firewall/inspection/readers/speech.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/protocol_listener.h"
#include "tests/support/tls_bytes.h"

namespace millrace::firewall::inspection::readers {
namespace {

using testing::counted;
using testing::pairs;

Bytes spoken(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

const std::string kSpokenQuery = pairs({7, 0x0100, 1, 0, 0, 0}) + counted("example", 1) + counted("org", 1) +
                                 std::string(1, '\0') + pairs({1, 1});
const std::string kSpokenHello = testing::tls_record(22, testing::tls_client_hello(""), 0x0301);

struct SpeechCase {
  const char* name;
  std::string client;
  std::string server;
  std::uint16_t port;
  Speech speech;
};
class SpeechGuessing : public ::testing::TestWithParam<SpeechCase> {};

// As it is said, and with each byte that comes: a guess that is sure stays.
TEST_P(SpeechGuessing, IsRightAndStays) {
  const SpeechCase& one = GetParam();
  SpeechGuess before;
  for (std::size_t length = 0; length <= std::max(one.client.size(), one.server.size()); ++length) {
    const std::string client = one.client.substr(0, length);
    const std::string server = one.server.substr(0, length);
    const SpeechGuess now = guess_speech({spoken(client), spoken(server), one.port});
    if (before.settled) {
      EXPECT_EQ(now.speech, before.speech) << one.name << " " << length;
    }
    EXPECT_TRUE(now.settled || !before.settled) << one.name << " " << length;
    before = now;
  }
  EXPECT_TRUE(before.settled) << one.name;
  EXPECT_EQ(before.speech, one.speech) << one.name;
}

INSTANTIATE_TEST_SUITE_P(
    All, SpeechGuessing,
    ::testing::Values(SpeechCase{"TLS", kSpokenHello, "", 443, Speech::kTls},
                      SpeechCase{"TLS at another port", kSpokenHello, "", 25, Speech::kTls},
                      SpeechCase{"an SSLv2 hello", std::string("\x80\x2e\x01\x03\x01\x00\x15", 7), "", 443,
                                 Speech::kTls},
                      SpeechCase{"HTTP", "GET / HTTP/1.1\r\n", "", 80, Speech::kHttp},
                      SpeechCase{"SSH", "", "SSH-2.0-x\r\n", 22, Speech::kSsh},
                      SpeechCase{"SSH, the client first", "SSH-2.0-x\r\n", "", 2222, Speech::kSsh},
                      SpeechCase{"SMTP", "", "220 mail.example.org ESMTP Postfix\r\n", 25, Speech::kSmtp},
                      SpeechCase{"SMTP, by the client", "EHLO x.example\r\n",
                                 "220 mail.example.org ready\r\n", 2525, Speech::kSmtp},
                      SpeechCase{"FTP", "USER anonymous\r\n" + std::string(512, 'x'), "220 FTP ready\r\n", 25,
                                 Speech::kUnknown},
                      SpeechCase{"DNS", counted(kSpokenQuery, 2), "", 53, Speech::kDns},
                      SpeechCase{"DNS elsewhere", counted(kSpokenQuery, 2), "", 8053, Speech::kDns},
                      SpeechCase{"nothing known", std::string(600, '\x01'), "", 53, Speech::kUnknown}));

TEST(Speech, KnowsDatagramsOfDns) {
  EXPECT_TRUE(is_dns(spoken(kSpokenQuery), 53));
  EXPECT_TRUE(is_dns(spoken(kSpokenQuery), 9999));
  EXPECT_FALSE(is_dns(spoken(kSpokenQuery + "x"), 9999));
  EXPECT_FALSE(is_dns(spoken(std::string(40, '\xff')), 9999));
  EXPECT_FALSE(is_dns(spoken("short"), 53));
}

}  // namespace
}  // namespace millrace::firewall::inspection::readers
