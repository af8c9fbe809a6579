// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/nat_ipfix.h"

#include <regex>

#include <gtest/gtest.h>

#include "tests/support/ipfix_tools.h"
#include "tests/unit/nat/nat_samples.h"

namespace millrace::nat {
namespace {

using namespace std::chrono_literals;
using testing::block_of;
using testing::quota_of;
using testing::record_of;
using Row = std::map<std::string, std::string>;

// What tshark reads in the record, behind the templates; fields that are not there are empty.
Row decoded(const NatRecord& record) {
  static const control::IpfixSchema kSchema = nat_schema();
  auto encoder = control::IpfixEncoder::make(kSchema, 1, 1232);
  if (!encoder) throw std::runtime_error(encoder.error().message());
  auto messages = (*encoder)->templates({});
  if (!messages) throw std::runtime_error(messages.error().message());
  const control::IpfixRecord out = to_ipfix(record);
  auto encoded = (*encoder)->encode(std::span(&out, 1));
  if (!encoded) throw std::runtime_error(encoded.error().message());
  messages->push_back(std::move(encoded->message));
  const auto rows = control::testing::tshark(*messages, {"cflow.nat_event",
                                                         "cflow.observation_time_milliseconds",
                                                         "cflow.srcaddr",
                                                         "cflow.srcaddrv6",
                                                         "cflow.post_natsource_ipv4_address",
                                                         "cflow.srcport",
                                                         "cflow.post_naptsource_transport_port",
                                                         "cflow.dstaddr",
                                                         "cflow.dstport",
                                                         "cflow.post_natdestination_ipv4_address",
                                                         "cflow.post_naptdestination_transport_port",
                                                         "cflow.protocol",
                                                         "cflow.ingress_vrfid",
                                                         "cflow.egress_vrfid",
                                                         "cflow.port_range_start",
                                                         "cflow.port_range_end",
                                                         "cflow.port_range_num_ports",
                                                         "cflow.nat_pool_id",
                                                         "cflow.nat_quota_exceeded_event",
                                                         "cflow.max_session_entries",
                                                         "cflow.max_bib_entries",
                                                         "cflow.max_entries_per_user",
                                                         "cflow.max_subscribers",
                                                         "_ws.malformed"});
  if (rows.size() != messages->size())
    throw std::runtime_error("tshark sees " + std::to_string(rows.size()) + " messages");
  Row present;
  for (const auto& [name, value] : rows.back()) {
    if (!value.empty()) present[name.substr(name.find('.') + 1)] = value;
  }
  present.erase("observation_time_milliseconds");
  EXPECT_NE(rows.back().at("cflow.observation_time_milliseconds").find("12:00:00.250"), std::string::npos)
      << rows.back().at("cflow.observation_time_milliseconds");
  return present;
}

class NatReadByTshark : public ::testing::Test {
  void SetUp() override {
    if (!control::testing::have("tshark")) GTEST_SKIP() << "tshark is not installed";
    ::setenv("TZ", "UTC", 1);
  }
};

const Row kMapping{{"srcaddr", "100.64.0.9"},
                   {"srcport", "5000"},
                   {"post_natsource_ipv4_address", "203.0.113.9"},
                   {"post_naptsource_transport_port", "40001"},
                   {"protocol", "17"},
                   {"ingress_vrfid", "3"},
                   {"egress_vrfid", "4"}};

Row with(Row row, const Row& more) {
  row.insert(more.begin(), more.end());
  return row;
}

TEST_F(NatReadByTshark, Nat44SessionsAndMappings) {
  const auto event = [](NatEventKind kind) { return decoded(record_of(kind)); };
  EXPECT_EQ(event(NatEventKind::kSessionOpened), with(kMapping, {{"nat_event", "4"}}));
  EXPECT_EQ(event(NatEventKind::kSessionEnded), with(kMapping, {{"nat_event", "5"}}));
  EXPECT_EQ(event(NatEventKind::kMappingOpened), with(kMapping, {{"nat_event", "8"}}));
  EXPECT_EQ(event(NatEventKind::kMappingEnded), with(kMapping, {{"nat_event", "9"}}));
}

TEST_F(NatReadByTshark, ASessionWithItsDestination) {
  NatRecord record = record_of(NatEventKind::kSessionOpened);
  record.event.remote = testing::end("198.51.100.7", 443);
  EXPECT_EQ(decoded(record), with(kMapping, {{"nat_event", "4"},
                                             {"dstaddr", "198.51.100.7"},
                                             {"dstport", "443"},
                                             {"post_natdestination_ipv4_address", "198.51.100.7"},
                                             {"post_naptdestination_transport_port", "443"}}));
}

TEST_F(NatReadByTshark, Nat64SessionsAndMappings) {
  Row expected = kMapping;
  expected.erase("srcaddr");
  expected["srcaddrv6"] = "2001:db8::9";
  const auto event = [](NatEventKind kind) { return decoded(record_of(kind, "2001:db8::9")); };
  EXPECT_EQ(event(NatEventKind::kSessionOpened), with(expected, {{"nat_event", "6"}}));
  EXPECT_EQ(event(NatEventKind::kSessionEnded), with(expected, {{"nat_event", "7"}}));
  EXPECT_EQ(event(NatEventKind::kMappingOpened), with(expected, {{"nat_event", "10"}}));
  EXPECT_EQ(event(NatEventKind::kMappingEnded), with(expected, {{"nat_event", "11"}}));
}

TEST_F(NatReadByTshark, PortBlocks) {
  const Row block{{"srcaddr", "100.64.0.9"},      {"post_natsource_ipv4_address", "203.0.113.9"},
                  {"ingress_vrfid", "3"},         {"egress_vrfid", "4"},
                  {"port_range_start", "40960"},  {"port_range_end", "41471"},
                  {"port_range_num_ports", "512"}};
  EXPECT_EQ(decoded(block_of(NatEventKind::kBlockGiven)), with(block, {{"nat_event", "16"}}));
  EXPECT_EQ(decoded(block_of(NatEventKind::kBlockReturned)), with(block, {{"nat_event", "17"}}));
}

TEST_F(NatReadByTshark, Quotas) {
  const auto quota = [](Quota which) { return decoded(quota_of(which, 77, "x")); };
  const Row exceeded{{"nat_event", "13"}, {"ingress_vrfid", "3"}};
  EXPECT_EQ(quota(Quota::kSessions),
            with(exceeded, {{"nat_quota_exceeded_event", "1"}, {"max_session_entries", "77"}}));
  EXPECT_EQ(quota(Quota::kMappings),
            with(exceeded, {{"nat_quota_exceeded_event", "2"}, {"max_bib_entries", "77"}}));
  EXPECT_EQ(quota(Quota::kPerSubscriber), with(exceeded, {{"nat_quota_exceeded_event", "3"},
                                                          {"max_entries_per_user", "77"},
                                                          {"srcaddr", "100.64.0.9"}}));
  EXPECT_EQ(quota(Quota::kSubscribers),
            with(exceeded, {{"nat_quota_exceeded_event", "4"}, {"max_subscribers", "77"}}));
}

TEST_F(NatReadByTshark, Exhaustion) {
  NatRecord record = record_of(NatEventKind::kAddressesExhausted);
  record.event.pool = 1;
  EXPECT_EQ(decoded(record), (Row{{"nat_event", "3"}, {"ingress_vrfid", "3"}, {"nat_pool_id", "2"}}));
  record = record_of(NatEventKind::kPortsExhausted);
  EXPECT_EQ(decoded(record), (Row{{"nat_event", "12"},
                                  {"ingress_vrfid", "3"},
                                  {"egress_vrfid", "4"},
                                  {"protocol", "17"},
                                  {"post_natsource_ipv4_address", "203.0.113.9"}}));
}

TEST(NatExporter, NfcapdReadsBackWhatWasSent) {
  if (!control::testing::have("nfcapd")) GTEST_SKIP() << "nfdump is not installed";
  const std::uint16_t port = control::testing::free_udp_port();
  control::testing::Nfcapd collector(port);
  {
    auto sink = NatExporter::start({.host = "127.0.0.1", .port = port});
    ASSERT_TRUE(sink);
    const std::vector<NatRecord> records{
        record_of(NatEventKind::kSessionOpened), block_of(NatEventKind::kBlockGiven),
        record_of(NatEventKind::kMappingEnded, "2001:db8::9"), quota_of(Quota::kPerSubscriber, 77, "x")};
    (*sink)->write(records);
    ASSERT_TRUE((*sink)->flush(30s));
    EXPECT_EQ((*sink)->status().written, 4U);
    EXPECT_EQ((*sink)->status().lost, 0U);
  }
  collector.stop();
  // nfdump 1.7 names events in JSON alone, and reads no port ranges.
  std::vector<std::string> events;
  const std::string json = collector.nfdump("-o json");
  const std::regex name(R"re("nat_event" : "([^"]*)")re");
  for (std::sregex_iterator at(json.begin(), json.end(), name), last; at != last; ++at)
    events.push_back((*at)[1]);
  EXPECT_EQ(events, (std::vector<std::string>{"NAT44 session create", "Port block allocation",
                                              "NAT64 BIB delete", "Quota Exceeded"}))
      << collector.log();
  std::string text = collector.nfdump("-o 'fmt:%pr;%sa;%sp;%nsa;%nsp;%ivrf;%evrf' -6");
  std::erase(text, ' ');
  EXPECT_EQ(text,
            "17;100.64.0.9;5000;203.0.113.9;40001;3;4\n"
            "0;100.64.0.9;0;203.0.113.9;0;3;4\n"
            "17;2001:db8::9;5000;203.0.113.9;40001;3;4\n"
            "0;100.64.0.9;0;0.0.0.0;0;3;0\n");
}

}  // namespace
}  // namespace millrace::nat
