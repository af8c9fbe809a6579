// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/eve_format.h"

#include <boost/json.hpp>
#include <chrono>
#include <cstring>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "common/control/protocol.h"
#include "common/net/wire.h"
#include "vnfs/firewall/application_text.h"
#include "vnfs/firewall/inspection/signature_classes.h"

namespace millrace::firewall::inspection {
namespace {

using boost::json::array;
using boost::json::object;

std::string printable(Bytes bytes) {
  std::string text(bytes.begin(), bytes.end());
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool blank = c == '\n' || c == '\r' || c == '\t';
    if ((byte < 0x20 && !blank) || byte >= 0x7f) c = '.';
  }
  return text;
}

std::string base64(Bytes bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::string address(net::Family family, const std::array<std::uint8_t, 16>& bytes) {
  if (family == net::Family::kIpv6) return net::Ipv6Address{bytes}.to_string();
  net::Ipv4Address v4;
  std::memcpy(&v4.value, bytes.data(), sizeof v4.value);
  return net::IpAddress(v4).to_string();
}

std::string_view speech_name(Speech speech) {
  switch (speech) {
    case Speech::kHttp:
      return "http";
    case Speech::kTls:
      return "tls";
    case Speech::kDns:
      return "dns";
    case Speech::kSsh:
      return "ssh";
    case Speech::kSmtp:
      return "smtp";
    case Speech::kQuic:
      return "quic";
    case Speech::kUnknown:
      break;
  }
  return "failed";
}

object alert_of(const EventRecord& record) {
  object alert{{"action", record.event.outcome == Outcome::kBlocked ? "blocked" : "allowed"}};
  if (record.signature == nullptr) return alert;
  const Signature& signature = *record.signature;
  alert["gid"] = signature.group;
  alert["signature_id"] = signature.id;
  alert["rev"] = signature.revision;
  alert["signature"] = signature.message;
  alert["category"] = class_facts(signature.class_name).description;
  alert["severity"] = signature.priority;
  if (!signature.metadata.empty()) {
    object metadata;
    for (const auto& [name, value] : signature.metadata) {
      boost::json::value& values = metadata[name];
      if (!values.is_array()) values = array{};
      values.as_array().emplace_back(value);
    }
    alert["metadata"] = std::move(metadata);
  }
  return alert;
}

// What the list names, as the session showed it.
std::string listed_of(const InspectionEvent& event) {
  switch (event.list_kind) {
    case ListKind::kDomain:
      return printable(event.host.view());
    case ListKind::kUrl:
      return printable(event.host.view()) + printable(event.target.view());
    case ListKind::kJa3:
      return "JA3 " + printable(event.ja3.view());
    case ListKind::kAddress:
      break;
  }
  return address(event.family, event.is_destination ? event.destination : event.source);
}

std::string_view category_of(ListKind kind) {
  switch (kind) {
    case ListKind::kDomain:
      return "Listed Domain";
    case ListKind::kUrl:
      return "Listed URL";
    case ListKind::kJa3:
      return "Listed JA3 Hash";
    case ListKind::kAddress:
      break;
  }
  return "Listed Address";
}

// As an alert of a signature, whose number is 0: no signature has it.
object listed_alert_of(const EventRecord& record) {
  const InspectionEvent& event = record.event;
  return {{"action", event.outcome == Outcome::kBlocked ? "blocked" : "allowed"},
          {"gid", 1},
          {"signature_id", 0},
          {"rev", 0},
          {"signature", fmt::format("threat list {}: {}", record.list, listed_of(event))},
          {"category", category_of(event.list_kind)},
          {"severity", event.severity},
          {"metadata", object{{"threat_list", array{record.list}}}}};
}

void add_message(object& line, const InspectionEvent& event) {
  const auto add = [](object& to, std::string_view name, Bytes bytes) {
    if (!bytes.empty()) to[name] = printable(bytes);
  };
  object part;
  switch (event.speech) {
    case Speech::kHttp:
      add(part, "hostname", event.host.view());
      add(part, "url", event.target.view());
      add(part, "http_user_agent", event.agent.view());
      add(part, "http_method", event.method.view());
      break;
    case Speech::kTls:
    case Speech::kQuic:
      add(part, "sni", event.host.view());
      if (event.ja3.length != 0) part["ja3"] = object{{"hash", printable(event.ja3.view())}};
      break;
    case Speech::kSmtp:
      add(part, "helo", event.host.view());
      add(part, "mail_from", event.agent.view());
      if (event.target.length != 0) part["rcpt_to"] = array{printable(event.target.view())};
      break;
    case Speech::kSsh:
      add(part, "proto_version", event.method.view());
      add(part, "software_version", event.agent.view());
      break;
    case Speech::kDns:
      add(part, "rrname", event.host.view());
      break;
    case Speech::kUnknown:
      return;
  }
  if (part.empty()) return;
  if (event.speech == Speech::kDns) {
    line["dns"] = object{{"query", array{std::move(part)}}};
  } else if (event.speech == Speech::kSsh) {
    line["ssh"] = object{{event.side == Side::kServer ? "server" : "client", std::move(part)}};
  } else {
    line[speech_name(event.speech)] = std::move(part);
  }
}

}  // namespace

std::string eve_time(control::WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}+0000", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

std::string eve_protocol(std::uint8_t protocol) {
  std::string text(control::protocol_name(protocol));
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

object to_eve(const EventRecord& record, std::string_view appliance) {
  const InspectionEvent& event = record.event;
  const bool ports = control::has_ports(event.protocol);
  object line{{"timestamp", eve_time(record.time)}};
  if (event.session != 0) line["flow_id"] = event.session;
  if (!record.ingress.empty()) line["in_iface"] = record.ingress;
  const bool listed = event.kind == EventKind::kListed;
  line["event_type"] = event.kind == EventKind::kAlert || listed ? "alert" : "anomaly";
  line["src_ip"] = address(event.family, event.source);
  if (ports) line["src_port"] = event.source_port;
  line["dest_ip"] = address(event.family, event.destination);
  if (ports) line["dest_port"] = event.destination_port;
  line["proto"] = eve_protocol(event.protocol);
  Session known{};
  known.unpack_application(event.application);
  if (event.speech != Speech::kUnknown) {
    line["app_proto"] = speech_name(event.speech);
  } else if (known.naming == Naming::kNamed) {
    line["app_proto"] = dpi::application_name(known.named().protocol);
  }
  line["direction"] = event.side == Side::kServer ? "to_client" : "to_server";
  if (event.kind == EventKind::kAlert) {
    line["alert"] = alert_of(record);
  } else if (listed) {
    line["alert"] = listed_alert_of(record);
  } else {
    line["anomaly"] = object{{"type", event.kind == EventKind::kUnseen   ? "unseen"
                                      : event.speech == Speech::kUnknown ? "stream"
                                                                         : "applayer"},
                             {"event", record.reason}};
  }
  add_message(line, event);
  line["flow"] = object{{"pkts_toserver", event.packets[0]},
                        {"pkts_toclient", event.packets[1]},
                        {"bytes_toserver", event.bytes[0]},
                        {"bytes_toclient", event.bytes[1]},
                        {"start", eve_time(record.time - std::chrono::milliseconds(event.age_ms))}};
  if (event.payload.length != 0) {
    line["payload"] = base64(event.payload.view());
    line["payload_printable"] = printable(event.payload.view());
    line["stream"] = event.stream ? 1 : 0;
  }
  object own{{"appliance", appliance}, {"rule", record.rule}, {"worker", event.worker}};
  if (event.session != 0) own["session"] = std::to_string(event.session);
  if (!record.inspection.empty()) own["inspection"] = record.inspection;
  if (known.naming != Naming::kNone) own["application"] = application_text(known);
  if (listed) own["threat_list"] = record.list;
  if (!record.domain.empty()) own["domain"] = record.domain;
  if (!record.reason.empty()) own["reason"] = record.reason;
  if (!record.sentence.empty()) own["sentence"] = record.sentence;
  line["millrace"] = std::move(own);
  return line;
}

void append_eve_line(std::string& out, const EventRecord& record, std::string_view appliance) {
  out += record.line.empty() ? boost::json::serialize(to_eve(record, appliance)) : record.line;
  out += '\n';
}

}  // namespace millrace::firewall::inspection
