// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/flow_log/ipfix_encoder.h"

#include <gtest/gtest.h>

#include "tests/unit/control/flow_log/ipfix_tools.h"
#include "tests/unit/control/flow_log/sample_records.h"

namespace millrace::control {
namespace {

TEST(Probe, Tshark) {
  auto encoder = IpfixEncoder::make(42, 1400);
  ASSERT_TRUE(encoder) << encoder.error().message();
  const std::vector<IpfixInterface> names{{1, "trust"}, {6, "untrust"}};
  auto t = (*encoder)->templates(names);
  ASSERT_TRUE(t) << t.error().message();
  std::vector<IpfixMessage> messages = *t;
  for (const FlowRecord& record : testing::one_of_each()) {
    const IpfixRecord out = to_ipfix(record);
    auto m = (*encoder)->encode(std::span(&out, 1));
    ASSERT_TRUE(m) << m.error().message();
    messages.push_back(m->message);
  }
  std::ofstream raw("/tmp/flowlog_probe.bin");
  for (auto& row : testing::tshark(messages, {"cflow.version","cflow.od_id","cflow.sequence","cflow.srcaddr","cflow.dstaddr","cflow.srcaddrv6","cflow.dstaddrv6","cflow.srcport","cflow.dstport","cflow.octets","cflow.packets","cflow.octets64","cflow.packets64","cflow.protocol","cflow.tcpflags","cflow.flow_end_reason","cflow.firewall_event","cflow.flow_id","cflow.abstimestart","cflow.abstimeend","cflow.if_name","cflow.inputint","cflow.outputint","cflow.icmp_type_code_ipv4","cflow.ingress_vrfid","cflow.biflow_direction","cflow.template_id","_ws.malformed","cflow.scope_field_type", "cflow.flowset_id"})) { for (auto& [k,v] : row) std::printf("%s=%s ", k.c_str(), v.c_str()); std::puts(""); }
  testing::Nfcapd c(testing::free_udp_port());
  std::puts(c.log().c_str());
}

TEST(Probe, Nfcapd) {
  const auto port = testing::free_udp_port();
  testing::Nfcapd c(port);
  auto encoder = IpfixEncoder::make(42, 1400);
  const std::vector<IpfixInterface> names{{1, "trust"}, {6, "untrust"}};
  auto t = (*encoder)->templates(names);
  std::vector<IpfixMessage> messages = *t;
  for (const FlowRecord& record : testing::one_of_each()) {
    const IpfixRecord out = to_ipfix(record);
    messages.push_back((*encoder)->encode(std::span(&out, 1))->message);
  }
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in a{};
  a.sin_family = AF_INET; a.sin_port = htons(port); a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (auto& m : messages) ::sendto(fd, m.data(), m.size(), 0, reinterpret_cast<sockaddr*>(&a), sizeof a);
  c.stop();
  std::puts(c.log().c_str());
  std::puts(c.nfdump("-o raw").c_str());
  std::puts(c.nfdump("-o json").c_str());
}

}  // namespace
}  // namespace millrace::control
