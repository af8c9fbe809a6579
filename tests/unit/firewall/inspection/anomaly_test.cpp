// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/anomaly.h"

#include <cstring>

#include <gtest/gtest.h>

#include "common/net/wire.h"

namespace millrace::firewall::inspection {
namespace {

ActivityRecord record_of(const char* who, std::uint16_t port, std::uint8_t protocol) {
  ActivityRecord record{ActivitySubject{.who = flow::SourceKey(*net::IpAddress::parse(who), {}, 0),
                                        .other = {},
                                        .domain_hash = 0,
                                        .port = port,
                                        .protocol = protocol},
                        0,
                        0,
                        0,
                        0,
                        0,
                        {},
                        0,
                        0,
                        {},
                        {},
                        {},
                        {},
                        {}};
  record.last_port = 8443;
  return record;
}

Suspicion suspicion_about(AnomalyKind kind, const ActivityRecord& record) {
  Suspicion made{};
  made.kind = kind;
  made.record = &record;
  made.seconds = 10;
  made.strength = 5;
  made.examples[0] = &record;
  return made;
}

TEST(Anomaly, APortScanInAWord) {
  const ActivityRecord record = record_of("203.0.113.7", 0, 0);
  Suspicion scan = suspicion_about(AnomalyKind::kPortScan, record);
  scan.measure = 812;
  scan.spread = 3;
  scan.answered = 3;
  scan.usual = 4.2;
  scan.deviation = 1.1;
  const Anomaly anomaly = describe(scan, 64);
  EXPECT_EQ(
      anomaly.sentence,
      "203.0.113.7 tried 812 ports of 3 hosts in 10 seconds; 3 answered. Usual for a source towards a host "
      "here: 4.");
  EXPECT_EQ(anomaly.severity, Severity::kMajor);
  EXPECT_EQ(name(anomaly.kind), "port_scan");
  EXPECT_EQ(name(anomaly.severity), "major");
}

TEST(Anomaly, AFloodIsOfItsDestination) {
  const ActivityRecord record = record_of("2001:db8::80", 443, net::protocol::kTcp);
  Suspicion flood = suspicion_about(AnomalyKind::kSynFlood, record);
  flood.measure = 1500;
  flood.opened_rate = 1560;
  flood.usual_opened_rate = 60;
  flood.spread = 900;
  const Anomaly anomaly = describe(flood, 64);
  EXPECT_EQ(anomaly.subject.to_string(), "2001:db8::80/128");
  EXPECT_EQ(anomaly.sentence,
            "2001:db8::80 gets 1560 openings a second on TCP port 443 from about 900 sources, 1500 a second "
            "of them "
            "unanswered. Usual here: 60 and 0.");
}

TEST(Anomaly, AnIpv6SourceIsItsNetwork) {
  ActivityRecord record = record_of("2001:db8::", 22, net::protocol::kTcp);
  const auto host = *net::IpAddress::parse("2001:db8:9::1");
  record.last_other = host.bytes();
  Suspicion guess = suspicion_about(AnomalyKind::kBruteForce, record);
  guess.measure = 61;
  guess.spread = 1;
  const Anomaly anomaly = describe(guess, 64);
  EXPECT_EQ(anomaly.sentence,
            "2001:db8::/64 had 61 short sessions with TCP port 22 of 1 host in 10 seconds, as if its logins "
            "failed.");
  EXPECT_EQ(anomaly.examples, std::vector<std::string>{"[2001:db8:9::1]:8443"});
}

TEST(Anomaly, NoByteOfADomainGoesOutThatIsNoNames) {
  EXPECT_EQ(printable("ex\"a\n\xff.net"), "ex?a??.net");
  ActivityRecord record = record_of("10.0.0.1", 0, 0);
  const std::string_view domain = "e{}\x1b.net";
  record.domain_length = static_cast<std::uint8_t>(domain.size());
  std::memcpy(record.domain.data(), domain.data(), domain.size());
  Suspicion tunnel = suspicion_about(AnomalyKind::kDnsTunnel, record);
  tunnel.opened = 100;
  tunnel.marked = 4000;
  tunnel.measure = 100;
  EXPECT_EQ(describe(tunnel, 64).domain, "e???.net");
  EXPECT_NE(
      describe(tunnel, 64).sentence.find("100 long names below e???.net in 10 seconds, of 40 bytes each"),
      std::string::npos);
}

}  // namespace
}  // namespace millrace::firewall::inspection
