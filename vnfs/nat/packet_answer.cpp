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

PacketAnswer::PacketAnswer(const core::Network& network, const Policy& policy)
    : appliance::PacketAnswer(network, drop_reasons(),
                              [&policy](core::InterfaceId interface) {
                                return object{{"side", name_of(policy.role(interface))}};
                              }),
      policy_(policy) {}

void PacketAnswer::rules(const Rule* matched, core::InterfaceId interface, const net::IpAddress& source,
                         const net::IpAddress& destination) {
  array list;
  const std::size_t others =
      matched == nullptr ? policy_.rules.size() : static_cast<std::size_t>(matched - policy_.rules.data());
  for (std::size_t i = 0; i < std::min(others, kMostRulesShown); ++i) {
    list.push_back(object{{"number", i + 1},
                          {"matched", false},
                          {"why_not", why_not(policy_.rules[i], network(), interface, source, destination)}});
  }
  if (matched != nullptr) list.push_back(object{{"number", others + 1}, {"matched", true}});
  set("rules", std::move(list));
}

}  // namespace millrace::nat
