// SPDX-License-Identifier: BSD-3-Clause
// Captures of what goes through a worker, and what other people's tools read in the file.
#include "common/core/capture.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rte_cycles.h>
#include <unistd.h>

#include "common/core/capture_file.h"
#include "tests/packet/core/small_firewall.h"
#include "tests/support/netns.h"
#include "tests/support/packet_text.h"
#include "vnfs/firewall/drops.h"

namespace millrace::testing {
namespace {

using core::CapturedPacket;
using core::CaptureJob;
using core::PacketFilter;
using Point = CapturedPacket::Point;
using ::testing::ElementsAre;

TestbedConfig config(unsigned workers = 1) {
  TestbedConfig config;
  config.workers = workers;
  config.buffers = 1023;
  config.ring_size = 512;
  return config;
}

PacketFilter port(std::uint16_t number) {
  PacketFilter filter;
  filter.port = number;
  return filter;
}

// The job is the workers' for as long as this lives.
class Capturing {
 public:
  Capturing(SmallFirewall& firewall, CaptureJob& job) : bed_(firewall.bed()) { set(&job); }
  ~Capturing() { set(nullptr); }
  Capturing(const Capturing&) = delete;
  Capturing& operator=(const Capturing&) = delete;

 private:
  void set(CaptureJob* job) {
    for (unsigned w = 0; w < bed_.workers(); ++w) bed_.worker(w).capturer().set(job);
  }
  Testbed& bed_;
};

Frame bytes(const CaptureJob& job, std::size_t packet) {
  const Bytes kept = job.bytes(packet);
  return {kept.begin(), kept.end()};
}

std::vector<Point> points(const CaptureJob& job) {
  std::vector<Point> list;
  for (const CapturedPacket& packet : job.packets()) list.push_back(packet.point);
  return list;
}

TEST(Capture, APacketIsSeenAsReceivedAndAsSent) {
  SmallFirewall firewall(config());
  CaptureJob job(port(53), 10);
  const PacketBuilder wanted = firewall.client_udp(false, 5000, 53).payload(100);
  {
    const Capturing capturing(firewall, job);
    static_cast<void>(firewall.send({wanted.bytes(), firewall.client_udp(false, 5000, 54).bytes()}));
  }
  static_cast<void>(firewall.send({wanted.bytes()}));  // too late
  ASSERT_THAT(points(job), ElementsAre(Point::kReceived, Point::kSent));
  EXPECT_TRUE(same_packet(wanted.bytes(), bytes(job, 0)));
  EXPECT_TRUE(same_packet(firewall.forwarded(wanted), bytes(job, 1)));
  EXPECT_EQ(job.packets()[0].port, firewall.bed().port(0));
  EXPECT_EQ(job.packets()[1].port, firewall.bed().port(1));
  EXPECT_FALSE(job.done());
  firewall.expect_conservation();
}

TEST(Capture, ADroppedPacketHasItsReason) {
  SmallFirewall firewall(config());
  CaptureJob job(port(kForbiddenPort), 10);
  const Capturing capturing(firewall, job);
  static_cast<void>(firewall.send({firewall.client_udp(true, 5000, kForbiddenPort).bytes()}));
  ASSERT_THAT(points(job), ElementsAre(Point::kReceived, Point::kDropped));
  EXPECT_EQ(job.packets()[1].drop_reason, static_cast<std::uint8_t>(firewall::Drop::kDeniedByRule));
}

TEST(Capture, AFragmentThatTimedOutHasItsReason) {
  SmallFirewall firewall(config());
  CaptureJob job({}, 10);
  const Capturing capturing(firewall, job);
  const Frame later = firewall.client_udp(false, 5000).payload(2000).piece(1000, 1000, 1).bytes();
  static_cast<void>(firewall.send({later}));
  firewall.bed().set_time(5000);
  firewall.bed().run();
  ASSERT_THAT(points(job), ElementsAre(Point::kReceived, Point::kDropped));
  EXPECT_EQ(job.packets()[1].drop_reason, static_cast<std::uint8_t>(core::Drop::kFragmentTimeout));
  EXPECT_TRUE(same_packet(later, bytes(job, 1)));
}

TEST(Capture, AnInterfaceIsWhereThePacketIsSeen) {
  SmallFirewall firewall(config());
  PacketFilter outside;
  outside.interface = core::InterfaceId(1);
  CaptureJob job(outside, 10);
  const Capturing capturing(firewall, job);
  static_cast<void>(firewall.send({firewall.client_udp(false, 5000).bytes()}));
  EXPECT_THAT(points(job), ElementsAre(Point::kSent));
}

TEST(Capture, AVlanIsThatOfItsTags) {
  SmallFirewall firewall(config(), true);
  const auto seen = [&](std::optional<std::uint16_t> outer, std::optional<std::uint16_t> vlan) {
    PacketFilter tagged;
    tagged.outer_vlan = outer;
    tagged.vlan = vlan;
    CaptureJob job(tagged, 10);
    const Capturing capturing(firewall, job);
    const PacketBuilder bare = firewall.client_udp(false, 5000);
    static_cast<void>(firewall.send({bare.bytes(), PacketBuilder(bare).vlan(7).bytes(),
                                     PacketBuilder(bare).vlan(8).vlan(7).bytes(),
                                     PacketBuilder(bare).vlan(7).vlan(0).bytes()}));
    return job.packets().size() / 2;  // as received and as sent
  };
  EXPECT_EQ(seen({}, {}), 4U);
  EXPECT_EQ(seen({}, 7), 3U);
  EXPECT_EQ(seen(0, 7), 2U);
  EXPECT_EQ(seen(8, {}), 1U);
  EXPECT_EQ(seen({}, 0), 1U);
  EXPECT_EQ(seen(7, {}), 0U);
}

// A frame whose IP header is cut off has no addresses to compare, whatever lies behind its end.
TEST(Capture, ACutOffPacketMatchesNoAddress) {
  SmallFirewall firewall(config());
  PacketFilter anywhere;
  anywhere.source = *net::Prefix::parse("0.0.0.0/0");
  CaptureJob addressed(anywhere, 10);
  CaptureJob all({}, 10);
  const Frame cut = firewall.client_udp(false, 5000).truncate(20).bytes();
  {
    const Capturing capturing(firewall, addressed);
    static_cast<void>(firewall.send({cut}));
  }
  {
    const Capturing capturing(firewall, all);
    static_cast<void>(firewall.send({cut}));
  }
  EXPECT_TRUE(addressed.packets().empty());
  EXPECT_THAT(points(all), ElementsAre(Point::kReceived, Point::kDropped));
}

TEST(Capture, EndsWithThePacketsAskedForOnAllWorkersTogether) {
  SmallFirewall firewall(config(2));
  CaptureJob job({}, 6, 64);
  const Capturing capturing(firewall, job);
  for (std::uint16_t i = 0; i < 8; ++i) {
    const Frame frame = firewall.client_udp(false, static_cast<std::uint16_t>(5000 + i)).payload(200).bytes();
    firewall.bed().receive(0, frame, i % 2U);
  }
  firewall.bed().run();
  EXPECT_TRUE(job.done());
  ASSERT_EQ(job.packets().size(), 6U);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(job.packets()[i].length, 14U + 20 + 8 + 200);
    EXPECT_EQ(job.packets()[i].kept, 64U);
    EXPECT_EQ(job.bytes(i).size(), 64U);
  }
  EXPECT_EQ(firewall.bed().transmitted(1).size(), 8U);
}

TEST(CaptureClock, CountsFromItsMomentBothWays) {
  const core::CaptureClock clock{
      .tsc = 1'000'000, .unix_ns = 1'700'000'000'000'000'000, .tsc_hz = 2'500'000'000};
  EXPECT_EQ(clock.unix_time_ns(1'000'000), 1'700'000'000'000'000'000U);
  EXPECT_EQ(clock.unix_time_ns(1'000'000 + 2'500'000'000ULL * 86'400 * 365),  // a year later
            1'700'000'000'000'000'000U + 86'400'000'000'000ULL * 365);
  EXPECT_EQ(clock.unix_time_ns(1'000'000 - 5), 1'699'999'999'999'999'998U);
}

// A file of the test's own, gone with it.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::vector<std::uint8_t>& content) {
    std::string pattern = (std::filesystem::temp_directory_path() / "capture-XXXXXX").string();
    const int file = mkstemp(pattern.data());
    if (file < 0) throw std::runtime_error("no temporary file");
    close(file);
    path_ = pattern;
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

std::vector<std::string> lines_of(const std::string& command) {
  std::vector<std::string> lines;
  std::istringstream in(test::run(command).output);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

bool present(const std::string& tool) { return test::run("command -v " + tool).status == 0; }

TEST(CaptureFile, WiresharkReadsIt) {
  if (!present("tshark")) GTEST_SKIP() << "tshark is not installed";
  SmallFirewall firewall(config());
  CaptureJob job({}, 10, 90);
  const core::CaptureClock clock{
      .tsc = rte_rdtsc(), .unix_ns = 1'700'000'000'000'000'000, .tsc_hz = rte_get_tsc_hz()};
  {
    const Capturing capturing(firewall, job);
    static_cast<void>(firewall.send({firewall.client_udp(false, 5000, 53).payload(101).bytes()}));
    static_cast<void>(firewall.send({firewall.client_udp(true, 5001, kForbiddenPort).payload(1).bytes()}));
  }
  const double seconds = static_cast<double>(rte_rdtsc() - clock.tsc) / static_cast<double>(clock.tsc_hz);
  const std::vector<core::CapturePort> ports = {{firewall.bed().port(0), "inside"},
                                                {firewall.bed().port(1), "outside"}};
  const TemporaryFile file(core::capture_file(job, ports, firewall::drop_reasons(), clock));
  const std::string tshark = "tshark -n -r " + file.path() + " -T fields -E separator='|' 2>/dev/null ";

  // Direction 1 is inbound, 2 outbound; without it, it is not told.
  EXPECT_THAT(
      lines_of(tshark +
               "-e frame.interface_name -e frame.packet_flags_direction -e frame.comment -e frame.len "
               "-e frame.cap_len -e eth.dst -e udp.srcport -e udp.dstport"),
      ElementsAre("inside|0x00000001||143|90|" + interface_mac(0).to_string() + "|5000|53",
                  "outside|0x00000002||143|90|" + neighbor_mac(1).to_string() + "|5000|53",
                  "inside|0x00000001||63|63|" + interface_mac(0).to_string() + "|5001|9",
                  "inside||dropped: denied_by_rule|63|63|" + interface_mac(0).to_string() + "|5001|9"));

  double before = 1'700'000'000.0;
  for (const std::string& time : lines_of(tshark + "-e frame.time_epoch")) {
    EXPECT_EQ(time.size() - time.find('.'), 10U) << time;  // nine digits: nanoseconds
    const double at = std::stod(time);
    EXPECT_GE(at, before);
    EXPECT_LE(at, 1'700'000'000.0 + seconds + 1e-6);
    before = at;
  }
}

TEST(CaptureFile, SectionsOneBehindTheOther) {
  if (!present("tshark")) GTEST_SKIP() << "tshark is not installed";
  SmallFirewall firewall(config());
  std::vector<std::uint8_t> content;
  const core::CaptureClock clock = core::CaptureClock::now();
  for (const std::uint16_t port : {std::uint16_t{5000}, std::uint16_t{5001}}) {
    const auto frame = firewall.client_udp(false, port, 53).payload(101).bytes();
    const core::CapturedPacket packet{.port = core::PortId(0),
                                      .length = static_cast<std::uint32_t>(frame.size()),
                                      .kept = 80,
                                      .tsc = clock.tsc};
    const auto section = core::capture_section(packet, Bytes(frame).first(80), {core::PortId(0), "inside"},
                                               "session " + std::to_string(port), clock);
    content.insert(content.end(), section.begin(), section.end());
  }
  const TemporaryFile file(content);
  EXPECT_THAT(lines_of("tshark -n -r " + file.path() +
                       " -T fields -E separator='|' -e frame.interface_name -e frame.comment -e frame.len "
                       "-e frame.cap_len -e udp.srcport 2>/dev/null"),
              ElementsAre("inside|session 5000|143|80|5000", "inside|session 5001|143|80|5001"));
}

TEST(CaptureFile, CapinfosReadsIt) {
  if (!present("capinfos")) GTEST_SKIP() << "capinfos is not installed";
  SmallFirewall firewall(config());
  CaptureJob job({}, 10);
  {
    const Capturing capturing(firewall, job);
    static_cast<void>(firewall.send({firewall.client_udp(false, 5000, 53).payload(3).bytes()}));
  }
  const std::vector<core::CapturePort> ports = {{firewall.bed().port(0), "inside"},
                                                {firewall.bed().port(1), "outside"}};
  const TemporaryFile file(core::capture_file(job, ports, {}, core::CaptureClock::now()));
  const auto lines = lines_of("capinfos -M -t -c -d -I " + file.path());
  const auto has = [&](const std::string& pattern) {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const std::string& line) { return std::regex_search(line, std::regex(pattern)); });
  };
  EXPECT_TRUE(has("File type: .*pcapng")) << ::testing::PrintToString(lines);
  EXPECT_TRUE(has("Number of packets: +2"));
  EXPECT_TRUE(has("Data size: +90 bytes"));  // 2 * (14 + 20 + 8 + 3)
  EXPECT_TRUE(has("Number of interfaces in file: 2"));
  EXPECT_TRUE(has("Name = inside"));
  EXPECT_TRUE(has("Name = outside"));
}

}  // namespace
}  // namespace millrace::testing
