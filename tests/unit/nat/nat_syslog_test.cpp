// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/nat_syslog.h"

#include <map>
#include <regex>

#include <gtest/gtest.h>

#include "tests/support/syslog_tools.h"
#include "tests/unit/nat/nat_samples.h"

namespace millrace::nat {
namespace {

using control::testing::SyslogMessage;
using testing::block_of;
using testing::quota_of;
using testing::record_of;
using Parameters = std::map<std::string, std::string>;

SyslogMessage written(const NatRecord& record) {
  const auto message =
      SyslogMessage::parse(to_syslog(record, {.host = "nat-1", .program = "vnf-nat", .process = "42"}));
  EXPECT_TRUE(message) << "not by the grammar of RFC 5424";
  if (!message) return {};
  EXPECT_EQ(message->timestamp, "2024-05-01T12:00:00.250000Z");
  EXPECT_EQ(message->host, "nat-1");
  EXPECT_EQ(message->program, "vnf-nat");
  EXPECT_EQ(message->process, "42");
  EXPECT_EQ(message->element, "nat@32473");
  EXPECT_EQ(message->priority, is_refusal(record.event.kind) ? 132 : 134) << "local0";
  return *message;
}

TEST(NatSyslog, Sessions) {
  NatRecord record = record_of(NatEventKind::kSessionOpened);
  SyslogMessage message = written(record);
  EXPECT_EQ(message.id, "session-created");
  Parameters expected{{"domain", "tenants"},          {"inside", "100.64.0.9"},
                      {"inside_port", "5000"},        {"protocol", "udp"},
                      {"outside_domain", "internet"}, {"outside", "203.0.113.9"},
                      {"outside_port", "40001"},      {"worker", "2"}};
  EXPECT_EQ(message.parameters, expected);
  EXPECT_EQ(message.text, "session-created udp 100.64.0.9:5000 203.0.113.9:40001");

  record = record_of(NatEventKind::kSessionEnded, "2001:db8::9");
  record.event.remote = testing::end("198.51.100.7", 443);
  record.reason = "idle_timeout";
  message = written(record);
  EXPECT_EQ(message.id, "session-deleted");
  expected["inside"] = "2001:db8::9";
  expected["remote"] = "198.51.100.7";
  expected["remote_port"] = "443";
  expected["reason"] = "idle_timeout";
  EXPECT_EQ(message.parameters, expected);
  EXPECT_EQ(message.text, "session-deleted udp [2001:db8::9]:5000 203.0.113.9:40001");
}

TEST(NatSyslog, MappingsAndBlocks) {
  EXPECT_EQ(written(record_of(NatEventKind::kMappingOpened)).id, "mapping-created");
  EXPECT_EQ(written(record_of(NatEventKind::kMappingEnded)).id, "mapping-deleted");
  const SyslogMessage message = written(block_of(NatEventKind::kBlockGiven));
  EXPECT_EQ(message.id, "block-given");
  EXPECT_EQ(message.parameters, (Parameters{{"domain", "tenants"},
                                            {"inside", "100.64.0.9"},
                                            {"outside_domain", "internet"},
                                            {"outside", "203.0.113.9"},
                                            {"first_port", "40960"},
                                            {"last_port", "41471"},
                                            {"worker", "2"}}));
  EXPECT_EQ(message.text, "block-given 100.64.0.9 203.0.113.9 40960-41471");
  EXPECT_EQ(written(block_of(NatEventKind::kBlockReturned)).id, "block-returned");
}

TEST(NatSyslog, Refusals) {
  SyslogMessage message = written(quota_of(Quota::kPerSubscriber, 77, "subscriber_ports"));
  EXPECT_EQ(message.id, "quota-exceeded");
  EXPECT_EQ(message.parameters, (Parameters{{"domain", "tenants"},
                                            {"inside", "100.64.0.9"},
                                            {"inside_port", "5000"},
                                            {"protocol", "udp"},
                                            {"pool", "public"},
                                            {"limit", "77"},
                                            {"reason", "subscriber_ports"},
                                            {"worker", "2"}}));
  EXPECT_EQ(message.text, "quota-exceeded udp 100.64.0.9:5000 subscriber_ports");
  EXPECT_FALSE(written(quota_of(Quota::kSessions, 77, "session_table_full")).parameters.contains("pool"));
  EXPECT_EQ(written(record_of(NatEventKind::kAddressesExhausted)).id, "addresses-exhausted");
  EXPECT_EQ(written(record_of(NatEventKind::kPortsExhausted)).id, "ports-exhausted");
}

}  // namespace
}  // namespace millrace::nat
