// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include "common/control/vnfctl/formats.h"
#include "common/control/vnfctl/json_access.h"
#include "common/control/vnfctl/text_table.h"
#include "common/control/vnfctl/units.h"

namespace millrace::vnfctl {
namespace {

std::string workers_table(const boost::json::array& workers, const Style& style) {
  TextTable table({{"WORKER", kRight}, {"CPU", kRight}, {"STATE"}, {"BUSY", kRight}, {"BACKLOG", kRight}});
  for (const auto& worker : workers) {
    const bool alive = flag_at(worker, "alive");
    table.add({text_at(worker, "id"),
               number_at(worker, "cpu") < 0 ? Cell("-") : Cell(text_at(worker, "cpu")),
               {alive ? "alive" : "stalled", alive ? Tone::kGood : Tone::kBad},
               percent(number_at(worker, "busy_ratio")),
               human_count(number_at(worker, "backlog"))});
  }
  return table.render(style);
}

std::string ports_table(const boost::json::array& ports, const Style& style) {
  TextTable table({{"PORT"}, {"LINK"}, {"SPEED", kRight}, {"DRIVER"}, {"OFFLOADS"}});
  for (const auto& port : ports) {
    std::string offloads;
    for (const auto& offload : array_at(port, "offloads"))
      offloads += (offloads.empty() ? "" : ", ") + printable(to_text(offload));
    const bool up = flag_at(port, "link_up");
    const double speed = number_at(port, "speed_mbps");
    table.add({text_at(port, "name"),
               {up ? "up" : "down", up ? Tone::kGood : Tone::kBad},
               speed > 0 ? human_bits(speed * 1e6) : "-",
               text_at(port, "driver"),
               offloads.empty() ? "-" : offloads});
  }
  return table.render(style);
}

}  // namespace

std::string format_health(const boost::json::value& health, const Style& style) {
  const bool live = flag_at(health, "live");
  const bool ready = flag_at(health, "ready");
  std::string out = style.paint(live ? "live" : "not live", live ? Tone::kGood : Tone::kBad) + ", " +
                    style.paint(ready ? "ready" : "not ready", ready ? Tone::kGood : Tone::kWarn);
  out += fmt::format(", up {}, policy generation {}\n", human_duration(number_at(health, "uptime_ms") / 1000),
                     text_at(health, "policy_generation"));
  for (const auto& reason : array_at(health, "reasons"))
    out += fmt::format("  {}\n", printable(to_text(reason)));
  if (const auto& workers = array_at(health, "workers"); !workers.empty())
    out += "\n" + workers_table(workers, style);
  if (const auto& ports = array_at(health, "ports"); !ports.empty()) out += "\n" + ports_table(ports, style);
  return out;
}

std::string format_workers(const boost::json::value& answer, const Style& style) {
  return workers_table(array_at(answer, "workers"), style);
}

std::string format_drain(const boost::json::value& status, const Style& style) {
  const std::string left = human_count(number_at(status, "sessions_left"));
  if (!flag_at(status, "draining"))
    return fmt::format("{}, {} sessions\n", style.paint("not draining", Tone::kGood), left);
  return fmt::format("{} for {}, {} sessions left\n", style.paint("draining", Tone::kWarn),
                     human_duration(number_at(status, "since_ms") / 1000), left);
}

std::string format_profile_outcome(const boost::json::value& outcome, const Style& style) {
  const std::string took = fmt::format("compiled in {:.1f} ms", number_at(outcome, "compile_ms"));
  std::string out = flag_at(outcome, "applied")
                        ? fmt::format("{}: generation {}, {}\n", style.paint("applied", Tone::kGood),
                                      text_at(outcome, "generation"), took)
                        : fmt::format("{}: {}; not applied\n", style.paint("valid", Tone::kGood), took);
  for (const auto& key : array_at(outcome, "needs_restart")) {
    out += fmt::format("{}: {} takes effect at the next start\n", style.paint("restart", Tone::kWarn),
                       printable(to_text(key)));
  }
  for (const auto& note : array_at(outcome, "notes"))
    out += fmt::format("note: {}\n", printable(to_text(note)));
  return out;
}

}  // namespace millrace::vnfctl
