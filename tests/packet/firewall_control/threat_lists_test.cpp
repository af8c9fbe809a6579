// SPDX-License-Identifier: BSD-3-Clause
// Threat lists from the file to the packet, to the log and to the operator.
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "tests/packet/firewall_control/control_bed.h"
#include "tests/unit/firewall/profile_fixture.h"

namespace millrace::testing {
namespace {

using firewall::Drop;
using firewall::profile::Folder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr unsigned kIn = ControlBed::kInside;

const std::string kSection =
    "firewall:\n"
    "  zones: {inside: [trust], outside: [untrust]}\n"
    "  rules:\n"
    "    - {name: out, from: inside, to: outside, action: accept}\n"
    "  threat_lists:\n"
    "    bad: {type: addresses, file: bad.txt, severity: 2}\n"
    "    watched: {type: addresses, file: watched.txt, action: alert}\n";

class ThreatListControl : public ::testing::Test {
 protected:
  ThreatListControl() {
    folder_.write("bad.txt", "# of this test\n192.168.1.66\n2001:db8:2::66\n");
    folder_.write("watched.txt", "192.168.1.77\n");
  }
  [[nodiscard]] ControlBed bed(const std::string& section = kSection) {
    return {vnf_, section, 2, 4096, core::Forwarding::kRouted, control::files_beside(folder_ / "fw.yaml")};
  }
  static bool may_go_to(ControlBed& bed, const std::string& server, std::uint16_t port = 1000) {
    const std::string client = server.find(':') == std::string::npos ? "10.0.0.10" : "2001:db8:1::10";
    return bed.passes(kIn, ControlBed::from_inside(client, server).udp(port, 53));
  }
  static boost::json::array alerts(ControlBed& bed) {
    const auto workers = bed.workers();
    EXPECT_TRUE(bed.vnf().open_logs(*bed.profile(), bed.snapshot()));
    bed.vnf().write_logs(workers);
    return bed.own("alerts").as_array();
  }
  static double metric(ControlBed& bed, std::string_view name, std::string_view list) {
    const auto workers = bed.workers();
    for (const control::Metric& metric : bed.vnf().metrics(workers, bed.snapshot())) {
      if (metric.name != name) continue;
      for (const auto& sample : metric.samples) {
        if (sample.labels.size() == 1 && sample.labels[0].first == "list" && sample.labels[0].second == list)
          return sample.value;
      }
    }
    ADD_FAILURE() << "no metric " << name << " of " << list;
    return -1;
  }

  Folder folder_;
  std::shared_ptr<firewall::Firewall> vnf_ = std::make_shared<firewall::Firewall>();
};

TEST_F(ThreatListControl, AReloadBringsTheFileThatChanged) {
  ControlBed bed = this->bed();
  EXPECT_FALSE(may_go_to(bed, "192.168.1.66"));
  EXPECT_FALSE(may_go_to(bed, "2001:db8:2::66"));
  EXPECT_TRUE(may_go_to(bed, "192.168.1.67"));
  EXPECT_TRUE(may_go_to(bed, "2001:db8:2::67"));
  folder_.write("bad.txt", "192.168.1.67\n2001:db8:2::67\n");
  EXPECT_TRUE(may_go_to(bed, "192.168.1.67"));  // as long as nobody reads it
  bed.publish(kSection);
  for (const char* server : {"192.168.1.67", "2001:db8:2::67"}) {
    EXPECT_FALSE(may_go_to(bed, server));        // the session that was open
    EXPECT_FALSE(may_go_to(bed, server, 1001));  // and others
  }
  EXPECT_TRUE(may_go_to(bed, "192.168.1.66"));
  EXPECT_TRUE(may_go_to(bed, "2001:db8:2::66"));
  // The counters are those of the name.
  EXPECT_EQ(metric(bed, "threat_list_hits_total", "bad"), 6);
}

TEST_F(ThreatListControl, AFileThatIsGoneKeepsTheOldPolicy) {
  ControlBed bed = this->bed();
  std::filesystem::remove(folder_ / "bad.txt");
  try {
    bed.publish(kSection);
    FAIL() << "a missing file was taken";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), StartsWith("fw.yaml:"));
    EXPECT_THAT(error.what(), HasSubstr("bad.txt': No such file or directory"));
  }
  EXPECT_FALSE(may_go_to(bed, "192.168.1.66"));
}

