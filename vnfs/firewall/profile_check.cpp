// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/profile_check.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "common/control/profile/text.h"
#include "vnfs/firewall/profile_types.h"

namespace millrace::firewall::profile {
namespace {

using control::quote;
using control::undefined;

// Names in the order of the file, and a set to look them up.
struct Names {
  std::vector<std::string> list;
  std::unordered_set<std::string_view> known;

  template <class T>
  explicit Names(const std::vector<T>& all) {
    for (const T& one : all) {
      if (!one.name.at.known()) continue;
      list.push_back(one.name.value);
      known.insert(one.name.value);
    }
  }
};

class Checker {
 public:
  Checker(Section& profile, const control::CheckContext& context)
      : profile_(profile),
        context_(context),
        zones_(profile.zones),
        groups_(profile.groups),
        schedules_(profile.schedules),
        inspections_(profile.inspections),
        interfaces_(context.common.interfaces) {
    for (const Group& group : profile.groups) by_name_.emplace(*group.name, &group);
  }

  void run() {
    check_zones();
    std::unordered_map<std::string_view, Position> rules;
    for (Rule& rule : profile_.rules) {
      if (rule.name.at.known()) {
        const auto [first, added] = rules.emplace(*rule.name, rule.name.at);
        if (!added) {
          error(rule.name.at,
                fmt::format("rule {} is given twice, first in line {}; give each rule a name of its own",
                            quote(*rule.name), first->second.line));
        }
      }
      check_rule(rule);
    }
    for (const Inspection& inspection : profile_.inspections) {
      if (*inspection.capture_packets != 0 && (!profile_.events || !profile_.events->capture)) {
        error(inspection.capture_packets.at,
              "there is no file that packets could go to; give its path as events.capture, or leave "
              "capture_packets out");
      }
      for (const AddressVariable& variable : inspection.addresses) check_terms(variable.terms);
    }
    check_threat_lists();
    if (profile_.anomalies) {
      check_terms(profile_.anomalies->except);
      check_anomalies(*profile_.anomalies, context_.diagnostics);
    }
    check_reverse_path();
  }

 private:
  void error(Position at, std::string message) { context_.diagnostics.error(at, std::move(message)); }

  void check_zones() {
    std::map<std::string_view, const Zone*> zone_of;
    for (const Zone& zone : profile_.zones) {
      if (zone.name.at.known() && *zone.name == "any") {
        error(zone.name.at, "zone name 'any' stands for all zones in rules; choose another");
      }
      for (const auto& interface : zone.interfaces) {
        if (!interfaces_.known.contains(*interface)) {
          error(interface.at, undefined("interface", *interface, interfaces_.list));
          continue;
        }
        const auto [first, added] = zone_of.emplace(*interface, &zone);
        if (added) continue;
        error(interface.at,
              fmt::format("interface {} is already in zone {}; an interface is in one zone, once",
                          quote(*interface), quote(*first->second->name)));
      }
    }
  }

  void check_zone_names(std::vector<Located<std::string>>& names) {
    bool any = false;
    for (const auto& one : names) {
      if (*one == "any") {
        any = true;
        if (names.size() > 1) error(one.at, "'any' in a list with zones; give any alone, or leave it out");
      } else if (!zones_.known.contains(*one)) {
        error(one.at, undefined("zone", *one, zones_.list));
      }
    }
    if (any) names.clear();
  }

  // Which families the terms can match: bit 0 is IPv4, bit 1 IPv6.
  unsigned check_terms(const AddressTerms& terms) {
    unsigned families = 0;
    bool plain = false;
    for (const auto& term : terms) {
      const std::vector<net::Prefix>* prefixes = &term->prefixes;
      if (!term->group.empty()) {
        const auto found = by_name_.find(term->group);
        if (found == by_name_.end()) {
          error(term.at, undefined("group", term->group, groups_.list));
          return 3;
        }
        prefixes = &found->second->prefixes;
      }
      if (prefixes->empty())
        families |= 3;  // a file with nothing in it today, or a term that could not be read
      if (term->negated) continue;
      plain = true;
      for (const net::Prefix& prefix : *prefixes) families |= prefix.address.is_v4() ? 1U : 2U;
    }
    return plain ? families : 3;
  }

