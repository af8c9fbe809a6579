// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/rule.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "common/net/wire.h"

namespace millrace::firewall {
namespace {

template <class T>
bool among(const std::vector<T>& wanted, const T& value) noexcept {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

bool in(const std::vector<net::Prefix>& prefixes, const net::IpAddress& address) noexcept {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const net::Prefix& prefix) { return prefix.contains(address); });
}

bool matches(const Service& service, const RuleKey& key) noexcept {
  if (service.protocol && *service.protocol != key.protocol) return false;
  if (net::protocol::is_icmp(key.protocol)) {
    if (!service.icmp_type) return true;
    return key.has_ports && *service.icmp_type == key.icmp_type &&
           (!service.icmp_code || *service.icmp_code == key.icmp_code);
  }
  if (service.source.is_any() && service.destination.is_any()) return true;
  return key.has_ports && service.source.contains(key.source_port) &&
         service.destination.contains(key.destination_port);
}

bool matches(const TcpFlagsMatch& flags, const RuleKey& key) noexcept {
  return key.protocol == net::protocol::kTcp && key.has_ports && (key.tcp_flags & flags.mask) == flags.value;
}

bool takes(const std::vector<dpi::ApplicationId>& wanted, dpi::ApplicationId application) noexcept {
  return application == dpi::ApplicationId::kUnknown || among(wanted, application);
}

std::string protocol_name(std::uint8_t protocol) {
  switch (protocol) {
    case net::protocol::kIcmp:
      return "icmp";
    case net::protocol::kTcp:
      return "tcp";
    case net::protocol::kUdp:
      return "udp";
    case net::protocol::kGre:
      return "gre";
    case net::protocol::kEsp:
      return "esp";
    case net::protocol::kAh:
      return "ah";
    case net::protocol::kIcmpv6:
      return "icmpv6";
    case net::protocol::kSctp:
      return "sctp";
    default:
      return fmt::format("protocol {}", protocol);
  }
}

std::string text_of(const PortRange& range) {
  return range.first == range.last ? fmt::format("{}", range.first)
                                   : fmt::format("{}-{}", range.first, range.last);
}

std::string text_of(const Service& service) {
  std::string text = service.protocol ? protocol_name(*service.protocol) : "any protocol";
  if (service.icmp_type) text += fmt::format("/type {}", *service.icmp_type);
  if (service.icmp_code) text += fmt::format(" code {}", *service.icmp_code);
  if (!service.destination.is_any()) text += fmt::format("/{}", text_of(service.destination));
  if (!service.source.is_any()) text += fmt::format(" from port {}", text_of(service.source));
  return text;
}

std::string service_of(const RuleKey& key) {
  std::string name = protocol_name(key.protocol);
  if (!key.has_ports) return name + " (a fragment without ports)";
  if (net::protocol::is_icmp(key.protocol))
    return fmt::format("{}/type {} code {}", name, key.icmp_type, key.icmp_code);
  if (key.source_port == 0 && key.destination_port == 0) return name;
  return fmt::format("{}/{} from port {}", name, key.destination_port, key.source_port);
}

// "a", "one of a, b", and no more than a person reads.
template <class List, class Say>
std::string one_of(const List& list, Say say) {
  constexpr std::size_t kShown = 6;
  std::string text;
  for (std::size_t i = 0; i < list.size() && i < kShown; ++i) text += (i == 0 ? "" : ", ") + say(list[i]);
  if (list.size() > kShown) text += fmt::format(" and {} more", list.size() - kShown);
  return list.size() == 1 ? text : "one of " + text;
}

std::string text_of(const AddressMatch& match, std::span<const AddressSet> sets) {
  if (match.any) return "any address";
  std::vector<std::string> parts;
  for (const SetId id : match.sets) parts.push_back(fmt::format("@{}", sets[id.value()].name));
  for (const net::Prefix& prefix : match.prefixes) parts.push_back(prefix.to_string());
  if (parts.empty()) return "an empty group";
  return one_of(parts, [](const std::string& part) { return part; });
}

std::string named(std::span<const std::string> names, std::size_t id, std::string_view kind) {
  return id < names.size() ? names[id] : fmt::format("{} {}", kind, id);
}

std::string why_not(std::string_view side, const AddressMatch& match, std::span<const AddressSet> sets,
                    const net::IpAddress& address) {
  return fmt::format("{} {} is {} {}", side, address.to_string(), match.negated ? "in" : "not in",
                     text_of(match, sets));
}

}  // namespace

