// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/shadowed_rules.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "common/net/wire.h"
#include "vnfs/firewall/address_classes.h"
#include "vnfs/firewall/service_space.h"

namespace millrace::firewall {
namespace {

template <class T>
bool covers(const std::vector<T>& wide, const std::vector<T>& narrow) {
  if (wide.empty()) return true;
  return !narrow.empty() && std::all_of(narrow.begin(), narrow.end(), [&](const T& value) {
    return std::find(wide.begin(), wide.end(), value) != wide.end();
  });
}

bool covers(const Service& wide, const Service& narrow) {
  if (wide.protocol && wide.protocol != narrow.protocol) return false;
  const bool may_be_icmp = !narrow.protocol || net::protocol::is_icmp(*narrow.protocol);
  const bool may_have_ports = !narrow.protocol || !net::protocol::is_icmp(*narrow.protocol);
  if (may_be_icmp && wide.icmp_type &&
      (wide.icmp_type != narrow.icmp_type || (wide.icmp_code && wide.icmp_code != narrow.icmp_code))) {
    return false;
  }
  return !may_have_ports ||
         (wide.source.contains(narrow.source) && wide.destination.contains(narrow.destination));
}

// A rule with TCP flags is about TCP alone.
bool may_match(const Rule& rule, const Service& service) {
  return !rule.tcp_flags || !service.protocol || *service.protocol == net::protocol::kTcp;
}

bool covers_services(const Rule& wide, const Rule& narrow) {
  if (wide.services.empty()) return true;
  const auto covered = [&](Service service) {
    if (!may_match(narrow, service)) return true;
    if (narrow.tcp_flags) service.protocol = net::protocol::kTcp;
    return std::any_of(wide.services.begin(), wide.services.end(),
                       [&](const Service& candidate) { return covers(candidate, service); });
  };
  if (narrow.services.empty()) return covered(Service{});
  return std::all_of(narrow.services.begin(), narrow.services.end(), covered);
}

bool covers_flags(const std::optional<TcpFlagsMatch>& wide, const std::optional<TcpFlagsMatch>& narrow) {
  if (!wide) return true;
  return narrow && (wide->mask & ~narrow->mask) == 0 && (narrow->value & wide->mask) == wide->value;
}

bool can_match(const Rule& rule) {
  if (rule.tcp_flags) {
    if ((rule.tcp_flags->value & ~rule.tcp_flags->mask) != 0) return false;
    if (!rule.services.empty() && std::none_of(rule.services.begin(), rule.services.end(),
                                               [&](const Service& s) { return may_match(rule, s); })) {
      return false;
    }
  }
  return true;
}

// All the address conditions of one side of the rules, each once, and which of them hold all that others
// hold.
class AddressConditions {
 public:
  AddressConditions(std::span<const Rule> rules, std::span<const AddressSet> sets, AddressMatch Rule::*side) {
    std::vector<AddressClasses::Group> groups;
    std::map<std::vector<net::Prefix>, std::uint32_t> group_of_list;
    std::map<std::uint32_t, std::uint32_t> group_of_set;
    std::map<std::tuple<bool, bool, std::vector<std::uint32_t>>, std::uint32_t> numbers;
    const auto group = [&](auto& known, const auto& name, AddressClasses::Group prefixes) {
      const auto [place, is_new] = known.try_emplace(name, static_cast<std::uint32_t>(groups.size()));
      if (is_new) groups.push_back(prefixes);
      return place->second;
    };
    for (const Rule& rule : rules) {
      const AddressMatch& match = rule.*side;
      std::vector<std::uint32_t> members;
      if (!match.any) {
        for (const SetId set : match.sets) {
          members.push_back(group(group_of_set, set.value(), sets[set.value()].prefixes));
        }
        if (!match.prefixes.empty()) members.push_back(group(group_of_list, match.prefixes, match.prefixes));
        std::sort(members.begin(), members.end());
      }
      const auto number = static_cast<std::uint32_t>(conditions_.size());
      const auto [known, is_new] = numbers.try_emplace({match.any, match.negated, members}, number);
      if (is_new) conditions_.push_back({match.any != match.negated, {}});
      of_rule_.push_back(known->second);
    }

    // A condition is the classes in which it differs from what it says of addresses in no group.
    std::vector<std::vector<std::uint32_t>> conditions_of_group(groups.size());
    for (const auto& [condition, number] : numbers) {
      for (const std::uint32_t member : std::get<2>(condition)) conditions_of_group[member].push_back(number);
    }
    const AddressClasses classes(groups);
    class_count_ = static_cast<std::uint32_t>(classes.count());
    different_in_.resize(class_count_);
    for (std::uint32_t class_id = 0; class_id < class_count_; ++class_id) {
      auto& different = different_in_[class_id];
      for (const std::uint32_t member : classes.groups_of(class_id)) {
        different.insert(different.end(), conditions_of_group[member].begin(),
                         conditions_of_group[member].end());
      }
      std::sort(different.begin(), different.end());
      different.erase(std::unique(different.begin(), different.end()), different.end());
      for (const std::uint32_t number : different) conditions_[number].differs_in.push_back(class_id);
    }
    for (std::uint32_t number = 0; number < conditions_.size(); ++number) {
      if (conditions_[number].elsewhere) true_elsewhere_.push_back(number);
    }
    covering_.resize(conditions_.size());
  }