  void check_rule(Rule& rule) {
    check_zone_names(rule.from);
    check_zone_names(rule.to);
    for (const auto& interface : rule.interface) {
      if (!interfaces_.known.contains(*interface)) {
        error(interface.at, undefined("interface", *interface, interfaces_.list));
      }
    }
    if (rule.schedule.value && !schedules_.known.contains(*rule.schedule.value)) {
      error(rule.schedule.at, undefined("schedule", *rule.schedule.value, schedules_.list));
    }
    if (rule.inspect.value && !inspections_.known.contains(*rule.inspect.value)) {
      error(rule.inspect.at, undefined("inspection", *rule.inspect.value, inspections_.list));
    }
    for (const auto& application : rule.application) {
      if (!is_application(*application))
        error(application.at, undefined("application", *application, all_application_names()));
    }
    const unsigned source = check_terms(rule.source);
    const unsigned destination = check_terms(rule.destination);
    if ((source & destination) == 0) {
      error(rule.destination.front().at,
            "the rule never matches: source and destination are of different families; give both in the same "
            "one");
    }
    check_services(rule, source & destination);
    if (rule.action != Action::kAccept && rule.inspect.value) {
      error(rule.inspect.at,
            fmt::format(
                "rule {} accepts nothing that could be inspected; remove inspect, or use action: accept",
                quote(*rule.name)));
    }
    if (rule.action != Action::kAccept &&
        (rule.limit || rule.max_sessions || rule.max_sessions_per_source || rule.new_sessions_per_source)) {
      error(rule.at, fmt::format("rule {} has limits but accepts nothing; remove them, or use action: accept",
                                 quote(*rule.name)));
    }
  }

  void check_services(const Rule& rule, unsigned families) {
    bool all_with_ports = !rule.service.empty();
    bool all_tcp = !rule.service.empty();
    for (const auto& service : rule.service) {
      all_with_ports = all_with_ports && has_ports(*service);
      all_tcp = all_tcp && service->protocol == 6;
      if ((service->protocol == 1 && families == 2) || (service->protocol == 58 && families == 1)) {
        error(service.at, fmt::format("{} is not a protocol of the rule's addresses; for {} use {}",
                                      print_service(*service), families == 1 ? "IPv4" : "IPv6",
                                      families == 1 ? "icmp" : "icmpv6"));
      }
    }
    if (!rule.source_port.empty() && !all_with_ports) {
      error(rule.at,
            fmt::format("rule {} has source_port for protocols without ports; give a service of tcp, udp, "
                        "sctp, dccp or udplite only",
                        quote(*rule.name)));
    }
    if (rule.tcp_flags.value && !all_tcp) {
      error(rule.tcp_flags.at,
            "tcp_flags for other protocols than TCP; give service: tcp, or tcp with ports");
    }
  }

  void check_threat_lists() {
    constexpr std::size_t kMost = inspection::ListHits::kMostLists;
    if (profile_.threat_lists.size() <= kMost) return;
    error(profile_.threat_lists[kMost].at,
          fmt::format("{} threat lists, and at most {} are possible; put some into one file",
                      profile_.threat_lists.size(), kMost));
  }

  void check_reverse_path() {
    auto& reverse_path = profile_.protect.reverse_path;
    if (!context_.common.transparent()) return;
    if (reverse_path.at.known() && *reverse_path != ReversePath::kOff) {
      error(reverse_path.at, "reverse_path needs routes, and transparent forwarding has none; use off");
    }
    reverse_path.value = ReversePath::kOff;
  }

  Section& profile_;
  const control::CheckContext& context_;
  Names zones_;
  Names groups_;
  Names schedules_;
  Names inspections_;
  Names interfaces_;
  std::unordered_map<std::string_view, const Group*> by_name_;
};

template <class T>
const T* named(const std::vector<T>& all, std::string_view wanted) noexcept {
  const auto found = std::ranges::find_if(all, [&](const T& one) { return one.name.value == wanted; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

void check(Section& profile, const control::CheckContext& context) {
  fill_groups(profile.groups, context);
  read_signatures(profile.inspections, context);
  Checker(profile, context).run();
}

const Zone* Section::zone(std::string_view wanted) const noexcept { return named(zones, wanted); }
const Group* Section::group(std::string_view wanted) const noexcept { return named(groups, wanted); }
const Schedule* Section::schedule(std::string_view wanted) const noexcept { return named(schedules, wanted); }
bool Section::asks_applications() const noexcept {
  return std::ranges::any_of(rules, [](const Rule& rule) { return !rule.application.empty(); });
}
const Inspection* Section::inspection(std::string_view wanted) const noexcept {
  return named(inspections, wanted);
}

}  // namespace millrace::firewall::profile
