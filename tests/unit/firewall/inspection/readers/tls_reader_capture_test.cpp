// SPDX-License-Identifier: BSD-3-Clause
// Handshakes of TLS and QUIC that real clients and servers have had, from the captures of PcapPlusPlus's and
// tcpdump's test suites. What is expected was copied by hand from what other programs print; the command is
// beside it.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/capture_payload.h"
#include "tests/support/protocol_listener.h"

namespace millrace::firewall::inspection::readers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class TlsReaderCapture : public testing::CaptureTest {
 protected:
  [[nodiscard]] testing::TlsListener tls(Side side, const char* file,
                                         std::initializer_list<std::size_t> frames) const {
    testing::TlsListener listener;
    listener.hear(side, payload(file, frames), false);
    return listener;
  }
};

struct Hello {
  const char* file;
  std::size_t frame;
  const char* server_name;
  const char* ja3;
  std::vector<std::string> others;  // version, newest version, ALPN
};

// tshark -r FILE -Y tls.handshake.type==1 -T fields -e frame.number -e tls.handshake.extensions_server_name
//   -e tls.handshake.ja3 -e tls.handshake.extensions_alpn_str -e tls.handshake.extensions.supported_version
TEST_F(TlsReaderCapture, HasHellosOfClients) {
  const std::vector<Hello> hellos = {
      {"pcapplusplus/SSL-ClientHello1.pcap",
       1,
       "www.google.com",
       "07b4162d4db57554961824a21c4a0fde",
       {"771", "771", "h2", "spdy/3.1", "http/1.1"}},
      {"pcapplusplus/tls_grease.pcap",
       1,
       "secure.adnxs.com",
       "b32309a26951912be7dba376398abc3b",
       {"771", "772", "h2", "http/1.1"}},
      {"pcapplusplus/tls_zero_size_ext.pcap",
       1,
       "nv-homescout-intg.nvhomescout-transfer.com",
       "36d715579d31b7f031149c4560b5914f",
       {"771", "771"}},
      {"pcapplusplus/tls1_3.pcap", 1, "dogfish", "a66e498c488aa0523759691248cdfb01", {"771", "32540"}},
      {"pcapplusplus/tls1_3.pcap",
       3,
       "www.google.com",
       "aa7744226c695c0b2e440419848cf700",
       {"771", "772", "h2", "http/1.1"}},
      {"pcapplusplus/tls.pcap", 1, "bawmashbij", "2aef69b4ba1938c3a400de4188743185", {"769", "769"}},
      {"pcapplusplus/tls.pcap",
       9,
       "ssl.gstatic.com",
       "8fbbd0f3c1f089979b04b8f8f1b21d41",
       {"771", "771", "spdy/3.1", "spdy/3", "http/1.1"}},
      {"pcapplusplus/tls.pcap",
       29,
       "www.gstatic.com",
       "a75de44db3e351bbd8d38b64c41f444e",
       {"771", "772", "h2", "http/1.1"}}};
  for (const Hello& hello : hellos) {
    const testing::TlsListener listener = tls(Side::kClient, hello.file, {hello.frame});
    ASSERT_THAT(listener.told, SizeIs(1)) << hello.file << hello.frame;
    EXPECT_EQ(listener.told[0][Buffer::kTlsSni], hello.server_name);
    EXPECT_EQ(listener.told[0][Buffer::kJa3Hash], hello.ja3) << hello.server_name;
    EXPECT_EQ(listener.told[0].others, hello.others) << hello.server_name;
    EXPECT_TRUE(listener.anomalies.empty()) << hello.server_name;
  }
}

// tshark prints its JA3 in full with -e tls.handshake.ja3_full.
TEST_F(TlsReaderCapture, HasAJa3WithGrease) {
  const testing::TlsListener listener = tls(Side::kClient, "pcapplusplus/tls_grease.pcap", {1});
  ASSERT_THAT(listener.told, SizeIs(1));
  EXPECT_EQ(listener.told[0][Buffer::kJa3String],
            "771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53,"
            "0-23-65281-10-11-35-16-5-13-18-51-45-43-27-21,29-23-24,0");
}

