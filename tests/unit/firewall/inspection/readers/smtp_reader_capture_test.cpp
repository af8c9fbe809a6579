// SPDX-License-Identifier: BSD-3-Clause
// Lines of SSH and SMTP from the captures of PcapPlusPlus's and tcpdump's test suites. What is expected was
// copied by hand from what tshark prints.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/capture_payload.h"
#include "tests/support/protocol_listener.h"

namespace millrace::firewall::inspection::readers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SmtpReaderCapture : public testing::CaptureTest {};

// tshark -r FILE -Y ssh.protocol -T fields -e frame.number -e ssh.protocol
TEST_F(SmtpReaderCapture, HasSsh) {
  testing::SshListener old;
  old.hear(Side::kServer, payload("pcapplusplus/ssh_packets.pcap", {1}), false);
  ASSERT_THAT(old.told, SizeIs(1));
  EXPECT_EQ(old.told[0][Buffer::kSshProtocol], "2.0");
  EXPECT_EQ(old.told[0][Buffer::kSshSoftware], "OpenSSH_5.3");
  testing::SshListener client;
  client.hear(Side::kClient, payload("tcpdump/ssh.pcap", {4}), false);
  ASSERT_THAT(client.told, SizeIs(1));
  EXPECT_EQ(client.told[0][Buffer::kSshSoftware], "OpenSSH_7.8");
  testing::SshListener server;
  server.hear(Side::kServer, payload("tcpdump/ssh.pcap", {6}), false);
  ASSERT_THAT(server.told, SizeIs(1));
  EXPECT_EQ(server.told[0][Buffer::kSshSoftware], "OpenSSH_7.4p1");
  EXPECT_EQ(server.told[0].others[0], "Debian-10+deb9u3");
}

// tshark -r Smtp.pcap -T fields -e frame.number -e smtp.response.code -e smtp.rsp.parameter
TEST_F(SmtpReaderCapture, HasSmtp) {
  testing::SmtpListener server;
  server.hear(Side::kServer, payload("pcapplusplus/Smtp.pcap", {1, 3}), false);
  ASSERT_THAT(server.told, SizeIs(4));
  EXPECT_THAT(
      server.told[0].others,
      ElementsAre("220", "xc90.websitewelcome.com ESMTP Exim 4.69 #1 Mon, 05 Oct 2009 01:05:54 -0500 ",
                  "goes on"));
  EXPECT_THAT(server.told[2].others, ElementsAre("220", "and/or bulk e-mail.", "ends"));
  EXPECT_THAT(server.told[3].others, ElementsAre("334", "VXNlcm5hbWU6", "ends"));
  EXPECT_TRUE(server.anomalies.empty());
  testing::SmtpListener client;
  client.hear(Side::kClient, payload("pcapplusplus/Smtp.pcap", {8}), false);
  ASSERT_THAT(client.told, SizeIs(1));
  EXPECT_EQ(client.told[0][Buffer::kSmtpHelo], "Test Option");
}

}  // namespace
}  // namespace millrace::firewall::inspection::readers
