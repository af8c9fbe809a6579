// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/profile_inspection.h"

#include <limits>

#include <fmt/format.h>

#include "common/control/profile/load.h"
#include "vnfs/firewall/profile_types.h"

namespace millrace::firewall::profile {
namespace {

using control::absent_means;
using control::choice;
using control::kRequired;
using control::list_not_empty;
using control::MappedType;
using control::MapType;
using control::Node;
using control::Reader;
using control::Struct;

constexpr std::size_t kMostSignatureBytes = std::size_t{256} << 20;
constexpr std::uint64_t kLeastWindow = std::uint64_t{1} << 10;
constexpr std::uint64_t kMostWindow = std::uint64_t{1} << 20;

// NAME: [VALUE, ...], where T has such a list as `member`.
template <class T, class List, class Item>
auto variable(List T::*member, Item item) {
  return std::make_shared<MappedType<T, List>>(
      list_not_empty<typename List::value_type>(std::move(item)),
      [member](List&& list, T& out, const Node&, Reader&) {
        out.*member = std::move(list);
        return true;
      },
      nullptr);
}

}  // namespace

std::shared_ptr<const Struct<Inspection>> inspection_table() {
  auto table = std::make_shared<Struct<Inspection>>(
      "inspection", "What is looked for inside the sessions of the rules that name it with `inspect`.");
  table->position(&Inspection::at);
  table->field(
      "rules", &Inspection::files,
      list_not_empty<Located<std::string>>(control::string("the path of a file", 4095)),
      "Files of signatures in the text format of Suricata and Snort; what of it is understood stands in "
      "[signatures.md](signatures.md). A relative path starts at the profile's folder.",
      kRequired);
  table->field("addresses", &Inspection::addresses,
               std::make_shared<MapType<AddressVariable>>(
                   &AddressVariable::name, control::name("a variable's name"),
                   variable<AddressVariable>(&AddressVariable::terms, address_term()), true),
               "Addresses that signatures write as $NAME, as in a rule's `source`: {HOME_NET: [192.0.2.0/24, "
               "\"@servers\"]}.",
               absent_means("$HOME_NET is what is private, $EXTERNAL_NET all that $HOME_NET is not"));
  table->field("ports", &Inspection::ports,
               std::make_shared<MapType<PortVariable>>(
                   &PortVariable::name, control::name("a variable's name"),
                   variable<PortVariable>(&PortVariable::ports, control::ports()), true),
               "Ports that signatures write as $NAME: {HTTP_PORTS: [80, 8000-8080]}.",
               absent_means("the usual ones of Suricata"));
  table->field("disable", &Inspection::disable,
               list_not_empty<std::uint32_t>(
                   control::integer<std::uint32_t>(1, std::numeric_limits<std::uint32_t>::max())),
               "Signatures that are left out, by `sid`.", absent_means("none"));
  table->field("on_match", &Inspection::on_match,
               choice<OnMatch>(
                   {{"as_written", OnMatch::kAsWritten, "what the signature says: alert, drop, reject, pass"},
                    {"alert", OnMatch::kAlert, "tell, and let through, whatever the signature says"},
                    {"drop", OnMatch::kDrop, "those that say alert drop as well"}}),
               "What happens to a session in which a signature matches.");
  table->field(
      "inspect_bytes", &Inspection::inspect_bytes, control::size(kLeastWindow, kMostWindow),
      "So many bytes at the beginning of each direction of a session are looked at, and kept until the "
      "other end has acknowledged them; the rest passes at full speed.");
  table->field("conflicts", &Inspection::conflicts,
               choice<Conflicts>({{"drop", Conflicts::kDrop, "drop the segment"},
                                  {"rewrite", Conflicts::kRewrite, "put the bytes in that were seen first"}}),
               "What happens to a TCP segment that brings other bytes for a place of the stream than an "
               "earlier one did.");
  table->field(
      "when_overloaded", &Inspection::when_overloaded,
      choice<WhenOverloaded>(
          {{"pass", WhenOverloaded::kPass, "let the session go on unseen; it is counted, and told of"},
           {"drop", WhenOverloaded::kDrop, "drop its packets until there is room again"},
           {"sample", WhenOverloaded::kSample,
            "as `pass`, but while a worker is behind one new session in `sample` is looked into"}}),
      "What happens to a session for which there is no memory or no time, and to new sessions while a worker "
      "finds more packets waiting than it can keep up with.");
  table->field("sample", &Inspection::sample, control::count(2, 65'536),
               "With `when_overloaded: sample`: of so many new sessions one is looked into.");
  table->field(
      "capture_packets", &Inspection::capture_packets, control::count(0, 65'535),
      "So many packets of a session in which a signature matched go to the file that `events.capture` "
      "names, from the one with the match on, as far as they are looked into.");
  return table;
}

std::shared_ptr<const Struct<InspectionLimits>> inspection_limits_table() {
  auto table =
      std::make_shared<Struct<InspectionLimits>>("inspection_limits", "What deep inspection may take.");
  table->field("sessions", &InspectionLimits::sessions, control::count(64, 4'000'000),
               "Sessions that are looked into at a time.");
  table->field("memory", &InspectionLimits::memory,
               control::size(std::uint64_t{1} << 20, std::uint64_t{64} << 30),
               "For the bytes of their streams, shared out among the workers.");
  table->field("cache", &InspectionLimits::cache, control::string("the path of a folder", 4095),
               "Folder where compiled patterns are kept, so that thousands of signatures are there at once "
               "at the next "
               "start.",
               absent_means("they are compiled at each start"));
  return table;
}

std::shared_ptr<const Struct<EventLog>> event_log_table() {
  auto table = std::make_shared<Struct<EventLog>>("events",
                                                  "A file with a line of JSON per event of the inspection "
                                                  "and of anomalies, as tools for Suricata's EVE read them.");
  table->field("file", &EventLog::file, control::string("the path of a file", 4095), "Its path.", kRequired);
  table->field("payload_bytes", &EventLog::payload_bytes, control::count(0, 256),
               "Most bytes around a match that an event shows.");
  table->field(
      "capture", &EventLog::capture, control::string("the path of a file", 4095),
      "A file of packets (pcapng) of sessions in which a signature matched; inspections say how many "
      "with `capture_packets`.",
      absent_means("none are kept"));
  return table;
}

void read_signatures(std::vector<Inspection>& inspections, const control::CheckContext& context) {
  for (Inspection& inspection : inspections) {
    for (const Located<std::string>& file : inspection.files) {
      const auto path = context.resolve(*file);
      if (!path) {
        context.diagnostics.error(file.at, path.error().message());
        continue;
      }
      auto text = control::read_text_file(*path, kMostSignatureBytes);
      if (!text) {
        context.diagnostics.error(
            file.at, fmt::format("{}; give the path of a text file of signatures", text.error().message()));
        continue;
      }
      inspection.texts.push_back({*path, std::make_shared<const std::string>(std::move(*text))});
    }
  }
}

}  // namespace millrace::firewall::profile
