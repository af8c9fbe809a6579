// SPDX-License-Identifier: BSD-3-Clause
// What is out of the usual is found in real packets, and told.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "tests/packet/anomalies/anomaly_packets.h"

namespace millrace::testing {
namespace {

// The only anomaly there is, of this kind.
boost::json::object the_one(AnomalyPackets& packets, std::string_view kind) {
  const auto open = packets.open();
  if (open.size() != 1) {
    ADD_FAILURE() << boost::json::serialize(packets.report());
    return {{"kind", ""}, {"subject", ""}, {"sentence", ""}, {"evidence", boost::json::object()}};
  }
  EXPECT_EQ(open[0].at("kind").as_string(), kind);
  return open[0];
}

double evidence(const boost::json::object& anomaly, std::string_view fact) {
  const auto* found = anomaly.at("evidence").as_object().if_contains(fact);
  return found == nullptr ? -1 : found->to_number<double>();
}

TEST(Anomalies, APortScan) {
  for_each_watch(watching_section("{}"), [](AnomalyPackets& packets) {
    packets.scan_ports("10.0.0.66", 1000, 30, 4);
    const auto scan = the_one(packets, "port_scan");
    EXPECT_EQ(scan.at("subject"), "10.0.0.66");
    EXPECT_EQ(scan.at("domain"), "domain0");
    EXPECT_EQ(evidence(scan, "answered"), 0);
    EXPECT_EQ(evidence(scan, "hosts"), 1);
    EXPECT_NE(scan.at("sentence").as_string().find("10.0.0.66 tried "), boost::json::string::npos);
    EXPECT_TRUE(packets.blocks().empty()) << "nobody asked for that";
    EXPECT_EQ(packets.metric("anomalies", "port_scan"), 1);
    EXPECT_EQ(packets.metric("anomalies_total", "port_scan"), 1);
    EXPECT_EQ(packets.metric("anomalies_total", "syn_flood"), 0);
    packets.pass_seconds(65);
    EXPECT_TRUE(packets.open().empty());
    EXPECT_EQ(packets.metric("anomalies_total", "port_scan"), 1);
  });
}

// Neither worker has seen enough alone.
TEST(Anomalies, WhatTwoWorkersSawIsPutTogether) {
  AnomalyPackets packets(watching_section("{port_scan: {above: {10s: 80, 5m: 80, 1h: 80}}}"), 2);
  packets.scan_ports("10.0.0.66", 1000, 30, 3);
  packets.pass_seconds(1);
  unsigned with_sessions = 0;
  for (core::Worker* worker : packets.bed.workers()) {
    const std::uint64_t opened = firewall::state_of(*worker).sessions.opened();
    EXPECT_LT(opened, 80U);
    with_sessions += opened > 0 ? 1 : 0;
  }
  EXPECT_EQ(with_sessions, 2U);
  const auto scan = the_one(packets, "port_scan");
  EXPECT_EQ(evidence(scan, "opened"), 90);
}

TEST(Anomalies, ASweepOfWhatRulesRefuse) {
  for_each_watch(watching_section("{}"), [](AnomalyPackets& packets) {
    for (unsigned second = 0; second < 3; ++second) {
      for (unsigned host = 1; host <= 40; ++host)
        packets.syn("10.0.0.66", "192.168.9." + std::to_string(second * 40 + host), 40'000, 445);
      packets.pass_seconds(1);
    }
    const auto sweep = the_one(packets, "host_sweep");
    EXPECT_EQ(sweep.at("subject"), "10.0.0.66");
    EXPECT_EQ(sweep.at("port"), 445);
    EXPECT_EQ(sweep.at("protocol"), "tcp");
    EXPECT_GT(evidence(sweep, "refused"), 50);
    EXPECT_EQ(evidence(sweep, "opened"), 0);
  });
}

// From forged sources, each of which is seen once.
void flood(AnomalyPackets& packets, unsigned seconds, bool tcp) {
  const unsigned a_second = tcp ? 400 : 1600;
  for (unsigned second = 0; second < seconds; ++second) {
    for (unsigned i = 0; i < a_second; ++i) {
      const std::string source = "10.0.0." + std::to_string(i % 200 + 20);
      const auto from = static_cast<std::uint16_t>(20'000 + second * a_second + i);
      if (tcp) {
        packets.syn(source, "192.168.1.80", from, 80);
      } else {
        packets.send(ControlBed::kInside, ControlBed::from_inside(source, "192.168.1.80").udp(from, 9000));
      }
    }
    packets.pass_seconds(1);
  }
}

TEST(Anomalies, ASynFlood) {
  for_each_watch(watching_section("{}"), [](AnomalyPackets& packets) {
    flood(packets, 4, true);
    const auto found = the_one(packets, "syn_flood");
    EXPECT_EQ(found.at("subject"), "192.168.1.80");
    EXPECT_EQ(found.at("port"), 80);
    EXPECT_GT(evidence(found, "unanswered_per_second"), 200);
  });
}

// It does not end where cookies begin: a SYN that gets one opened nothing yet, and counts.
TEST(Anomalies, ASynFloodAnsweredWithCookies) {
  const std::string protect = "  protect: {syn_cookies: {above: 10/s}}\n";
  for_each_watch(watching_section("{}", protect), [](AnomalyPackets& packets) {
    flood(packets, 4, true);
    EXPECT_GT(packets.dropped(firewall::Drop::kSynCookie), 1000U);
    const auto found = the_one(packets, "syn_flood");
    EXPECT_GT(evidence(found, "unanswered_per_second"), 200);
  });
}

TEST(Anomalies, AUdpFlood) {
  for_each_watch(watching_section("{}"), [](AnomalyPackets& packets) {
    flood(packets, 4, false);
    const auto found = the_one(packets, "udp_flood");
    EXPECT_EQ(found.at("subject"), "192.168.1.80");
    EXPECT_EQ(found.at("protocol"), "udp");
  });
}

TEST(Anomalies, GuessingOfLogins) {
  for_each_watch(watching_section("{}"), [](AnomalyPackets& packets) {
    for (unsigned i = 0; i < 32; ++i) {
      packets.connection("10.0.0.66", "192.168.1.22", static_cast<std::uint16_t>(30'000 + i), 22, 1000);
      if (i % 4 == 3) packets.pass_seconds(1);
    }
    const auto found = the_one(packets, "brute_force");
    EXPECT_EQ(found.at("subject"), "10.0.0.66");
    EXPECT_EQ(found.at("port"), 22);
    EXPECT_GE(evidence(found, "short_sessions"), 20);
  });
}

TEST(Anomalies, LoginsAreWhereTheProfileSays) {
  AnomalyPackets packets(
      watching_section("{brute_force: {ports: [2222], at_most_bytes: 900, at_least_bytes: 1}}"));
  for (unsigned i = 0; i < 32; ++i) {
    const auto from = static_cast<std::uint16_t>(30'000 + i);
    packets.connection("10.0.0.66", "192.168.1.22", from, 22, 400);     // another port
    packets.connection("10.0.0.67", "192.168.1.22", from, 2222, 1000);  // too many bytes
    if (i % 4 == 3) packets.pass_seconds(1);
  }
  EXPECT_TRUE(packets.open().empty()) << boost::json::serialize(packets.report());
  for (unsigned i = 0; i < 32; ++i) {
    packets.connection("10.0.0.68", "192.168.1.22", static_cast<std::uint16_t>(31'000 + i), 2222, 400);
    if (i % 4 == 3) packets.pass_seconds(1);
  }
  EXPECT_EQ(the_one(packets, "brute_force").at("subject"), "10.0.0.68");
}

TEST(Anomalies, ATunnelInDns) {
  for_each_watch(watching_section("{}"), [](AnomalyPackets& packets) {
    for (unsigned i = 0; i < 90; ++i) {
      packets.resolve("10.0.0.66", packets.data_name("Tunnel.example"),
                      static_cast<std::uint16_t>(30'000 + i));
      packets.resolve("10.0.0.67", packets.data_name("d1234.cloudfront.net"),
                      static_cast<std::uint16_t>(30'000 + i));
      if (i % 15 == 14) packets.pass_seconds(1);
    }
    const auto found = the_one(packets, "dns_tunnel");
    EXPECT_EQ(found.at("subject"), "10.0.0.66");
    EXPECT_EQ(found.at("below"), "Tunnel.example");
    EXPECT_GE(evidence(found, "distinct_names"), 50);
    EXPECT_GE(evidence(found, "name_bytes"), 50 * 50);
  });
}

// A resolver, or a tunnel, may ask everything from one port.
TEST(Anomalies, ATunnelInDnsOnOneSocket) {
  for_each_watch(watching_section("{}"), [](AnomalyPackets& packets) {
    for (unsigned i = 0; i < 90; ++i) {
      packets.resolve("10.0.0.66", packets.data_name("tunnel.example"), 30'000);
      packets.resolve("10.0.0.67", "www" + std::to_string(i) + ".shop.example.org", 30'000);
      if (i % 15 == 14) packets.pass_seconds(1);
    }
    const auto found = the_one(packets, "dns_tunnel");
    EXPECT_EQ(found.at("subject"), "10.0.0.66");
    EXPECT_GE(evidence(found, "distinct_names"), 50);
  });
}

// Three clients that read pages, look names up and are refused now and then; a name server that answers late.
TEST(Anomalies, UsualTrafficRaisesNothing) {
  for_each_watch(watching_section("{sensitivity: high}"), [](AnomalyPackets& packets) {
    for (unsigned second = 0; second < 60; ++second) {
      for (unsigned client = 0; client < 3; ++client) {
        const std::string address = "10.0.0." + std::to_string(10 + client);
        const auto from = static_cast<std::uint16_t>(20'000 + second * 10);
        const std::string server = "192.168.1." + std::to_string(80 + second % 7);
        packets.connection(address, server, from, 443, 1200);
        packets.connection(address, server, static_cast<std::uint16_t>(from + 1), 443, 1200);
        packets.resolve(address, "www" + std::to_string(second) + ".shop.example.org", from);
        if (second % 10 == client) packets.syn(address, "192.168.9.1", from, 25);
        if (second % 20 == client) packets.connection(address, "192.168.1.22", from, 22, 1400);
      }
      packets.pass_seconds(1);
    }
    EXPECT_TRUE(packets.open().empty()) << boost::json::serialize(packets.report());
    EXPECT_EQ(packets.metric("anomalies_total", "port_scan"), 0);
  });
}

TEST(Anomalies, NobodyIsWatchedWithoutThem) {
  AnomalyPackets packets(watching_section(""));
  packets.scan_ports("10.0.0.66", 1000, 100, 4);
  const auto report = packets.report();
  EXPECT_EQ(report.at("watched"), false);
  EXPECT_TRUE(report.at("anomalies").as_array().empty());
  EXPECT_EQ(packets.metric("anomalies_total", "port_scan"), -1);
  for (core::Worker* worker : packets.bed.workers())
    EXPECT_EQ(firewall::state_of(*worker).watch.watch(), nullptr);
}

TEST(Anomalies, AKindThatIsIgnoredIsNotRaised) {
  AnomalyPackets packets(watching_section("{port_scan: {action: ignore}}"));
  packets.scan_ports("10.0.0.66", 1000, 30, 4);
  EXPECT_TRUE(packets.open().empty());
}

// Half of a scan before, half after.
TEST(Anomalies, AReloadKeepsWhatWasLearnt) {
  for_each_watch(watching_section("{}"), [](AnomalyPackets& packets) {
    packets.scan_ports("10.0.0.66", 1000, 20, 2);
    EXPECT_TRUE(packets.open().empty());
    packets.bed.publish(watching_section("{port_scan: {action: block}}"));
    packets.scan_ports("10.0.0.66", 2000, 20, 2);
    EXPECT_GT(evidence(the_one(packets, "port_scan"), "opened"), 40);
    packets.bed.publish(watching_section("{}"));
    packets.pass_seconds(1);
    EXPECT_EQ(packets.open().size(), 1U);
    // What is watched no longer is over.
    packets.bed.publish(watching_section(""));
    EXPECT_EQ(packets.report().at("watched"), false);
    packets.scan_ports("10.0.0.66", 3000, 60, 2);
    packets.bed.publish(watching_section("{}"));
    packets.pass_seconds(2);
    EXPECT_TRUE(packets.open().empty());
  });
}

// Tables of what is counted are the workers' own, so others take over where they change.
TEST(Anomalies, WorkersAreMadeAnewForAnotherWatch) {
  firewall::Firewall vnf;
  const auto loaded = [&](const std::string& anomalies) {
    auto profile =
        vnf.load("vnf: firewall\nname: fw\nports: {p: {device: net_null0}}\ninterfaces: {a: {port: p}}\n" +
                     watching_section(anomalies),
                 "fw.yaml", control::no_files());
    if (!profile) throw std::runtime_error(profile.error().to_string());
    return *profile;
  };
  const auto none = loaded("");
  const auto usual = loaded("{}");
  const auto blocking = loaded("{sensitivity: low, port_scan: {action: block}, except: 10.0.0.0/8}");
  const auto logins = loaded("{brute_force: {ports: [2222]}}");
  const auto networks = loaded("{ipv6_source: 56}");
  EXPECT_TRUE(vnf.needs_other_workers(*none, *usual));
  EXPECT_FALSE(vnf.needs_other_workers(*usual, *blocking));
  EXPECT_TRUE(vnf.needs_other_workers(*usual, *logins));
  EXPECT_TRUE(vnf.needs_other_workers(*usual, *networks));
  EXPECT_FALSE(vnf.needs_other_workers(*usual, *none));
  EXPECT_FALSE(vnf.needs_other_workers(*none, *none));
}

TEST(Anomalies, EventsAreInTheLog) {
  std::string pattern = (std::filesystem::temp_directory_path() / "millrace-anomalies-XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(pattern.data());
  const auto file = folder / "eve.json";
  {
    AnomalyPackets packets(watching_section("{}", "  events: {file: " + file.string() + "}\n"));
    packets.scan_ports("10.0.0.66", 1000, 30, 4);
    packets.scan_ports("10.0.0.66", 5000, 90, 3);
    packets.pass_seconds(61);
    packets.bed.vnf().end_logs(packets.bed.workers());
  }
  std::ifstream lines(file);
  std::vector<std::string> changes;
  for (std::string line; std::getline(lines, line);) {
    const auto event = boost::json::parse(line).as_object();
    EXPECT_EQ(event.at("event_type"), "anomaly");
    EXPECT_EQ(event.at("src_ip"), "10.0.0.66");
    EXPECT_EQ(event.at("anomaly").at("type"), "behaviour");
    EXPECT_EQ(event.at("anomaly").at("event"), "port_scan");
    const auto& own = event.at("millrace").as_object();
    EXPECT_EQ(own.at("appliance"), "fw");
    EXPECT_GT(own.at("evidence").at("distinct_ports").to_number<double>(), 40);
    changes.emplace_back(own.at("change").as_string());
  }
  EXPECT_EQ(changes, (std::vector<std::string>{"raised", "worse", "over"}));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace millrace::testing