  [[nodiscard]] std::uint32_t of_rule(std::size_t rule) const { return of_rule_[rule]; }
  [[nodiscard]] bool empty(std::uint32_t number) const {
    return !conditions_[number].elsewhere && conditions_[number].differs_in.empty();
  }

  // The conditions that hold wherever this one holds, itself among them.
  const std::vector<std::uint32_t>& covering(std::uint32_t number) {
    auto& covering = covering_[number];
    if (covering) return *covering;
    covering.emplace();
    const auto consider = [&](std::uint32_t candidate) {
      if (subset(conditions_[number], conditions_[candidate])) covering->push_back(candidate);
    };
    if (conditions_[number].elsewhere) {
      // Only what is true elsewhere too can hold all of it.
      for (const std::uint32_t candidate : true_elsewhere_) consider(candidate);
    } else if (!conditions_[number].differs_in.empty()) {
      const std::uint32_t sample = conditions_[number].differs_in.front();
      for (const std::uint32_t candidate : true_elsewhere_) consider(candidate);
      for (const std::uint32_t candidate : different_in_[sample]) {
        if (!conditions_[candidate].elsewhere) consider(candidate);
      }
    }
    return *covering;
  }

 private:
  struct Condition {
    bool elsewhere;                         // what it says of an address in none of its groups
    std::vector<std::uint32_t> differs_in;  // the classes, rising, of which it says the opposite
  };

  [[nodiscard]] bool subset(const Condition& narrow, const Condition& wide) const {
    const auto& a = narrow.differs_in;
    const auto& b = wide.differs_in;
    if (narrow.elsewhere) return wide.elsewhere && std::includes(a.begin(), a.end(), b.begin(), b.end());
    if (!wide.elsewhere) return std::includes(b.begin(), b.end(), a.begin(), a.end());
    std::vector<std::uint32_t> both;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
    return both.empty();
  }

  std::vector<Condition> conditions_;
  std::vector<std::uint32_t> of_rule_;
  std::vector<std::vector<std::uint32_t>> different_in_;  // by class
  std::vector<std::uint32_t> true_elsewhere_;
  std::vector<std::optional<std::vector<std::uint32_t>>> covering_;
  std::uint32_t class_count_ = 0;
};

bool covers_the_rest(const Rule& wide, const Rule& narrow) {
  return covers(wide.from, narrow.from) && covers(wide.to, narrow.to) &&
         covers(wide.interfaces, narrow.interfaces) && covers(wide.dscp, narrow.dscp) &&
         covers(wide.applications, narrow.applications) && covers_flags(wide.tcp_flags, narrow.tcp_flags) &&
         covers_services(wide, narrow);
}

}  // namespace

std::vector<ShadowedRule> find_shadowed(std::span<const Rule> rules, std::span<const AddressSet> sets) {
  AddressConditions sources(rules, sets, &Rule::source);
  AddressConditions destinations(rules, sets, &Rule::destination);
  const auto pair = [](std::uint32_t source, std::uint32_t destination) {
    return (std::uint64_t{source} << 32) | destination;
  };
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> earlier;  // rules by their two conditions
  std::vector<ShadowedRule> shadowed;
  for (std::uint32_t i = 0; i < rules.size(); ++i) {
    const std::uint32_t source = sources.of_rule(i);
    const std::uint32_t destination = destinations.of_rule(i);
    if (sources.empty(source) || destinations.empty(destination) || !can_match(rules[i])) continue;
    std::uint32_t first = i;
    for (const std::uint32_t wide_source : sources.covering(source)) {
      for (const std::uint32_t wide_destination : destinations.covering(destination)) {
        const auto found = earlier.find(pair(wide_source, wide_destination));
        if (found == earlier.end()) continue;
        for (const std::uint32_t candidate : found->second) {
          if (candidate >= first) break;
          if (!covers_the_rest(rules[candidate], rules[i])) continue;
          first = candidate;
          break;
        }
      }
    }
    if (first != i) shadowed.push_back({RuleIndex(i), RuleIndex(first)});
    earlier[pair(source, destination)].push_back(i);
  }
  return shadowed;
}

}  // namespace millrace::firewall
