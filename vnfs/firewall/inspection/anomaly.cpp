// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/anomaly.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "common/net/wire.h"

namespace millrace::firewall::inspection {
namespace {

constexpr double kMajorFrom = 4;
constexpr double kCriticalFrom = 16;

std::string_view protocol_name(std::uint8_t protocol) {
  switch (protocol) {
    case net::protocol::kTcp:
      return "TCP";
    case net::protocol::kUdp:
      return "UDP";
    case net::protocol::kSctp:
      return "SCTP";
    case net::protocol::kIcmp:
      return "ICMP";
    case net::protocol::kIcmpv6:
      return "ICMPv6";
    default:
      return "other";
  }
}

net::IpAddress other_of(const ActivityRecord& record) {
  flow::SourceKey key = record.subject.who;
  std::memcpy(&key.first, record.last_other.data(), sizeof key.first);
  std::memcpy(&key.second, record.last_other.data() + sizeof key.first, sizeof key.second);
  return key.address();
}

std::string end_text(const net::IpAddress& address, std::uint16_t port) {
  if (port == 0) return address.to_string();
  return fmt::format(fmt::runtime(address.is_v4() ? "{}:{}" : "[{}]:{}"), address.to_string(), port);
}

std::string subject_text(const Anomaly& anomaly) {
  const auto& subject = anomaly.subject;
  return subject.length == subject.address.bits() ? subject.address.to_string() : subject.to_string();
}

std::string counted(double count, std::string_view one) {
  const auto whole = std::llround(count);
  return fmt::format("{} {}{}", whole, one, whole == 1 ? "" : "s");
}

std::string span_text(std::uint32_t seconds) {
  return seconds < 120 ? counted(seconds, "second") : counted(seconds / 60.0, "minute");
}

std::string port_text(const Anomaly& anomaly) {
  if (anomaly.port == 0) return std::string(protocol_name(anomaly.protocol));
  return fmt::format("{} port {}", protocol_name(anomaly.protocol), anomaly.port);
}

std::string sentence_of(const Anomaly& anomaly, const Suspicion& s) {
  const std::string subject = subject_text(anomaly);
  const std::string span = span_text(s.seconds);
  switch (s.kind) {
    case AnomalyKind::kPortScan:
      return fmt::format(
          "{} tried {} of {} in {}; {} answered. Usual for a source towards a host here: {:.0f}.", subject,
          counted(s.measure, "port"), counted(s.spread, "host"), span, s.answered, s.usual);
    case AnomalyKind::kHostSweep: {
      const std::string what = s.spread > 1 ? counted(s.spread, "port") : port_text(anomaly);
      return fmt::format("{} tried {} on {} in {}; {} answered. Usual for a source on a port here: {:.0f}.",
                         subject, what, counted(s.measure / std::max(1.0, s.spread), "host"), span,
                         s.answered, s.usual);
    }
    case AnomalyKind::kSynFlood:
    case AnomalyKind::kUdpFlood:
      return fmt::format(
          "{} gets {:.0f} openings a second on {} from about {}, {:.0f} a second of them unanswered. Usual "
          "here: "
          "{:.0f} and {:.0f}.",
          subject, s.opened_rate, port_text(anomaly), counted(s.spread, "source"), s.measure,
          s.usual_opened_rate, s.usual);
    case AnomalyKind::kBruteForce:
      return fmt::format("{} had {} with {} of {} in {}, as if its logins failed.", subject,
                         counted(s.measure, "short session"), port_text(anomaly), counted(s.spread, "host"),
                         span);
    case AnomalyKind::kDnsTunnel:
      return fmt::format(
          "{} asked for {} below {} in {}, of {:.0f} bytes each, that look like data. Usual for a client and "
          "a "
          "domain here: {:.0f}.",
          subject, counted(s.measure, "long name"), anomaly.domain, span,
          static_cast<double>(s.marked) / static_cast<double>(std::max<std::uint64_t>(s.opened, 1)), s.usual);
    case AnomalyKind::kCount:
      break;
  }
  return {};
}

std::vector<Fact> evidence_of(const Suspicion& s) {
  struct Names {
    std::string_view measure, spread;
  };
  static constexpr std::array<Names, kAnomalyKinds> kNames = {{{"distinct_ports", "hosts"},
                                                               {"distinct_hosts", "ports"},
                                                               {"unanswered_per_second", "distinct_sources"},
                                                               {"unanswered_per_second", "distinct_sources"},
                                                               {"short_sessions", "hosts"},
                                                               {"distinct_names", ""}}};
  const Names& names = kNames[static_cast<std::size_t>(s.kind)];
  std::vector<Fact> facts{{names.measure, s.measure}, {"seconds", double(s.seconds)}};
  if (!names.spread.empty()) facts.push_back({names.spread, s.spread});
  facts.push_back({s.kind == AnomalyKind::kDnsTunnel ? "names" : "opened", static_cast<double>(s.opened)});
  if (s.kind == AnomalyKind::kDnsTunnel) {
    facts.push_back({"name_bytes", static_cast<double>(s.marked)});
  } else {
    facts.push_back({"refused", static_cast<double>(s.refused)});
    facts.push_back({"answered", static_cast<double>(s.answered)});
  }
  if (s.kind == AnomalyKind::kSynFlood || s.kind == AnomalyKind::kUdpFlood) {
    facts.push_back({"opened_per_second", s.opened_rate});
    facts.push_back({"baseline_opened_per_second", s.usual_opened_rate});
  }
  facts.push_back({"baseline", s.usual});
  facts.push_back({"baseline_deviation", s.deviation});
  return facts;
}

std::vector<std::string> examples_of(const Suspicion& s) {
  std::vector<std::string> texts;
  for (const ActivityRecord* record : s.examples) {
    if (record == nullptr) break;
    const bool flood = s.kind == AnomalyKind::kSynFlood || s.kind == AnomalyKind::kUdpFlood;
    texts.push_back(end_text(other_of(*record), flood ? std::uint16_t{0} : record->last_port));
  }
  return texts;
}

}  // namespace

std::string_view name(AnomalyKind kind) noexcept {
  static constexpr std::array<std::string_view, kAnomalyKinds> kNames = {
      "port_scan", "host_sweep", "syn_flood", "udp_flood", "brute_force", "dns_tunnel"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view name(Severity severity) noexcept {
  static constexpr std::array<std::string_view, 3> kNames = {"minor", "major", "critical"};
  return kNames[static_cast<std::size_t>(severity)];
}

std::string printable(std::string_view domain) {
  std::string text(domain);
  for (char& c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_';
    if (!plain) c = '?';
  }
  return text;
}

Anomaly describe(const Suspicion& suspicion, std::uint8_t ipv6_source_bits) {
  const ActivitySubject& subject = suspicion.record->subject;
  const net::IpAddress address = subject.who.address();
  const bool flood = suspicion.kind == AnomalyKind::kSynFlood || suspicion.kind == AnomalyKind::kUdpFlood;
  Anomaly anomaly{};
  anomaly.kind = suspicion.kind;
  anomaly.strength = suspicion.strength;
  anomaly.severity = suspicion.strength >= kCriticalFrom ? Severity::kCritical
                     : suspicion.strength >= kMajorFrom  ? Severity::kMajor
                                                         : Severity::kMinor;
  const bool network = !address.is_v4() && !flood;
  anomaly.subject = {address, network ? ipv6_source_bits : static_cast<std::uint8_t>(address.bits())};
  anomaly.segment = subject.who.segment();
  if (suspicion.kind != AnomalyKind::kHostSweep || suspicion.spread <= 1) anomaly.port = subject.port;
  anomaly.protocol = subject.protocol;
  if (suspicion.kind == AnomalyKind::kDnsTunnel)
    anomaly.domain = printable({suspicion.record->domain.data(), suspicion.record->domain_length});
  anomaly.evidence = evidence_of(suspicion);
  anomaly.examples = examples_of(suspicion);
  anomaly.sentence = sentence_of(anomaly, suspicion);
  return anomaly;
}

}  // namespace millrace::firewall::inspection
