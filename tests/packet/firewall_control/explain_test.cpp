// SPDX-License-Identifier: BSD-3-Clause
// Explain says what the pipeline does.
#include "tests/packet/firewall_control/control_bed.h"
#include "vnfs/firewall/drops.h"

namespace millrace::testing {
namespace {

using boost::json::object;

constexpr const char* kExplainedSection = R"(
firewall:
  zones: {lan: [trust], internet: [untrust]}
  groups: {bad: [192.168.99.0/24]}
  default: drop
  rules:
    - {name: no-bad, destination: "@bad", action: drop}
    - {name: no-telnet, from: lan, service: tcp/23, action: reject}
    - {name: marked, from: lan, service: udp/9, dscp: [46], action: drop}
    - {name: out, from: lan, to: internet, action: accept, max_sessions: 100}
    - {name: web-in, from: internet, service: tcp/80, action: accept}
  protect: {reverse_path: strict}
)";

struct Case {
  const char* name;
  object description;
  unsigned port;
  PacketBuilder packet;
};

std::vector<Case> cases() {
  const auto in = [](const char* source, const char* destination) {
    return ControlBed::from_inside(source, destination);
  };
  const auto out = [](const char* source, const char* destination) {
    return ControlBed::from_outside(source, destination);
  };
  const auto tcp = [](const char* source, const char* destination, int port) {
    return object{{"source", source},
                  {"destination", destination},
                  {"protocol", "tcp"},
                  {"source_port", 40000},
                  {"destination_port", port}};
  };
  const auto with = [](object base, const char* member, const boost::json::value& value) {
    base[member] = value;
    return base;
  };
  constexpr unsigned kIn = ControlBed::kInside;
  constexpr unsigned kOut = ControlBed::kOutside;
  const auto syn = [](PacketBuilder packet, std::uint16_t port) {
    return packet.tcp(40000, port).flags("S");
  };
  return {
      {"accepted", tcp("10.0.0.10", "192.168.1.80", 443), kIn, syn(in("10.0.0.10", "192.168.1.80"), 443)},
      {"accepted, IPv6", tcp("2001:db8:1::10", "2001:db8:2::80", 443), kIn,
       syn(in("2001:db8:1::10", "2001:db8:2::80"), 443)},
      {"by a group", tcp("10.0.0.10", "192.168.99.7", 443), kIn, syn(in("10.0.0.10", "192.168.99.7"), 443)},
      {"rejected", tcp("10.0.0.10", "192.168.1.80", 23), kIn, syn(in("10.0.0.10", "192.168.1.80"), 23)},
      {"from outside", tcp("192.168.1.80", "10.0.0.10", 80), kOut, syn(out("192.168.1.80", "10.0.0.10"), 80)},
      {"by default", tcp("192.168.1.80", "10.0.0.10", 81), kOut, syn(out("192.168.1.80", "10.0.0.10"), 81)},
      {"not a SYN", with(tcp("10.0.0.10", "192.168.1.80", 443), "tcp_flags", "ack"), kIn,
       in("10.0.0.10", "192.168.1.80").tcp(40000, 443).flags("A")},
      {"impossible flags", with(tcp("10.0.0.10", "192.168.1.80", 443), "tcp_flags", "syn,fin"), kIn,
       in("10.0.0.10", "192.168.1.80").tcp(40000, 443).flags("SF")},
      {"no flags", with(tcp("10.0.0.10", "192.168.1.80", 443), "tcp_flags", "none"), kIn,
       in("10.0.0.10", "192.168.1.80").tcp(40000, 443).flags("")},
      {"land", with(tcp("10.0.0.10", "10.0.0.10", 443), "interface", "trust"), kIn,
       syn(in("10.0.0.10", "10.0.0.10"), 443)},
      {"land, IPv6", with(tcp("2001:db8:1::10", "2001:db8:1::10", 443), "interface", "trust"), kIn,
       syn(in("2001:db8:1::10", "2001:db8:1::10"), 443)},
      {"loopback source", with(tcp("127.0.0.1", "192.168.1.80", 443), "interface", "trust"), kIn,
       syn(in("127.0.0.1", "192.168.1.80"), 443)},
      {"loopback source, IPv6", with(tcp("::1", "2001:db8:2::80", 443), "interface", "trust"), kIn,
       syn(in("::1", "2001:db8:2::80"), 443)},
      {"group source", with(tcp("224.1.2.3", "192.168.1.80", 443), "interface", "trust"), kIn,
       syn(in("224.1.2.3", "192.168.1.80"), 443)},
      {"loopback destination", tcp("10.0.0.10", "127.1.2.3", 443), kIn,
       syn(in("10.0.0.10", "127.1.2.3"), 443)},
      {"unspecified destination, IPv6", tcp("2001:db8:1::10", "::", 443), kIn,
       syn(in("2001:db8:1::10", "::"), 443)},
      {"multicast", tcp("10.0.0.10", "239.1.2.3", 443), kIn, syn(in("10.0.0.10", "239.1.2.3"), 443)},
      {"multicast, IPv6", tcp("2001:db8:1::10", "ff0e::5", 443), kIn,
       syn(in("2001:db8:1::10", "ff0e::5"), 443)},
      {"multicast of the link", tcp("10.0.0.10", "224.0.0.5", 443), kIn,
       syn(in("10.0.0.10", "224.0.0.5"), 443)},
      {"multicast of the link, IPv6", tcp("2001:db8:1::10", "ff02::5", 443), kIn,
       syn(in("2001:db8:1::10", "ff02::5"), 443)},
      {"link-local, IPv6", tcp("2001:db8:1::10", "fe80::1", 443), kIn,
       syn(in("2001:db8:1::10", "fe80::1"), 443)},
      {"to the appliance", tcp("10.0.0.10", "10.0.0.1", 22), kIn, syn(in("10.0.0.10", "10.0.0.1"), 22)},
      {"no route", tcp("10.0.0.10", "203.0.113.9", 443), kIn, syn(in("10.0.0.10", "203.0.113.9"), 443)},
      {"black hole", tcp("10.0.0.10", "192.168.66.9", 443), kIn, syn(in("10.0.0.10", "192.168.66.9"), 443)},
      {"prohibited", tcp("10.0.0.10", "192.168.67.9", 443), kIn, syn(in("10.0.0.10", "192.168.67.9"), 443)},
      {"next hop to be asked for", tcp("10.0.0.10", "192.168.68.9", 443), kIn,
       syn(in("10.0.0.10", "192.168.68.9"), 443)},
      {"our own address as source", with(tcp("192.168.1.1", "192.168.1.80", 443), "interface", "trust"), kIn,
       syn(in("192.168.1.1", "192.168.1.80"), 443)},
      {"by the wrong interface", with(tcp("192.168.1.81", "192.168.1.80", 443), "interface", "trust"), kIn,
       syn(in("192.168.1.81", "192.168.1.80"), 443)},
      {"source without a route", with(tcp("203.0.113.9", "192.168.1.80", 443), "interface", "trust"), kIn,
       syn(in("203.0.113.9", "192.168.1.80"), 443)},
      {"UDP",
       {{"source", "10.0.0.10"},
        {"destination", "192.168.1.80"},
        {"protocol", "udp"},
        {"destination_port", 9}},
       kIn,
       in("10.0.0.10", "192.168.1.80").udp(40000, 9)},
      {"UDP with a DSCP",
       {{"source", "10.0.0.10"},
        {"destination", "192.168.1.80"},
        {"protocol", "udp"},
        {"destination_port", 9},
        {"dscp", 46}},
       kIn,
       in("10.0.0.10", "192.168.1.80").dscp(46).udp(40000, 9)},
      {"UDP with a DSCP, IPv6",
       {{"source", "2001:db8:1::10"},
        {"destination", "2001:db8:2::80"},
        {"protocol", "udp"},
        {"destination_port", 9},
        {"dscp", 46}},
       kIn,
       in("2001:db8:1::10", "2001:db8:2::80").dscp(46).udp(40000, 9)},
      {"ping",
       {{"source", "10.0.0.10"}, {"destination", "192.168.1.80"}, {"protocol", "icmp"}},
       kIn,
       in("10.0.0.10", "192.168.1.80").echo_request(1, 1)},
      {"ping, IPv6",
       {{"source", "2001:db8:1::10"}, {"destination", "2001:db8:2::80"}, {"protocol", "icmpv6"}},
       kIn,
       in("2001:db8:1::10", "2001:db8:2::80").echo_request(1, 1)},
      {"a pong nobody asked for",
       {{"source", "10.0.0.10"}, {"destination", "192.168.1.80"}, {"protocol", "icmp"}, {"icmp_type", 0}},
       kIn,
       in("10.0.0.10", "192.168.1.80").echo_reply(1, 1)},
      {"SCTP",
       {{"source", "10.0.0.10"},
        {"destination", "192.168.1.80"},
        {"protocol", "sctp"},
        {"destination_port", 9}},
       kIn,
       in("10.0.0.10", "192.168.1.80").sctp(40000, 9)},
      {"GRE",
       {{"source", "192.168.1.80"}, {"destination", "10.0.0.10"}, {"protocol", "gre"}},
       kOut,
       out("192.168.1.80", "10.0.0.10").gre(0x0800)},
  };
}

std::string reason_dropped(const Testbed& bed) {
  for (const auto reasons : {core::core_drop_reasons(), firewall::drop_reasons()}) {
    for (const core::DropReason& reason : reasons) {
      if (bed.dropped(reason.id) != 0) return std::string(reason.name);
    }
  }
  return "not dropped";
}

TEST(FirewallExplain, SaysWhatThePipelineDoes) {
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.name);
    ControlBed bed(std::make_shared<firewall::Firewall>(), kExplainedSection);
    const object answer = bed.explain(one.description);
    const object& verdict = answer.at("verdict").as_object();
    const std::string action = verdict.at("action").as_string().c_str();
    EXPECT_FALSE(answer.at("summary").as_string().empty());

