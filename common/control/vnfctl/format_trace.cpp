// SPDX-License-Identifier: BSD-3-Clause
// Packets on their way, and explanations.
#include <fmt/format.h>

#include "common/control/vnfctl/formats.h"
#include "common/control/vnfctl/json_access.h"
#include "common/control/vnfctl/text_table.h"

namespace millrace::vnfctl {
namespace {

// An event's last words: where the packet went, or why not on.
std::string fate(const boost::json::value& event) {
  std::string verdict = text_at(event, "verdict");
  if (verdict == "to_host") return "to the host";
  if (verdict != "dropped") return verdict;
  return fmt::format("dropped: {}", text_at(event, "reason"));
}

std::string indented(std::string_view text, std::size_t spaces) {
  std::string out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    out += std::string(spaces, ' ') + std::string(text.substr(0, end)) + "\n";
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return out;
}

std::string packet_text(const boost::json::value& packet, std::size_t number, const Style& style) {
  std::string out = style.paint(fmt::format("packet {}", number), Tone::kStrong);
  out += fmt::format(" on worker {}", text_at(packet, "worker"));
  TextTable table({{"STAGE"}, {"TIME", kRight}, {"VERDICT"}, {"PACKET"}});
  std::string last;
  const auto& events = array_at(packet, "events");
  // Times count from the first event: the clock's zero says nothing.
  const double start = events.empty() ? 0 : number_at(events.front(), "nanoseconds");
  for (const auto& event : events) {
    const std::string summary = text_at(event, "summary");
    const std::string verdict = text_at(event, "verdict");
    table.add({text_at(event, "stage"),
               fmt::format("{:.0f} ns", number_at(event, "nanoseconds") - start),
               {fate(event), tone_of(verdict)},
               summary == last ? "\"" : summary});
    last = summary;
  }
  out += "\n" + indented(table.render(style), 2);
  if (!events.empty()) {
    if (const auto* sentence = find(events.back(), "sentence"); sentence != nullptr && !sentence->is_null()) {
      out += fmt::format("  {}\n", printable(to_text(*sentence)));
    }
  }
  return out;
}

// Objects as "name: value" lines, lists with dashes, deeper ones indented.
void write_readable(std::string& out, const boost::json::value& value, std::size_t depth) {
  const std::string margin(depth * 2, ' ');
  if (const auto* object = value.if_object()) {
    for (const auto& member : *object) {
      const std::string name(member.key().data(), member.key().size());
      if (member.value().is_structured()) {
        std::string inner;
        write_readable(inner, member.value(), depth + 1);
        if (!inner.empty()) out += fmt::format("{}{}:\n{}", margin, printable(name), inner);
      } else if (!member.value().is_null()) {
        out += fmt::format("{}{}: {}\n", margin, printable(name), printable(to_text(member.value())));
      }
    }
  } else if (const auto* array = value.if_array()) {
    for (const auto& element : *array) {
      std::string inner;
      write_readable(inner, element, depth + 1);
      if (inner.size() > margin.size() + 2) inner[margin.size()] = '-';
      out += inner;
    }
  } else {
    out += fmt::format("{}{}\n", margin, printable(to_text(value)));
  }
}

}  // namespace

std::string format_trace(const boost::json::array& packets, const Style& style) {
  if (packets.empty()) return "no packet matched in time\n";
  std::string out;
  std::size_t number = 0;
  for (const auto& packet : packets) {
    if (number > 0) out += "\n";
    out += packet_text(packet, ++number, style);
  }
  return out;
}

std::string format_explanation(const boost::json::value& explanation, const Style& style) {
  std::string out;
  boost::json::object rest;
  const auto* object = explanation.if_object();
  if (object == nullptr) return pretty(explanation);
  const auto* action = find(explanation, "verdict.action");
  for (const auto& member : *object) {
    const auto& value = member.value();
    if (member.key() == "verdict" && !value.is_structured()) {
      const std::string verdict = printable(to_text(value));
      out += style.paint(verdict, tone_of(verdict)) + "\n";
    } else if (member.key() == "summary" && value.is_string()) {
      const Tone tone = action == nullptr ? Tone::kPlain : tone_of(to_text(*action));
      out += style.paint(printable(to_text(value)), tone) + "\n";
    } else {
      rest[member.key()] = value;
    }
  }
  write_readable(out, rest, 0);
  return out;
}

}  // namespace millrace::vnfctl