// tshark -r FILE -Y frame.number==N -T fields -e tls.handshake.certificate -E occurrence=f | xxd -r -p |
//   openssl x509 -inform der -noout -subject -issuer -serial -fingerprint -sha1 -nameopt
//   sep_comma_plus_space,utf8,sname
TEST_F(TlsReaderCapture, HasCertificates) {
  const testing::TlsListener own = tls(Side::kServer, "pcapplusplus/tls.pcap", {2});
  ASSERT_THAT(own.told, SizeIs(2));
  const std::string name =
      "C=IN, ST=KAR, L=BAN, O=SMSC, OU=QA, CN=BAWMASHBIJ.corp.smsc.com, emailAddress=ashbi.jose@smsc.com";
  EXPECT_EQ(own.told[1][Buffer::kTlsSubject], name);
  EXPECT_EQ(own.told[1][Buffer::kTlsIssuer], name);
  EXPECT_EQ(own.told[1][Buffer::kTlsSerial], "00:A7:E8:51:3A:C5:1A:99:21");
  EXPECT_EQ(own.told[1][Buffer::kTlsFingerprint],
            "0d:96:26:31:b8:73:94:08:8d:70:b1:10:95:df:4d:0b:e6:5c:4f:cf");

  const testing::TlsListener google = tls(Side::kServer, "pcapplusplus/tls.pcap", {11, 12, 14, 15});
  ASSERT_THAT(google.told, SizeIs(2));
  EXPECT_THAT(google.told[0].others, ElementsAre("771", "771", "spdy/3.1"));
  EXPECT_EQ(google.told[1][Buffer::kTlsSubject],
            "C=US, ST=California, L=Mountain View, O=Google Inc, CN=*.google.com");
  EXPECT_EQ(google.told[1][Buffer::kTlsIssuer], "C=US, O=Google Inc, CN=Google Internet Authority G2");
  EXPECT_EQ(google.told[1][Buffer::kTlsSerial], "02:5E:44:B5:C3:49:16:B7");
  EXPECT_EQ(google.told[1][Buffer::kTlsFingerprint],
            "9b:85:76:f3:e5:ff:0e:bc:04:6f:91:25:dd:17:30:8e:fe:0f:10:16");

  const testing::TlsListener old = tls(Side::kServer, "pcapplusplus/SSL-MultipleRecords3.pcap", {1});
  ASSERT_THAT(old.told, SizeIs(2));
  EXPECT_EQ(old.told[1][Buffer::kTlsSubject],
            "C=US, ST=Washington, O=Hubspan, Inc., OU=Development, CN=hs001244.hs.com");
  EXPECT_EQ(old.told[1][Buffer::kTlsIssuer],
            "C=US, ST=Washington, L=Seattle, O=Hubspan, Inc., OU=Development, CN=LDAP Intermediate CA, "
            "emailAddress=dev.ca@hubspan.com");
  EXPECT_EQ(old.told[1][Buffer::kTlsSerial], "10:00:04");

  const testing::TlsListener three = tls(Side::kServer, "pcapplusplus/tls2.pcap", {62, 63, 64});
  ASSERT_THAT(three.told, SizeIs(2));
  EXPECT_EQ(three.told[1][Buffer::kTlsSubject],
            "C=RO, L=Bucuresti, O=Bitdefender SRL, CN=nimbus.bitdefender.net");
  EXPECT_EQ(three.told[1][Buffer::kTlsSerial], "05:34:96:61:28:A2:37:4E:86:92:25:B5:59:5C:0C:54");
}

TEST_F(TlsReaderCapture, HasServersOfTls13) {
  const testing::TlsListener draft = tls(Side::kServer, "pcapplusplus/tls1_3.pcap", {2});
  ASSERT_THAT(draft.told, SizeIs(1));
  EXPECT_THAT(draft.told[0].others, ElementsAre("771", "32540"));  // 0x7f1c
  EXPECT_EQ(draft.progress, ReadProgress::kOver);
  const testing::TlsListener final = tls(Side::kServer, "pcapplusplus/tls1_3.pcap", {4});
  ASSERT_THAT(final.told, SizeIs(1));
  EXPECT_THAT(final.told[0].others, ElementsAre("771", "772"));
}

// tshark -r FILE -Y quic -T fields -e frame.number -e quic.dcid -e tls.handshake.extensions_server_name
//   -e tls.handshake.ja3 -e tls.handshake.extensions_alpn_str
TEST_F(TlsReaderCapture, HasQuic) {
  for (const char* file : {"tcpdump/quic_handshake.pcap", "tcpdump/quic_retry.pcap"}) {
    testing::QuicListener listener;
    listener.hear(payload(file, {1}));
    ASSERT_THAT(listener.told, SizeIs(1)) << file;
    EXPECT_EQ(listener.told[0][Buffer::kTlsSni], "localhost");
    EXPECT_EQ(listener.told[0][Buffer::kJa3Hash], "9a78264e64e221797705e75a3c55df01");
    EXPECT_THAT(listener.told[0].others, ElementsAre("771", "772", "h3"));
    EXPECT_TRUE(listener.anomalies.empty());
  }
  testing::QuicListener retried;
  retried.hear(payload("tcpdump/quic_retry.pcap", {3}));
  ASSERT_THAT(retried.told, SizeIs(1));
  EXPECT_EQ(retried.told[0][Buffer::kTlsSni], "localhost");
  testing::QuicListener of_a_version_that_is_none;
  of_a_version_that_is_none.hear(payload("tcpdump/quic_vn.pcap", {1}));
  EXPECT_THAT(of_a_version_that_is_none.told, IsEmpty());
  of_a_version_that_is_none.hear(payload("tcpdump/quic_vn.pcap", {3}));
  EXPECT_THAT(of_a_version_that_is_none.told, SizeIs(1));
}

}  // namespace
}  // namespace millrace::firewall::inspection::readers
