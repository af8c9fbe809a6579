// SPDX-License-Identifier: BSD-3-Clause
// firewall: alerts, inspections, threat-lists, anomalies, unblock
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>

#include <fmt/format.h>

#include "common/control/vnfctl/commands.h"
#include "common/control/vnfctl/formats.h"
#include "common/control/vnfctl/json_access.h"
#include "common/control/vnfctl/text_table.h"
#include "common/control/vnfctl/units.h"
#include "common/http/target.h"

namespace millrace::vnfctl {
namespace {

std::string end_of(const boost::json::value& event, std::string_view side) {
  const std::string address = text_at(event, fmt::format("{}_ip", side));
  const std::string port = text_at(event, fmt::format("{}_port", side));
  if (port == "-") return address;
  return address.find(':') == std::string::npos ? address + ":" + port : "[" + address + "]:" + port;
}

// The time of day is enough where the newest stand last.
std::string clock_of(const boost::json::value& event) {
  const std::string text = text_at(event, "timestamp");
  return text.size() < 23 ? text : text.substr(11, 12);
}

std::string format_alerts(const boost::json::array& events, const Style& style) {
  if (events.empty()) return "nothing was found\n";
  TextTable table({{"TIME"}, {"ACTION"}, {"SID", kRight}, {"WHAT"}, {"FROM"}, {"TO"}, {"RULE"}});
  for (const auto& event : events) {
    const bool alert = find(event, "alert") != nullptr;
    const bool of_signature = number_at(event, "alert.signature_id") != 0;  // and not of a threat list
    const std::string action = alert ? text_at(event, "alert.action") : text_at(event, "anomaly.type");
    table.add({clock_of(event),
               {action, action == "blocked" ? Tone::kBad : Tone::kWarn},
               of_signature ? text_at(event, "alert.signature_id") : "-",
               alert ? text_at(event, "alert.signature") : text_at(event, "millrace.sentence"),
               end_of(event, "src"),
               end_of(event, "dest"),
               text_at(event, "millrace.rule")});
  }
  return table.render(style);
}

std::string format_inspections(const boost::json::array& inspections, const Style& style) {
  if (inspections.empty()) return "nothing is looked into\n";
  TextTable table({{"INSPECTION"},
                   {"SIGNATURES", kRight},
                   {"SKIPPED", kRight},
                   {"PATTERNS", kRight},
                   {"MEMORY", kRight},
                   {"RULES"}});
  for (const auto& one : inspections) {
    std::string rules;
    for (const auto& rule : array_at(one, "rules")) rules += (rules.empty() ? "" : ", ") + to_text(rule);
    const double skipped = number_at(one, "skipped");
    table.add({text_at(one, "name"),
               human_count(number_at(one, "signatures")),
               {human_count(skipped), skipped > 0 ? Tone::kWarn : Tone::kPlain},
               human_count(number_at(one, "patterns")),
               human_bytes(number_at(one, "memory_bytes")),
               rules});
  }
  return table.render(style);
}

std::string format_skipped(const boost::json::array& inspections, const Style& style) {
  TextTable table({{"INSPECTION"}, {"WHERE"}, {"SID", kRight}, {"WHY"}});
  bool any = false;
  for (const auto& one : inspections) {
    for (const auto& skipped : array_at(one, "skipped_signatures")) {
      any = true;
      table.add({text_at(one, "name"), text_at(skipped, "where"), text_at(skipped, "sid"),
                 text_at(skipped, "reason")});
    }
  }
  return any ? table.render(style) : "every signature is in force\n";
}

std::string format_threat_lists(const boost::json::array& lists, const Style& style) {
  if (lists.empty()) return "there are no threat lists\n";
  TextTable table({{"LIST"},
                   {"TYPE"},
                   {"ACTION"},
                   {"ENTRIES", kRight},
                   {"BAD LINES", kRight},
                   {"MEMORY", kRight},
                   {"FILE AGE", kRight},
                   {"HITS", kRight},
                   {"LAST HIT", kRight}});
  for (const auto& one : lists) {
    const double bad = number_at(one, "bad_lines");
    const double hits = number_at(one, "hits");
    const bool was_hit = find(one, "last_hit_ago_s") != nullptr;
    table.add({text_at(one, "name"),
               text_at(one, "type"),
               text_at(one, "action"),
               human_count(number_at(one, "entries")),
               {human_count(bad), bad > 0 ? Tone::kWarn : Tone::kPlain},
               human_bytes(number_at(one, "memory_bytes")),
               human_duration(number_at(one, "age_s")),
               {human_count(hits), hits > 0 ? Tone::kWarn : Tone::kPlain},
               was_hit ? human_duration(number_at(one, "last_hit_ago_s")) + " ago" : "never"});
  }
  return table.render(style);
}

std::string format_bad_lines(const boost::json::array& lists, const Style& style) {
  TextTable table({{"LIST"}, {"WHAT IS NOT IN FORCE"}});
  bool any = false;
  for (const auto& one : lists) {
    for (const auto& warning : array_at(one, "warnings")) {
      any = true;
      table.add({text_at(one, "name"), to_text(warning)});
    }
  }
  return any ? table.render(style) : "every line is in force\n";
}

ExitCode show_anomalies(const Context& context) {
  const auto report = context.remote().get("/v1/firewall/anomalies");
  if (context.json) {
    print_json(report);
  } else {
    print(format_anomalies(report, context.style));
  }
  return kDone;
}

ExitCode unblock(const Context& context, const std::string& source) {
  const auto answer =
      context.remote().call(http::Method::kDelete, "/v1/firewall/blocks/" + http::percent_encode(source));
  if (context.json) {
    print_json(answer);
  } else {
    print(fmt::format("{} may open sessions again\n", printable(source)));
  }
  return kDone;
}

}  // namespace

void add_alert_commands(CLI::App& app, Context& context) {
  app.add_subcommand("alerts", "what a firewall has found inside sessions, the newest last")
      ->callback([&context] {
        context.run = [&context] { return show_list(context, "/v1/firewall/alerts", format_alerts); };
      });
  app.add_subcommand(
         "anomalies",
         "which sources and services of a firewall behave as no usual one does, and who is blocked")
      ->callback([&context] { context.run = [&context] { return show_anomalies(context); }; });
  CLI::App* unblocked =
      app.add_subcommand("unblock", "let a source that an anomaly has blocked open sessions again");
  auto source = std::make_shared<std::string>();
  unblocked->add_option("SOURCE", *source, "its address, or a prefix: all that are blocked in it")
      ->required();
  unblocked->callback(
      [&context, source] { context.run = [&context, source] { return unblock(context, *source); }; });
  CLI::App* inspections = app.add_subcommand("inspections", "what a firewall looks for inside sessions");
  auto skipped = std::make_shared<bool>(false);
  inspections->add_flag("--skipped", *skipped, "the signatures that are not in force, and why");
  inspections->callback([&context, skipped] {
    context.run = [&context, skipped] {
      return show_list(context, "/v1/firewall/inspections", *skipped ? format_skipped : format_inspections);
    };
  });
  CLI::App* lists = app.add_subcommand("threat-lists", "what a firewall knows to be bad, and has met");
  auto bad = std::make_shared<bool>(false);
  lists->add_flag("--bad-lines", *bad, "the lines of their files that are not in force, and why");
  lists->callback([&context, bad] {
    context.run = [&context, bad] {
      return show_list(context, "/v1/firewall/threat_lists", *bad ? format_bad_lines : format_threat_lists);
    };
  });
}

}  // namespace millrace::vnfctl
