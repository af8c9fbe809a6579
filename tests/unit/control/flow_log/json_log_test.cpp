// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/flow_log/json_log.h"

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/control/flow_log/json_format.h"
#include "tests/support/eventually.h"
#include "tests/support/flow_samples.h"

namespace millrace::control {
namespace {

using namespace std::chrono_literals;
using test::eventually;
namespace json = boost::json;

json::object line_of(const FlowRecord& record) {
  std::string text;
  append_json_line(text, record, "fw-edge-1");
  EXPECT_EQ(text.find('\n'), text.size() - 1) << "one line, ended";
  return json::parse(text).as_object();
}

class Directory {
 public:
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "flow_log_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file(const char* name = "flows.json") const { return path_ / name; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string contents(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<json::object> lines(const std::string& path) {
  std::vector<json::object> found;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) found.push_back(json::parse(line).as_object());
  return found;
}

TEST(JsonLine, TellsOfASessionThatEnded) {
  const json::object line = line_of(testing::tcp_ended());
  // The time was made with date(1): date -u -d @1714564800.250750.
  EXPECT_EQ(line.at("time"), "2024-05-01T12:00:00.250750Z");
  EXPECT_EQ(line.at("event"), "ended");
  EXPECT_EQ(line.at("appliance"), "fw-edge-1");
  EXPECT_EQ(line.at("worker"), 5);
  EXPECT_EQ(line.at("session"), "1407374883553287");
  EXPECT_EQ(line.at("protocol"), "tcp");
  EXPECT_EQ(line.at("protocol_number"), 6);
  EXPECT_EQ(line.at("source"), "192.0.2.10");
  EXPECT_EQ(line.at("source_port"), 40001);
  EXPECT_EQ(line.at("destination"), "198.51.100.20");
  EXPECT_EQ(line.at("destination_port"), 443);
  EXPECT_EQ(line.at("domain"), "tenant7");
  EXPECT_EQ(line.at("ingress"), "trust");
  EXPECT_EQ(line.at("egress"), "untrust");
  EXPECT_EQ(line.at("rule"), "out");
  EXPECT_EQ(line.at("reason"), "idle_timeout");
  EXPECT_EQ(line.at("sentence"), "No packet came for the idle time.");
  EXPECT_EQ(line.at("start"), "2024-05-01T11:59:50.100000Z");
  EXPECT_EQ(line.at("last"), "2024-05-01T11:59:59.200000Z");
  EXPECT_EQ(line.at("packets_forward"), 11);
  EXPECT_EQ(line.at("packets_reverse"), 22);
  EXPECT_EQ(line.at("bytes_forward"), 3333);
  EXPECT_EQ(line.at("bytes_reverse"), 44444);
  EXPECT_EQ(line.at("tcp_flags_forward"), "fin,syn,ack");
  EXPECT_EQ(line.at("tcp_flags_reverse"), "syn,ack");
  EXPECT_EQ(line.at("tcp_state"), "established");
  EXPECT_EQ(line.at("generation"), 9);
  EXPECT_FALSE(line.contains("icmp_type"));
  EXPECT_FALSE(line.contains("vlan") || line.contains("outer_vlan"));
}

TEST(JsonLine, TellsOfTags) {
  FlowRecord record = testing::tcp_ended();
  record.vlan = 7;
  const json::object single = line_of(record);
  EXPECT_EQ(single.at("vlan"), 7);
  EXPECT_FALSE(single.contains("outer_vlan"));
  record.outer_vlan = 100;
  const json::object both = line_of(record);
  EXPECT_EQ(both.at("vlan"), 7);
  EXPECT_EQ(both.at("outer_vlan"), 100);
}

TEST(JsonLine, TellsOfASessionThatGoesOnFromItsBeginning) {
  const json::object line = line_of(testing::tcp_updated());
  EXPECT_EQ(line.at("event"), "updated");
  EXPECT_EQ(line.at("reason"), "active_timeout");
  EXPECT_EQ(line.at("start"), "2024-05-01T11:59:50.100000Z");
  EXPECT_EQ(line.at("packets_forward"), 11);
  EXPECT_EQ(line.at("bytes_reverse"), 44444);
  EXPECT_EQ(line.at("tcp_state"), "established");
}

TEST(JsonLine, TellsOfADeniedPacketAndQuotesNames) {
  const json::object line = line_of(testing::udp_denied());
  EXPECT_EQ(line.at("event"), "denied");
  EXPECT_EQ(line.at("rule"), "block \"bad\"\\\n");
  EXPECT_EQ(line.at("reason"), "denied_by_rule");
  EXPECT_EQ(line.at("packets_forward"), 1);
  EXPECT_EQ(line.at("bytes_forward"), 88);
  EXPECT_EQ(line.at("ingress"), "trust");
  for (const char* absent : {"session", "egress", "start", "packets_reverse", "bytes_reverse", "tcp_state"})
    EXPECT_FALSE(line.contains(absent)) << absent;
}

TEST(JsonLine, TellsIcmpByTypeAndCode) {
  const json::object line = line_of(testing::ping6_ended());
  EXPECT_EQ(line.at("protocol"), "icmpv6");
  EXPECT_EQ(line.at("icmp_type"), 128);
  EXPECT_EQ(line.at("icmp_code"), 0);
  EXPECT_EQ(line.at("icmp_identifier"), 0x4242);
  EXPECT_FALSE(line.contains("source_port"));
}

TEST(JsonLine, TellsAProtocolWithoutAName) {
  FlowRecord record = testing::udp_denied();
  record.protocol = 200;
  const json::object line = line_of(record);
  EXPECT_EQ(line.at("protocol"), "200");
  EXPECT_FALSE(line.contains("source_port"));
}

TEST(JsonLog, AppendsInOrderAndCounts) {
  const Directory directory;
  std::ofstream(directory.file()) << "{\"older\":true}\n{\"cut\":true,";  // by a crash
  auto log = open_json_log({.path = directory.file(), .appliance = "fw"});
  ASSERT_TRUE(log) << log.error().message();
  std::vector<FlowRecord> records(1000, testing::tcp_ended());
  for (std::size_t i = 0; i < records.size(); ++i) records[i].session = i;
  (*log)->write(records);
  ASSERT_TRUE((*log)->flush(20s));
  const FlowSinkStatus status = (*log)->status();
  EXPECT_EQ(status.written, 1000U);
  EXPECT_EQ(status.lost, 0U);
  EXPECT_EQ(status.waiting, 0U);
  EXPECT_TRUE(status.working);

  std::istringstream text(contents(directory.file()));
  std::string line;
  std::getline(text, line);
  EXPECT_EQ(line, "{\"older\":true}");
  std::getline(text, line);
  EXPECT_EQ(line, "{\"cut\":true,");
  for (std::size_t i = 0; i < records.size(); ++i) {
    ASSERT_TRUE(std::getline(text, line));
    ASSERT_EQ(json::parse(line).at("session").as_string(), std::to_string(i));
  }
  EXPECT_FALSE(std::getline(text, line));
}

TEST(JsonLog, HasUpdatesWhenAskedFor) {
  const std::vector<FlowRecord> records{testing::tcp_opened(), testing::tcp_updated(), testing::tcp_updated(),
                                        testing::tcp_ended()};
  for (const bool updates : {false, true}) {
    const Directory directory;
    auto log = open_json_log({.path = directory.file(), .appliance = "fw", .updates = updates});
    ASSERT_TRUE(log);
    (*log)->write(records);
    ASSERT_TRUE((*log)->flush(20s));
    EXPECT_EQ((*log)->status().written, updates ? 4U : 2U);
    EXPECT_EQ((*log)->status().lost, 0U);
    EXPECT_EQ(lines(directory.file()).back().at("event"), "ended");
  }
}

TEST(JsonLog, ReopensAfterRotation) {
  const Directory directory;
  auto log = open_json_log({.path = directory.file(), .appliance = "fw"});
  ASSERT_TRUE(log);
  const std::vector<FlowRecord> record{testing::tcp_ended()};
  (*log)->write(record);
  ASSERT_TRUE((*log)->flush(20s));
  std::filesystem::rename(directory.file(), directory.file("flows.json.1"));
  (*log)->write(record);  // still the old file, by its new name
  ASSERT_TRUE((*log)->flush(20s));
  (*log)->reopen();
  (*log)->write(record);
  ASSERT_TRUE((*log)->flush(20s));
  EXPECT_EQ(lines(directory.file("flows.json.1")).size(), 2U);
  EXPECT_EQ(lines(directory.file()).size(), 1U);
  struct stat info {};
  ASSERT_EQ(::stat(directory.file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07, 0U) << "addresses are nobody else's business";
}

TEST(JsonLog, RefusesAPathThatCannotBe) {
  const auto log = open_json_log({.path = "/nonexistent/flows.json", .appliance = "fw"});
  ASSERT_FALSE(log);
  EXPECT_NE(log.error().message().find("/nonexistent/flows.json"), std::string::npos);
  EXPECT_NE(log.error().message().find("No such file or directory"), std::string::npos);
}

TEST(JsonLog, LosesAndCountsWhatADeadFileDoesNotTake) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full";
  auto log = open_json_log({.path = "/dev/full", .appliance = "fw", .waiting_records = 10, .retry = 1h});
  ASSERT_TRUE(log) << log.error().message();
  const std::vector<FlowRecord> records(25, testing::tcp_ended());
  (*log)->write(records);
  ASSERT_TRUE(eventually([&] { return (*log)->status().failures != 0; }));
  const FlowSinkStatus status = (*log)->status();
  EXPECT_EQ(status.lost, 15U);
  EXPECT_EQ(status.waiting, 10U);
  EXPECT_EQ(status.written, 0U);
  EXPECT_FALSE(status.working);
  ASSERT_TRUE(status.trouble);
  EXPECT_NE(status.trouble->message().find("No space left on device"), std::string::npos);
}

TEST(JsonLog, GoesOnWithinTheLineWhenTheDiskHasRoomAgain) {
  const Directory directory;
  // Seen by this process alone.
  if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", directory.path().c_str(), "tmpfs", 0, "size=64k") != 0)
    GTEST_SKIP() << "a small file system of the test's own needs root";
  {
    std::ofstream(directory.file("ballast")) << std::string(40'000, 'x');
    auto log = open_json_log({.path = directory.file(), .appliance = "fw", .retry = 5ms});
    ASSERT_TRUE(log);
    std::vector<FlowRecord> records(60, testing::tcp_ended());  // some 35 kB
    for (std::size_t i = 0; i < records.size(); ++i) records[i].session = i;
    (*log)->write(records);
    EXPECT_TRUE(eventually([&] { return (*log)->status().failures != 0; }));
    EXPECT_LT((*log)->status().written, records.size());
    std::filesystem::remove(directory.file("ballast"));
    EXPECT_TRUE((*log)->flush(20s));
    const FlowSinkStatus status = (*log)->status();
    EXPECT_EQ(status.written, records.size());
    EXPECT_EQ(status.lost, 0U);
    EXPECT_TRUE(status.working);
    EXPECT_FALSE(status.trouble);
    const auto found = lines(directory.file());  // throws on a line that is no JSON
    EXPECT_EQ(found.size(), records.size());
    for (std::size_t i = 0; i < found.size(); ++i)
      EXPECT_EQ(found[i].at("session").as_string(), std::to_string(i));
  }
  EXPECT_EQ(::umount(directory.path().c_str()), 0);
}

}  // namespace
}  // namespace millrace::control
