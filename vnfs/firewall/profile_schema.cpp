// SPDX-License-Identifier: BSD-3-Clause
// The table of the `firewall:` section: keys, bounds and the sentences of docs/profile.firewall.md.
#include <algorithm>

#include "common/control/profile/section.h"
#include "common/control/profile/types.h"
#include "vnfs/firewall/profile.h"
#include "vnfs/firewall/profile_check.h"
#include "vnfs/firewall/profile_types.h"

namespace millrace::firewall::profile {
namespace {

using namespace std::chrono_literals;
using control::absent_means;
using control::boolean;
using control::choice;
using control::count;
using control::kRequired;
using control::list_not_empty;
using control::MappedType;
using control::MapType;
using control::name;
using control::Node;
using control::OneOfType;
using control::ports;
using control::rate;
using control::Reader;
using control::string;
using control::Struct;
using control::TypePtr;

template <class S>
using Table = std::shared_ptr<const Struct<S>>;
using NameList = std::vector<Located<std::string>>;

constexpr std::uint64_t kMostSessions = 64'000'000;

TypePtr<Action> action() {
  return choice<Action>({{"accept", Action::kAccept, "let through, and open a session"},
                         {"drop", Action::kDrop, "drop without a word"},
                         {"reject", Action::kReject, "drop, and tell the sender: TCP reset or ICMP error"}});
}

TypePtr<Zone> zone() {
  return std::make_shared<MappedType<Zone, NameList>>(
      list_not_empty<Located<std::string>>(name("an interface name", 15)),
      [](NameList&& interfaces, Zone& out, const Node&, Reader&) {
        out.interfaces = std::move(interfaces);
        return true;
      },
      nullptr);
}

TypePtr<GroupEntry> group_entry() {
  auto geoip = std::make_shared<Struct<GeoIp>>("geoip", "The networks of countries.");
  geoip->field(
      "database", &GeoIp::database, string("the path of a MaxMind DB file", 4095),
      "MaxMind DB file with `country.iso_code`, such as GeoLite2-Country.mmdb; a relative path starts at "
      "the profile's folder.",
      kRequired);
  geoip->field("countries", &GeoIp::countries,
               list_not_empty<Located<std::string>>(control::text_of<std::string>(
                   "a country by its two capital letters (ISO 3166), such as SE", "[A-Z]{2}",
                   [](std::string_view text) -> std::optional<std::string> {
                     const auto capital = [](char c) { return c >= 'A' && c <= 'Z'; };
                     if (text.size() != 2 || !std::ranges::all_of(text, capital)) return std::nullopt;
                     return std::string(text);
                   },
                   [](const std::string& value) { return value; })),
               "Countries by ISO 3166 code.", kRequired);
  auto source = std::make_shared<Struct<GroupEntry>>("group source", "Where a group's addresses come from.");
  source->field(
      "file", &GroupEntry::file, string("the path of a file", 4095),
      "Text file with one address, prefix or range per line; `#` starts a comment. A relative path starts "
      "at the profile's folder.",
      absent_means("not used"));
  source->field("geoip", &GroupEntry::geoip, Table<GeoIp>(geoip), "The networks of countries.",
                absent_means("not used"));
  OneOfType<GroupEntry>::Ways ways;
  ways.word = group_word();
  ways.map = std::make_shared<MappedType<GroupEntry, GroupEntry>>(
      Table<GroupEntry>(source),
      [](GroupEntry&& entry, GroupEntry& out, const Node& node, Reader& reader) {
        if (entry.file.has_value() == entry.geoip.has_value()) {
          return reader.error(node.at, "a group source is one thing; give either file or geoip");
        }
        out = std::move(entry);
        return true;
      },
      nullptr);
  return std::make_shared<OneOfType<GroupEntry>>(std::move(ways), nullptr);
}

TypePtr<Group> group() {
  using Written = std::vector<Located<GroupEntry>>;
  return std::make_shared<MappedType<Group, Written>>(
      control::wrap<Written>(group_entry()),
      [](Written&& written, Group& out, const Node&, Reader&) {
        out.written = std::move(written);
        return true;
      },
      nullptr);
}

Table<Schedule> schedule() {
  auto table =
      std::make_shared<Struct<Schedule>>("schedule", "Times of the week at which a rule is in force.");
  table->field("days", &Schedule::days,
               std::make_shared<MappedType<std::uint8_t, std::vector<std::uint8_t>>>(
                   list_not_empty<std::uint8_t>(days()),
                   [](std::vector<std::uint8_t>&& list, std::uint8_t& out, const Node&, Reader&) {
                     out = 0;
                     for (const std::uint8_t mask : list) out = static_cast<std::uint8_t>(out | mask);
                     return true;
                   },
                   [](const std::uint8_t& mask) { return days()->show(mask); }),
               "Days on which it begins: mon, tue, wed, thu, fri, sat, sun, or ranges.");
  table->field("from", &Schedule::from_minute, time_of_day(), "When it begins.");
  table->field("to", &Schedule::to_minute, time_of_day(),
               "When it ends; at or before `from`, that is on the next day.");
  table->field("timezone", &Schedule::local_time,
               choice<bool>({{"UTC", false, "universal time"}, {"local", true, "the appliance's time zone"}}),
               "Which clock is meant.");
  return table;
}

Table<Rule> rule() {
  auto limit = std::make_shared<Struct<Limit>>("limit", "How fast a rule may let new sessions begin.");
  limit->field("rate", &Limit::rate, rate(), "New sessions per time; more are dropped.", kRequired);
  limit->field("burst", &Limit::burst, count(1, kMostSessions),
               "New sessions let through at once after a pause.",
               absent_means("those of one second, at least 1"));

  auto table = std::make_shared<Struct<Rule>>(
      "rule",
      "Rules are tried in their order, and the first whose criteria all hold decides. It decides once per "
      "session: replies and related ICMP errors follow.");
  // A list that a template left empty is no wish to match all.
  const auto zones = list_not_empty<Located<std::string>>(name("a zone's name or any", 31));
  const auto addresses = list_not_empty<Located<AddressTerm>>(address_term());
  const auto unlimited = absent_means("no limit");
  const auto any = absent_means("any");
  table->position(&Rule::at);
  table->field("name", &Rule::name, name("a name", 63),
               "Unique name, by which counters and logs know the rule, also after a reload.", kRequired);
  table->field("from", &Rule::from, zones, "Zones the session comes from.", any);
  table->field("to", &Rule::to, zones, "Zones the session goes to.", any);
  table->field("interface", &Rule::interface,
               list_not_empty<Located<std::string>>(name("an interface name", 15)),
               "Interfaces it arrives on.", any);
  table->field(
      "source", &Rule::source, addresses,
      "Source addresses: addresses, prefixes, ranges and \"@GROUP\". Entries with a leading \"!\" are taken "
      "out of the others, or, alone, out of all addresses.",
      any);
  table->field("destination", &Rule::destination, addresses, "Destination addresses, likewise.", any);
  table->field("service", &Rule::service, list_not_empty<Located<Service>>(control::service()),
               "Protocols with their destination ports or ICMP type and code: `tcp/80`, `udp/1000-2000`, "
               "`icmp/echo-request`, `icmp/3/4`, `gre`, `proto/47`.",
               any);
  table->field("source_port", &Rule::source_port, list_not_empty<PortRange>(ports()),
               "Source ports; needs a `service` of protocols that have ports.", any);
  table->field("dscp", &Rule::dscp, list_not_empty<std::uint8_t>(control::dscp()),
               "Differentiated services code points of the first packet.", any);
  table->field("tcp_flags", &Rule::tcp_flags, tcp_flags(),
               "Flags of the first packet, as ON/LOOKED-AT: `syn/syn,ack,rst,fin`; needs `service: tcp`.",
               any);
  table->field(
      "application", &Rule::application, application_names(),
      "What the session is, by what is said in it: `tls`, `ssh`, `quic`, `bittorrent`, `youtube` and "
      "others, as nDPI names them; `other` is what could not be named. Until it is known, the session "
      "is let in if it may turn out to be accepted: [rules by "
      "application](../vnfs/firewall/README.md#rules-by-application).",
      any);
  table->field("schedule", &Rule::schedule, name("a schedule's name", 31), "When the rule is in force.",
               absent_means("always"));
  table->field("action", &Rule::action, action(), "What happens to the session.", kRequired);
  table->field("log", &Rule::log, boolean(),
               "Whether a record is written for each session the rule decides on.");
  table->field("limit", &Rule::limit, Table<Limit>(limit), "Limit on new sessions; accepting rules only.",
               unlimited);
  table->field("max_sessions", &Rule::max_sessions, count(1, kMostSessions),
               "Most sessions open at a time by this rule.", unlimited);
  table->field("max_sessions_per_source", &Rule::max_sessions_per_source, count(1, kMostSessions),
               "Most sessions one source address has open at a time by this rule.", unlimited);
  table->field("new_sessions_per_source", &Rule::new_sessions_per_source, rate(),
               "Most new sessions per time of one source address by this rule.", unlimited);
  table->field("inspect", &Rule::inspect, name("an inspection's name"),
               "What is looked for inside the sessions it accepts: one of `inspection`.",
               absent_means("nothing"));
  return table;
}

Table<Protect> protect() {
  auto cookies =
      std::make_shared<Struct<SynCookies>>("syn_cookies", "TCP handshakes answered without state.");
  cookies->field(
      "above", &SynCookies::above, rate(),
      "SYN rate of the appliance above which the firewall answers them itself with cookies (RFC 4987).",
      kRequired);
  auto table = std::make_shared<Struct<Protect>>("protect", "Protection that does not depend on rules.");
  table->field("syn_cookies", &Protect::syn_cookies, Table<SynCookies>(cookies),
               "Protection from SYN floods.", absent_means("off"));
  table->field("new_sessions_per_source", &Protect::new_sessions_per_source, rate(),
               "Most new sessions per time of one source address.", absent_means("no limit"));
  table->field("sessions_per_source", &Protect::sessions_per_source, count(1, kMostSessions),
               "Most sessions one source address has open at a time.", absent_means("no limit"));
  table->field(
      "reverse_path", &Protect::reverse_path,
      choice<ReversePath>(
          {{"off", ReversePath::kOff, "no check; always so in transparent forwarding"},
           {"loose", ReversePath::kLoose, "there is a route back to the source"},
           {"strict", ReversePath::kStrict, "the route back leaves by the interface the packet came in on"}}),
      "Which sources are believed (RFC 3704).");
  return table;
}

Table<Timeouts> timeouts() {
  auto table =
      std::make_shared<Struct<Timeouts>>("timeouts", "How long a session may be idle before it ends.");
  const auto time = control::duration(1s, 7 * 24h);
  table->field("tcp_established", &Timeouts::tcp_established, time, "TCP after the handshake.");
  table->field("tcp_transitory", &Timeouts::tcp_transitory, time, "TCP after a FIN.");
  table->field("tcp_embryonic", &Timeouts::tcp_embryonic, time, "TCP before the handshake is complete.");
  table->field("udp", &Timeouts::udp, time, "UDP with packets in both directions.");
  table->field("udp_unreplied", &Timeouts::udp_unreplied, time, "UDP with packets in one direction only.");
  table->field("icmp", &Timeouts::icmp, time, "ICMP and ICMPv6 queries.");
  table->field("sctp_established", &Timeouts::sctp_established, time, "SCTP after the handshake.");
  table->field("sctp_transitory", &Timeouts::sctp_transitory, time, "SCTP in handshake and shutdown.");
  table->field("other", &Timeouts::other, time, "All other protocols.");
  return table;
}

Table<Tcp> tcp() {
  auto table = std::make_shared<Struct<Tcp>>("tcp", "How strictly TCP is followed.");
  table->field("midstream_pickup", &Tcp::midstream_pickup, boolean(),
               "Whether a connection whose handshake was not seen may open a session.");
  table->field("liberal_window", &Tcp::liberal_window, boolean(),
               "Whether segments outside the window pass; RST segments never do.");
  return table;
}

Table<Section> section() {
  auto table = std::make_shared<Struct<Section>>("firewall", "Zones, groups and rules of the firewall.");
  table->field("zones", &Section::zones,
               std::make_shared<MapType<Zone>>(&Zone::name, name("a zone's name", 31), zone(), true),
               "Names for interfaces with the same role; an interface is in one zone at most.");
  table->field(
      "groups", &Section::groups,
      std::make_shared<MapType<Group>>(&Group::name, name("a group's name"), group(), true),
      "Names for sets of addresses, for use in rules as \"@NAME\": addresses, prefixes, ranges, other "
      "groups, files, countries; up to 1M prefixes each.");
  table->field(
      "schedules", &Section::schedules,
      std::make_shared<MapType<Schedule>>(&Schedule::name, name("a schedule's name", 31), schedule(), true),
      "Names for times of the week.");
  table->field("default", &Section::default_action, action(),
               "What happens to a session that no rule matches.");
  table->field("rules", &Section::rules, rule(), "The rules, first match wins.");
  table->field("inspection", &Section::inspections,
               std::make_shared<MapType<Inspection>>(&Inspection::name, name("an inspection's name"),
                                                     inspection_table(), true),
               "Names for what is looked for inside sessions, for use in rules.", absent_means("none"));
  table->field("inspection_limits", &Section::inspection_limits, inspection_limits_table(),
               "What deep inspection may take.", absent_means("the defaults below"));
  table->field("threat_lists", &Section::threat_lists,
               std::make_shared<MapType<ThreatList>>(&ThreatList::name, name("a threat list's name"),
                                                     threat_list_table(), true),
               "Names for lists of what is known to be bad, at most 64. What they name is not let through, "
               "whichever rule accepts it.",
               absent_means("none"));
  table->field("application_limits", &Section::application_limits, application_limits_table(),
               "What finding out the application of sessions may take; nothing is taken when no rule asks.",
               absent_means("the defaults below"));
  table->field("events", &Section::events, event_log_table(),
               "Where events of the inspection and of anomalies are written.", absent_means("nowhere"));
  table->field(
      "anomalies", &Section::anomalies, anomalies_table(),
      "Scans, sweeps, floods, guessing of logins and tunnels in DNS are found by what sources do, and "
      "their sources can be blocked for a time; `{}` does with the defaults below.",
      absent_means("nobody is watched"));
  table->field("protect", &Section::protect, protect(), "Protection that does not depend on rules.",
               absent_means("the defaults below"));
  table->field("timeouts", &Section::timeouts, timeouts(), "Idle times after which sessions end.",
               absent_means("the defaults below"));
  table->field("tcp", &Section::tcp, tcp(), "How strictly TCP is followed.",
               absent_means("the defaults below"));
  return table;
}

}  // namespace

const control::ProfileSchema<Section>& schema() {
  static const control::ProfileSchema<Section> kSchema{
      .vnf = "firewall",
      .doc = "Zones, groups and rules of the firewall.",
      .section = section(),
      .check = check,
  };
  return kSchema;
}

control::ProfileSchema<Section> schema(ThreatListReader& reader) {
  control::ProfileSchema<Section> made = schema();
  made.check = [&reader](Section& profile, const control::CheckContext& context) {
    check(profile, context);
    reader.read(profile, context);
  };
  return made;
}

}  // namespace millrace::firewall::profile
