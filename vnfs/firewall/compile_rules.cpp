// SPDX-License-Identifier: BSD-3-Clause
// The building half of RuleMatcher.
#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "common/net/wire.h"
#include "vnfs/firewall/address_classes.h"
#include "vnfs/firewall/rule_matcher.h"
#include "vnfs/firewall/service_space.h"

namespace millrace::firewall {

namespace {

// The bits of one rule: first to last - 1.
struct EntryRange {
  std::uint32_t first;
  std::uint32_t last;
};

tl::unexpected<Error> rule_failure(const Rule& rule, std::string reason) {
  return failure(fmt::format("compile rule {}", rule.name), std::move(reason));
}

// What a rule may hold that no list of values shows to be wrong later.
Result<void> check(const Rule& rule, std::span<const AddressSet> sets) {
  for (const AddressMatch* match : {&rule.source, &rule.destination}) {
    for (const SetId set : match->sets) {
      if (set.value() >= sets.size())
        return rule_failure(rule, fmt::format("no address set {}", set.value()));
    }
  }
  for (const std::vector<ZoneId>* zones : {&rule.from, &rule.to}) {
    if (std::find(zones->begin(), zones->end(), ZoneId::none()) != zones->end()) {
      return rule_failure(rule, "a zone that is not there");
    }
  }
  for (const std::uint8_t dscp : rule.dscp) {
    if (dscp > 63) return rule_failure(rule, fmt::format("DSCP {} is past 63", dscp));
  }
  for (const Service& service : rule.services) {
    if (service.source.first > service.source.last || service.destination.first > service.destination.last) {
      return rule_failure(rule, "a port range ends before it begins");
    }
    if (service.icmp_code && !service.icmp_type) return rule_failure(rule, "an ICMP code without a type");
  }
  return {};
}

// A service's places in the service space, by destination or by source port.
template <class Add>
void each_interval(const Service& service, bool by_destination, Add add) {
  const PortRange& ports = by_destination ? service.destination : service.source;
  const auto all_of = [&](std::uint8_t protocol) {
    add(service_space::place(protocol, 0), service_space::place(protocol, 65535));
    add(service_space::kUnknownPorts | service_space::place(protocol, 0),
        service_space::kUnknownPorts | service_space::place(protocol, 65535));
  };
  const auto of_protocol = [&](std::uint8_t protocol) {
    if (net::protocol::is_icmp(protocol)) {
      if (!service.icmp_type) return all_of(protocol);
      if (!by_destination)
        return add(service_space::place(protocol, 0), service_space::place(protocol, 65535));
      const std::uint8_t type = *service.icmp_type;
      add(service_space::place(protocol, service_space::icmp_port(type, service.icmp_code.value_or(0))),
          service_space::place(protocol, service_space::icmp_port(type, service.icmp_code.value_or(255))));
    } else if (ports.is_any()) {
      all_of(protocol);
    } else {
      add(service_space::place(protocol, ports.first), service_space::place(protocol, ports.last));
    }
  };
  if (service.protocol) return of_protocol(*service.protocol);
  if (ports.is_any() && !service.icmp_type) return add(0, service_space::kEnd - 1);
  for (unsigned protocol = 0; protocol < 256; ++protocol) of_protocol(static_cast<std::uint8_t>(protocol));
}

}  // namespace

class MatcherBuilder {
 public:
  MatcherBuilder(std::span<const Rule> rules, std::span<const AddressSet> sets, const CompileLimits& limits)
      : rules_(rules), sets_(sets), limits_(limits) {}

  Result<RuleMatcher> build() {
    const auto begin = std::chrono::steady_clock::now();
    if (rules_.empty()) return RuleMatcher{};
    if (const auto numbered = number_entries(); !numbered) return tl::unexpected(numbered.error());

    if (!add_addresses(&Rule::source, matcher_.source_, matcher_.report_.source_classes) ||
        !add_addresses(&Rule::destination, matcher_.destination_, matcher_.report_.destination_classes) ||
        !add_ports(true, matcher_.destination_port_, matcher_.uses_destination_port_) ||
        !add_ports(false, matcher_.source_port_, matcher_.uses_source_port_)) {
      return failure("compile the rules",
                     fmt::format("they need more than the {} MiB allowed", limits_.memory_bytes >> 20));
    }
    const auto zone = [](ZoneId id) { return std::size_t{id.value()}; };
    const auto number = [](auto value) { return std::size_t{value}; };
    add_small(&Rule::from, zone, matcher_.from_);
    add_small(&Rule::to, zone, matcher_.to_);
    add_small(&Rule::interfaces, number, matcher_.interface_);
    add_small(&Rule::dscp, number, matcher_.dscp_);
    add_tcp_flags();
    add_applications();
    return finish(begin);
  }

