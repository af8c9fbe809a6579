// SPDX-License-Identifier: BSD-3-Clause
// A load balancer's services, and its sessions.
#include <fmt/format.h>

#include "common/control/vnfctl/formats.h"
#include "common/control/vnfctl/json_access.h"
#include "common/control/vnfctl/text_table.h"
#include "common/control/vnfctl/units.h"

namespace millrace::vnfctl {
namespace {

Tone tone_of_state(std::string_view state) noexcept {
  if (state == "active" || state == "up") return Tone::kGood;
  return state == "down" ? Tone::kBad : Tone::kWarn;
}

bool has(const boost::json::value& value, std::string_view path) {
  const auto* found = find(value, path);
  return found != nullptr && !found->is_null();
}

std::string backend_name(const boost::json::value& backend) {
  const std::string address = text_at(backend, "address");
  if (!has(backend, "port")) return address;
  return address.find(':') == std::string::npos ? address + ":" + text_at(backend, "port")
                                                : "[" + address + "]:" + text_at(backend, "port");
}

std::string title_of(const boost::json::value& service) {
  std::string title =
      fmt::format("{}: {}, {}, {}; {} open, {} connections", printable(text_at(service, "name")),
                  printable(text_at(service, "address")), printable(text_at(service, "scheduler")),
                  printable(text_at(service, "forwarding")), human_count(number_at(service, "open")),
                  human_count(number_at(service, "connections")));
  if (number_at(service, "refused") > 0)
    title += fmt::format(", {} refused", human_count(number_at(service, "refused")));
  if (number_at(service, "without_record") > 0)
    title += fmt::format(", {} packets by hash alone", human_count(number_at(service, "without_record")));
  return title;
}

std::string backends_table(const boost::json::array& backends, const Style& style) {
  TextTable table({{"BACKEND"},
                   {"STATE"},
                   {"SHARE", kRight},
                   {"OPEN", kRight},
                   {"CONNECTIONS", kRight},
                   {"LATENCY", kRight},
                   {"CHECK"}});
  for (const auto& backend : backends) {
    const std::string state = text_at(backend, "state");
    const bool checked = has(backend, "health.last");
    table.add({backend_name(backend),
               {state, tone_of_state(state)},
               fmt::format("{:.1f} %", number_at(backend, "share") * 100),
               human_count(number_at(backend, "open")),
               human_count(number_at(backend, "connections")),
               checked ? fmt::format("{:.1f} ms", number_at(backend, "health.latency_ms")) : "-",
               {checked ? text_at(backend, "health.last") : "-",
                checked ? tone_of_state(text_at(backend, "health.state")) : Tone::kPlain}});
  }
  return table.render(style);
}

std::string indented(std::string_view lines) {
  std::string out;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size() - 1) + 1;
    out += "  ";
    out += lines.substr(0, end);
    lines.remove_prefix(end);
  }
  return out;
}

}  // namespace

std::string format_services(const boost::json::array& services, const Style& style) {
  if (services.empty()) return "the profile has no service\n";
  std::string out;
  for (const auto& service : services) {
    if (!out.empty()) out += "\n";
    out += style.paint(title_of(service), Tone::kStrong) + "\n";
    const boost::json::array& backends = array_at(service, "backends");
    out += backends.empty() ? style.paint("  no backend", Tone::kBad) + "\n"
                            : indented(backends_table(backends, style));
  }
  return out;
}

std::string format_connections(const boost::json::array& connections, const Style& style) {
  TextTable table({{"PROTOCOL"},
                   {"CLIENT"},
                   {"NAME"},
                   {"SERVICE"},
                   {"BACKEND"},
                   {"STATE"},
                   {"AGE", kRight},
                   {"IDLE", kRight},
                   {"IN", kRight},
                   {"OUT", kRight},
                   {"WORKER", kRight}});
  for (const auto& one : connections) {
    table.add({text_at(one, "protocol"), text_at(one, "client"), text_at(one, "service_name"),
               text_at(one, "service"), text_at(one, "backend"), text_at(one, "state"),
               human_duration(number_at(one, "age_s")), human_duration(number_at(one, "idle_s")),
               human_bytes(number_at(one, "bytes.in")), human_bytes(number_at(one, "bytes.out")),
               text_at(one, "worker")});
  }
  return table.render(style);
}

}  // namespace millrace::vnfctl