TEST_F(ThreatListControl, BadLinesAreToldAndTheOthersHold) {
  std::string text = "192.168.1.66\nnonsense\n192.168.1.300\n";
  for (int i = 0; i < 20; ++i) text += "more nonsense\n";
  folder_.write("bad.txt", text);
  ControlBed bed = this->bed();
  EXPECT_FALSE(may_go_to(bed, "192.168.1.66"));
  const std::string path = folder_ / "bad.txt";
  ASSERT_EQ(bed.notes().size(), 9U);
  EXPECT_THAT(bed.notes()[0], StartsWith(path + ":2: 'nonsense' "));
  EXPECT_THAT(bed.notes()[1], StartsWith(path + ":3: '192.168.1.300' "));
  EXPECT_EQ(bed.notes()[8], path + ": 14 more lines that are not read");
  EXPECT_EQ(metric(bed, "threat_list_bad_lines", "bad"), 22);
  const auto row = bed.row("threat_lists", "name", "bad");
  EXPECT_EQ(row.at("bad_lines").as_uint64(), 22U);
  EXPECT_EQ(row.at("warnings").as_array().size(), 9U);
}

TEST_F(ThreatListControl, NamesThatNobodyAsksForAreTold) {
  folder_.write("names.txt", "bad.example\n");
  EXPECT_THAT(bed(kSection + "    names: {type: domains, file: names.txt}\n").notes(),
              ElementsAre(StartsWith("threat list names is never asked")));
  folder_.write("web.rules", "# none\n");
  std::string inspected = kSection + "    names: {type: domains, file: names.txt}\n" +
                          "  inspection: {web: {rules: [web.rules]}}\n";
  inspected.insert(inspected.find(", action: accept"), ", inspect: web");
  EXPECT_THAT(bed(inspected).notes(), IsEmpty());
}

TEST_F(ThreatListControl, TheListingSaysWhatEachHoldsAndHasMet) {
  ControlBed bed = this->bed();
  const auto before = bed.row("threat_lists", "name", "bad");
  EXPECT_EQ(before.at("hits").as_uint64(), 0U);
  EXPECT_TRUE(before.at("last_hit").is_null());
  EXPECT_FALSE(may_go_to(bed, "192.168.1.66"));
  EXPECT_TRUE(may_go_to(bed, "192.168.1.77"));
  const auto bad = bed.row("threat_lists", "name", "bad");
  EXPECT_EQ(bad.at("type"), "addresses");
  EXPECT_EQ(bad.at("action"), "drop");
  EXPECT_EQ(bad.at("severity").as_uint64(), 2U);
  EXPECT_EQ(bad.at("entries").as_uint64(), 2U);
  EXPECT_GT(bad.at("memory_bytes").as_uint64(), 0U);
  EXPECT_EQ(bad.at("hits").as_uint64(), 1U);
  EXPECT_TRUE(bad.at("last_hit").is_string());
  EXPECT_EQ(bad.at("file").as_string(), folder_ / "bad.txt");
  EXPECT_GE(bad.at("age_s").as_int64(), 0);
  EXPECT_LT(bad.at("age_s").as_int64(), 600);
  EXPECT_EQ(bed.row("threat_lists", "name", "watched").at("hits").as_uint64(), 1U);
  EXPECT_EQ(metric(bed, "threat_list_hits_total", "watched"), 1);
  EXPECT_EQ(metric(bed, "threat_list_entries", "bad"), 2);
  EXPECT_GT(metric(bed, "threat_list_modified_timestamp_seconds", "bad"), 1e9);
  EXPECT_EQ(bed.own("rules").as_array().size(), 2U);  // lists are no rules
}

