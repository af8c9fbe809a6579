// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/flow_samples.h"

namespace millrace::control::testing {
namespace {

WallTime at_milliseconds(std::int64_t count) { return WallTime(std::chrono::milliseconds(count)); }

FlowRecord base() {
  FlowRecord record;
  record.kind = FlowEventKind::kEnded;
  record.end = FlowEnd::kIdle;
  record.time = WallTime(std::chrono::microseconds(kEventMicroseconds));
  record.start = at_milliseconds(kStartMilliseconds);
  record.last = at_milliseconds(kLastMilliseconds);
  record.new_start = record.start;
  record.source = *net::IpAddress::parse("192.0.2.10");
  record.destination = *net::IpAddress::parse("198.51.100.20");
  record.source_port = 40001;
  record.destination_port = 443;
  record.protocol = 6;
  record.tcp_flags = {0x13, 0x12};  // fin syn ack; syn ack
  record.packets = record.new_packets = {11, 22};
  record.bytes = record.new_bytes = {3333, 44444};
  record.tcp_state = "established";
  record.reason = "idle_timeout";
  record.sentence = "No packet came for the idle time.";
  record.session = (std::uint64_t{5} << 48) + 7;
  record.rule = "out";
  record.domain_id = 3;
  record.domain = "tenant7";
  record.ingress = {1, "trust"};
  record.egress = {6, "untrust"};
  record.generation = 9;
  record.worker = 5;
  return record;
}

}  // namespace

FlowRecord tcp_ended() { return base(); }

FlowRecord tcp_updated() {
  FlowRecord record = base();
  record.kind = FlowEventKind::kUpdated;
  record.end = FlowEnd::kActive;
  record.new_start = at_milliseconds(kNewStartMilliseconds);
  record.new_packets = {4, 5};
  record.new_bytes = {777, 8888};
  record.reason = "active_timeout";
  record.sentence = "It goes on.";
  return record;
}

FlowRecord udp6_ended() {
  FlowRecord record = base();
  record.end = FlowEnd::kForced;
  record.source = *net::IpAddress::parse("2001:db8:1::10");
  record.destination = *net::IpAddress::parse("2001:db8:2::20");
  record.source_port = 5353;
  record.destination_port = 53;
  record.protocol = 17;
  record.tcp_flags = {};
  record.tcp_state = {};
  record.packets = record.new_packets = {5, 6};
  record.bytes = record.new_bytes = {5'000'000'123, 666};  // past 32 bits
  record.session = 8;
  return record;
}

FlowRecord ping_ended() {
  FlowRecord record = base();
  record.source = *net::IpAddress::parse("192.0.2.11");
  record.destination = *net::IpAddress::parse("198.51.100.21");
  record.source_port = record.destination_port = 0x4242;
  record.protocol = 1;
  record.icmp_type = 8;
  record.tcp_flags = {};
  record.tcp_state = {};
  record.packets = record.new_packets = {3, 2};
  record.bytes = record.new_bytes = {252, 168};
  record.session = 9;
  return record;
}

FlowRecord ping6_ended() {
  FlowRecord record = ping_ended();
  record.source = *net::IpAddress::parse("2001:db8:1::11");
  record.destination = *net::IpAddress::parse("2001:db8:2::21");
  record.protocol = 58;
  record.icmp_type = 128;
  record.packets = record.new_packets = {4, 1};
  record.bytes = record.new_bytes = {416, 104};
  record.session = 10;
  return record;
}

FlowRecord tcp_opened() {
  FlowRecord record = base();
  record.kind = FlowEventKind::kOpened;
  record.end = FlowEnd::kNone;
  record.start = record.new_start = record.last = record.time;
  record.tcp_flags = {0x02, 0};
  record.packets = record.bytes = record.new_packets = record.new_bytes = {};
  record.tcp_state = {};
  record.reason = record.sentence = {};
  return record;
}

FlowRecord udp_denied() {
  FlowRecord record = tcp_opened();
  record.kind = FlowEventKind::kDenied;
  record.source = *net::IpAddress::parse("203.0.113.66");
  record.destination = *net::IpAddress::parse("192.0.2.10");
  record.source_port = 1111;
  record.destination_port = 2222;
  record.protocol = 17;
  record.tcp_flags = {};
  record.packets = record.new_packets = {1, 0};
  record.bytes = record.new_bytes = {88, 0};
  record.session = 0;
  record.rule = "block \"bad\"\\\n";
  record.reason = "denied_by_rule";
  record.sentence = "A rule with the action drop matched.";
  record.egress = {};
  return record;
}

std::vector<FlowRecord> one_of_each() {
  return {tcp_ended(), udp6_ended(), ping_ended(), ping6_ended(), tcp_opened(), udp_denied(), tcp_updated()};
}

}  // namespace millrace::control::testing
