// SPDX-License-Identifier: BSD-3-Clause
// From what the keeper has to what the workers see.
#include <algorithm>
#include <utility>

#include "vnfs/vpn/association_keeper.h"

namespace millrace::vpn {
namespace {

// From when an association is told to its share of the packets of others.
constexpr std::chrono::seconds kSettled{1};

}  // namespace

// Policies that name an outbound one have to look for it again.
void AssociationKeeper::note_change(const AssociationKey& key) {
  if (!key.outbound) {
    inbound_changed_ = true;
    return;
  }
  outbound_changed_ = true;
  policies_changed_ = policies_changed_ || std::ranges::binary_search(named_, key);
}

// Of whatever there is.
void AssociationKeeper::note_all_changed() {
  inbound_changed_ = outbound_changed_ = policies_changed_ = true;
}

void AssociationKeeper::hold(bool held) {
  if (held) held_since_ = services_.now();
  if (std::exchange(held_, held) && !held) publish();
}

// What is in force, as long as it says the same: to walk over all of them takes longest.
List<InboundPtr> AssociationKeeper::list_inbound() {
  if (!std::exchange(inbound_changed_, false)) return in_force().content().inbound;
  std::vector<InboundPtr> all;
  all.reserve(inbound_.size());
  for (const auto& [key, entry] : inbound_) all.push_back(entry.inbound);
  return std::make_shared<const std::vector<InboundPtr>>(std::move(all));
}

// The order of the keys is that of the numbers.
List<OutboundPtr> AssociationKeeper::list_outbound() {
  if (!std::exchange(outbound_changed_, false)) return in_force().content().outbound;
  std::vector<OutboundPtr> all;
  all.reserve(outbound_.size());
  for (const auto& [key, entry] : outbound_) all.push_back(entry.outbound);
  return std::make_shared<const std::vector<OutboundPtr>>(std::move(all));
}

// In the order of sharer_group(). A new one takes no share for a moment, for the peer may have it a moment
// after us; of new ones alone, the oldest takes all.
std::vector<const Outbound*> AssociationKeeper::list_sharing() {
  std::vector<const Entry*> all;
  for (const auto& [key, entry] : outbound_)
    if (is_shared(entry.outbound->tunnel) && !entry.removed && !entry.orphaned) all.push_back(&entry);
  std::ranges::sort(
      all, {}, [](const Entry* entry) { return std::pair(sharer_group(*entry->outbound), entry->since); });
  next_sharer_.reset();
  std::vector<const Outbound*> sharing;
  for (const Entry* entry : all) {
    const Clock::time_point begins = entry->since + kSettled;
    const bool is_oldest = sharing.empty() || sharer_group(*sharing.back()) != sharer_group(*entry->outbound);
    if (is_oldest || begins <= services_.now()) {
      sharing.push_back(entry->outbound.get());
    } else {
      next_sharer_ = std::min(next_sharer_.value_or(begins), begins);
    }
  }
  return sharing;
}

std::shared_ptr<const PolicyIndex> AssociationKeeper::index_policies(const List<OutboundPtr>& outbound) {
  if (!std::exchange(policies_changed_, false)) return in_force().content().policies;
  std::vector<PolicySpec> policies;
  policies.reserve(policies_.size());
  named_.clear();
  for (const auto& [key, policy] : policies_) {
    policies.push_back(policy.spec);
    if (policy.spec.outbound) named_.push_back(*policy.spec.outbound);
  }
  std::vector<const Outbound*> sharing = list_sharing();
  for (const Outbound* association : sharing) named_.push_back(association->key);
  std::ranges::sort(named_);
  return std::make_shared<const PolicyIndex>(std::move(policies), outbound, std::move(sharing));
}

void AssociationKeeper::publish() {
  if (held_) return;
  Associations::Content content;
  content.inbound = list_inbound();
  content.outbound = list_outbound();
  content.policies = index_policies(content.outbound);
  const auto before = directory_->replace(std::make_unique<const Associations>(std::move(content)));
  services_.synchronize();
  for (const std::size_t direction : {0U, 1U}) {
    auto& returned = returned_slots_[direction];
    free_slots_[direction].insert(free_slots_[direction].end(), returned.begin(), returned.end());
    returned.clear();
  }
}

}  // namespace millrace::vpn