TEST_F(ThreatListControl, AnEventIsAnAlertThatNamesTheList) {
  ControlBed bed = this->bed();
  EXPECT_FALSE(may_go_to(bed, "192.168.1.66"));
  EXPECT_TRUE(may_go_to(bed, "192.168.1.77"));
  const auto events = alerts(bed);
  ASSERT_EQ(events.size(), 2U);
  const auto find = [&](std::string_view signature) -> const boost::json::object& {
    for (const auto& event : events) {
      if (event.at("alert").at("signature").as_string() == signature) return event.as_object();
    }
    throw std::runtime_error(boost::json::serialize(events));
  };
  const auto& blocked = find("threat list bad: 192.168.1.66");
  EXPECT_EQ(blocked.at("event_type"), "alert");
  EXPECT_EQ(blocked.at("src_ip"), "10.0.0.10");
  EXPECT_EQ(blocked.at("dest_ip"), "192.168.1.66");
  EXPECT_EQ(blocked.at("dest_port"), 53);
  EXPECT_EQ(blocked.at("proto"), "UDP");
  EXPECT_EQ(blocked.at("alert").at("action"), "blocked");
  EXPECT_EQ(blocked.at("alert").at("severity"), 2);
  EXPECT_EQ(blocked.at("alert").at("category"), "Listed Address");
  EXPECT_EQ(blocked.at("alert").at("metadata").at("threat_list"), boost::json::array{"bad"});
  EXPECT_EQ(blocked.at("millrace").at("threat_list"), "bad");
  EXPECT_EQ(blocked.at("millrace").at("rule"), "out");
  EXPECT_FALSE(blocked.contains("flow_id"));
  const auto& allowed = find("threat list watched: 192.168.1.77");
  EXPECT_EQ(allowed.at("alert").at("action"), "allowed");
  EXPECT_TRUE(allowed.contains("flow_id"));
}

TEST_F(ThreatListControl, ExplainNamesTheListThatRefuses) {
  ControlBed bed = this->bed();
  const auto explain = [&](std::string_view destination) {
    return bed.explain({{"source", "10.0.0.10"},
                        {"destination", destination},
                        {"protocol", "udp"},
                        {"source_port", 1000},
                        {"destination_port", 53}});
  };
  const auto refused = explain("192.168.1.66");
  EXPECT_EQ(refused.at("verdict").at("action"), "drop");
  EXPECT_EQ(refused.at("verdict").at("reason"), "threat_list");
  EXPECT_EQ(refused.at("summary"),
            "dropped by threat list bad, which names its destination; rule out would accept it");
  EXPECT_EQ(
      refused.at("threat_lists"),
      (boost::json::array{{{"name", "bad"}, {"action", "drop"}, {"source", false}, {"destination", true}}}));
  const auto watched = explain("192.168.1.77");
  EXPECT_EQ(watched.at("verdict").at("action"), "accept");
  EXPECT_EQ(watched.at("threat_lists").as_array().size(), 1U);
  EXPECT_FALSE(explain("192.168.1.80").contains("threat_lists"));
  // Of a session that is open.
  EXPECT_TRUE(may_go_to(bed, "192.168.1.80"));
  folder_.write("bad.txt", "192.168.1.80\n");
  bed.publish(kSection);
  const auto open = explain("192.168.1.80");
  EXPECT_EQ(open.at("verdict").at("reason"), "policy_changed");
  EXPECT_EQ(
      open.at("summary"),
      "dropped with its session by threat list bad, which names its destination; rule out would accept it");
  EXPECT_FALSE(may_go_to(bed, "192.168.1.80"));
}

TEST_F(ThreatListControl, WorkersThatCanNotTellAreMadeAnew) {
  const std::string without = kSection.substr(0, kSection.find("  threat_lists"));
  ControlBed first = bed(without);
  ControlBed second = bed(kSection);
  EXPECT_TRUE(vnf_->needs_other_workers(*first.profile(), *second.profile()));
  EXPECT_FALSE(vnf_->needs_other_workers(*second.profile(), *second.profile()));
  EXPECT_FALSE(vnf_->needs_other_workers(*second.profile(), *first.profile()));
}

}  // namespace
}  // namespace millrace::testing
