// SPDX-License-Identifier: BSD-3-Clause
// Records of the NAT gateway for tests of how they are written.
#pragma once

#include <string_view>

#include "vnfs/nat/nat_record.h"

namespace millrace::nat::testing {

inline Endpoint end(std::string_view address, std::uint16_t port) {
  return Endpoint::of(*net::Ipv4Address::parse(address), be16(port));
}

// 100.64.0.9:5000, UDP, is 203.0.113.9:40001 outside; at 2024-05-01 12:00:00.250 UTC.
inline NatRecord record_of(NatEventKind kind, std::string_view inside = "100.64.0.9") {
  NatRecord record;
  record.inside = *net::IpAddress::parse(inside);
  NatEvent& event = record.event;
  event = {};
  event.kind = kind;
  event.inside = record.inside.bytes();
  event.family = record.inside.family();
  event.inside_port = be16(5000).wire();
  event.outside = end("203.0.113.9", 40001);
  event.protocol = 17;
  event.domain = 3;
  event.outside_domain = 4;
  event.worker = 2;
  record.time = control::WallTime(std::chrono::microseconds(1'714'564'800'250'000));
  record.domain = "tenants";
  record.outside_domain = "internet";
  return record;
}

inline NatRecord block_of(NatEventKind kind) {
  NatRecord record = record_of(kind);
  record.event.outside.port = record.event.inside_port = 0;
  record.event.protocol = 0;
  record.event.first_port = 40'960;
  record.event.last_port = 41'471;
  return record;
}

inline NatRecord quota_of(Quota quota, std::uint32_t limit, std::string_view reason) {
  NatRecord record = record_of(NatEventKind::kQuotaExceeded);
  record.event.outside = {};
  record.event.quota = quota;
  record.event.limit = limit;
  record.event.pool = 1;
  record.pool = "public";
  record.reason = reason;
  return record;
}

}  // namespace millrace::nat::testing
