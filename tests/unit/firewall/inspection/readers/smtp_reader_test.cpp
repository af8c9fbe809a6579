// SPDX-License-Identifier: BSD-3-Clause
// Conversations of SMTP: those of RFC 5321 appendix D and RFC 3030, and what attackers make of them.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/protocol_listener.h"

namespace millrace::firewall::inspection::readers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::SmtpListener;
using testing::Told;

constexpr auto kHelo = static_cast<unsigned>(SmtpEvent::What::kHelo);
constexpr auto kMailFrom = static_cast<unsigned>(SmtpEvent::What::kMailFrom);
constexpr auto kRcptTo = static_cast<unsigned>(SmtpEvent::What::kRcptTo);
constexpr auto kMail = static_cast<unsigned>(SmtpEvent::What::kMail);

// Both sides, in the order in which they speak.
class SmtpTalk {
 public:
  void client(const std::string& more, bool ended = false) {
    say(asking, Side::kClient, asked_, more, ended);
  }
  void server(const std::string& more) { say(answering, Side::kServer, answered_, more, false); }

  SmtpExchange exchange;
  SmtpListener asking{exchange};
  SmtpListener answering{exchange};

 private:
  static void say(SmtpListener& listener, Side side, std::string& stream, const std::string& more,
                  bool ended) {
    stream += more;
    listener.hear(side, stream, ended);
  }
  std::string asked_;
  std::string answered_;
};

// RFC 5321 appendix D.1.
TEST(SmtpReader, ReadsTheRfcsConversation) {
  SmtpTalk talk;
  talk.server("220 foo.com Simple Mail Transfer Service Ready\r\n");
  talk.client("EHLO bar.com\r\n");
  talk.server("250-foo.com greets bar.com\r\n250-8BITMIME\r\n250-SIZE\r\n250-DSN\r\n250 HELP\r\n");
  talk.client("MAIL FROM:<Smith@bar.com>\r\n");
  talk.server("250 OK\r\n");
  talk.client("RCPT TO:<Jones@foo.com>\r\n");
  talk.server("250 OK\r\n");
  talk.client("RCPT TO:<Green@foo.com>\r\n");
  talk.server("550 No such user here\r\n");
  talk.client("DATA\r\n");
  talk.server("354 Start mail input; end with <CRLF>.<CRLF>\r\n");
  talk.client("Blah blah blah...\r\n");
  talk.client("...etc. etc. etc.\r\n.\r\n");
  talk.server("250 OK\r\n");
  talk.client("QUIT\r\n");
  talk.server("221 foo.com Service closing transmission channel\r\n");
  const auto& told = talk.asking.told;
  ASSERT_THAT(told, SizeIs(5));
  EXPECT_EQ(told[0].what, kHelo);
  EXPECT_EQ(told[0][Buffer::kSmtpHelo], "bar.com");
  EXPECT_EQ(told[1].what, kMailFrom);
  EXPECT_EQ(told[1][Buffer::kSmtpMailFrom], "<Smith@bar.com>");
  EXPECT_EQ(told[2][Buffer::kSmtpRcptTo], "<Jones@foo.com>");
  EXPECT_EQ(told[3].what, kRcptTo);
  EXPECT_EQ(told[3][Buffer::kSmtpRcptTo], "<Green@foo.com>");
  EXPECT_EQ(told[4].what, kMail);
  EXPECT_EQ(told[4][Buffer::kFileData], "Blah blah blah...\r\n...etc. etc. etc.\r\n");
  EXPECT_EQ(told[4][Buffer::kSmtpHelo], "bar.com");
  EXPECT_EQ(told[4][Buffer::kSmtpMailFrom], "<Smith@bar.com>");
  EXPECT_THAT(told[4].others, ElementsAre("ends"));
  EXPECT_TRUE(talk.asking.anomalies.empty());
  ASSERT_THAT(talk.answering.told, SizeIs(12));
  EXPECT_THAT(talk.answering.told[1].others, ElementsAre("250", "foo.com greets bar.com", "goes on"));
  EXPECT_THAT(talk.answering.told[8].others, ElementsAre("550", "No such user here", "ends"));
  EXPECT_TRUE(talk.answering.anomalies.empty());
}

