// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/line_reader.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::firewall::inspection {
namespace {

Bytes bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
std::string text(Bytes from) { return {from.begin(), from.end()}; }

TEST(LineReader, LinesHoweverTheyAreCut) {
  constexpr std::string_view kText = "one\r\ntwo\n\nfour\r\nfi";
  for (std::size_t step = 1; step <= kText.size(); ++step) {
    LineReader reader{};
    std::vector<std::string> lines;
    for (std::size_t end = step; end < kText.size() + step; end += step) {
      for (Bytes line; reader.next(bytes(kText.substr(0, end)), line);) lines.push_back(text(line));
    }
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "two", "", "four"})) << step;
  }
}

TEST(LineReader, EndsAtALineThatIsTooLong) {
  LineReader reader{};
  const std::string long_line(5000, 'x');
  Bytes line;
  EXPECT_FALSE(reader.next(bytes(long_line), line));
  EXPECT_TRUE(reader.over());
}

TEST(LineReader, SshSaysWhatItIs) {
  Parts parts;
  EXPECT_FALSE(read_ssh_identification(bytes("Welcome"), parts));
  // RFC 4253 section 4.2 has this one.
  ASSERT_TRUE(read_ssh_identification(bytes("SSH-2.0-billsSSH_3.6.3q3"), parts));
  EXPECT_EQ(text(parts[Buffer::kSshProtocol]), "2.0");
  EXPECT_EQ(text(parts[Buffer::kSshSoftware]), "billsSSH_3.6.3q3");
  ASSERT_TRUE(read_ssh_identification(bytes("SSH-2.0-OpenSSH_9.2p1 Debian-2"), parts));
  EXPECT_EQ(text(parts[Buffer::kSshSoftware]), "OpenSSH_9.2p1");
  EXPECT_FALSE(read_ssh_identification(bytes("SSH-2.0"), parts));
}

TEST(LineReader, CommandsOfMail) {
  const auto part = [](std::string_view line, Buffer buffer) {
    Parts parts;
    EXPECT_EQ(read_smtp_command(bytes(line), parts), SmtpCommand::kNamed);
    return text(parts[buffer]);
  };
  // RFC 5321 appendix D.1.
  EXPECT_EQ(part("EHLO bar.com", Buffer::kSmtpHelo), "bar.com");
  EXPECT_EQ(part("MAIL FROM:<Smith@bar.com>", Buffer::kSmtpMailFrom), "Smith@bar.com");
  EXPECT_EQ(part("rcpt to: <Jones@foo.com> NOTIFY=NEVER", Buffer::kSmtpRcptTo), "Jones@foo.com");
  EXPECT_EQ(part("MAIL FROM:<", Buffer::kSmtpMailFrom), "");
  Parts parts;
  EXPECT_EQ(read_smtp_command(bytes("DATA"), parts), SmtpCommand::kData);
  EXPECT_EQ(read_smtp_command(bytes("starttls"), parts), SmtpCommand::kTls);
  EXPECT_EQ(read_smtp_command(bytes("NOOP"), parts), SmtpCommand::kOther);
}

}  // namespace
}  // namespace millrace::firewall::inspection
