// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/associations.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace millrace::vpn {
namespace {

constexpr auto kNumber = [](const OutboundPtr& association) { return association->key.spi; };

const Outbound* find_in(const std::vector<OutboundPtr>& in_order, std::uint32_t spi,
                        const net::IpAddress& remote) noexcept {
  for (auto at = std::ranges::lower_bound(in_order, spi, {}, kNumber);
       at != in_order.end() && (*at)->key.spi == spi; ++at) {
    if ((*at)->key.remote == remote) return at->get();
  }
  return nullptr;
}

// An outer prefix stands before those within it.
bool outer_first(const net::Prefix& a, const net::Prefix& b) {
  const auto key = [](const net::Prefix& prefix) {
    return std::tuple(prefix.address.family(), prefix.address.bytes(), prefix.length);
  };
  return key(a) < key(b);
}

// Policies whose remote prefix is the same, in the order of outer_first().
struct SamePrefix {
  net::Prefix prefix;
  std::span<const PolicySpec* const> policies;
};

}  // namespace

PolicyIndex::PolicyIndex(std::vector<PolicySpec> policies, List<OutboundPtr> outbound,
                         std::vector<const Outbound*> sharing)
    : policies_(std::move(policies)), outbound_(std::move(outbound)), sharing_(std::move(sharing)) {
  rules_.reserve(policies_.size());
  index_by_remote();
  index_by_interface();
}

void PolicyIndex::index_by_remote() {
  std::vector<const PolicySpec*> sorted;
  sorted.reserve(policies_.size());
  for (const PolicySpec& policy : policies_)
    if (policy.interface == 0) sorted.push_back(&policy);
  std::ranges::stable_sort(sorted, outer_first,
                           [](const PolicySpec* policy) { return policy->selector.remote; });

  std::vector<net::PrefixTable::Entry> entries;
  std::vector<SamePrefix> around;  // from the outermost prefix on
  std::vector<const PolicySpec*> candidates;
  for (auto at = sorted.begin(); at != sorted.end();) {
    const net::Prefix prefix = (*at)->selector.remote;
    const auto end =
        std::find_if(at, sorted.end(), [&](const PolicySpec* one) { return one->selector.remote != prefix; });
    while (!around.empty() && !around.back().prefix.contains(prefix)) around.pop_back();
    around.push_back({prefix, std::span(at, end)});
    candidates.clear();
    for (const SamePrefix& one : around)
      candidates.insert(candidates.end(), one.policies.begin(), one.policies.end());
    std::ranges::stable_sort(candidates, {}, [](const PolicySpec* policy) { return policy->priority; });
    entries.push_back({prefix, static_cast<std::uint32_t>(groups_.size())});
    groups_.push_back(add_group(candidates));
    at = end;
  }
  by_remote_ = net::PrefixTable(entries);
}

void PolicyIndex::index_by_interface() {
  std::map<std::uint32_t, std::vector<const PolicySpec*>> by_interface;
  for (const PolicySpec& policy : policies_)
    if (policy.interface != 0) by_interface[policy.interface].push_back(&policy);
  by_interface_ = NumberTable<Group>(by_interface.size());
  for (auto& [interface, policies] : by_interface) {
    std::ranges::stable_sort(policies, {}, [](const PolicySpec* policy) { return policy->priority; });
    by_interface_.add(interface, add_group(policies));
  }
}

PolicyIndex::Group PolicyIndex::add_group(std::span<const PolicySpec* const> candidates) {
  const Group group{static_cast<std::uint32_t>(rules_.size()), static_cast<std::uint32_t>(candidates.size())};
  for (const PolicySpec* policy : candidates) {
    const Outbound* const found =
        policy->outbound ? find_in(*outbound_, policy->outbound->spi, policy->outbound->remote) : nullptr;
    Rule& rule = rules_.emplace_back(Rule{.match = SelectorMatch(policy->selector),
                                          .action = policy->action,
                                          .tunnel = policy->tunnel,
                                          .outbound = found});
    if (found != nullptr && is_shared(rule.tunnel)) share(rule);
  }
  return group;
}

void PolicyIndex::share(Rule& rule) const {
  const auto group = [](const Outbound* association) { return sharer_group(*association); };
  const auto wanted = sharer_group(*rule.outbound);
  const auto first = std::ranges::lower_bound(sharing_, wanted, {}, group);
  const auto end = std::ranges::upper_bound(sharing_, wanted, {}, group);
  if (first == end) return;
  rule.outbound = *first;
  if (end - first == 1) return;
  rule.first_sharer = static_cast<std::uint32_t>(first - sharing_.begin());
  rule.sharers = static_cast<std::uint32_t>(end - first);
}

Associations::Associations(Content content)
    : content_(std::move(content)), by_spi_(content_.inbound->size()) {
  for (const auto& association : *content_.inbound) by_spi_.add(association->spi, association.get());
}

const Outbound* Associations::find(std::uint32_t spi, const net::IpAddress& remote) const noexcept {
  return find_in(*content_.outbound, spi, remote);
}

}  // namespace millrace::vpn
