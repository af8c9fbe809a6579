// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/anomaly_detector.h"

#include <algorithm>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "common/net/wire.h"
#include "tests/support/anomaly_bed.h"

namespace millrace::firewall::inspection {
namespace {

using testing::address_of;
using testing::AnomalyBed;
using testing::attacks;
using testing::good_traffic;

constexpr auto kNobody = [](AnomalyBed&, std::uint32_t) {};

std::string account_of(const AnomalyBed& bed) {
  std::ostringstream text;
  for (const auto& told : bed.raised()) text << told.second << ": " << told.anomaly.sentence << '\n';
  return text.str();
}

AnomalyBed::Traffic model_of(std::string_view attack) {
  for (const auto& model : attacks())
    if (model.name == attack) return model.make();
  return {};
}

double fact(const Anomaly& anomaly, std::string_view name) {
  for (const Fact& fact : anomaly.evidence)
    if (fact.name == name) return fact.value;
  return -1;
}

TEST(AnomalyDetector, FindsEachKindInTime) {
  for (const auto& attack : attacks()) {
    if (attack.within > 500) continue;  // benchmark_anomalies has those that take most of an hour
    AnomalyBed bed(2);
    bed.run(attack.within, attack.make());
    EXPECT_GE(bed.first(attack.kind), 0) << attack.name << " was not found";
  }
}

TEST(AnomalyDetector, RaisesNothingForGoodTraffic) {
  for (const auto& model : good_traffic()) {
    AnomalyBed bed(2);
    bed.run(70, model.make(1));
    EXPECT_TRUE(bed.raised().empty()) << model.name << ": " << account_of(bed);
  }
}

TEST(AnomalyDetector, FindsAScanAmongGoodTraffic) {
  AnomalyBed bed(2);
  const auto gateway = good_traffic()[0].make(2);
  const auto crawler = good_traffic()[1].make(2);
  const auto scan = model_of("port scan, 10 hosts, 30 a second");
  bed.run(28, [&](AnomalyBed& b, std::uint32_t second) {
    gateway(b, second);
    crawler(b, second);
    if (second >= 20) scan(b, second - 20);
  });
  EXPECT_GT(bed.first(AnomalyKind::kPortScan), 20);
  for (const auto& told : bed.raised()) EXPECT_EQ(told.anomaly.subject.to_string(), "203.0.113.20/32");
}

TEST(AnomalyDetector, IsTheSameOverAnyNumberOfWorkers) {
  for (const auto* name :
       {"port scan, 10 hosts, 30 a second", "sweep of two ports, 5 hosts a second",
        "SYN flood, 1,500 a second", "SSH login, 5 a second", "DNS tunnel, 20 names a second"}) {
    std::vector<std::string> accounts;
    for (const unsigned workers : {1U, 2U, 4U, 2U}) {
      AnomalyBed bed(workers);
      bed.run(15, model_of(name));
      accounts.push_back(account_of(bed));
      for (const auto& anomaly : bed.detector().open()) accounts.back() += anomaly.sentence;
    }
    EXPECT_FALSE(accounts[0].empty()) << name;
    for (const auto& account : accounts) EXPECT_EQ(account, accounts[0]) << name;
  }
}

TEST(AnomalyDetector, GivesItsEvidence) {
  AnomalyBed bed(1);
  const auto source = *net::IpAddress::parse("203.0.113.7");
  bed.run(3, [&](AnomalyBed& b, std::uint32_t second) {
    if (second != 0) return;
    for (std::uint16_t port = 1; port <= 100; ++port)
      b.open(port, {source, address_of(0x0a000000, port % 2), port, net::protocol::kTcp, {}}, 999,
             {.answered = port <= 3, .duration_ms = 10, .bytes = 80});
  });
  ASSERT_EQ(bed.raised().size(), 1U);
  const Anomaly anomaly = bed.detector().open().at(0);
  EXPECT_EQ(anomaly.kind, AnomalyKind::kPortScan);
  EXPECT_EQ(anomaly.subject.to_string(), "203.0.113.7/32");
  EXPECT_EQ(fact(anomaly, "opened"), 100);
  EXPECT_EQ(fact(anomaly, "answered"), 3);
  EXPECT_EQ(fact(anomaly, "refused"), 0);
  EXPECT_EQ(fact(anomaly, "hosts"), 2);
  EXPECT_EQ(fact(anomaly, "baseline"), 0);
  // Two sketches of 50 each; linear counting at 50 of 64 is off by 9 %, and no more than went unanswered.
  EXPECT_NEAR(fact(anomaly, "distinct_ports"), 97, 25);
  EXPECT_EQ(anomaly.examples.size(), 2U);
  EXPECT_NE(anomaly.examples[0].find("10.0.0."), std::string::npos);
  EXPECT_NE(anomaly.sentence.find("203.0.113.7 tried "), std::string::npos);
  EXPECT_NE(anomaly.sentence.find(" of 2 hosts in "), std::string::npos);
}

TEST(AnomalyDetector, ClearsWhatIsOver) {
  AnomalyBed bed(1);
  bed.run(20, model_of("SSH login, 5 a second"));
  ASSERT_EQ(bed.detector().open().size(), 1U);
  const Tick last = bed.detector().open()[0].last;
  bed.run(55, kNobody);
  ASSERT_EQ(bed.detector().open().size(), 1U);
  EXPECT_LE(bed.detector().open()[0].last - last, 3000U);  // some sessions were not over
  bed.run(15, kNobody);
  EXPECT_TRUE(bed.detector().open().empty());
  EXPECT_EQ(bed.cleared().size(), 1U);
  EXPECT_EQ(bed.raised().size(), 1U);
}

TEST(AnomalyDetector, TellsOfNoMoreThanItMay) {
  AnomalySettings settings;
  settings.most_open = 4;
  AnomalyBed bed(1, settings);
  const auto scan = [](AnomalyBed& b, std::uint32_t second) {
    if (second > 4) return;
    for (std::uint32_t source = 0; source < 10; ++source)
      for (std::uint32_t port = 0; port < 20 + source * 3; ++port)
        b.open(port,
               {address_of(0xc6336400, source),
                address_of(0x0a000000, 1),
                static_cast<std::uint16_t>(1 + second * 100 + port),
                net::protocol::kTcp,
                {}},
               7, {.let_in = false});
  };
  bed.run(8, scan);
  const auto open = bed.detector().open();
  ASSERT_EQ(open.size(), 4U);
  for (const auto& anomaly : open) EXPECT_GE(anomaly.subject.address, address_of(0xc6336400, 4));
  EXPECT_GT(bed.detector().untold(), 0U);
}

TEST(AnomalyDetector, AKindCanBeTurnedOff) {
  AnomalySettings settings;
  for (auto& kind : settings.kinds) kind.on = false;
  for (const auto* name : {"port scan, refused by rules", "SYN flood, 1,500 a second",
                           "SSH login, 5 a second", "DNS tunnel, 20 names a second"}) {
    AnomalyBed bed(1, settings);
    bed.run(16, model_of(name));
    EXPECT_TRUE(bed.raised().empty()) << account_of(bed);
  }
}

TEST(AnomalyDetector, BlocksForATimeWhomItIsToldTo) {
  AnomalySettings settings;
  settings.of(AnomalyKind::kPortScan).block_for_s = 30;
  settings.of(AnomalyKind::kHostSweep).block_for_s = 30;
  settings.of(AnomalyKind::kSynFlood).block_for_s = 30;
  settings.never_block = {*net::Prefix::parse("203.0.113.21")};
  AnomalyBed bed(1, settings);
  const auto scan = model_of("port scan, refused by rules");
  const auto sweep = model_of("sweep of TCP 22, 50 hosts a second");
  const auto flood = model_of("SYN flood, 1,500 a second");
  bed.run(18, [&](AnomalyBed& b, std::uint32_t second) {
    flood(b, second);
    if (second < 12) return;
    scan(b, second - 12);
    sweep(b, second - 12);
  });
  EXPECT_GE(bed.first(AnomalyKind::kHostSweep), 0);
  EXPECT_GE(bed.first(AnomalyKind::kSynFlood), 0);
  EXPECT_TRUE(bed.detector().blocks_changed());
  std::vector<Block> blocks;
  for (const Blocked& blocked : bed.detector().blocks()) blocks.push_back(blocked.block);
  const BlockList list(blocks, 64, 3);
  EXPECT_EQ(list.size(), 1U);
  EXPECT_TRUE(list.blocks(address_of(0xcb007100, 20), {}, bed.now()));
  EXPECT_FALSE(list.blocks(address_of(0xcb007100, 20), {}, bed.now() + 31'000));
  bed.run(45, kNobody);
  EXPECT_TRUE(bed.detector().blocks().empty());
  EXPECT_TRUE(bed.detector().blocks_changed());
  EXPECT_FALSE(bed.detector().blocks_changed());
}

TEST(AnomalyDetector, TheClockMayWrap) {
  AnomalyBed bed(2, {}, {}, 0xffffffff - 12'345);
  const auto scan = model_of("port scan, one port in 3 seconds");
  bed.run(330, scan);
  EXPECT_GE(bed.first(AnomalyKind::kPortScan), 0);
}

// A tenant's addresses are not another's, and an IPv6 network is one source.
TEST(AnomalyDetector, KnowsWhoASourceIs) {
  AnomalyBed bed(2);
  bed.run(4, [](AnomalyBed& b, std::uint32_t) {
    for (std::uint16_t port = 1; port <= 40; ++port) {
      for (const std::uint16_t domain : {std::uint16_t{1}, std::uint16_t{2}})
        b.open(port,
               {address_of(0x0a000000, 1), address_of(0x0a000000, 2), port, net::protocol::kTcp,
                flow::Segment::domain(domain)},
               port, {.answered = false});
      net::Ipv6Address one = net::IpAddress::parse("2001:db8::1")->v6();
      one.bytes[15] = static_cast<std::uint8_t>(port);
      b.open(port,
             {one,
              *net::IpAddress::parse("2001:db8:1::1"),
              static_cast<std::uint16_t>(port + 1000 * (b.now() / 1000)),
              net::protocol::kTcp,
              {}},
             port, {.answered = false});
    }
  });
  ASSERT_EQ(bed.raised().size(), 1U) << account_of(bed);
  EXPECT_EQ(bed.raised()[0].anomaly.subject.to_string(), "2001:db8::/64");
}

TEST(AnomalyDetector, IsAsLargeWithAMillionSources) {
  AnomalyBed bed(1);
  TrafficWatch& watch = bed.watch(0);
  const std::size_t before = watch.memory_bytes() + bed.detector().memory_bytes();
  Opening opening{.source = {},
                  .destination = address_of(0x0a000000, 1),
                  .port = 443,
                  .protocol = net::protocol::kTcp,
                  .segment = {}};
  const auto scan = model_of("port scan, 200 ports a second");
  std::uint32_t source = 0;
  bed.run(5, [&](AnomalyBed& b, std::uint32_t second) {
    for (int i = 0; i < 200'000; ++i) {
      opening.source = address_of(0x2d000000, source++);
      watch.opened(opening);
    }
    scan(b, second);
  });
  EXPECT_EQ(source, 1'000'000U);
  EXPECT_GT(watch.evicted(), 500'000U);
  EXPECT_EQ(watch.memory_bytes() + bed.detector().memory_bytes(), before);
  // Whoever does much is seen among them all.
  EXPECT_GE(bed.first(AnomalyKind::kPortScan), 0);
  EXPECT_GE(bed.first(AnomalyKind::kSynFlood), 0);
}

}  // namespace
}  // namespace millrace::firewall::inspection