const std::string kEnvelope = "EHLO a.example\r\nMAIL FROM:<a@a.example> SIZE=9\r\nRCPT TO:<b@b.example>\r\n";

SmtpListener smtp_heard(const std::string& stream, bool server_is_seen = false) {
  SmtpListener listener;
  if (!server_is_seen) listener.exchange.lose_server();
  listener.hear(Side::kClient, stream, false);
  return listener;
}

TEST(SmtpReader, ReadsPaths) {
  const auto from = [](const std::string& parameter) {
    const SmtpListener listener = smtp_heard("MAIL " + parameter + "\r\n");
    return listener.told.at(0)[Buffer::kSmtpMailFrom] + (listener.anomalies.empty() ? "" : " odd");
  };
  EXPECT_EQ(from("FROM:<a@b.example> BODY=8BITMIME"), "<a@b.example>");
  EXPECT_EQ(from("from: <a@b.example>"), "<a@b.example>");
  EXPECT_EQ(from("FROM:<>"), "<>");
  EXPECT_EQ(from("FROM:<\"a > b\\\" \"@c.example> SIZE=1"), "<\"a > b\\\" \"@c.example>");
  EXPECT_EQ(from("FROM:a@b.example SIZE=1"), "a@b.example odd");
  EXPECT_EQ(from("FROM <a@b.example>"), "<a@b.example> odd");
}

// RFC 3030 section 4.2, without the binary.
TEST(SmtpReader, JoinsChunks) {
  const SmtpListener listener =
      smtp_heard(kEnvelope + "BDAT 10\r\n0123456789BDAT 5\r\nabcde" + "BDAT 3 LAST\r\n.\r\nNOOP\r\n");
  ASSERT_THAT(listener.told, SizeIs(4));
  EXPECT_EQ(listener.told[3][Buffer::kFileData], "0123456789abcde.\r\n");
  EXPECT_THAT(listener.told[3].others, ElementsAre("ends"));
  EXPECT_TRUE(listener.anomalies.empty());
  EXPECT_THAT(listener.joined.bytes(), IsEmpty());
}

TEST(SmtpReader, KeepsChunksSoFar) {
  SmtpListener listener;
  listener.most_joined = 12;
  listener.hear(Side::kClient, "BDAT 10\r\n0123456789BDAT 5\r\nabcdeBDAT 0 LAST\r\n", false);
  ASSERT_THAT(listener.told, SizeIs(1));
  EXPECT_EQ(listener.told[0][Buffer::kFileData], "0123456789ab");
  EXPECT_TRUE(listener.anomalies.has(ReadAnomaly::kSmtpMailNotKept));
}

