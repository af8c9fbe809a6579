// SPDX-License-Identifier: BSD-3-Clause
// Sessions, rules, stages and drops as tables.
#include <algorithm>

#include <fmt/format.h>

#include "common/control/vnfctl/formats.h"
#include "common/control/vnfctl/json_access.h"
#include "common/control/vnfctl/text_table.h"
#include "common/control/vnfctl/units.h"

namespace millrace::vnfctl {
namespace {

std::string remark(const boost::json::value& rule) {
  if (const auto* by = find(rule, "shadowed_by"); by != nullptr && !by->is_null()) {
    return "shadowed by " + to_text(*by);
  }
  const auto* active = find(rule, "active");
  if (active != nullptr && !flag_at(rule, "active"))
    return "outside its schedule " + text_at(rule, "schedule");
  return flag_at(rule, "never_hit") ? "never hit" : "";
}

std::string last_hit(const boost::json::value& rule) {
  if (find(rule, "last_hit_ago_s") == nullptr) return "-";
  return human_duration(number_at(rule, "last_hit_ago_s")) + " ago";
}

std::string duration_at(const boost::json::value& value, std::string_view path) {
  return find(value, path) == nullptr ? "-" : human_duration(number_at(value, path));
}

// "7", "100.7" of two tags, the outer one first; empty when untagged.
std::string vlan_of(const boost::json::value& session) {
  const auto* ids = session.if_object();
  if (ids == nullptr || !ids->contains("vlan")) return {};
  const std::string vlan = text_at(session, "vlan");
  return ids->contains("outer_vlan") ? text_at(session, "outer_vlan") + "." + vlan : vlan;
}

}  // namespace

Tone tone_of(std::string_view verdict) noexcept {
  if (verdict == "accept" || verdict == "passed" || verdict == "accepted") return Tone::kGood;
  if (verdict == "drop" || verdict == "dropped" || verdict == "reject" || verdict == "rejected")
    return Tone::kBad;
  return Tone::kPlain;
}

std::string format_sessions(const boost::json::array& sessions, const Style& style) {
  if (sessions.empty()) return "no session\n";
  if (find(sessions.front(), "client") != nullptr) return format_connections(sessions, style);
  const bool tagged =
      std::ranges::any_of(sessions, [](const auto& session) { return !vlan_of(session).empty(); });
  const bool named = std::ranges::any_of(
      sessions, [](const auto& session) { return find(session, "application") != nullptr; });
  std::vector<TextTable::Column> columns{{"PROTOCOL"}, {"SOURCE"}, {"DESTINATION"}};
  if (tagged) columns.push_back({"VLAN"});
  if (named) columns.push_back({"APPLICATION"});
  columns.insert(columns.end(), {{"STATE"},
                                 {"RULE"},
                                 {"AGE", kRight},
                                 {"IDLE", kRight},
                                 {"PACKETS", kRight},
                                 {"BYTES", kRight},
                                 {"WORKER", kRight}});
  TextTable table(std::move(columns));
  for (const auto& session : sessions) {
    std::vector<Cell> row{text_at(session, "protocol"), text_at(session, "source"),
                          text_at(session, "destination")};
    if (tagged) row.emplace_back(vlan_of(session));
    if (named) row.emplace_back(text_at(session, "application"));
    row.insert(row.end(),
               {text_at(session, "state"), text_at(session, "rule"), duration_at(session, "age_s"),
                duration_at(session, "idle_s"),
                human_count(number_at(session, "packets.forward") + number_at(session, "packets.reverse")),
                human_bytes(number_at(session, "bytes.forward") + number_at(session, "bytes.reverse")),
                text_at(session, "worker")});
    table.add(std::move(row));
  }
  return table.render(style);
}

std::string format_rules(const boost::json::array& rules, const Style& style) {
  if (rules.empty()) return "no rule\n";
  TextTable table({{"#", kRight},
                   {"RULE"},
                   {"ACTION"},
                   {"HITS", kRight},
                   {"PACKETS", kRight},
                   {"BYTES", kRight},
                   {"SESSIONS", kRight},
                   {"LAST HIT", kRight},
                   {"REMARK"}});
  std::size_t number = 0;
  for (const auto& rule : rules) {
    const std::string action = text_at(rule, "action");
    table.add({fmt::format("{}", ++number),
               text_at(rule, "name"),
               {action, tone_of(action)},
               human_count(number_at(rule, "hits")),
               human_count(number_at(rule, "packets")),
               human_bytes(number_at(rule, "bytes")),
               human_count(number_at(rule, "open_sessions")),
               last_hit(rule),
               {remark(rule), Tone::kWarn}});
  }
  return table.render(style);
}

std::string format_stages(const boost::json::array& stages, const Style& style) {
  if (stages.empty()) return "no stage\n";
  TextTable table({{"STAGE"}, {"PACKETS", kRight}, {"DROPS", kRight}, {"CYCLES/PACKET", kRight}});
  for (const auto& stage : stages) {
    const double drops = number_at(stage, "drops");
    table.add({text_at(stage, "stage"),
               human_count(number_at(stage, "packets")),
               {human_count(drops), drops > 0 ? Tone::kWarn : Tone::kPlain},
               number_at(stage, "packets") > 0 ? fmt::format("{:.1f}", number_at(stage, "cycles_per_packet"))
                                               : "-"});
  }
  return table.render(style);
}

std::string format_qos(const boost::json::object& report, const Style& style) {
  TextTable policers({{"POLICER"}, {"CONFORM", kRight}, {"EXCEED", kRight}, {"VIOLATE", kRight}});
  for (const auto& [name, colors] : report.at("policers").as_object()) {
    const auto cell = [&colors = colors](const std::string& color) {
      return fmt::format("{} / {}", human_count(number_at(colors, color + ".packets")),
                         human_bytes(number_at(colors, color + ".bytes")));
    };
    const bool violated = number_at(colors, "red.packets") > 0;
    policers.add({std::string(name),
                  cell("green"),
                  cell("yellow"),
                  {cell("red"), violated ? Tone::kBad : Tone::kPlain}});
  }
  TextTable rules({{"RULE"}, {"PACKETS", kRight}, {"BYTES", kRight}});
  for (const auto& [name, counts] : report.at("rules").as_object())
    rules.add({std::string(name), human_count(number_at(counts, "packets")),
               human_bytes(number_at(counts, "bytes"))});
  if (rules.empty()) return "the profile has no `qos` rules\n";
  return (policers.empty() ? std::string() : policers.render(style) + "\n") + rules.render(style);
}

std::string format_drops(std::vector<DropCount> drops, const Style& style) {
  std::erase_if(drops, [](const DropCount& drop) { return !(drop.packets > 0); });
  if (drops.empty()) return "no packet was dropped\n";
  std::ranges::stable_sort(drops, [](const DropCount& a, const DropCount& b) {
    return a.packets != b.packets ? a.packets > b.packets : a.reason < b.reason;
  });
  TextTable table({{"PACKETS", kRight}, {"REASON"}, {"WHAT HAPPENED"}});
  for (const DropCount& drop : drops) {
    table.add({human_count(drop.packets), {drop.reason, Tone::kBad}, drop.sentence});
  }
  return table.render(style);
}

}  // namespace millrace::vnfctl
