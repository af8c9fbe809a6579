// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/packet_description.h"

#include <boost/json.hpp>

#include <gtest/gtest.h>

namespace millrace::control {
namespace {

Result<PacketDescription> read_text(std::string_view json) {
  return control::read_packet(boost::json::parse(json).as_object());
}

// The members source and destination are given, `more` follows.
Result<PacketDescription> read_with(std::string_view more) {
  return read_text(R"({"source": "192.0.2.7", "destination": "198.51.100.9", )" + std::string(more) + "}");
}

std::string wrong_member(const Result<PacketDescription>& packet) {
  return packet ? "nothing" : packet.error().where;
}

TEST(PacketDescription, AWholeTcpPacket) {
  const auto packet = read_with(
      R"("protocol": "tcp", "source_port": 1025, "destination_port": 80, "tcp_flags": "syn,ack", "dscp": 46,
         "interface": "untrust", "vlan": 7, "outer_vlan": 4095)");
  ASSERT_TRUE(packet) << packet.error().message();
  EXPECT_EQ(packet->source, net::IpAddress::parse("192.0.2.7"));
  EXPECT_EQ(packet->destination, net::IpAddress::parse("198.51.100.9"));
  EXPECT_EQ(packet->protocol, 6);
  EXPECT_EQ(packet->source_port, 1025);
  EXPECT_EQ(packet->destination_port, 80);
  EXPECT_EQ(packet->tcp_flags, 0x12);
  EXPECT_EQ(packet->dscp, 46);
  EXPECT_EQ(packet->interface, "untrust");
  EXPECT_EQ(packet->vlan, 7);
  EXPECT_EQ(packet->outer_vlan, 4095);
}

TEST(PacketDescription, WhatIsNotSaidIsTheOrdinaryFirstPacket) {
  EXPECT_EQ(read_with(R"("protocol": "tcp", "destination_port": 80)")->tcp_flags, 0x02);  // SYN
  EXPECT_NE(read_with(R"("protocol": "udp", "destination_port": 53)")->source_port, 0);
  EXPECT_EQ(read_with(R"("protocol": "icmp")")->icmp_type, 8);  // RFC 792: echo
  const auto v6 =
      read_text(R"({"source": "2001:db8::1", "destination": "2001:db8::2", "protocol": "icmpv6"})");
  EXPECT_EQ(v6->icmp_type, 128);  // RFC 4443 section 4.1
  EXPECT_EQ(read_with(R"("protocol": 50)")->source_port, 0);
}

TEST(PacketDescription, WhatIsMissingIsNamed) {
  EXPECT_EQ(wrong_member(read_text(R"({})")), "source");
  EXPECT_EQ(wrong_member(read_text(R"({"source": "192.0.2.7"})")), "destination");
  EXPECT_EQ(wrong_member(read_text(R"({"source": "192.0.2.7", "destination": "192.0.2.8"})")), "protocol");
  EXPECT_EQ(wrong_member(read_with(R"("protocol": "udp")")), "destination_port");
}

TEST(PacketDescription, WhatMakesNoSenseIsNamed) {
  EXPECT_EQ(wrong_member(read_text(R"({"source": "192.0.2.7/32"})")), "source");
  EXPECT_EQ(
      wrong_member(read_text(R"({"source": "192.0.2.7", "destination": "2001:db8::1", "protocol": 6})")),
      "destination");
  EXPECT_EQ(wrong_member(read_with(R"("protocol": "esp", "destination_port": 80)")), "destination_port");
  EXPECT_EQ(wrong_member(read_with(R"("protocol": "udp", "destination_port": 53, "tcp_flags": "syn")")),
            "tcp_flags");
  EXPECT_EQ(wrong_member(read_with(R"("protocol": "tcp", "destination_port": 80, "icmp_type": 8)")),
            "icmp_type");
  EXPECT_EQ(wrong_member(read_with(R"("protocol": "icmp", "icmp_type": 256)")), "icmp_type");
  EXPECT_EQ(wrong_member(read_with(R"("protocol": "esp", "dscp": 64)")), "dscp");
  EXPECT_EQ(wrong_member(read_with(R"("protocol": "esp", "ttl": 64)")), "ttl");
  EXPECT_EQ(wrong_member(read_with(R"("protocol": "esp", "vlan": 4096)")), "vlan");
  EXPECT_EQ(wrong_member(read_with(R"("protocol": "esp", "outer_vlan": 7)")), "outer_vlan");
}

// RFC 9293 section 3.1: CWR ECE URG ACK PSH RST SYN FIN, from the high bit down.
TEST(PacketDescription, TcpFlags) {
  EXPECT_EQ(parse_tcp_flags("fin"), 0x01);
  EXPECT_EQ(parse_tcp_flags("rst,ack"), 0x14);
  EXPECT_EQ(parse_tcp_flags("cwr,ece,urg,psh"), 0xe8);
  EXPECT_EQ(parse_tcp_flags("none"), 0x00);
  for (unsigned flags = 0; flags < 256; ++flags) {
    EXPECT_EQ(parse_tcp_flags(print_tcp_flags(static_cast<std::uint8_t>(flags))), flags);
  }
  EXPECT_FALSE(parse_tcp_flags(""));
  EXPECT_FALSE(parse_tcp_flags("syn,"));
  EXPECT_FALSE(parse_tcp_flags("SYN"));
  EXPECT_FALSE(parse_tcp_flags("syn ack"));
}

}  // namespace
}  // namespace millrace::control