    const bool passed = [&] {
      bed.bed().receive(one.port, one.packet.bytes());
      bed.bed().run();
      using C = core::WorkerCounters;
      return bed.bed().total(&C::transmitted) + bed.bed().total(&C::to_resolve) != 0;
    }();
    const bool to_host = bed.bed().total(&core::WorkerCounters::to_host) != 0;
    if (passed) {
      EXPECT_EQ(action, "accept") << answer.at("summary");
    } else if (to_host) {
      EXPECT_EQ(action, "to_host") << answer.at("summary");
    } else {
      ASSERT_TRUE(verdict.contains("reason")) << answer.at("summary");
      EXPECT_EQ(verdict.at("reason").as_string(), reason_dropped(bed.bed()));
      EXPECT_EQ(action, reason_dropped(bed.bed()).starts_with("rejected") ? "reject" : "drop");
    }
    for (unsigned port = 0; port < 2; ++port) static_cast<void>(bed.bed().transmitted(port));
    static_cast<void>(bed.bed().to_host());
  }
}

TEST(FirewallExplain, TellsEachRuleAndWhyNot) {
  ControlBed bed(std::make_shared<firewall::Firewall>(), kExplainedSection);
  const object answer = bed.explain({{"source", "10.0.0.10"},
                                     {"destination", "192.168.1.80"},
                                     {"protocol", "tcp"},
                                     {"destination_port", 443}});
  EXPECT_EQ(answer.at("ingress").at("interface"), "trust");
  EXPECT_EQ(answer.at("ingress").at("zone"), "lan");
  EXPECT_EQ(answer.at("route").at("egress"), "untrust");
  EXPECT_EQ(answer.at("route").at("next_hop"), "forward");
  EXPECT_TRUE(answer.at("session").is_null());
  const auto& rules = answer.at("rules").as_array();
  ASSERT_EQ(rules.size(), 4U);
  EXPECT_EQ(rules[0].at("why_not"), "destination 192.168.1.80 is not in @bad");
  EXPECT_EQ(rules[3].at("name"), "out");
  EXPECT_EQ(rules[3].at("matched"), true);
  EXPECT_EQ(answer.at("rules_skipped"), 0);
  EXPECT_EQ(answer.at("verdict").at("rule"), "out");
  EXPECT_EQ(answer.at("limits").at("rule_sessions"), 100);
  EXPECT_EQ(answer.at("limits").at("rule_sessions_open"), 0);
  EXPECT_EQ(answer.at("summary"),
            "accepted by rule out, because it is the first of the rules that matches; it opens a session");
}

