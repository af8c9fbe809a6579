// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/anomaly_format.h"

#include <boost/json.hpp>
#include <chrono>
#include <cmath>

#include "common/control/flow_log/json_format.h"
#include "common/control/protocol.h"
#include "vnfs/firewall/inspection/eve_format.h"

namespace millrace::firewall::inspection {
namespace {

using boost::json::array;
using boost::json::object;

bool is_flood(AnomalyKind kind) { return kind == AnomalyKind::kSynFlood || kind == AnomalyKind::kUdpFlood; }

// To a tenth: more would be noise.
double rounded(double value) { return std::round(value * 10) / 10; }

void add_place(object& to, flow::Segment segment, const std::vector<std::string>& domains) {
  if (segment.on_wire()) {
    const flow::VlanTags tags = segment.tags();
    if (tags.outer != 0) to["outer_vlan"] = tags.outer;
    if (tags.vlan != 0) to["vlan"] = tags.vlan;
    return;
  }
  const std::uint16_t id = segment.domain_id();
  to["domain"] = id < domains.size() ? domains[id] : "#" + std::to_string(id);
}

std::uint32_t seconds_since(Tick then, Tick now) { return static_cast<Tick>(now - then) / 1000; }

}  // namespace

std::string_view name(AnomalyChange change) noexcept {
  static constexpr std::array<std::string_view, 3> kNames = {"raised", "worse", "over"};
  return kNames[static_cast<std::size_t>(change)];
}

std::string subject_text(const net::Prefix& subject) {
  return subject.length == subject.address.bits() ? subject.address.to_string() : subject.to_string();
}

object to_json(const Anomaly& anomaly, const AnomalyContext& context) {
  object out{{"kind", name(anomaly.kind)},
             {"severity", name(anomaly.severity)},
             {"strength", rounded(anomaly.strength)},
             {"subject", subject_text(anomaly.subject)}};
  add_place(out, anomaly.segment, context.domains);
  if (anomaly.port != 0) out["port"] = anomaly.port;
  if (anomaly.protocol != 0) out["protocol"] = control::protocol_name(anomaly.protocol);
  if (!anomaly.domain.empty()) out["below"] = anomaly.domain;
  out["since"] = control::rfc3339(context.wall -
                                  std::chrono::milliseconds(static_cast<Tick>(context.now - anomaly.began)));
  out["since_s"] = seconds_since(anomaly.began, context.now);
  out["last_s"] = seconds_since(anomaly.last, context.now);
  object evidence;
  for (const Fact& fact : anomaly.evidence) evidence[fact.name] = rounded(fact.value);
  out["evidence"] = std::move(evidence);
  out["examples"] = array(anomaly.examples.begin(), anomaly.examples.end());
  out["sentence"] = anomaly.sentence;
  return out;
}

object to_json(const Blocked& blocked, std::uint8_t ipv6_source_bits, const AnomalyContext& context) {
  const flow::SourceKey& source = blocked.block.source;
  const net::IpAddress address = source.address();
  object out{{"source", subject_text({address, address.is_v4() ? std::uint8_t{32} : ipv6_source_bits})}};
  add_place(out, source.segment(), context.domains);
  out["kind"] = name(blocked.kind);
  out["left_s"] = tick_after(blocked.block.until, context.now)
                      ? (static_cast<Tick>(blocked.block.until - context.now) + 999) / 1000
                      : 0;
  return out;
}

std::string to_eve_line(const Anomaly& anomaly, AnomalyChange change, const AnomalyContext& context,
                        std::string_view appliance) {
  object line{{"timestamp", eve_time(context.wall)}, {"event_type", "anomaly"}};
  line[is_flood(anomaly.kind) ? "dest_ip" : "src_ip"] = anomaly.subject.address.to_string();
  if (anomaly.port != 0) line["dest_port"] = anomaly.port;
  if (anomaly.protocol != 0) line["proto"] = eve_protocol(anomaly.protocol);
  line["anomaly"] = object{{"type", "behaviour"}, {"event", name(anomaly.kind)}};
  object own{{"appliance", appliance}, {"change", name(change)}};
  for (auto& [key, value] : to_json(anomaly, context)) own[key] = value;
  line["millrace"] = std::move(own);
  return boost::json::serialize(line);
}

}  // namespace millrace::firewall::inspection
