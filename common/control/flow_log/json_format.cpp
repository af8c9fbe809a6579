// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/flow_log/json_format.h"

#include <array>
#include <chrono>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace millrace::control {
namespace {

std::string_view protocol_name(std::uint8_t protocol) noexcept {
  switch (protocol) {
    case 1:
      return "icmp";
    case 6:
      return "tcp";
    case 17:
      return "udp";
    case 33:
      return "dccp";
    case 47:
      return "gre";
    case 50:
      return "esp";
    case 51:
      return "ah";
    case 58:
      return "icmpv6";
    case 132:
      return "sctp";
    case 136:
      return "udplite";
    default:
      return {};
  }
}

bool has_ports(std::uint8_t protocol) noexcept {
  return protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132 || protocol == 136;
}

// Writes members of one object.
class Line {
 public:
  explicit Line(std::string& out) : out_(out) { out_ += '{'; }

  void text(std::string_view name, std::string_view value) {
    begin(name);
    out_ += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') {
        out_ += '\\';
        out_ += c;
      } else if (static_cast<unsigned char>(c) < 0x20) {
        fmt::format_to(std::back_inserter(out_), "\\u{:04x}", static_cast<unsigned>(c));
      } else {
        out_ += c;
      }
    }
    out_ += '"';
  }
  void number(std::string_view name, std::uint64_t value) {
    begin(name);
    fmt::format_to(std::back_inserter(out_), "{}", value);
  }
  void end() { out_ += "}\n"; }

 private:
  void begin(std::string_view name) {
    if (!std::exchange(first_, false)) out_ += ',';
    fmt::format_to(std::back_inserter(out_), "\"{}\":", name);
  }

  std::string& out_;
  bool first_ = true;
};

std::string flag_names(std::uint8_t flags) {
  static constexpr std::array<std::string_view, 8> kNames = {"fin", "syn", "rst", "psh",
                                                             "ack", "urg", "ece", "cwr"};
  std::string text;
  for (unsigned bit = 0; bit < kNames.size(); ++bit) {
    if ((flags >> bit & 1U) == 0) continue;
    if (!text.empty()) text += ',';
    text += kNames[bit];
  }
  return text;
}

std::string_view event_name(FlowEventKind kind) noexcept {
  switch (kind) {
    case FlowEventKind::kOpened:
      return "opened";
    case FlowEventKind::kUpdated:
      return "updated";
    case FlowEventKind::kEnded:
      return "ended";
    case FlowEventKind::kDenied:
      break;
  }
  return "denied";
}

void interface(Line& line, std::string_view name, const FlowInterface& interface) {
  if (interface.id) line.text(name, interface.name);
}

}  // namespace

std::string rfc3339(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

void append_json_line(std::string& out, const FlowRecord& record, std::string_view appliance) {
  const bool counted = record.counted();
  const bool denied = record.kind == FlowEventKind::kDenied;
  Line line(out);
  line.text("time", rfc3339(record.time));
  line.text("event", event_name(record.kind));
  line.text("appliance", appliance);
  line.number("worker", record.worker);
  if (!denied) line.text("session", std::to_string(record.session));
  const std::string_view protocol = protocol_name(record.protocol);
  line.text("protocol", protocol.empty() ? std::to_string(record.protocol) : std::string(protocol));
  line.number("protocol_number", record.protocol);
  const bool ports = has_ports(record.protocol);
  line.text("source", record.source.to_string());
  if (ports) line.number("source_port", record.source_port);
  line.text("destination", record.destination.to_string());
  if (ports) line.number("destination_port", record.destination_port);
  if (record.is_icmp()) {
    line.number("icmp_type", record.icmp_type);
    line.number("icmp_code", record.icmp_code);
    line.number("icmp_identifier", record.source_port);
  }
  line.text("domain", record.domain);
  if (record.outer_vlan != 0) line.number("outer_vlan", record.outer_vlan);
  if (record.vlan != 0) line.number("vlan", record.vlan);
  interface(line, "ingress", record.ingress);
  interface(line, "egress", record.egress);
  line.text("rule", record.rule);
  if (!record.application.empty()) line.text("application", record.application);
  if (counted || denied) {
    line.text("reason", record.reason);
    line.text("sentence", record.sentence);
    if (counted) {
      line.text("start", rfc3339(record.start));
      line.text("last", rfc3339(record.last));
    }
    line.number("packets_forward", record.packets[0]);
    if (counted) line.number("packets_reverse", record.packets[1]);
    line.number("bytes_forward", record.bytes[0]);
    if (counted) line.number("bytes_reverse", record.bytes[1]);
  }
  if (record.protocol == 6) {
    line.text("tcp_flags_forward", flag_names(record.tcp_flags[0]));
    if (counted) {
      line.text("tcp_flags_reverse", flag_names(record.tcp_flags[1]));
      line.text("tcp_state", record.tcp_state);
    }
  }
  line.number("generation", record.generation);
  line.end();
}

}  // namespace millrace::control
