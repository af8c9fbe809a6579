// SPDX-License-Identifier: BSD-3-Clause
// Messages of DNS from the captures of PcapPlusPlus's and tcpdump's test suites. What is expected was copied
// by hand from what tshark prints.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/capture_payload.h"
#include "tests/support/protocol_listener.h"

namespace millrace::firewall::inspection::readers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class DnsReaderCapture : public testing::CaptureTest {};

// tshark -r FILE -Y dns -T fields -e frame.number -e dns.flags.rcode -e dns.qry.name -e dns.qry.type -e dns.a
//   -e dns.aaaa
TEST_F(DnsReaderCapture, HasDns) {
  testing::DnsListener yahoo;
  yahoo.hear_datagram(payload("pcapplusplus/Dns4.pcap", {1}));
  ASSERT_THAT(yahoo.told, SizeIs(1));  // the addresses are of name servers, and no answer
  EXPECT_EQ(yahoo.told[0][Buffer::kDnsQuery], "yahoo.com");
  EXPECT_THAT(yahoo.told[0].others, ElementsAre("answer 0", "15"));

  testing::DnsListener google;
  google.hear_datagram(payload("pcapplusplus/Dns.pcap", {1}));
  ASSERT_THAT(google.told, SizeIs(2));
  EXPECT_EQ(google.told[0][Buffer::kDnsQuery], "www.google-analytics.com");
  ASSERT_THAT(google.told[1].others, SizeIs(17));
  EXPECT_EQ(google.told[1].others[1], "212.199.219.237");
  EXPECT_EQ(google.told[1].others[16], "212.199.219.236");

  testing::DnsListener none;
  none.hear_datagram(payload("pcapplusplus/DNS_NXDomain.pcap", {1}));
  ASSERT_THAT(none.told, SizeIs(1));
  EXPECT_EQ(none.told[0][Buffer::kDnsQuery], "htb.local");
  EXPECT_THAT(none.told[0].others, ElementsAre("answer 3", "1"));

  testing::DnsListener two;
  two.hear_datagram(payload("pcapplusplus/DnsEdit.pcap", {1}));
  ASSERT_THAT(two.told, SizeIs(2));
  EXPECT_EQ(two.told[0][Buffer::kDnsQuery], "_apple-mobdev._tcp.local");
  EXPECT_EQ(two.told[1][Buffer::kDnsQuery], "_sleep-proxy._udp.local");
}

TEST_F(DnsReaderCapture, HasDnsOverTcp) {
  testing::DnsListener client;
  client.hear(payload("tcpdump/dns_tcp.pcap", {4}), false);
  ASSERT_THAT(client.told, SizeIs(1));
  EXPECT_EQ(client.told[0][Buffer::kDnsQuery], "www.tcpdump.org");
  testing::DnsListener server;
  server.hear(payload("tcpdump/dns_tcp.pcap", {6}), false);
  ASSERT_THAT(server.told, SizeIs(2));
  EXPECT_THAT(server.told[1].others, ElementsAre("answer 0", "192.139.46.66", "198.199.88.104"));
}

// What others have found their faults with: no more than anomalies comes of it.
TEST_F(DnsReaderCapture, HasBadDns) {
  for (const char* file : {"pcapplusplus/dns_stack_overflow.pcap", "pcapplusplus/DnsTooManyResources.pcap",
                           "tcpdump/dns-badlabel.pcap", "tcpdump/dns_fwdptr.pcap", "tcpdump/dns-zlip-1.pcap",
                           "tcpdump/dns-zlip-2.pcap", "tcpdump/dns-zlip-3.pcap"}) {
    testing::DnsListener listener;
    listener.hear_datagram(payload(file, {1}));
    EXPECT_FALSE(listener.anomalies.empty()) << file;
  }
}

}  // namespace
}  // namespace millrace::firewall::inspection::readers
