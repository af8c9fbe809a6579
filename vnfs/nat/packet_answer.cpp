// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/packet_answer.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <fmt/format.h>

#include "vnfs/nat/drops.h"

namespace millrace::nat {
namespace {

using boost::json::array;
using boost::json::object;

constexpr std::size_t kMostRulesShown = 50;  // that do not match

std::string_view name_of(Role role) noexcept {
  switch (role) {
    case Role::kInside:
      return "inside";
    case Role::kOutside:
      return "outside";
    case Role::kOther:
      break;
  }
  return "other";
}

// Why the first of what a rule asks does not hold.
std::string why_not(const Rule& rule, const core::Network& network, core::InterfaceId interface,
                    const net::IpAddress& source, const net::IpAddress& destination) {
  const auto contains = [](const std::vector<net::Prefix>& prefixes, const net::IpAddress& address) {
    return prefixes.empty() ||
           std::ranges::any_of(prefixes, [&](const net::Prefix& one) { return one.contains(address); });
  };
  if (!rule.interfaces.empty() && std::ranges::find(rule.interfaces, interface) == rule.interfaces.end())
    return fmt::format("interface {} is none of its own", network.interfaces[interface.value()].name);
  if (!contains(rule.sources, source)) return fmt::format("source {} is not in it", source.to_string());
  if (!contains(rule.destinations, destination))
    return fmt::format("destination {} is not in it", destination.to_string());
  return {};
}

}  // namespace

void PacketAnswer::packet(const control::PacketDescription& described) {
  out_["packet"] = appliance::describe(described);
}

void PacketAnswer::path(const appliance::PacketPath& path, const core::Packet& packet) {
  const std::uint16_t domain = packet.domain.value();
  out_["ingress"] = object{{"interface", network_.interfaces[packet.ingress.value()].name},
                           {"side", name_of(policy_.role(packet.ingress))},
                           {"domain", domain < network_.domains.size() ? network_.domains[domain].name : ""},
                           {"found_by", path.ingress_found_by}};
  out_["route"] = nullptr;
  out_["checks"] = appliance::describe(path.checks, drop_reasons());
  if (path.hop == nullptr) return;
  const bool out = packet.egress.valid() && packet.egress.value() < network_.interfaces.size();
  out_["route"] =
      object{{"egress", out ? boost::json::value(network_.interfaces[packet.egress.value()].name) : nullptr},
             {"side", name_of(policy_.role(packet.egress))},
             {"next_hop", appliance::kind_name(path.hop->kind)}};
}

void PacketAnswer::rules(const Rule* matched, core::InterfaceId interface, const net::IpAddress& source,
                         const net::IpAddress& destination) {
  array list;
  const std::size_t others =
      matched == nullptr ? policy_.rules.size() : static_cast<std::size_t>(matched - policy_.rules.data());
  for (std::size_t i = 0; i < std::min(others, kMostRulesShown); ++i) {
    list.push_back(object{{"number", i + 1},
                          {"matched", false},
                          {"why_not", why_not(policy_.rules[i], network_, interface, source, destination)}});
  }
  if (matched != nullptr) list.push_back(object{{"number", others + 1}, {"matched", true}});
  out_["rules"] = std::move(list);
}

void PacketAnswer::becomes(std::string_view source, std::string_view destination) {
  out_["becomes"] = object{{"source", source}, {"destination", destination}};
}

void PacketAnswer::verdict(std::string_view action, std::string_view summary) {
  out_["verdict"] = object{{"action", action}};
  out_["summary"] = summary;
}

void PacketAnswer::drop_for(std::uint8_t reason) {
  const core::DropReason& why = appliance::reason_of(reason, drop_reasons());
  out_["verdict"] = object{{"action", "drop"}, {"reason", why.name}, {"sentence", why.sentence}};
  out_["summary"] = fmt::format("dropped ({}): {}", why.name, why.sentence);
}

}  // namespace millrace::nat