 private:
  [[nodiscard]] bool fits() const noexcept { return matcher_.bits_.memory_bytes() <= limits_.memory_bytes; }

  Result<void> number_entries() {
    std::vector<std::uint32_t>& rule_of_entry = matcher_.rule_of_entry_;
    for (std::uint32_t i = 0; i < rules_.size(); ++i) {
      if (auto checked = check(rules_[i], sets_); !checked) return checked;
      const auto first = static_cast<std::uint32_t>(rule_of_entry.size());
      const std::size_t count = std::max<std::size_t>(1, rules_[i].services.size());
      if (first + count > limits_.entries) {
        return rule_failure(rules_[i],
                            fmt::format("with its {} services the rules have more than the {} entries "
                                        "allowed",
                                        count, limits_.entries));
      }
      rule_of_entry.resize(first + count, i);
      entries_.push_back({first, static_cast<std::uint32_t>(first + count)});
    }
    matcher_.bits_ = BitRows(rule_of_entry.size());
    return {};
  }

  [[nodiscard]] DenseRow empty_row() const { return DenseRow(matcher_.rule_of_entry_.size()); }

  bool add_addresses(AddressMatch Rule::*side, net::PrefixTable& table, std::size_t& classes_count) {
    // The groups: each set that is used, and each list of prefixes, once.
    std::vector<AddressClasses::Group> groups;
    std::map<std::uint32_t, std::uint32_t> group_of_set;
    std::map<std::vector<net::Prefix>, std::uint32_t> group_of_list;
    std::vector<std::vector<std::uint32_t>> rules_of_group;
    DenseRow outside = empty_row();  // the rules that take an address which is in no group
    const auto note = [&](auto& numbers, const auto& name, AddressClasses::Group prefixes,
                          std::uint32_t rule) {
      const auto [known, is_new] = numbers.try_emplace(name, static_cast<std::uint32_t>(groups.size()));
      if (is_new) {
        groups.push_back(prefixes);
        rules_of_group.emplace_back();
      }
      rules_of_group[known->second].push_back(rule);
    };
    for (std::uint32_t i = 0; i < rules_.size(); ++i) {
      const AddressMatch& match = rules_[i].*side;
      if (match.any != match.negated) outside.set(entries_[i].first, entries_[i].last);
      if (match.any) continue;
      for (const SetId set : match.sets) {
        note(group_of_set, set.value(), sets_[set.value()].prefixes, i);
      }
      if (!match.prefixes.empty()) note(group_of_list, match.prefixes, match.prefixes, i);
    }

    const AddressClasses classes(groups);
    std::vector<std::uint32_t> row_of_class;
    for (std::uint32_t class_id = 0; class_id < classes.count(); ++class_id) {
      DenseRow row = outside;
      for (const std::uint32_t group : classes.groups_of(class_id)) {
        for (const std::uint32_t rule : rules_of_group[group]) {
          const auto [first, last] = entries_[rule];
          (rules_[rule].*side).negated ? row.clear(first, last) : row.set(first, last);
        }
      }
      row_of_class.push_back(matcher_.bits_.add(row));
      if (!fits()) return false;
    }
    table = classes.table(row_of_class);
    classes_count = classes.count();
    return true;
  }

  bool add_ports(bool by_destination, net::RangeTable<std::uint32_t>& table, bool& used) {
    struct Edge {
      std::uint32_t at;
      std::uint32_t entry;
      bool enters;
    };
    std::vector<Edge> edges;
    DenseRow row = empty_row();
    for (std::uint32_t i = 0; i < rules_.size(); ++i) {
      if (rules_[i].services.empty()) row.set(entries_[i].first, entries_[i].last);
      for (std::uint32_t s = 0; s < rules_[i].services.size(); ++s) {
        const Service& service = rules_[i].services[s];
        const std::uint32_t entry = entries_[i].first + s;
        // The destination's table checks the protocol for both, so an open source port asks nothing.
        if (!by_destination && service.source.is_any()) {
          row.set(entry, entry + 1);
          continue;
        }
        each_interval(service, by_destination, [&](std::uint32_t first, std::uint32_t last) {
          edges.push_back({first, entry, true});
          edges.push_back({last + 1, entry, false});
        });
      }
    }
    used = !edges.empty();
    if (!used) return true;

    // At the same place intervals end before others of the same service begin.
    std::sort(edges.begin(), edges.end(),
              [](const Edge& a, const Edge& b) { return a.at != b.at ? a.at < b.at : a.enters < b.enters; });
    std::vector<net::RangeTable<std::uint32_t>::Interval> intervals;
    std::uint32_t start = 0;
    for (std::size_t i = 0; i <= edges.size();) {
      const std::uint32_t end = i < edges.size() ? edges[i].at : service_space::kEnd;
      if (end > start) intervals.push_back({start, end - 1, matcher_.bits_.add(row)});
      if (!fits()) return false;
      start = end;
      if (i == edges.size()) break;
      for (; i < edges.size() && edges[i].at == end; ++i) {
        const std::uint32_t entry = edges[i].entry;
        edges[i].enters ? row.set(entry, entry + 1) : row.clear(entry, entry + 1);
      }
    }
    table = net::RangeTable<std::uint32_t>(std::move(intervals), 0);
    return true;
  }

