// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/nat_syslog.h"

#include <fmt/format.h>

#include "common/control/protocol.h"

namespace millrace::nat {
namespace {

using control::SyslogLine;

constexpr std::string_view kElement = "nat@32473";

std::string_view id_of(NatEventKind kind) noexcept {
  switch (kind) {
    case NatEventKind::kSessionOpened:
      return "session-created";
    case NatEventKind::kSessionEnded:
      return "session-deleted";
    case NatEventKind::kMappingOpened:
      return "mapping-created";
    case NatEventKind::kMappingEnded:
      return "mapping-deleted";
    case NatEventKind::kBlockGiven:
      return "block-given";
    case NatEventKind::kBlockReturned:
      return "block-returned";
    case NatEventKind::kAddressesExhausted:
      return "addresses-exhausted";
    case NatEventKind::kPortsExhausted:
      return "ports-exhausted";
    case NatEventKind::kQuotaExceeded:
      break;
  }
  return "quota-exceeded";
}

unsigned port_of(std::uint16_t wire) noexcept { return be16::from_wire(wire).host(); }

std::string with_port(const std::string& address, unsigned port) {
  return address.find(':') == std::string::npos ? fmt::format("{}:{}", address, port)
                                                : fmt::format("[{}]:{}", address, port);
}

void add_block(SyslogLine& line, const NatEvent& event) {
  line.add("first_port", event.first_port);
  line.add("last_port", event.last_port);
}

void add_mapping(SyslogLine& line, const NatEvent& event) {
  line.add("outside_port", port_of(event.outside.port));
  if (event.remote == Endpoint{}) return;
  line.add("remote", event.remote.ipv4().to_string());
  line.add("remote_port", port_of(event.remote.port));
}

void add_refusal(SyslogLine& line, const NatRecord& record) {
  if (record.event.kind != NatEventKind::kQuotaExceeded || record.event.quota == Quota::kPerSubscriber)
    line.add("pool", record.pool);
  if (record.event.kind == NatEventKind::kQuotaExceeded) line.add("limit", record.event.limit);
}

}  // namespace

std::string to_syslog(const NatRecord& record, const control::SyslogOrigin& origin) {
  const NatEvent& event = record.event;
  const std::string id(id_of(event.kind));
  const bool refusal = is_refusal(event.kind);
  const bool block = event.kind == NatEventKind::kBlockGiven || event.kind == NatEventKind::kBlockReturned;
  SyslogLine line(origin,
                  refusal ? control::SyslogSeverity::kWarning : control::SyslogSeverity::kInformational,
                  record.time, id, kElement);
  const std::string inside = record.inside.to_string();
  const std::string outside = event.outside.ipv4().to_string();
  const std::string protocol(control::protocol_name(event.protocol));
  line.add("domain", record.domain);
  line.add("inside", inside);
  if (!block) {
    line.add("inside_port", port_of(event.inside_port));
    line.add("protocol", protocol);
  }
  if (event.outside.address != 0) {
    line.add("outside_domain", record.outside_domain);
    line.add("outside", outside);
  }
  if (block) {
    add_block(line, event);
  } else if (refusal) {
    add_refusal(line, record);
  } else {
    add_mapping(line, event);
  }
  if (!record.reason.empty()) line.add("reason", record.reason);
  line.add("worker", event.worker);
  if (block) {
    return line.finish(fmt::format("{} {} {} {}-{}", id, inside, outside, event.first_port, event.last_port));
  }
  const std::string from = with_port(inside, port_of(event.inside_port));
  if (refusal) return line.finish(fmt::format("{} {} {} {}", id, protocol, from, record.reason));
  return line.finish(
      fmt::format("{} {} {} {}", id, protocol, from, with_port(outside, port_of(event.outside.port))));
}

Result<std::unique_ptr<NatSyslog>> NatSyslog::start(control::SyslogOrigin origin,
                                                    control::SyslogSenderOptions options) {
  auto sender = control::SyslogSender::start(std::move(options));
  if (!sender) return tl::unexpected<Error>(std::move(sender.error()));
  return std::unique_ptr<NatSyslog>(new NatSyslog(std::move(origin), std::move(*sender)));
}

void NatSyslog::write(std::span<const NatRecord> records) {
  std::vector<std::string> lines;
  lines.reserve(records.size());
  for (const NatRecord& record : records) lines.push_back(to_syslog(record, origin_));
  sender_->write(std::move(lines));
}

}  // namespace millrace::nat
