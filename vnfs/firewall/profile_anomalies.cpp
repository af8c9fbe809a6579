// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/profile_anomalies.h"

#include <chrono>
#include <string_view>

#include <fmt/format.h>

#include "vnfs/firewall/profile_types.h"

namespace millrace::firewall::profile {
namespace {

using namespace std::chrono_literals;
using control::absent_means;
using control::kRequired;
using control::list_not_empty;
using control::Struct;

constexpr std::uint64_t kMostCounted = 1'000'000;

control::TypePtr<AnomalyAction> anomaly_action(bool of_source) {
  std::vector<control::Choice<AnomalyAction>> choices = {
      {"ignore", AnomalyAction::kIgnore, "nothing is raised"},
      {"alarm", AnomalyAction::kAlarm, "it is told: log, metrics, events, `vnfctl anomalies`"}};
  if (of_source) {
    choices.emplace_back("block", AnomalyAction::kBlock,
                         "the same, and the source opens no session for the time of `block_for`");
  } else {
    choices.emplace_back("block", AnomalyAction::kBlock, "",
                         control::Fault{.wrong = "is not for a flood, whose sources are many or forged",
                                        .right = "ignore or alarm, and protect.syn_cookies against it"});
  }
  return control::choice<AnomalyAction>(std::move(choices));
}

std::shared_ptr<const Struct<AnomalyCounts>> counts_table(const std::string& kind, std::string_view what) {
  auto table = std::make_shared<Struct<AnomalyCounts>>(
      kind + " above", fmt::format("{}, below which nothing is an anomaly.", what));
  const auto number = control::count(1, kMostCounted);
  table->field("10s", &AnomalyCounts::ten_seconds, number, "Within ten seconds.", kRequired);
  table->field("5m", &AnomalyCounts::five_minutes, number, "Within five minutes.", kRequired);
  table->field("1h", &AnomalyCounts::hour, number, "Within an hour.", kRequired);
  return table;
}

void add_source(Struct<SourceAnomaly>& table, const std::string& kind, std::string_view what,
                const SourceAnomaly& initial) {
  const AnomalyCounts& above = *initial.above;
  table.field("above", &SourceAnomaly::above, counts_table(kind, what),
              fmt::format("{}, below which nothing is an anomaly, however unusual it is.", what),
              absent_means(fmt::format("`{{10s: {}, 5m: {}, 1h: {}}}`", above.ten_seconds, above.five_minutes,
                                       above.hour)));
  table.field("action", &SourceAnomaly::action, anomaly_action(true), "What is done about it.");
  table.field("block_for", &SourceAnomaly::block_for, control::duration(1s, 14 * 24h),
              "With `action: block`, for how long since the source last went on.",
              absent_means(fmt::format("`{}`", control::print_duration(SourceAnomaly::kBlockFor))));
}

std::shared_ptr<const Struct<SourceAnomaly>> source_table(const std::string& kind, const std::string& doc,
                                                          std::string_view what,
                                                          const SourceAnomaly& initial) {
  auto table = std::make_shared<Struct<SourceAnomaly>>(kind, doc);
  add_source(*table, kind, what, initial);
  return table;
}

std::shared_ptr<const Struct<FloodAnomaly>> flood_table(const std::string& kind, const std::string& doc,
                                                        const FloodAnomaly& initial) {
  auto table = std::make_shared<Struct<FloodAnomaly>>(kind, doc);
  table->field(
      "above", &FloodAnomaly::above, control::rate(),
      "Openings that go unanswered, over ten seconds, below which nothing is an anomaly, however unusual it "
      "is.",
      absent_means(fmt::format("`{}`", control::print_rate(initial.above))));
  table->field("action", &FloodAnomaly::action, anomaly_action(false), "What is done about it.");
  return table;
}

std::shared_ptr<const Struct<BruteForce>> brute_force_table() {
  const BruteForce initial;
  auto table = std::make_shared<Struct<BruteForce>>(
      "brute_force", "A source has session after session with a login service, each as short as a refusal.");
  table->include(&BruteForce::source, *source_table("brute_force", "", "Short sessions", initial.source));
  table->field("ports", &BruteForce::ports,
               list_not_empty<std::uint16_t>(control::integer<std::uint16_t>(1, 65535)),
               "TCP ports of services where people say who they are; at most 8.");
  table->field("shorter_than", &BruteForce::shorter_than, control::duration(1s, 10min),
               "A session is short that lasts no longer.");
  table->field("at_least_bytes", &BruteForce::at_least_bytes, control::count(0, kMostCounted),
               "And carries so many bytes, IP headers and both ways counted: less only looks whether the "
               "service is there.");
  table->field("at_most_bytes", &BruteForce::at_most_bytes, control::count(1, kMostCounted),
               "And no more than so many.");
  return table;
}

std::shared_ptr<const Struct<DnsTunnel>> dns_tunnel_table() {
  const DnsTunnel initial;
  auto table = std::make_shared<Struct<DnsTunnel>>(
      "dns_tunnel",
      "A client asks for name after name below one domain, long and without order, as data are.");
  table->include(&DnsTunnel::source, *source_table("dns_tunnel", "", "Different names", initial.source));
  table->field("domains_without", &DnsTunnel::domains_without,
               control::list<std::string>(control::text_of<std::string>(
                   "a domain as it is registered, in small letters, such as example.org",
                   "[a-z0-9_-]+(\\.[a-z0-9_-]+)+",
                   [](std::string_view text) -> std::optional<std::string> {
                     std::size_t label = 0;
                     std::size_t dots = 0;
                     for (const char c : text) {
                       const bool plain =
                           (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
                       if (!plain && (c != '.' || label == 0)) return std::nullopt;
                       dots += plain ? 0 : 1;
                       label = plain ? label + 1 : 0;
                     }
                     if (label == 0 || dots == 0 || text.size() > 64) return std::nullopt;
                     return std::string(text);
                   },
                   [](const std::string& value) { return value; })),
               "Domains whose hosts have long names, and below which nobody but their owner answers, so that "
               "no tunnel ends there.");
  return table;
}

void check_source(const SourceAnomaly& kind, control::Diagnostics& diagnostics) {
  const AnomalyCounts& above = *kind.above;
  if (above.ten_seconds > above.five_minutes || above.five_minutes > above.hour)
    diagnostics.error(kind.above.at,
                      "above: what is too much in a shorter time is too much in a longer one; give numbers "
                      "that do not fall from 10s to 5m to 1h");
  if (kind.block_for.value && kind.action != AnomalyAction::kBlock)
    diagnostics.error(kind.block_for.at,
                      "block_for: nothing is blocked; add action: block, or remove block_for");
}

}  // namespace

std::shared_ptr<const Struct<Anomalies>> anomalies_table() {
  const Anomalies initial;
  auto table = std::make_shared<Struct<Anomalies>>(
      "anomalies", "Behaviour of sources that is out of the usual, found without signatures.");
  table->field(
      "except", &Anomalies::except, list_not_empty<Located<AddressTerm>>(address_term()),
      "Sources that are never blocked: addresses, prefixes, ranges and \"@GROUP\". An address can be "
      "forged, so others' name servers and one's own services belong here.",
      absent_means("none"));
  table->field("sensitivity", &Anomalies::sensitivity,
               control::choice<Sensitivity>({{"low", Sensitivity::kLow, "twice as much has to come together"},
                                             {"normal", Sensitivity::kNormal, "what `above` says"},
                                             {"high", Sensitivity::kHigh, "half of it is enough"}}),
               "How soon something is an anomaly.");
  table->field("deviations", &Anomalies::deviations, control::count(2, 100),
               "And so many standard deviations above what is usual here.");
  table->field("clear_after", &Anomalies::clear_after, control::duration(10s, 24h),
               "An anomaly is over when it has not gone on for so long.");
  table->field("ipv6_source", &Anomalies::ipv6_source, control::integer<std::uint8_t>(32, 128),
               "All addresses of an IPv6 network with a prefix of so many bits are one source.");
  table->field("most_open", &Anomalies::most_open, control::count(1, 10'000),
               "Most anomalies open at a time; the weakest gives way.");
  table->field("most_blocked", &Anomalies::most_blocked, control::count(1, 100'000),
               "Most sources blocked at a time; more are not.");
  table->field("port_scan", &Anomalies::port_scan,
               source_table("port_scan", "A source tries ports of hosts, and most do not answer.",
                            "Ports that did not answer", initial.port_scan),
               "Port scans.", absent_means("the defaults below"));
  table->field("host_sweep", &Anomalies::host_sweep,
               source_table("host_sweep", "A source tries a port on many hosts, and most do not answer.",
                            "Hosts that did not answer", initial.host_sweep),
               "Sweeps over hosts.", absent_means("the defaults below"));
  table->field("syn_flood", &Anomalies::syn_flood,
               flood_table("syn_flood",
                           "Far more connections than usual begin at a service, and are not "
                           "completed.",
                           initial.syn_flood),
               "SYN floods.", absent_means("the defaults below"));
  table->field("udp_flood", &Anomalies::udp_flood,
               flood_table("udp_flood", "Far more UDP than usual comes to a host, and is not answered.",
                           initial.udp_flood),
               "UDP floods.", absent_means("the defaults below"));
  table->field("brute_force", &Anomalies::brute_force, brute_force_table(), "Guessing of logins.",
               absent_means("the defaults below"));
  table->field("dns_tunnel", &Anomalies::dns_tunnel, dns_tunnel_table(), "Data in the names of DNS queries.",
               absent_means("the defaults below"));
  return table;
}

void check_anomalies(const Anomalies& anomalies, control::Diagnostics& diagnostics) {
  for (const SourceAnomaly* kind : {&anomalies.port_scan, &anomalies.host_sweep,
                                    &anomalies.brute_force.source, &anomalies.dns_tunnel.source})
    check_source(*kind, diagnostics);
  const BruteForce& logins = anomalies.brute_force;
  if (logins.ports->size() > BruteForce::kMostPorts)
    diagnostics.error(logins.ports.at, fmt::format("ports: {} are too many; give at most {}",
                                                   logins.ports->size(), BruteForce::kMostPorts));
  if (*logins.at_least_bytes > logins.at_most_bytes)
    diagnostics.error(logins.at_least_bytes.at,
                      fmt::format("at_least_bytes: no session carries {} bytes or more and {} or fewer; give "
                                  "at most at_most_bytes",
                                  *logins.at_least_bytes, logins.at_most_bytes));
  for (const auto& term : anomalies.except) {
    if (term->negated)
      diagnostics.error(term.at,
                        "except: a '!' would take out of what is excepted; name only sources that are never "
                        "blocked");
  }
}

}  // namespace millrace::firewall::profile
