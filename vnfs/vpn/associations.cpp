// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/associations.h"

#include <algorithm>
#include <bit>
#include <map>

namespace millrace::vpn {
namespace {

// Each prefix, and all of `prefixes` around it, itself included.
std::map<net::Prefix, std::vector<net::Prefix>> nested(const std::vector<net::Prefix>& prefixes) {
  std::map<net::Prefix, std::vector<net::Prefix>> around;
  std::vector<net::Prefix> open;  // from the outermost on
  for (const net::Prefix& prefix : prefixes) {
    while (!open.empty() && !open.back().contains(prefix)) open.pop_back();
    open.push_back(prefix);
    around.emplace(prefix, open);
  }
  return around;
}

// An outer prefix stands before those within it.
bool outer_first(const net::Prefix& a, const net::Prefix& b) {
  const auto key = [](const net::Prefix& prefix) {
    return std::tuple(prefix.address.family(), prefix.address.bytes(), prefix.length);
  };
  return key(a) < key(b);
}

}  // namespace

Associations::Associations(Content content) : content_(std::move(content)) {
  index_inbound();
  index_outbound();
  index_policies();
}

void Associations::index_inbound() {
  by_spi_.resize(std::bit_ceil(std::max<std::size_t>(16, 2 * content_.inbound.size())));
  mask_ = by_spi_.size() - 1;
  for (const auto& association : content_.inbound) {
    std::size_t at = association->spi & mask_;
    while (by_spi_[at].spi != 0) at = (at + 1) & mask_;
    by_spi_[at] = {association->spi, association.get()};
  }
}

void Associations::index_outbound() {
  outbound_.reserve(content_.outbound.size());
  for (const auto& association : content_.outbound) outbound_.push_back(association.get());
  std::ranges::sort(outbound_, {}, [](const Outbound* association) { return association->key.spi; });
}

const Outbound* Associations::find(std::uint32_t spi, const net::IpAddress& remote) const noexcept {
  const auto spi_of = [](const Outbound* association) { return association->key.spi; };
  for (auto at = std::ranges::lower_bound(outbound_, spi, {}, spi_of);
       at != outbound_.end() && (*at)->key.spi == spi; ++at) {
    if ((*at)->key.remote == remote) return *at;
  }
  return nullptr;
}

void Associations::index_policies() {
  std::map<AssociationKey, const Outbound*> outbound;
  for (const auto& association : content_.outbound) outbound.emplace(association->key, association.get());
  std::map<net::Prefix, std::vector<const PolicySpec*>> by_prefix;
  for (const PolicySpec& policy : content_.policies) by_prefix[policy.selector.remote].push_back(&policy);
  std::vector<net::Prefix> prefixes;
  prefixes.reserve(by_prefix.size());
  for (const auto& [prefix, policies] : by_prefix) prefixes.push_back(prefix);
  std::ranges::sort(prefixes, outer_first);

  std::vector<net::PrefixTable::Entry> entries;
  for (const auto& [prefix, around] : nested(prefixes)) {
    std::vector<const PolicySpec*> candidates;
    for (const net::Prefix& one : around)
      candidates.insert(candidates.end(), by_prefix[one].begin(), by_prefix[one].end());
    std::ranges::stable_sort(candidates, {}, [](const PolicySpec* policy) { return policy->priority; });
    entries.push_back({prefix, static_cast<std::uint32_t>(groups_.size())});
    groups_.push_back(
        {static_cast<std::uint32_t>(rules_.size()), static_cast<std::uint32_t>(candidates.size())});
    for (const PolicySpec* policy : candidates) {
      const auto found = policy->outbound ? outbound.find(*policy->outbound) : outbound.end();
      rules_.push_back({.match = SelectorMatch(policy->selector),
                        .action = policy->action,
                        .tunnel = policy->tunnel,
                        .outbound = found == outbound.end() ? nullptr : found->second});
    }
  }
  by_remote_ = net::PrefixTable(entries);
}

}  // namespace millrace::vpn
