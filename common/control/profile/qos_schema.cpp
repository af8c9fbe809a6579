// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/profile/qos_schema.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "common/control/profile/forwarding_schema.h"
#include "common/control/profile/text.h"
#include "common/control/profile/types.h"

namespace millrace::control {
namespace {

constexpr std::uint64_t kLeastRate = 8'000;  // bits a second
constexpr std::uint64_t kMostRate = 400'000'000'000;
constexpr std::uint64_t kLeastBurst = 1500;
constexpr std::uint64_t kMostBurst = std::uint64_t{1} << 32;
constexpr std::size_t kMostRules = 1000;
constexpr std::size_t kMostCombinations = 10'000;  // that the data path holds, over all interfaces

TypePtr<ColorAction> color_action() {
  struct Mark {
    std::uint8_t mark = 0;
  };
  auto mark = std::make_shared<Struct<Mark>>("mark", "Passes with another code point.");
  mark->field("mark", &Mark::mark, dscp(), "The DSCP it leaves with.", kRequired);
  OneOfType<ColorAction>::Ways ways;
  ways.word = std::make_shared<MappedType<ColorAction, bool>>(
      choice<bool>({{"pass", false, "left as it is"}, {"drop", true, "dropped"}}),
      [](bool&& drop, ColorAction& out, const Node&, Reader&) {
        out = {.drop = drop, .mark = {}};
        return true;
      },
      nullptr);
  ways.map = std::make_shared<MappedType<ColorAction, Mark>>(
      std::shared_ptr<const Struct<Mark>>(mark),
      [](Mark&& from, ColorAction& out, const Node&, Reader&) {
        out = {.drop = false, .mark = from.mark};
        return true;
      },
      nullptr);
  return std::make_shared<OneOfType<ColorAction>>(std::move(ways), [](const ColorAction& value) {
    return value.mark ? std::string() : std::string(value.drop ? "drop" : "pass");
  });
}

std::shared_ptr<const Struct<Policer>> policer() {
  auto table = std::make_shared<Struct<Policer>>(
      "policer",
      "A meter. Of what comes under its rules, all together, so much conforms; more is dropped or marked.");
  table->field("rate", &Policer::rate, bandwidth(kLeastRate, kMostRate),
               "Bits a second that conform, of IP packets (without Ethernet headers): the committed rate.",
               kRequired);
  table->field("burst", &Policer::burst, size(kLeastBurst, kMostBurst),
               "How much may come at once: the committed burst. TCP needs what its round trip holds.",
               absent_means("what comes in 100 ms, at least 16KiB"));
  table->field("peak", &Policer::peak, bandwidth(kLeastRate, kMostRate),
               "A second, higher rate (RFC 2698): what is above `rate` and not above this exceeds, more "
               "violates.",
               absent_means("one rate (RFC 2697)"));
  table->field(
      "excess_burst", &Policer::excess_burst, size(kLeastBurst, kMostBurst),
      "Beside `peak`: its burst. Alone: so much more than `burst` may come at once, and exceeds, when "
      "less than `rate` came before (RFC 2697).",
      absent_means("beside `peak` what comes at it in 100 ms, else nothing exceeds and what does not "
                   "conform violates"));
  table->field(
      "color_aware", &Policer::color_aware, boolean(),
      "Take the drop precedence that packets come with for a color (RFC 2597): AF12 at best exceeds, "
      "AF13 violates.");
  table->field("conform", &Policer::conform, color_action(), "What becomes of packets that conform.");
  table->field("exceed", &Policer::exceed, color_action(), "And of those that exceed.");
  table->field("violate", &Policer::violate, color_action(), "And of those that violate.");
  return table;
}

std::shared_ptr<const Struct<TrafficRule>> rule() {
  auto table = std::make_shared<Struct<TrafficRule>>(
      "traffic rule",
      "Packets that come in, and what is done to them before the appliance looks at them. All that is given "
      "must hold; of a list, one. The first rule that fits holds.");
  table->position(&TrafficRule::at);
  table->field("name", &TrafficRule::name, name("a rule's name"), "What counters call it.",
               absent_means("its number, as #1"));
  table->field("interface", &TrafficRule::interface, interface_name(), "Where packets come in.",
               absent_means("any"));
  table->field("dscp", &TrafficRule::dscp, list_not_empty<std::uint8_t>(dscp()),
               "Code points they come with.", absent_means("any"));
  table->field("service", &TrafficRule::service, list_not_empty<Located<Service>>(service()),
               "Protocols, with destination ports or ICMP types.", absent_means("any"));
  table->field("source_port", &TrafficRule::source_port, list_not_empty<PortRange>(ports()), "Source ports.",
               absent_means("any"));
  table->field("from", &TrafficRule::from, prefix(), "Source addresses.", absent_means("any"));
  table->field("to", &TrafficRule::to, prefix(), "Destination addresses, as packets come with them.",
               absent_means("any"));
  table->field("police", &TrafficRule::police, name("a policer's name"), "The meter they go by.",
               absent_means("none"));
  table->field("mark", &TrafficRule::mark, dscp(),
               "The DSCP they go on with, unless their color has one of its own.",
               absent_means("that which they come with"));
  return table;
}

// Bytes that come in 100 ms.
std::uint64_t burst_of(std::uint64_t rate) noexcept {
  constexpr std::uint64_t kLeast = 16 << 10;
  return std::max(rate / (8 * 10), kLeast);
}

std::size_t combinations(const TrafficRule& rule) {
  const auto ways = [](const auto& list) { return std::max<std::size_t>(list.size(), 1); };
  return ways(rule.service) * ways(rule.source_port) * ways(rule.from) * ways(rule.to);
}

void check_rule(const Profile& profile, const TrafficRule& rule, Diagnostics& diagnostics) {
  std::vector<std::string> interfaces;
  for (const Interface& interface : profile.interfaces) interfaces.push_back(*interface.name);
  for (const auto& name : rule.interface) {
    const Interface* interface = profile.interface(*name);
    if (interface == nullptr) {
      diagnostics.error(name.at, undefined("interface", *name, interfaces));
    } else if (interface->tunnel.value) {
      diagnostics.error(name.at, fmt::format("{} is a tunnel, and rules are asked when packets come in by a "
                                             "port; give the interface that its packets come by",
                                             quote(*name)));
    }
  }
  if (rule.police.value) {
    std::vector<std::string> policers;
    for (const Policer& policer : profile.qos.policers) policers.push_back(*policer.name);
    if (std::ranges::find(policers, *rule.police.value) == policers.end())
      diagnostics.error(rule.police.at, undefined("policer", *rule.police.value, policers));
  }
  const bool ports = !rule.service.empty() &&
                     std::ranges::all_of(rule.service, [](const auto& one) { return has_ports(*one); });
  if (!rule.source_port.empty() && !ports)
    diagnostics.error(rule.at,
                      "source_port of packets that may have none; give a service of tcp, udp or sctp");
  const auto v4 = [](const net::Prefix& prefix) { return prefix.address.is_v4(); };
  const auto mixed = [&](const auto& a, const auto& b) {
    return !a.empty() && !b.empty() && std::ranges::none_of(a, [&](const net::Prefix& one) {
      return std::ranges::any_of(b, [&](const net::Prefix& other) { return v4(one) == v4(other); });
    });
  };
  if (mixed(rule.from, rule.to))
    diagnostics.error(rule.at, "from and to are of different families, which no packet has; give one");
}

}  // namespace

std::uint64_t Policer::committed_burst() const noexcept { return burst.value_or(burst_of(*rate)); }

std::uint64_t Policer::second_burst() const noexcept {
  return excess_burst->value_or(peak.value ? burst_of(*peak.value) : 0);
}

std::shared_ptr<const Struct<Qos>> qos() {
  auto table = std::make_shared<Struct<Qos>>("qos", "Quality of service.");
  table->field("policers", &Qos::policers,
               std::make_shared<MapType<Policer>>(&Policer::name, name("a policer's name"), policer(), true),
               "Meters, by names of your choice.");
  table->field("rules", &Qos::rules, rule(), "Which packets go by which meter, and which are marked.");
  return table;
}

void check_qos(const Profile& profile, Diagnostics& diagnostics) {
  const Qos& qos = profile.qos;
  for (const Policer& policer : qos.policers) {
    if (policer.peak.value && policer.rate.at.known() && *policer.peak.value < *policer.rate)
      diagnostics.error(policer.peak.at, fmt::format("a peak below the rate {}; give at least as much",
                                                     print_bandwidth(*policer.rate)));
  }
  if (qos.rules.size() > kMostRules) {
    diagnostics.error(qos.rules[kMostRules].at, fmt::format("more than {} rules", kMostRules));
    return;
  }
  std::size_t all = 0;
  std::map<std::string_view, Position> names;
  for (const TrafficRule& rule : qos.rules) {
    check_rule(profile, rule, diagnostics);
    const std::size_t places = rule.interface.empty() ? profile.interfaces.size() : rule.interface.size();
    all += combinations(rule) * places;
    if (all > kMostCombinations) {
      diagnostics.error(rule.at,
                        fmt::format("up to this rule, interfaces, services, ports and addresses make {} "
                                    "combinations, of which there may be {}",
                                    all, kMostCombinations));
      return;
    }
    if (!rule.name) continue;
    const auto [earlier, added] = names.emplace(*rule.name, rule.at);
    if (!added)
      diagnostics.error(rule.at, fmt::format("the rule in line {} is called {} already", earlier->second.line,
                                             quote(*rule.name)));
  }
}

}  // namespace millrace::control
