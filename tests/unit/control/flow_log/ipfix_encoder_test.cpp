// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/flow_log/ipfix_encoder.h"

#include <gtest/gtest.h>

#include "common/control/flow_log/ipfix_flow.h"
#include "tests/support/flow_samples.h"
#include "tests/support/ipfix_tools.h"

namespace millrace::control {
namespace {

using Row = std::map<std::string, std::string>;

std::unique_ptr<IpfixEncoder> encoder(std::uint16_t message_bytes = 1232) {
  static const IpfixSchema kSchema = flow_schema();
  auto made = IpfixEncoder::make(kSchema, 42, message_bytes);
  if (!made) throw std::runtime_error(made.error().message());
  return std::move(*made);
}

std::vector<IpfixMessage> templates_of(IpfixEncoder& encoder,
                                       std::span<const IpfixInterface> interfaces = {}) {
  auto messages = encoder.templates(interfaces);
  if (!messages) throw std::runtime_error(messages.error().message());
  return std::move(*messages);
}

unsigned number_at(const IpfixMessage& message, std::size_t offset, unsigned bytes) {
  unsigned number = 0;
  for (unsigned i = 0; i < bytes; ++i) number = number << 8 | message.at(offset + i);
  return number;
}

// The template of the record, sent before it, and what tshark reads in the record.
Row decoded(const FlowRecord& record) {
  const auto made = encoder();
  std::vector<IpfixMessage> messages = templates_of(*made);
  const IpfixRecord out = to_ipfix(record);
  auto encoded = made->encode(std::span(&out, 1));
  if (!encoded) throw std::runtime_error(encoded.error().message());
  messages.push_back(std::move(encoded->message));
  const auto rows = testing::tshark(messages, {"cflow.version",         "cflow.od_id",
                                               "cflow.srcaddr",         "cflow.dstaddr",
                                               "cflow.srcaddrv6",       "cflow.dstaddrv6",
                                               "cflow.srcport",         "cflow.dstport",
                                               "cflow.octets",          "cflow.packets",
                                               "cflow.protocol",        "cflow.tcpflags",
                                               "cflow.flow_end_reason", "cflow.firewall_event",
                                               "cflow.flow_id",         "cflow.abstimestart",
                                               "cflow.abstimeend",      "cflow.inputint",
                                               "cflow.outputint",       "cflow.icmp_type_code_ipv4",
                                               "cflow.ingress_vrfid",   "cflow.biflow_direction",
                                               "cflow.dot1q_vlan_id",   "cflow.dot1q_customer_vlan_id",
                                               "_ws.malformed"});
  if (rows.size() != messages.size())
    throw std::runtime_error("tshark sees " + std::to_string(rows.size()) + " messages");
  return rows.back();
}

class ReadByTshark : public ::testing::Test {
  void SetUp() override {
    if (!testing::have("tshark")) GTEST_SKIP() << "tshark is not installed";
    ::setenv("TZ", "UTC", 1);
  }
};

TEST_F(ReadByTshark, AnEndedConnectionIsABiflow) {
  Row row = decoded(testing::tcp_ended());
  EXPECT_EQ(row["_ws.malformed"], "");
  EXPECT_EQ(row["cflow.version"], "10");
  EXPECT_EQ(row["cflow.od_id"], "42");
  EXPECT_EQ(row["cflow.srcaddr"], "192.0.2.10");
  EXPECT_EQ(row["cflow.dstaddr"], "198.51.100.20");
  EXPECT_EQ(row["cflow.srcport"], "40001");
  EXPECT_EQ(row["cflow.dstport"], "443");
  EXPECT_EQ(row["cflow.protocol"], "6");
  EXPECT_EQ(row["cflow.octets"], "3333,44444") << "forward, reverse";
  EXPECT_EQ(row["cflow.packets"], "11,22");
  EXPECT_EQ(row["cflow.tcpflags"], "0x0012,0x0013") << "reverse, forward";
  EXPECT_EQ(row["cflow.biflow_direction"], "1") << "initiator";
  EXPECT_EQ(row["cflow.flow_end_reason"], "1") << "idle timeout";
  EXPECT_EQ(row["cflow.firewall_event"], "2") << "deleted";
  EXPECT_EQ(row["cflow.flow_id"], "1407374883553287");
  EXPECT_EQ(row["cflow.abstimestart"].substr(0, 25), "May  1, 2024 11:59:50.100");
  EXPECT_EQ(row["cflow.abstimeend"].substr(0, 25), "May  1, 2024 11:59:59.200");
  EXPECT_EQ(row["cflow.inputint"], "2");
  EXPECT_EQ(row["cflow.outputint"], "7");
  EXPECT_EQ(row["cflow.ingress_vrfid"], "3");
}

TEST_F(ReadByTshark, Ipv6AndCountsPast32Bits) {
  Row row = decoded(testing::udp6_ended());
  EXPECT_EQ(row["cflow.srcaddrv6"], "2001:db8:1::10");
  EXPECT_EQ(row["cflow.dstaddrv6"], "2001:db8:2::20");
  EXPECT_EQ(row["cflow.srcaddr"], "");
  EXPECT_EQ(row["cflow.octets"], "5000000123,666");
  EXPECT_EQ(row["cflow.flow_end_reason"], "4") << "forced";
}

TEST_F(ReadByTshark, IcmpHasTypeAndCodeInsteadOfPorts) {
  Row row = decoded(testing::ping_ended());
  EXPECT_EQ(row["cflow.icmp_type_code_ipv4"], "0x0800");
  EXPECT_EQ(row["cflow.srcport"], "");
  EXPECT_EQ(row["cflow.dstport"], "");
  EXPECT_EQ(row["cflow.octets"], "252,168");
}

TEST_F(ReadByTshark, OpenedAndDeniedSayNothingOfAnEnd) {
  Row opened = decoded(testing::tcp_opened());
  EXPECT_EQ(opened["cflow.firewall_event"], "1") << "created";
  EXPECT_EQ(opened["cflow.flow_end_reason"], "");
  EXPECT_EQ(opened["cflow.octets"], "0") << "they come with the end";
  Row denied = decoded(testing::udp_denied());
  EXPECT_EQ(denied["cflow.firewall_event"], "3") << "denied";
  EXPECT_EQ(denied["cflow.octets"], "88");
  EXPECT_EQ(denied["cflow.packets"], "1");
  EXPECT_EQ(denied["cflow.outputint"], "0") << "none";
}

TEST_F(ReadByTshark, ASessionThatGoesOnIsToldOfSinceItsLastRecord) {
  Row row = decoded(testing::tcp_updated());
  EXPECT_EQ(row["_ws.malformed"], "");
  EXPECT_EQ(row["cflow.octets"], "777,8888");
  EXPECT_EQ(row["cflow.packets"], "4,5");
  EXPECT_EQ(row["cflow.flow_end_reason"], "2") << "active timeout";
  EXPECT_EQ(row["cflow.firewall_event"], "5") << "update";
  EXPECT_EQ(row["cflow.abstimestart"].substr(0, 25), "May  1, 2024 11:59:55.150");
  EXPECT_EQ(row["cflow.abstimeend"].substr(0, 25), "May  1, 2024 11:59:59.200");
}

// RFC 5102 section 5.11.3.
TEST_F(ReadByTshark, EveryWayToEndHasItsReason) {
  for (const auto& [end, reason] : {std::pair{FlowEnd::kIdle, "1"},
                                    {FlowEnd::kFinished, "3"},
                                    {FlowEnd::kForced, "4"},
                                    {FlowEnd::kLackOfResources, "5"}}) {
    FlowRecord record = testing::tcp_ended();
    record.end = end;
    EXPECT_EQ(decoded(record)["cflow.flow_end_reason"], reason);
  }
}

TEST_F(ReadByTshark, TagsAreThereWhenTheFlowHasThem) {
  for (FlowRecord record : testing::one_of_each()) {
    const auto expect = [&](const char* vlan, const char* customer) {
      Row row = decoded(record);
      EXPECT_EQ(row["_ws.malformed"], "");
      EXPECT_EQ(row["cflow.dot1q_vlan_id"], vlan);
      EXPECT_EQ(row["cflow.dot1q_customer_vlan_id"], customer);
      EXPECT_EQ(row["cflow.protocol"], std::to_string(record.protocol));
    };
    expect("", "");
    record.vlan = 7;
    expect("7", "");
    record.outer_vlan = 4095;
    expect("4095", "7");
  }
}

TEST_F(ReadByTshark, InterfacesHaveNames) {
  const auto made = encoder();
  const std::vector<IpfixInterface> interfaces{{1, "trust"}, {6, "untrust"}};
  const auto messages = templates_of(*made, interfaces);
  const auto rows = testing::tshark(messages, {"cflow.template_id", "cflow.inputint", "cflow.if_name"});
  ASSERT_EQ(rows.size(), messages.size());
  std::string ids;
  for (const auto& row : rows) {
    const std::string& here = row.at("cflow.template_id");
    if (!ids.empty() && !here.empty()) ids += ',';
    ids += here;
  }
  std::string wanted;
  for (int id = 256; id < 280; ++id) wanted += std::to_string(id) + ",";
  EXPECT_EQ(ids, wanted + "384");
  EXPECT_EQ(rows.back().at("cflow.inputint"), "2,7");
  EXPECT_EQ(rows.back().at("cflow.if_name"), "trust,untrust");
}

TEST_F(ReadByTshark, ManyInterfacesAndSmallMessages) {
  const auto made = encoder(512);
  std::vector<IpfixInterface> interfaces;
  for (std::uint16_t i = 0; i < 100; ++i) interfaces.push_back({i, "interface" + std::to_string(i)});
  const auto messages = templates_of(*made, interfaces);
  for (const IpfixMessage& message : messages) EXPECT_LE(message.size(), 512U);
  std::size_t templates = 0;
  std::size_t names = 0;
  for (const auto& row : testing::tshark(messages, {"cflow.template_id", "cflow.if_name", "_ws.malformed"})) {
    templates += testing::split(row.at("cflow.template_id"), ',').size();
    names += testing::split(row.at("cflow.if_name"), ',').size();
    EXPECT_EQ(row.at("_ws.malformed"), "");
  }
  EXPECT_EQ(templates, 25U);
  EXPECT_EQ(names, interfaces.size());
}

// RFC 7011 section 3.1: version, length, export time, sequence number (data records before this message),
// domain.
TEST(IpfixEncoder, CutsMessagesAndNumbersThem) {
  const auto made = encoder(1232);
  for (const IpfixMessage& message : templates_of(*made)) EXPECT_EQ(number_at(message, 8, 4), 0U);
  std::vector<IpfixRecord> records(100, to_ipfix(testing::tcp_ended()));
  std::span<const IpfixRecord> left(records);
  unsigned sequence = 0;
  unsigned messages = 0;
  while (!left.empty()) {
    auto encoded = made->encode(left);
    ASSERT_TRUE(encoded) << encoded.error().message();
    ASSERT_GT(encoded->records, 0U);
    const IpfixMessage& message = encoded->message;
    ASSERT_LE(message.size(), 1232U);
    EXPECT_EQ(number_at(message, 0, 2), 10U);
    EXPECT_EQ(number_at(message, 2, 2), message.size());
    EXPECT_EQ(number_at(message, 8, 4), sequence);
    EXPECT_EQ(number_at(message, 12, 4), 42U);
    sequence += static_cast<unsigned>(encoded->records);
    left = left.subspan(encoded->records);
    ++messages;
  }
  EXPECT_EQ(sequence, 100U);
  EXPECT_LT(messages, 12U) << "several records in a message";
}

}  // namespace
}  // namespace millrace::control