std::string_view rule_application_name(dpi::ApplicationId application) {
  return application == kOtherApplication ? "other" : dpi::application_name(application);
}

bool contains(const AddressMatch& match, std::span<const AddressSet> sets,
              const net::IpAddress& address) noexcept {
  const bool inside = match.any || in(match.prefixes, address) ||
                      std::any_of(match.sets.begin(), match.sets.end(),
                                  [&](SetId id) { return in(sets[id.value()].prefixes, address); });
  return inside != match.negated;
}

bool matches(const Rule& rule, std::span<const AddressSet> sets, const RuleKey& key) noexcept {
  if (!among(rule.from, key.from) || !among(rule.to, key.to)) return false;
  if (!among(rule.interfaces, key.interface) || !among(rule.dscp, key.dscp)) return false;
  if (rule.tcp_flags && !matches(*rule.tcp_flags, key)) return false;
  if (!takes(rule.applications, key.application)) return false;
  if (!rule.services.empty() && std::none_of(rule.services.begin(), rule.services.end(),
                                             [&](const Service& s) { return matches(s, key); })) {
    return false;
  }
  return contains(rule.source, sets, key.source) && contains(rule.destination, sets, key.destination);
}

RuleIndex linear_match(std::span<const Rule> rules, std::span<const AddressSet> sets,
                       const RuleKey& key) noexcept {
  for (std::uint32_t i = 0; i < rules.size(); ++i) {
    if (matches(rules[i], sets, key)) return RuleIndex(i);
  }
  return RuleIndex::none();
}

std::string why_not(const Rule& rule, std::span<const AddressSet> sets, const RuleKey& key,
                    const RuleNames& names) {
  const auto zone = [&](ZoneId id) {
    return id.valid() ? named(names.zones, id.value(), "zone") : "no zone";
  };
  if (!among(rule.from, key.from)) {
    return fmt::format("it comes from {}, not {}", zone(key.from), one_of(rule.from, zone));
  }
  if (!among(rule.to, key.to)) {
    return fmt::format("it goes to {}, not {}", zone(key.to), one_of(rule.to, zone));
  }
  if (!among(rule.interfaces, key.interface)) {
    const auto interface = [&](std::uint16_t id) { return named(names.interfaces, id, "interface"); };
    return fmt::format("it came in on {}, not {}", interface(key.interface),
                       one_of(rule.interfaces, interface));
  }
  if (!contains(rule.source, sets, key.source)) return why_not("source", rule.source, sets, key.source);
  if (!contains(rule.destination, sets, key.destination)) {
    return why_not("destination", rule.destination, sets, key.destination);
  }
  if (!rule.services.empty() && std::none_of(rule.services.begin(), rule.services.end(),
                                             [&](const Service& s) { return matches(s, key); })) {
    return fmt::format("service {} is not {}", service_of(key),
                       one_of(rule.services, [](const Service& service) { return text_of(service); }));
  }
  if (!among(rule.dscp, key.dscp)) {
    return fmt::format("DSCP {} is not {}", key.dscp,
                       one_of(rule.dscp, [](std::uint8_t value) { return fmt::format("{}", value); }));
  }
  if (rule.tcp_flags && !matches(*rule.tcp_flags, key)) {
    if (key.protocol != net::protocol::kTcp) return "it is not TCP";
    if (!key.has_ports) return "it is a fragment without TCP flags";
    return fmt::format("TCP flags 0x{:02x} under mask 0x{:02x} are not 0x{:02x}", key.tcp_flags,
                       rule.tcp_flags->mask, rule.tcp_flags->value);
  }
  if (!takes(rule.applications, key.application)) {
    return fmt::format("application {} is not {}", rule_application_name(key.application),
                       one_of(rule.applications, [](dpi::ApplicationId one) {
                         return std::string(rule_application_name(one));
                       }));
  }
  return {};
}

std::vector<RuleExplanation> explain(std::span<const Rule> rules, std::span<const AddressSet> sets,
                                     const RuleKey& key, const RuleNames& names) {
  std::vector<RuleExplanation> explanations;
  for (std::uint32_t i = 0; i < rules.size(); ++i) {
    explanations.push_back({RuleIndex(i), why_not(rules[i], sets, key, names)});
    if (explanations.back().why_not.empty()) break;
  }
  return explanations;
}

}  // namespace millrace::firewall