TEST(FirewallExplain, ShowsTheSessionAPacketBelongsTo) {
  ControlBed bed(std::make_shared<firewall::Firewall>(), kExplainedSection);
  bed.connect(40001);
  const object reply{{"source", "192.168.1.80"}, {"destination", "10.0.0.10"}, {"protocol", "tcp"},
                     {"source_port", 80},        {"destination_port", 40001},  {"tcp_flags", "ack"}};
  object answer = bed.explain(reply);
  EXPECT_EQ(answer.at("session").at("source"), "10.0.0.10:40001");
  EXPECT_EQ(answer.at("verdict").at("action"), "accept");
  EXPECT_EQ(answer.at("verdict").at("rule"), "out");
  // Under a policy that refuses it, explain says so, and so it comes.
  bed.publish("firewall: {rules: [{name: no-web, service: tcp/80, action: drop}]}\n");
  answer = bed.explain(reply);
  EXPECT_EQ(answer.at("verdict").at("reason"), "policy_changed");
  EXPECT_EQ(answer.at("verdict").at("rule"), "no-web");
  EXPECT_FALSE(bed.passes(ControlBed::kOutside,
                          ControlBed::from_outside().tcp(80, 40001).flags("A").seq(5001).ack(1001)));
  EXPECT_EQ(bed.row("drops", "reason", "policy_changed").at("packets"), 1);
}

