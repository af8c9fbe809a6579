// SPDX-License-Identifier: BSD-3-Clause
// Rules by application from the profile to what is told of them: listings, metrics, explanations, streams.
#include <algorithm>

#include "common/control/flow_log/json_format.h"
#include "tests/packet/firewall_control/control_bed.h"
#include "tests/support/application_packets.h"
#include "vnfs/firewall/flow_log_reader.h"
#include "vnfs/firewall/inspection/eve_format.h"

namespace millrace::testing {
namespace {

using boost::json::object;

const std::string kRulesByApplication =
    "firewall:\n"
    "  zones: {inside: [trust], outside: [untrust]}\n"
    "  rules:\n"
    "    - {name: no-torrents, application: [bittorrent], action: drop, log: true}\n"
    "    - {name: web, from: inside, application: [tls, QUIC], action: accept}\n"
    "    - {name: rest, from: inside, application: other, service: udp, action: accept}\n";

class Applications : public ::testing::Test {
 protected:
  [[nodiscard]] static std::string text(const Octets& bytes) { return {bytes.begin(), bytes.end()}; }
  // A connection whose client says so much; whether that got through.
  static bool talks(ControlBed& bed, std::uint16_t port, const std::string& says) {
    bed.connect(port);
    return bed.passes(ControlBed::kInside,
                      ControlBed::from_inside().tcp(port, 80).flags("PA").seq(1001).ack(5001).payload(says));
  }
  static std::string application_of(ControlBed& bed, std::uint16_t port) {
    for (const object& session : bed.sessions()) {
      if (session.at("source").as_string().ends_with(":" + std::to_string(port)))
        return session.contains("application") ? std::string(session.at("application").as_string()) : "none";
    }
    return "gone";
  }