TEST(SmtpReader, IsTheSameInPieces) {
  const std::string mail = "Subject: x\r\n\r\n.\r.\n\n.x\r\n..\r\n. \r\n.\r\n";
  for (const std::string& stream :
       {kEnvelope + "DATA\r\n" + mail + "MAIL FROM:<c@c.example>\nRCPT TO:<d>\r\nDATA\r\n.\r\nQUIT\r\n",
        kEnvelope + "BDAT 6\r\nabc\r\n.BDAT 4 LAST\r\n\r\n.\rRSET\r\nfoo\r\nDATA\r\nno end\r\n.\r",
        "EHLO x\r\nAUTH LOGIN\r\nDATA\r\n" + mail + std::string("H\0\r\n", 4) + "BDAT x\r\n" +
            std::string(13'000, 'x') + "\r\n"}) {
    for (const bool unseen : {false, true}) {
      const auto told = [&](auto&& cuts) {
        SmtpListener listener;
        if (unseen) listener.exchange.lose_server();
        for (const std::size_t cut : cuts) listener.hear(Side::kClient, stream.substr(0, cut), false);
        listener.hear(Side::kClient, stream, true);
        return listener;
      };
      const SmtpListener whole = told(std::vector<std::size_t>{});
      ASSERT_GE(whole.told.size(), 2U);
      std::vector<std::size_t> every;
      for (std::size_t cut = 1; cut < std::min<std::size_t>(stream.size(), 400); ++cut) {
        every.push_back(cut);
        ASSERT_EQ(told(std::vector{cut}), whole) << cut;
      }
      EXPECT_EQ(told(every), whole);
    }
  }
}

TEST(SmtpReader, GoesBackToCommandsWhenMailIsRefused) {
  SmtpTalk talk;
  talk.server("220 a\r\n");
  talk.client("DATA\r\n");
  talk.server("503 RCPT first\r\n");
  talk.client("MAIL FROM:<a@a.example>\r\n");
  ASSERT_THAT(talk.asking.told, SizeIs(1));
  EXPECT_EQ(talk.asking.told[0].what, kMailFrom);
  EXPECT_TRUE(talk.asking.anomalies.empty());
}

// The client does not wait for the answer to DATA: its bytes are mail, unless the server says they are not.
TEST(SmtpReader, ReadsAgainWhatTurnsOutToBeCommands) {
  SmtpTalk talk;
  talk.server("220 a\r\n");
  talk.client("DATA\r\nMAIL FROM:<a@a.example>\r\n");
  ASSERT_THAT(talk.asking.told, SizeIs(1));
  EXPECT_EQ(talk.asking.told[0].what, kMail);
  EXPECT_TRUE(talk.asking.anomalies.has(ReadAnomaly::kSmtpEarlyData));
  talk.server("503 RCPT first\r\n");
  talk.client("RCPT TO:<b@b.example>\r\n");
  ASSERT_THAT(talk.asking.told, SizeIs(3));
  EXPECT_EQ(talk.asking.told[1][Buffer::kSmtpMailFrom], "<a@a.example>");
  EXPECT_EQ(talk.asking.told[2][Buffer::kSmtpRcptTo], "<b@b.example>");
}

TEST(SmtpReader, ReadsOnlySoOftenAgain) {
  SmtpTalk talk;
  talk.server("220 a\r\n");
  for (int i = 0; i < 20; ++i) {
    talk.client("DATA\r\nDATA\r\n");
    talk.server("503 no\r\n503 no\r\n");
  }
  talk.client("MAIL FROM:<a@a.example>\r\n");
  EXPECT_TRUE(talk.asking.anomalies.has(ReadAnomaly::kSmtpEarlyData));
  EXPECT_EQ(talk.asking.told.back().what, kMail);  // it is still looked at
}

// RFC 4954 section 4: what answers a challenge is no command, whatever it says.
TEST(SmtpReader, TakesNoSecretForACommand) {
  SmtpTalk talk;
  talk.server("220 a\r\n");
  talk.client("AUTH LOGIN\r\n");
  talk.server("334 VXNlcm5hbWU6\r\n");
  talk.client("DATA\r\n");
  talk.server("334 UGFzc3dvcmQ6\r\n");
  talk.client("BDAT\r\n");
  talk.server("235 in\r\n");
  talk.client("MAIL FROM:<a@a.example>\r\n");
  ASSERT_THAT(talk.asking.told, SizeIs(1));
  EXPECT_TRUE(talk.asking.anomalies.empty());
}

TEST(SmtpReader, IsOverWhenTlsBegins) {
  SmtpTalk talk;
  talk.server("220 a\r\n");
  talk.client("EHLO a\r\n");
  talk.server("250-a\r\n250 STARTTLS\r\n");
  talk.client("STARTTLS\r\n");
  EXPECT_EQ(talk.asking.progress, ReadProgress::kReading);
  talk.server("220 go ahead\r\n");
  EXPECT_EQ(talk.answering.progress, ReadProgress::kOver);
  EXPECT_EQ(talk.answering.reader.tls_begin(), 7U + 21U + 14U);
  talk.client("\x16\x03\x01");
  EXPECT_EQ(talk.asking.progress, ReadProgress::kOver);
  EXPECT_EQ(talk.asking.reader.tls_begin(), 18U);
  EXPECT_TRUE(talk.asking.anomalies.empty());
}

TEST(SmtpReader, GoesOnWhenTlsIsRefused) {
  SmtpTalk talk;
  talk.server("220 a\r\n");
  talk.client("STARTTLS\r\n");
  talk.server("454 not now\r\n");
  talk.client("MAIL FROM:<a@a.example>\r\n");
  EXPECT_THAT(talk.asking.told, SizeIs(1));
  EXPECT_TRUE(talk.asking.anomalies.empty());
}

// CVE-2011-0411: commands behind STARTTLS that a server takes for encrypted ones.
TEST(SmtpReader, NamesCommandsBehindStartTls) {
  SmtpTalk talk;
  talk.server("220 a\r\n");
  talk.client("STARTTLS\r\nMAIL FROM:<a@a.example>\r\n");
  EXPECT_THAT(talk.asking.told, SizeIs(1));
  EXPECT_TRUE(talk.asking.anomalies.has(ReadAnomaly::kSmtpEarlyTls));
}

// CVE-2023-51764 and its like: ends that some servers see and others do not.
TEST(SmtpReader, NamesEndsThatAreNone) {
  for (const std::string end : {"\n.\n", "\n.\r\n", "\r\n.\n"}) {
    const SmtpListener listener =
        smtp_heard(kEnvelope + "DATA\r\nx" + end + "MAIL FROM:<evil@a.example>\r\n.\r\n");
    EXPECT_TRUE(listener.anomalies.has(ReadAnomaly::kSmtpLooseEnd));
    ASSERT_THAT(listener.told, SizeIs(4));
    EXPECT_EQ(listener.told[3][Buffer::kFileData], "x" + end + "MAIL FROM:<evil@a.example>\r\n");
  }
}

TEST(SmtpReader, NamesOddLines) {
  EXPECT_TRUE(smtp_heard("GET / HTTP/1.1\r\n").anomalies.has(ReadAnomaly::kSmtpUnknownCommand));
  EXPECT_TRUE(smtp_heard("NOOP\n").anomalies.has(ReadAnomaly::kBareLf));
  EXPECT_TRUE(smtp_heard("NOOP \rx\r\n").anomalies.has(ReadAnomaly::kBareCr));
  EXPECT_TRUE(smtp_heard(std::string("NOOP \0\r\n", 8)).anomalies.has(ReadAnomaly::kNul));
  EXPECT_TRUE(
      smtp_heard("NOOP " + std::string(20'000, 'x') + "\r\n").anomalies.has(ReadAnomaly::kSmtpLongLine));
  EXPECT_TRUE(smtp_heard("BDAT twelve\r\n").anomalies.has(ReadAnomaly::kSmtpBadChunk));
  SmtpListener server;
  server.hear(Side::kServer, "welcome\r\n220 a\r\n", false);
  EXPECT_TRUE(server.anomalies.has(ReadAnomaly::kSmtpBadReply));
  EXPECT_THAT(server.told, SizeIs(1));
}

TEST(SmtpReader, EndsWithItsStream) {
  SmtpListener listener;
  listener.exchange.lose_server();
  listener.hear(Side::kClient, "DATA\r\nhalf a ma", true);
  ASSERT_THAT(listener.told, SizeIs(1));
  EXPECT_EQ(listener.told[0][Buffer::kFileData], "half a ma");
  EXPECT_THAT(listener.told[0].others, ElementsAre("ends"));
  EXPECT_TRUE(listener.anomalies.has(ReadAnomaly::kCutOff));
  EXPECT_EQ(listener.progress, ReadProgress::kOver);
}

}  // namespace
}  // namespace millrace::firewall::inspection::readers