TEST(FirewallExplain, SkipsRulesBeyondFifty) {
  std::string section = "firewall:\n  rules:\n";
  for (int i = 0; i < 200; ++i) {
    section += "    - {name: r" + std::to_string(i) + ", service: tcp/" + std::to_string(1000 + i) +
               ", action: accept}\n";
  }
  ControlBed bed(std::make_shared<firewall::Firewall>(), section);
  object packet{{"source", "10.0.0.10"},
                {"destination", "192.168.1.80"},
                {"protocol", "tcp"},
                {"destination_port", 1120}};
  object answer = bed.explain(packet);
  EXPECT_EQ(answer.at("rules").as_array().size(), 51U);
  EXPECT_EQ(answer.at("rules_skipped"), 70);
  EXPECT_EQ(answer.at("verdict").at("rule"), "r120");
  packet["destination_port"] = 7;
  answer = bed.explain(packet);
  EXPECT_EQ(answer.at("rules").as_array().size(), 50U);
  EXPECT_EQ(answer.at("rules_skipped"), 150);
}

TEST(FirewallExplain, NamesTheMemberThatIsWrong) {
  ControlBed bed(std::make_shared<firewall::Firewall>(), kExplainedSection);
  const auto workers = bed.workers();
  const auto where = [&](const object& packet) {
    const auto answer = bed.vnf().explain(workers, bed.snapshot(), packet);
    return answer ? "no error" : answer.error().where;
  };
  object good{{"source", "10.0.0.10"},
              {"destination", "192.168.1.80"},
              {"protocol", "tcp"},
              {"destination_port", 80}};
  EXPECT_EQ(where(good), "no error");
  object bad = good;
  bad["interface"] = "eth0";
  EXPECT_EQ(where(bad), "interface");
  bad = good;
  bad["source"] = "203.0.113.9";  // no route to it
  EXPECT_EQ(where(bad), "interface");
  bad = good;
  bad["destinaton"] = "10.0.0.1";
  EXPECT_EQ(where(bad), "destinaton");
  bad = good;
  bad["dscp"] = "high";
  EXPECT_EQ(where(bad), "dscp");
}

// What hosts of one link need of each other passes without a rule, and explain says so.
TEST(FirewallExplain, KnowsWhatStaysOnALink) {
  constexpr const char* kOnlyOut = R"(
firewall:
  zones: {lan: [trust], internet: [untrust]}
  rules: [{name: out, from: lan, action: accept}]
)";
  struct Message {
    const char* source;
    const char* destination;
    std::uint8_t type;
    bool passes;
  };
  constexpr std::array<Message, 6> kMessages{{
      {"fe80::2", "ff02::16", 143, true},         // a listener's report
      {"fe80::2", "fe80::1", 128, true},          // a ping within the link
      {"2001:db8::2", "2001:db8::1", 135, true},  // is the neighbour still there?
      {"fe80::2", "ff05::2", 128, false},         // a group of the site
      {"2001:db8::2", "fe80::1", 128, false},     // not of the link by its source
      {"2001:db8::2", "2001:db8::1", 128, false},
  }};
  for (const Message& one : kMessages) {
    SCOPED_TRACE(std::string(one.source) + " > " + one.destination);
    ControlBed bed(std::make_shared<firewall::Firewall>(), kOnlyOut, 1, 4096, core::Forwarding::kTransparent);
    const auto verdict = bed.explain({{"source", one.source},
                                      {"destination", one.destination},
                                      {"protocol", "icmpv6"},
                                      {"icmp_type", one.type},
                                      {"interface", "untrust"}})
                             .at("verdict")
                             .as_object();
    EXPECT_EQ(verdict.at("action"), one.passes ? "accept" : "drop");
    EXPECT_FALSE(verdict.contains("rule"));
    // Sixteen bytes are a target address too: 1:203:405:607:809:a0b:c0d:e0f.
    EXPECT_EQ(
        bed.passes(
            ControlBed::kOutside,
            ControlBed::from_outside(one.source, one.destination).ttl(255).icmp(one.type, 0).payload(16)),
        one.passes);
  }
}

}  // namespace
}  // namespace millrace::testing
