// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/profile/service.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include <fmt/format.h>

#include "common/net/dscp.h"

namespace millrace::control {
namespace {

struct Word {
  std::string_view word;
  std::uint8_t value;
};

// IANA protocol numbers.
constexpr std::array kServiceProtocols = {
    Word{"tcp", 6},   Word{"udp", 17},  Word{"icmp", 1},   Word{"icmpv6", 58}, Word{"sctp", 132},
    Word{"dccp", 33}, Word{"gre", 47},  Word{"esp", 50},   Word{"ah", 51},     Word{"igmp", 2},
    Word{"ospf", 89}, Word{"pim", 103}, Word{"vrrp", 112}, Word{"ipip", 4},    Word{"udplite", 136}};
// IANA ICMP and ICMPv6 parameters.
constexpr std::array kIcmpTypes = {
    Word{"echo-reply", 0},      Word{"destination-unreachable", 3}, Word{"redirect", 5},
    Word{"echo-request", 8},    Word{"router-advertisement", 9},    Word{"router-solicitation", 10},
    Word{"time-exceeded", 11},  Word{"parameter-problem", 12},      Word{"timestamp-request", 13},
    Word{"timestamp-reply", 14}};
constexpr std::array kIcmpv6Types = {Word{"destination-unreachable", 1},
                                     Word{"packet-too-big", 2},
                                     Word{"time-exceeded", 3},
                                     Word{"parameter-problem", 4},
                                     Word{"echo-request", 128},
                                     Word{"echo-reply", 129},
                                     Word{"mld-query", 130},
                                     Word{"mld-report", 131},
                                     Word{"mld-done", 132},
                                     Word{"router-solicitation", 133},
                                     Word{"router-advertisement", 134},
                                     Word{"neighbor-solicitation", 135},
                                     Word{"neighbor-advertisement", 136},
                                     Word{"redirect", 137},
                                     Word{"mld2-report", 143}};
// RFC 2474, 2597, 3246, 5865, 8622.
constexpr std::array kDscp = {Word{"cs0", 0},   Word{"le", 1},    Word{"cs1", 8},  Word{"af11", 10},
                              Word{"af12", 12}, Word{"af13", 14}, Word{"cs2", 16}, Word{"af21", 18},
                              Word{"af22", 20}, Word{"af23", 22}, Word{"cs3", 24}, Word{"af31", 26},
                              Word{"af32", 28}, Word{"af33", 30}, Word{"cs4", 32}, Word{"af41", 34},
                              Word{"af42", 36}, Word{"af43", 38}, Word{"cs5", 40}, Word{"va", 44},
                              Word{"ef", 46},   Word{"cs6", 48},  Word{"cs7", 56}};
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kIcmpv6 = 58;

std::optional<std::uint8_t> value_of_word(std::span<const Word> words, std::string_view wanted) {
  const auto found = std::ranges::find(words, wanted, &Word::word);
  if (found == words.end()) return std::nullopt;
  return found->value;
}

std::optional<std::uint8_t> number(std::string_view text, unsigned most) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > most) return std::nullopt;
  return static_cast<std::uint8_t>(value);
}

}  // namespace

std::optional<PortRange> parse_ports(std::string_view text) {
  const auto port = [](std::string_view digits) -> std::optional<std::uint16_t> {
    std::uint16_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return value;
  };
  const auto dash = text.find('-');
  const auto first = port(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : port(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return PortRange{*first, *last};
}

std::string print_ports(const PortRange& range) {
  return range.first == range.last ? std::to_string(range.first)
                                   : fmt::format("{}-{}", range.first, range.last);
}

bool has_ports(const Service& service) noexcept {
  const std::uint8_t protocol = service.protocol;
  return protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132 || protocol == 136;
}

std::optional<Service> parse_service(std::string_view text) {
  Service service;
  const auto slash = text.find('/');
  const std::string_view name = text.substr(0, slash);
  const std::string_view rest = slash == std::string_view::npos ? "" : text.substr(slash + 1);
  if (name == "proto") {
    const auto protocol = number(rest, 255);
    if (!protocol) return std::nullopt;
    service.protocol = *protocol;
    return service;
  }
  const auto protocol = value_of_word(kServiceProtocols, name);
  if (!protocol) return std::nullopt;
  service.protocol = *protocol;
  if (slash == std::string_view::npos) return service;
  if (has_ports(service)) {
    const auto range = parse_ports(rest);
    if (!range) return std::nullopt;
    service.ports = *range;
    return service;
  }
  if (*protocol != kIcmp && *protocol != kIcmpv6) return std::nullopt;
  const std::span<const Word> types = *protocol == kIcmp ? std::span<const Word>(kIcmpTypes) : kIcmpv6Types;
  const auto second = rest.find('/');
  const std::string_view type = rest.substr(0, second);
  service.icmp_type = value_of_word(types, type);
  if (!service.icmp_type) service.icmp_type = number(type, 255);
  if (!service.icmp_type) return std::nullopt;
  if (second == std::string_view::npos) return service;
  service.icmp_code = number(rest.substr(second + 1), 255);
  if (!service.icmp_code) return std::nullopt;
  return service;
}

std::string print_service(const Service& service) {
  const auto name = std::ranges::find(kServiceProtocols, service.protocol, &Word::value);
  if (name == kServiceProtocols.end()) return fmt::format("proto/{}", service.protocol);
  std::string text(name->word);
  if (!service.ports.any()) text += fmt::format("/{}", print_ports(service.ports));
  if (!service.icmp_type) return text;
  const std::span<const Word> types =
      service.protocol == kIcmp ? std::span<const Word>(kIcmpTypes) : kIcmpv6Types;
  const auto type = std::ranges::find(types, *service.icmp_type, &Word::value);
  text += type != types.end() ? fmt::format("/{}", type->word) : fmt::format("/{}", *service.icmp_type);
  if (service.icmp_code) text += fmt::format("/{}", *service.icmp_code);
  return text;
}

std::string service_pattern() {
  std::string names;
  for (const Word& one : kServiceProtocols) names += fmt::format("{}{}", names.empty() ? "" : "|", one.word);
  return fmt::format("({})(/[a-z0-9-]+){{0,2}}|proto/[0-9]{{1,3}}", names);
}

std::optional<std::uint8_t> parse_dscp(std::string_view text) {
  const auto named = value_of_word(kDscp, text);
  return named ? named : number(text, net::kMostDscp);
}

std::string print_dscp(std::uint8_t dscp) {
  const auto name = std::ranges::find(kDscp, dscp, &Word::value);
  return name != kDscp.end() ? std::string(name->word) : std::to_string(dscp);
}

}  // namespace millrace::control