  template <class List, class Number>
  void add_small(List Rule::*list, Number number, RuleMatcher::SmallDimension& dimension) {
    std::size_t values = 0;
    for (const Rule& rule : rules_) {
      for (const auto& value : rule.*list) values = std::max(values, number(value) + 1);
    }
    if (values == 0) return;
    DenseRow otherwise = empty_row();
    std::vector<std::vector<std::uint32_t>> rules_of_value(values);
    for (std::uint32_t i = 0; i < rules_.size(); ++i) {
      if ((rules_[i].*list).empty()) otherwise.set(entries_[i].first, entries_[i].last);
      for (const auto& value : rules_[i].*list) rules_of_value[number(value)].push_back(i);
    }
    dimension.row_of.assign(values + 1, matcher_.bits_.add(otherwise));
    for (std::size_t value = 0; value < values; ++value) {
      if (rules_of_value[value].empty()) continue;
      DenseRow row = otherwise;
      for (const std::uint32_t rule : rules_of_value[value])
        row.set(entries_[rule].first, entries_[rule].last);
      dimension.row_of[value] = matcher_.bits_.add(row);
    }
  }

  void add_tcp_flags() {
    if (std::none_of(rules_.begin(), rules_.end(),
                     [](const Rule& rule) { return rule.tcp_flags.has_value(); })) {
      return;
    }
    for (std::size_t flags = 0; flags <= service_space::kNoTcpFlags; ++flags) {
      DenseRow row = empty_row();
      for (std::uint32_t i = 0; i < rules_.size(); ++i) {
        const auto& wanted = rules_[i].tcp_flags;
        if (!wanted || (flags != service_space::kNoTcpFlags && (flags & wanted->mask) == wanted->value)) {
          row.set(entries_[i].first, entries_[i].last);
        }
      }
      matcher_.tcp_flags_.row_of.push_back(matcher_.bits_.add(row));
    }
  }

  void add_applications() {
    add_small(&Rule::applications, service_space::application, matcher_.application_);
    if (!matcher_.application_.used()) return;
    DenseRow all = empty_row();
    all.set(0, matcher_.rule_of_entry_.size());
    matcher_.application_.row_of[service_space::application(dpi::ApplicationId::kUnknown)] =
        matcher_.bits_.add(all);
  }

  Result<RuleMatcher> finish(std::chrono::steady_clock::time_point begin) {
    RuleMatcher& built = matcher_;
    built.bits_.finish();
    built.dimensions_ = 2;
    for (const bool used :
         {built.uses_destination_port_, built.uses_source_port_, built.from_.used(), built.to_.used(),
          built.interface_.used(), built.dscp_.used(), built.tcp_flags_.used(), built.application_.used()}) {
      built.dimensions_ += used ? 1 : 0;
    }
    CompileReport& report = built.report_;
    report.rules = rules_.size();
    report.entries = built.rule_of_entry_.size();
    report.rows = built.bits_.count();
    report.memory_bytes = built.bits_.memory_bytes() + built.source_.memory_bytes() +
                          built.destination_.memory_bytes() + built.destination_port_.memory_bytes() +
                          built.source_port_.memory_bytes() +
                          built.rule_of_entry_.capacity() * sizeof(std::uint32_t);
    for (const auto* dimension : {&built.from_, &built.to_, &built.interface_, &built.dscp_,
                                  &built.tcp_flags_, &built.application_}) {
      report.memory_bytes += dimension->row_of.capacity() * sizeof(std::uint32_t);
    }
    if (report.memory_bytes > limits_.memory_bytes) {
      return failure("compile the rules", fmt::format("they need {} MiB, more than the {} MiB allowed",
                                                      report.memory_bytes >> 20, limits_.memory_bytes >> 20));
    }
    report.milliseconds =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    return std::move(matcher_);
  }

  std::span<const Rule> rules_;
  std::span<const AddressSet> sets_;
  const CompileLimits& limits_;
  std::vector<EntryRange> entries_;
  RuleMatcher matcher_;
};

Result<RuleMatcher> RuleMatcher::compile(std::span<const Rule> rules, std::span<const AddressSet> sets,
                                         const CompileLimits& limits) {
  return MatcherBuilder(rules, sets, limits).build();
}

}  // namespace millrace::firewall
