// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/watch_view.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include <fmt/format.h>

#include "common/control/metrics_text.h"
#include "common/control/vnfctl/json_access.h"
#include "common/control/vnfctl/scrape.h"
#include "common/control/vnfctl/text_table.h"
#include "common/control/vnfctl/units.h"

namespace millrace::vnfctl {
namespace {

constexpr std::size_t kBarWidth = 30;
constexpr std::size_t kMostShown = 8;  // names of a ranking

constexpr std::string_view kBackendPackets = "millrace_backend_packets_total";

double growth(double before, double after) { return after >= before ? after - before : after; }

Rates::Ranking ranking(const std::map<std::string, double>& before,
                       const std::map<std::string, double>& after, double seconds) {
  Rates::Ranking out;
  for (const auto& [name, count] : after) {
    const auto known = before.find(name);
    const double grown = growth(known == before.end() ? 0 : known->second, count);
    if (grown > 0) out.emplace_back(name, grown / seconds);
  }
  std::ranges::stable_sort(out, [](const auto& a, const auto& b) { return a.second > b.second; });
  return out;
}

std::string ranking_text(const Rates::Ranking& ranking, const char* title, const Style& style) {
  if (ranking.empty()) return "";
  TextTable table({{title}, {"PACKETS/S", kRight}});
  for (std::size_t i = 0; i < std::min(ranking.size(), kMostShown); ++i) {
    table.add({ranking[i].first, human_count(ranking[i].second)});
  }
  return "\n" + table.render(style);
}

boost::json::object ranking_json(const Rates::Ranking& ranking) {
  boost::json::object out;
  for (const auto& [name, rate] : ranking) out[name] = json_number(rate);
  return out;
}

Tone busy_tone(double ratio) {
  if (ratio >= 0.95) return Tone::kBad;
  return ratio >= 0.8 ? Tone::kWarn : Tone::kGood;
}

}  // namespace

Look look_at(double seconds, std::string_view metrics, const boost::json::value& health,
             const boost::json::array& rules) {
  namespace metric = control::metric;
  const auto samples = parse_metrics(metrics);
  Look look{.seconds = seconds,
            .packets = sum_of(samples, metric::kReceivedPackets),
            .bytes = sum_of(samples, metric::kReceivedBytes),
            .sessions = sum_of(samples, metric::kSessions),
            .sessions_created = sum_of(samples, metric::kSessionsCreated),
            .drops = sums_by(samples, metric::kDroppedPackets, "reason"),
            .rules = {},
            .backends = {},
            .busy = {}};
  for (const MetricSample& sample : samples) {
    if (sample.name != kBackendPackets) continue;
    look.backends[fmt::format("{} {}", sample.label("service"), sample.label("backend"))] += sample.value;
  }
  for (const auto& rule : rules) look.rules[text_at(rule, "name")] = number_at(rule, "packets");
  for (const auto& worker : array_at(health, "workers")) look.busy.push_back(number_at(worker, "busy_ratio"));
  return look;
}

Rates rates_between(const Look& before, const Look& after) {
  const double seconds = std::max(after.seconds - before.seconds, 1e-6);
  Rates rates{.packets = growth(before.packets, after.packets) / seconds,
              .bits = growth(before.bytes, after.bytes) * 8 / seconds,
              .drops = 0,
              .sessions = after.sessions,
              .new_sessions = growth(before.sessions_created, after.sessions_created) / seconds,
              .drop_reasons = ranking(before.drops, after.drops, seconds),
              .rules = ranking(before.rules, after.rules, seconds),
              .backends = ranking(before.backends, after.backends, seconds),
              .busy = after.busy};
  for (const auto& [reason, rate] : rates.drop_reasons) rates.drops += rate;
  return rates;
}

std::string format_rates(const Rates& rates, std::string_view title, const Style& style) {
  std::string out = style.paint(printable(title), Tone::kStrong) + "\n\n";
  TextTable summary({{"PACKETS/S", kRight},
                     {"BITS", kRight},
                     {"DROPS/S", kRight},
                     {"SESSIONS", kRight},
                     {"NEW SESSIONS/S", kRight}});
  summary.add({human_count(rates.packets),
               human_bits(rates.bits),
               {human_count(rates.drops), rates.drops > 0 ? Tone::kWarn : Tone::kPlain},
               human_count(rates.sessions),
               human_count(rates.new_sessions)});
  out += summary.render(style);
  if (!rates.busy.empty()) out += "\n";
  for (std::size_t i = 0; i < rates.busy.size(); ++i) {
    out += fmt::format("worker {:<3} {} {:>4}\n", i,
                       style.paint(bar(rates.busy[i], kBarWidth), busy_tone(rates.busy[i])),
                       percent(rates.busy[i]));
  }
  return out + ranking_text(rates.drop_reasons, "DROPPED FOR", style) +
         ranking_text(rates.rules, "RULE", style) + ranking_text(rates.backends, "BACKEND", style);
}

boost::json::object to_json(const Rates& rates) {
  return {{"packets_per_second", json_number(rates.packets)},
          {"bits_per_second", json_number(rates.bits)},
          {"drops_per_second", json_number(rates.drops)},
          {"sessions", json_number(rates.sessions)},
          {"new_sessions_per_second", json_number(rates.new_sessions)},
          {"drops", ranking_json(rates.drop_reasons)},
          {"rules", ranking_json(rates.rules)},
          {"backends", ranking_json(rates.backends)},
          {"busy", boost::json::value_from(rates.busy)}};
}

std::string bar(double ratio, std::size_t width) {
  const double full = std::clamp(std::isfinite(ratio) ? ratio : 0.0, 0.0, 1.0) * static_cast<double>(width);
  const auto filled = static_cast<std::size_t>(std::lround(full));
  return "[" + std::string(filled, '#') + std::string(width - filled, ' ') + "]";
}

}  // namespace millrace::vnfctl