  std::shared_ptr<firewall::Firewall> vnf_ = std::make_shared<firewall::Firewall>();
  const std::string hello_ = text(client_hello_record("www.youtube.com"));
  const std::string torrent_ = text(bittorrent_handshake());
};

TEST_F(Applications, ListingsAndMetrics) {
  ControlBed bed(vnf_, kRulesByApplication);
  EXPECT_TRUE(talks(bed, 40'001, hello_));
  EXPECT_FALSE(talks(bed, 40'002, torrent_));
  EXPECT_TRUE(talks(bed, 40'003, "SSH-"));
  EXPECT_EQ(application_of(bed, 40'001), "tls/youtube");
  EXPECT_EQ(application_of(bed, 40'002), "bittorrent");
  EXPECT_EQ(application_of(bed, 40'003), "undecided");
  const auto sessions = bed.sessions();
  EXPECT_EQ(std::ranges::count_if(sessions, [](const object& one) { return one.contains("refused"); }), 1);
  EXPECT_EQ(bed.row("rules", "name", "no-torrents").at("hits"), 1);
  EXPECT_EQ(bed.row("rules", "name", "web").at("hits"), 1);

  const auto workers = bed.workers();
  std::vector<std::pair<std::string, double>> by_name;
  double undecided = -1;
  for (const control::Metric& metric : bed.vnf().metrics(workers, bed.snapshot())) {
    if (metric.name == "application_undecided_sessions") undecided = metric.samples.at(0).value;
    if (metric.name != "sessions_by_application_total") continue;
    for (const auto& sample : metric.samples) by_name.emplace_back(sample.labels.at(0).second, sample.value);
  }
  std::ranges::sort(by_name);
  const std::vector<std::pair<std::string, double>> expected{{"bittorrent", 1}, {"other", 0}, {"youtube", 1}};
  EXPECT_EQ(by_name, expected);
  EXPECT_EQ(undecided, 1);
}

TEST_F(Applications, RecordsSayWhatASessionWas) {
  ControlBed bed(vnf_, kRulesByApplication, 1);
  EXPECT_FALSE(talks(bed, 40'002, torrent_));
  firewall::FlowEventLog& log = firewall::state_of(*bed.workers()[0]).flow_log;
  std::vector<firewall::FlowEvent> events(16);
  events.resize(log.events().pop(events));
  ASSERT_EQ(events.size(), 1U) << "the rule it was let in by does not log";
  const auto record = firewall::to_record(events[0], control::EventClock::now(1'000'000'000), {});
  EXPECT_EQ(record.kind, control::FlowEventKind::kDenied);
  EXPECT_EQ(record.reason, "application");
  EXPECT_EQ(record.application, "bittorrent");
  std::string line;
  control::append_json_line(line, record, "fw");
  EXPECT_NE(line.find("\"application\":\"bittorrent\""), std::string::npos) << line;
}

TEST_F(Applications, EventsOfTheInspectionSayWhatASessionIs) {
  firewall::Session session{};
  firewall::inspection::EventRecord record;
  record.event = {};
  record.event.family = net::Family::kIpv4;
  EXPECT_FALSE(firewall::inspection::to_eve(record, "fw").contains("app_proto"));
  session.name({*dpi::application_named("tls"), *dpi::application_named("youtube")});
  record.event.application = session.packed_application();
  object line = firewall::inspection::to_eve(record, "fw");
  EXPECT_EQ(line.at("app_proto"), "tls");
  EXPECT_EQ(line.at("millrace").at("application"), "tls/youtube");
  record.event.speech = firewall::inspection::Speech::kHttp;
  line = firewall::inspection::to_eve(record, "fw");
  EXPECT_EQ(line.at("app_proto"), "http") << "what was read goes before what was named";
}

TEST_F(Applications, APolicyThatDoesNotAskHasNoMetrics) {
  ControlBed bed(vnf_, "firewall: {default: accept}\n");
  const auto workers = bed.workers();
  for (const control::Metric& metric : bed.vnf().metrics(workers, bed.snapshot()))
    EXPECT_EQ(metric.name.find("application"), std::string::npos) << metric.name;
}

TEST_F(Applications, ExplainSaysWhatMayBecomeOfIt) {
  ControlBed bed(vnf_, kRulesByApplication);
  const object packet{{"source", "10.0.0.10"},
                      {"destination", "192.168.1.80"},
                      {"protocol", "tcp"},
                      {"source_port", 40'010},
                      {"destination_port", 80}};
  object told = bed.explain(packet);
  ASSERT_TRUE(told.contains("undecided")) << told;
  EXPECT_EQ(told.at("undecided"), true);
  EXPECT_EQ(told.at("verdict").at("action"), "accept");
  EXPECT_EQ(told.at("verdict").at("rule"), "web");
  const auto become = [&](std::string_view application) {
    for (const auto& one : told.at("by_application").as_array()) {
      if (one.at("application").as_string() == application)
        return std::string(one.at("action").as_string()) + " " + std::string(one.at("rule").as_string());
    }
    return std::string("nothing");
  };
  EXPECT_EQ(become("bittorrent"), "drop no-torrents");
  EXPECT_EQ(become("tls"), "accept web");
  EXPECT_EQ(become("other"), "nothing") << "that is for UDP";
  EXPECT_EQ(become("(any other)"), "drop default");
  EXPECT_EQ(told.at("rules").at(0).at("matched"), false);
  EXPECT_EQ(told.at("rules").at(1).at("matched"), true);

  // From outside nothing could be accepted.
  told = bed.explain({{"source", "192.168.1.80"},
                      {"destination", "10.0.0.10"},
                      {"protocol", "tcp"},
                      {"source_port", 40'010},
                      {"destination_port", 80}});
  EXPECT_EQ(told.at("verdict").at("reason"), "denied_by_default");

  // And of sessions that are there.
  EXPECT_FALSE(talks(bed, 40'010, torrent_));
  told = bed.explain(packet);
  EXPECT_EQ(told.at("verdict").at("reason"), "application") << told;
  EXPECT_EQ(told.at("verdict").at("rule"), "no-torrents");
}

TEST_F(Applications, WhatIsSettledSurvivesATransfer) {
  ControlBed from(vnf_, kRulesByApplication);
  EXPECT_TRUE(talks(from, 40'001, hello_));
  EXPECT_FALSE(talks(from, 40'002, torrent_));
  EXPECT_TRUE(talks(from, 40'003, "SSH-"));
  const std::string stream = from.exported();
  auto vnf = std::make_shared<firewall::Firewall>();
  ControlBed to(vnf, kRulesByApplication, 1);
  to.take_clock_of(from);
  const auto workers = to.workers();
  const auto imported = to.vnf().import_sessions(workers, to.snapshot(), stream);
  ASSERT_TRUE(imported) << imported.error().message();
  EXPECT_EQ(imported->taken, 3U);
  EXPECT_EQ(application_of(to, 40'001), "tls/youtube");
  EXPECT_EQ(application_of(to, 40'002), "bittorrent");
  EXPECT_EQ(application_of(to, 40'003), "undecided");
  const auto says = [&](std::uint16_t port, std::size_t said, const std::string& more) {
    return to.passes(ControlBed::kInside, ControlBed::from_inside()
                                              .tcp(port, 80)
                                              .flags("PA")
                                              .seq(static_cast<std::uint32_t>(1001 + said))
                                              .ack(5001)
                                              .payload(more));
  };
  EXPECT_TRUE(says(40'001, hello_.size(), "more"));
  EXPECT_FALSE(says(40'002, torrent_.size(), "more"));
  // It is looked at anew, as if this were its beginning.
  EXPECT_FALSE(says(40'003, 4, torrent_));
  EXPECT_EQ(application_of(to, 40'003), "bittorrent");
  // Sessions that stay undecided move to other workers likewise.
  EXPECT_TRUE(talks(to, 40'004, "SSH-"));
  ControlBed moved(vnf, kRulesByApplication, 2);
  moved.take_clock_of(to);
  const auto after = moved.workers();
  to.vnf().move_sessions(workers, after, moved.snapshot());
  EXPECT_EQ(application_of(moved, 40'001), "tls/youtube");
  EXPECT_EQ(application_of(moved, 40'004), "undecided");
  EXPECT_FALSE(moved.passes(
      ControlBed::kInside,
      ControlBed::from_inside().tcp(40'004, 80).flags("PA").seq(1005).ack(5001).payload(torrent_)));
  EXPECT_FALSE(
      moved.passes(ControlBed::kInside,
                   ControlBed::from_inside().tcp(40'002, 80).flags("PA").seq(1069).ack(5001).payload("x")));
}

TEST_F(Applications, OtherWorkersAreNeededWhenRulesBeginToAsk) {
  const auto load = [&](const std::string& section) {
    auto loaded = vnf_->load(
        "vnf: firewall\nname: fw\nports:\n  inside: {device: net_null0}\ninterfaces: {trust: {port: inside, "
        "address: "
        "[10.0.0.1/24]}}\n" +
            section,
        "fw.yaml", control::no_files());
    if (!loaded) throw std::runtime_error(loaded.error().to_string());
    return *loaded;
  };
  const auto plain = load("firewall: {default: accept}\n");
  const std::string rule = "  rules: [{name: r, application: tls, action: accept}]\n";
  const auto asks = load("firewall:\n" + rule);
  const auto more = load("firewall:\n  application_limits: {sessions: 8k}\n" + rule);
  const auto stricter = load("firewall:\n  application_limits: {when_overloaded: other}\n" + rule);
  EXPECT_TRUE(vnf_->needs_other_workers(*plain, *asks));
  EXPECT_TRUE(vnf_->needs_other_workers(*asks, *more));
  EXPECT_FALSE(vnf_->needs_other_workers(*asks, *asks));
  EXPECT_FALSE(vnf_->needs_other_workers(*asks, *stricter));
  EXPECT_FALSE(vnf_->needs_other_workers(*asks, *plain)) << "what is not used costs nothing but memory";
}

}  // namespace
}  // namespace millrace::testing
