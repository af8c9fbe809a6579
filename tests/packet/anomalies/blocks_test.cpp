// SPDX-License-Identifier: BSD-3-Clause
// Who did what the profile says is shut out for a time, and nobody else.
#include "tests/packet/anomalies/anomaly_packets.h"

namespace millrace::testing {
namespace {

using firewall::Drop;

const std::string kBlocking = watching_section("{port_scan: {action: block, block_for: 20s}}");

bool may_connect(AnomalyPackets& packets, const std::string& source, std::uint16_t from) {
  packets.flush();
  return packets.bed.passes(
      ControlBed::kInside,
      ControlBed::from_inside(source, "192.168.1.80").tcp(from, 80).flags("S").seq(1000));
}

TEST(Blocks, AScannerOpensNoSessionForATime) {
  for_each_watch(kBlocking, [](AnomalyPackets& packets) {
    packets.bed.connect(50'000, "10.0.0.66", "192.168.1.90");
    packets.scan_ports("10.0.0.66", 1000, 30, 4);
    ASSERT_EQ(packets.blocks().size(), 1U);
    const auto block = packets.blocks()[0];
    EXPECT_EQ(block.at("source"), "10.0.0.66");
    EXPECT_EQ(block.at("kind"), "port_scan");
    EXPECT_EQ(block.at("domain"), "domain0");
    EXPECT_LE(block.at("left_s").to_number<int>(), 20);
    EXPECT_GE(block.at("left_s").to_number<int>(), 15);
    EXPECT_EQ(packets.metric("blocked_sources"), 1);

    const std::uint64_t before = packets.dropped(Drop::kBlockedSource);
    EXPECT_FALSE(may_connect(packets, "10.0.0.66", 50'001));
    EXPECT_EQ(packets.dropped(Drop::kBlockedSource), before + 1);
    EXPECT_TRUE(may_connect(packets, "10.0.0.67", 50'001));
    // What goes on goes on.
    EXPECT_TRUE(packets.bed.passes(ControlBed::kInside, ControlBed::from_inside("10.0.0.66", "192.168.1.90")
                                                            .tcp(50'000, 80)
                                                            .flags("PA")
                                                            .seq(1001)
                                                            .ack(5001)
                                                            .payload("still there")));
    // And others may begin a session with it.
    EXPECT_TRUE(packets.bed.passes(
        ControlBed::kOutside,
        ControlBed::from_outside("192.168.1.80", "10.0.0.66").tcp(50'002, 80).flags("S").seq(1000)));

    packets.pass_seconds(22);
    EXPECT_TRUE(packets.blocks().empty());
    EXPECT_EQ(packets.metric("blocked_sources"), 0);
    // Its scan is in the last hour still, but it does not go on.
    for (std::uint16_t i = 0; i < 5; ++i) {
      packets.connection("10.0.0.66", "192.168.1.80", static_cast<std::uint16_t>(50'100 + i), 80, 100);
      packets.pass_seconds(1);
      EXPECT_TRUE(packets.blocks().empty());
    }
  });
}

// The time is counted from when it last went on.
TEST(Blocks, WhoGoesOnStaysBlocked) {
  for_each_watch(kBlocking, [](AnomalyPackets& packets) {
    packets.scan_ports("10.0.0.66", 1000, 30, 4);
    for (unsigned i = 0; i < 4; ++i) {
      packets.pass_seconds(14);
      ASSERT_EQ(packets.blocks().size(), 1U);
      packets.scan_ports("10.0.0.66", static_cast<std::uint16_t>(2000 + 100 * i), 30, 1);
      EXPECT_GE(packets.blocks()[0].at("left_s").to_number<int>(), 19);
    }
    EXPECT_GE(packets.dropped(Drop::kBlockedSource), 4U * 30U);
    EXPECT_EQ(packets.metric("anomalies_total", "port_scan"), 1) << "one that goes on";
  });
}

TEST(Blocks, ExceptForWhomTheProfileNames) {
  const std::string section =
      watching_section("{port_scan: {action: block}, except: [\"@scanners\", 10.0.0.70]}",
                       "  groups: {scanners: [10.0.0.64/30]}\n");
  for_each_watch(section, [](AnomalyPackets& packets) {
    for (const std::string source : {"10.0.0.66", "10.0.0.70", "10.0.0.71"})
      packets.scan_ports(source, 1000, 30, 4);
    EXPECT_EQ(packets.open().size(), 3U);
    ASSERT_EQ(packets.blocks().size(), 1U);
    EXPECT_EQ(packets.blocks()[0].at("source"), "10.0.0.71");
    EXPECT_EQ(packets.blocks()[0].at("left_s"), 600);
  });
}

TEST(Blocks, OfIpv6TheWholeNetwork) {
  for_each_watch(kBlocking, [](AnomalyPackets& packets) {
    for (unsigned second = 0; second < 4; ++second) {
      for (unsigned i = 0; i < 30; ++i)
        packets.syn("2001:db8:1::" + std::to_string(10 + i), "2001:db8:2::80", 40'000,
                    static_cast<std::uint16_t>(1000 + second * 30 + i));
      packets.pass_seconds(1);
    }
    ASSERT_EQ(packets.blocks().size(), 1U);
    EXPECT_EQ(packets.blocks()[0].at("source"), "2001:db8:1::/64");
    EXPECT_FALSE(packets.bed.passes(
        ControlBed::kInside,
        ControlBed::from_inside("2001:db8:1::999", "2001:db8:2::80").tcp(1, 80).flags("S")));
  });
}

TEST(Blocks, GuessingOfLoginsAndTunnels) {
  const std::string section = watching_section("{brute_force: {action: block}, dns_tunnel: {action: block}}");
  for_each_watch(section, [](AnomalyPackets& packets) {
    for (unsigned i = 0; i < 60; ++i) {
      const auto from = static_cast<std::uint16_t>(30'000 + i);
      if (i % 2 == 0) packets.connection("10.0.0.66", "192.168.1.22", from, 22, 1000);
      packets.resolve("10.0.0.67", packets.data_name("tunnel.example"), from);
      if (i % 8 == 7) packets.pass_seconds(1);
    }
    packets.pass_seconds(1);
    EXPECT_FALSE(may_connect(packets, "10.0.0.66", 50'000));
    EXPECT_FALSE(may_connect(packets, "10.0.0.67", 50'000));
    EXPECT_TRUE(may_connect(packets, "10.0.0.68", 50'000));
  });
}

TEST(Blocks, ExplainNamesThem) {
  AnomalyPackets packets(kBlocking);
  const auto asked = [&](std::string_view source) {
    return packets.bed.explain({{"interface", "trust"},
                                {"source", source},
                                {"destination", "192.168.1.80"},
                                {"protocol", "tcp"},
                                {"destination_port", 80}});
  };
  EXPECT_EQ(asked("10.0.0.66").at("verdict").at("action"), "accept");
  packets.scan_ports("10.0.0.66", 1000, 30, 4);
  const auto answer = asked("10.0.0.66");
  EXPECT_EQ(answer.at("verdict").at("action"), "drop");
  EXPECT_EQ(answer.at("verdict").at("reason"), "blocked_source");
  EXPECT_EQ(answer.at("checks").as_array().back().at("check"), "blocked_source");
  EXPECT_EQ(asked("10.0.0.67").at("verdict").at("action"), "accept");
  packets.pass_seconds(22);
  EXPECT_EQ(asked("10.0.0.66").at("verdict").at("action"), "accept");
}

TEST(Blocks, AnOperatorLiftsThem) {
  AnomalyPackets packets(kBlocking);
  packets.scan_ports("10.0.0.66", 1000, 30, 4);
  ASSERT_FALSE(may_connect(packets, "10.0.0.66", 50'000));
  packets.pass_seconds(1);
  auto& vnf = packets.bed.vnf();
  EXPECT_EQ(vnf.remove_own("rules", "no-echo"), std::nullopt);
  const auto nobody = vnf.remove_own("blocks", "10.0.0.300");
  ASSERT_TRUE(nobody && !*nobody);
  EXPECT_EQ(nobody->error().where, "name");
  const auto free = vnf.remove_own("blocks", "10.0.0.67");
  ASSERT_TRUE(free && !*free);
  EXPECT_EQ(free->error().where, "");
  const auto lifted = vnf.remove_own("blocks", "10.0.0.66");
  ASSERT_TRUE(lifted && *lifted);
  EXPECT_TRUE(packets.blocks().empty());
  EXPECT_TRUE(may_connect(packets, "10.0.0.66", 50'001));
  packets.pass_seconds(2);
  EXPECT_TRUE(packets.blocks().empty()) << "it did not go on";
  packets.scan_ports("10.0.0.66", 3000, 30, 2);
  EXPECT_EQ(packets.blocks().size(), 1U) << "it did";
}

TEST(Blocks, EndWithTheWatch) {
  AnomalyPackets packets(kBlocking);
  packets.scan_ports("10.0.0.66", 1000, 30, 4);
  ASSERT_EQ(packets.blocks().size(), 1U);
  packets.bed.publish(kBlocking);
  EXPECT_FALSE(may_connect(packets, "10.0.0.66", 50'000)) << "a reload frees nobody";
  packets.bed.publish(watching_section(""));
  EXPECT_TRUE(may_connect(packets, "10.0.0.66", 50'001));
}

}  // namespace
}  // namespace millrace::testing
