// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/association_keeper.h"

#include <algorithm>
#include <bit>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace millrace::vpn {
namespace {

constexpr std::chrono::minutes kPromise{5};  // longer than an exchange takes
// Peers need that long to see that key exchange has begun anew: dead peer detection, and its retransmissions.
constexpr std::chrono::minutes kGrace{5};
// What the peer sent before it heard of the end is on its way for so long; and a peer that begins anew
// removes what it had a moment before it has more.
constexpr std::chrono::seconds kInFlight{1};
constexpr std::chrono::seconds kLongestHold{5};

// RFC 4303 section 3.4.3 asks for 32 numbers at least; ours are at least 64.
unsigned window_of(unsigned asked) {
  return asked == 0 ? 0 : std::clamp(std::bit_ceil(asked), ReplayWindow::kLeast, ReplayWindow::kMost);
}

Result<void> check(const AssociationSpec& spec) {
  const std::string attempt = "add the " + describe(spec.key);
  if (spec.key.spi < kLeastSpi)
    return failure(attempt, fmt::format("numbers begin at {} (RFC 4303 section 2.1)", kLeastSpi));
  if (spec.local.family() != spec.key.remote.family())
    return failure(attempt, fmt::format("its ends are of two families: {} and {}", spec.local.to_string(),
                                        spec.key.remote.to_string()));
  const crypto::SuiteSizes sizes = crypto::sizes_of(spec.suite);
  if (spec.cipher_key.bytes().size() != std::size_t{sizes.cipher_key} + sizes.salt)
    return failure(attempt, fmt::format("{} takes {} bytes of key material, {} of them its salt; it got {}",
                                        crypto::name(spec.suite.cipher), sizes.cipher_key + sizes.salt,
                                        sizes.salt, spec.cipher_key.bytes().size()));
  return {};
}

Tick age(Tick now, Tick then) noexcept { return tick_after(then, now) ? 0 : now - then; }

}  // namespace

std::string describe(const AssociationKey& key) {
  return key.outbound ? fmt::format("outbound association 0x{:08x} to {}", key.spi, key.remote.to_string())
                      : fmt::format("inbound association 0x{:08x}", key.spi);
}

AssociationKeeper::AssociationKeeper(crypto::Library& library, std::shared_ptr<Directory> directory,
                                     std::shared_ptr<core::PathMtus> path_mtus, Services services)
    : library_(library),
      directory_(std::move(directory)),
      path_mtus_(std::move(path_mtus)),
      services_(std::move(services)),
      random_(std::random_device{}()) {
  for (auto& slots : free_slots_) {
    slots.resize(kMostAssociations);
    for (Slot slot = 0; slot < kMostAssociations; ++slot) slots[slot] = kMostAssociations - 1 - slot;
  }
}

AssociationKeeper::~AssociationKeeper() = default;

AssociationKey AssociationKeeper::plain(const AssociationKey& key) {
  return key.outbound ? key : AssociationKey{.outbound = false, .spi = key.spi, .remote = {}};
}

Result<AssociationKeeper::Entries::iterator> AssociationKeeper::find(const AssociationKey& which,
                                                                     std::string_view attempt) {
  const auto found = entries(which.outbound).find(plain(which));
  if (found == entries(which.outbound).end() || found->second.removed)
    return failure(fmt::format("{} the {}", attempt, describe(which)), "there is none");
  return found;
}

// Numbers name their worker by the bucket, and the buckets take turns.
Result<std::uint32_t> AssociationKeeper::allocate_spi() {
  const Clock::time_point now = services_.now();
  std::erase_if(promised_, [&](const auto& promise) { return promise.second < now; });
  if (inbound_.size() + promised_.size() >= kMostAssociations)
    return failure("allocate a number for an association",
                   fmt::format("all {} are in use", kMostAssociations));
  const std::uint32_t bucket = next_bucket_++ % core::kOwnerBuckets;
  for (;;) {
    const std::uint32_t spi =
        static_cast<std::uint32_t>(random_()) / core::kOwnerBuckets * core::kOwnerBuckets + bucket;
    const bool free = spi >= kLeastSpi && !promised_.contains(spi) &&
                      !inbound_.contains({.outbound = false, .spi = spi, .remote = {}});
    if (!free) continue;
    promised_.emplace(spi, now + kPromise);
    return spi;
  }
}

std::optional<Slot> AssociationKeeper::take_slot(bool outbound) {
  auto& slots = free_slots_[outbound ? 1 : 0];
  if (slots.empty()) return std::nullopt;
  const Slot slot = slots.back();
  slots.pop_back();
  if (outbound) path_mtus_->forget(slot);
  return slot;
}

void AssociationKeeper::give_back(const Entry& entry) {
  if (entry.outbound) returned_slots_[1].push_back(entry.outbound->slot);
  if (!entry.inbound) return;
  returned_slots_[0].push_back(entry.inbound->slot);
  const auto newest = newest_inbound_.find(entry.inbound->tunnel);
  if (--newest->second.associations == 0) newest_inbound_.erase(newest);
}

// Both directions of a tunnel belong to one worker.
std::uint16_t AssociationKeeper::bucket_for(const AssociationSpec& spec) const {
  const auto coming = coming_.find(spec.tunnel);
  const auto newest = newest_inbound_.find(spec.tunnel);
  const std::uint32_t spi = coming != coming_.end()           ? coming->second
                            : newest != newest_inbound_.end() ? newest->second.spi
                                                              : spec.key.spi;
  return static_cast<std::uint16_t>(bucket_of(spi));
}

Result<AssociationKeeper::Entry> AssociationKeeper::make(AssociationSpec& spec, std::uint64_t print) {
  if (auto good = check(spec); !good) return tl::unexpected(std::move(good.error()));
  const bool outbound = spec.key.outbound;
  spec.window = window_of(spec.window);
  const Bytes material = spec.cipher_key.bytes();
  auto key =
      library_.make_key(spec.suite, material.first(material.size() - crypto::sizes_of(spec.suite).salt),
                        spec.integrity_key.bytes());
  if (!key) return tl::unexpected(std::move(key.error()));
  const auto slot = take_slot(outbound);
  if (!slot)
    return failure("add the " + describe(spec.key), fmt::format("there are {} already", kMostAssociations));
  Entry entry;
  entry.print = print;
  entry.since = services_.now();
  if (spec.seconds.soft != 0) entry.soft = entry.since + std::chrono::seconds(spec.seconds.soft);
  if (spec.seconds.hard != 0) entry.hard = entry.since + std::chrono::seconds(spec.seconds.hard);
  if (outbound) {
    entry.outbound =
        make_outbound(spec, *slot, bucket_for(spec), std::make_shared<OutboundState>(spec, std::move(*key)));
  } else {
    entry.inbound = make_inbound(spec, *slot, std::make_shared<InboundState>(spec, std::move(*key)));
    Newest& newest = newest_inbound_[spec.tunnel];
    newest.spi = spec.key.spi;
    ++newest.associations;
  }
  return entry;
}

Result<void> AssociationKeeper::add(AssociationSpec association) {
  const AssociationKey key = plain(association.key);
  Entries& all = entries(key.outbound);
  const auto before = all.find(key);
  if (before != all.end() && !before->second.removed)
    return failure("add the " + describe(association.key), "it is there already");
  auto made = make(association, 0);
  if (!made) return tl::unexpected(std::move(made.error()));
  if (!key.outbound) promised_.erase(key.spi);
  if (before != all.end()) give_back(before->second);
  all.insert_or_assign(key, std::move(*made));
  note_change(key);
  publish();
  return {};
}

Result<void> AssociationKeeper::move(const AssociationKey& which, const AssociationMove& to) {
  const auto found = find(which, "move");
  if (!found) return tl::unexpected(found.error());
  if (to.local.family() != to.remote.family())
    return failure("move the " + describe(which), "its new ends are of two families");
  Entry entry = std::move((*found)->second);
  if (!which.outbound) {
    entry.inbound = moved(*entry.inbound, to);
    (*found)->second = std::move(entry);
    inbound_changed_ = true;
    publish();
    return {};
  }
  entry.outbound = moved(*entry.outbound, to);
  path_mtus_->forget(entry.outbound->slot);
  const AssociationKey after = entry.outbound->key;
  outbound_changed_ = policies_changed_ = true;
  outbound_.erase(*found);
  outbound_.insert_or_assign(after, std::move(entry));
  for (auto& [key, policy] : policies_) {
    if (policy.spec.outbound == which) policy.spec.outbound = after;
  }
  publish();
  return {};
}

Result<void> AssociationKeeper::remove(const AssociationKey& which) {
  const auto found = find(which, "remove");
  if (!found) return tl::unexpected(found.error());
  Entry& entry = (*found)->second;
  entry.removed = true;
  entry.soft.reset();
  entry.hard = std::min(entry.hard.value_or(Clock::time_point::max()), services_.now() + kInFlight);
  if (which.outbound && is_shared(entry.outbound->tunnel)) {  // others take its packets over
    policies_changed_ = true;
    publish();
  }
  return {};
}

Result<AssociationUse> AssociationKeeper::use_of(const AssociationKey& which) {
  const auto found = find(which, "look at");
  if (!found) return tl::unexpected(found.error());
  const Entry& entry = (*found)->second;
  const Use& use = entry.outbound ? entry.outbound->state->use : entry.inbound->state->use;
  const auto last = static_cast<Tick>(use.last_tick.read());
  const auto since_made =
      std::chrono::duration_cast<std::chrono::seconds>(services_.now() - entry.since).count();
  return AssociationUse{.bytes = use.bytes.read(),
                        .packets = use.packets.read(),
                        .idle_seconds = last == 0 ? static_cast<std::uint64_t>(since_made)
                                                  : age(services_.tick(), last) / 1000};
}

Result<void> AssociationKeeper::add(const PolicySpec& policy) {
  if (policy.selector.local.address.family() != policy.selector.remote.address.family())
    return failure("add a policy",
                   fmt::format("its ends are of two families: {} and {}", policy.selector.local.to_string(),
                               policy.selector.remote.to_string()));
  policies_[policy.key()] = {.spec = policy, .of_profile = false};
  policies_changed_ = true;
  publish();
  return {};
}

Result<AssociationKeeper::Policies::iterator> AssociationKeeper::find(const PolicyKey& which,
                                                                      std::string_view attempt) {
  const auto found = policies_.find(which);
  if (found == policies_.end() || found->second.removed)
    return failure(
        fmt::format("{} the policy from {} to {} of priority {}", attempt, which.selector.local.to_string(),
                    which.selector.remote.to_string(), which.priority),
        "there is none");
  return found;
}

Result<void> AssociationKeeper::remove(const PolicyKey& which) {
  const auto found = find(which, "remove");
  if (!found) return tl::unexpected(found.error());
  (*found)->second.removed = true;
  (*found)->second.until = services_.now() + kInFlight;
  return {};
}

// Policies are as idle as the association that packets leave by.
Result<std::uint64_t> AssociationKeeper::idle_seconds_of(const PolicyKey& which) {
  const auto found = find(which, "look at");
  if (!found) return tl::unexpected(found.error());
  const PolicySpec& policy = (*found)->second.spec;
  if (!policy.outbound) return failure("look at a policy", "it has no association yet");
  const auto use = use_of(*policy.outbound);
  if (!use) return tl::unexpected(use.error());
  return use->idle_seconds;
}

void AssociationKeeper::flush_associations() {
  note_all_changed();
  for (Entries* all : {&inbound_, &outbound_}) {
    std::erase_if(*all, [&](const auto& association) {
      const bool gone = association.second.print == 0;
      if (gone) give_back(association.second);
      return gone;
    });
  }
  publish();
}

void AssociationKeeper::flush_policies() {
  policies_changed_ = true;
  std::erase_if(policies_, [](const auto& policy) { return !policy.second.of_profile; });
  publish();
}

void AssociationKeeper::keep_only(const std::vector<AssociationKey>& associations,
                                  const std::vector<PolicyKey>& policies) {
  const Clock::time_point end = services_.now() + kGrace;
  std::set<AssociationKey> known;
  for (const AssociationKey& key : associations) known.insert(plain(key));
  for (Entries* all : {&inbound_, &outbound_}) {
    for (auto& [key, entry] : *all) {
      if (entry.print != 0 || known.contains(key)) continue;
      entry.soft.reset();
      entry.hard = std::min(entry.hard.value_or(end), end);
      entry.orphaned = policies_changed_ = true;
    }
  }
  const std::set<PolicyKey> told(policies.begin(), policies.end());
  for (auto& [key, policy] : policies_)
    if (!policy.of_profile && !told.contains(key)) policy.until = std::min(policy.until.value_or(end), end);
}

void AssociationKeeper::expire(const AssociationKey& key, std::uint32_t tunnel, bool hard) {
  if (key_exchange_ != nullptr) key_exchange_->expired(key, tunnel, hard);
}

void AssociationKeeper::take(std::span<const AssociationEvent> events) {
  for (const AssociationEvent& event : events) {
    const AssociationKey key{.outbound = event.outbound, .spi = event.spi, .remote = event.address};
    switch (event.kind) {
      case AssociationEvent::Kind::kSoftLimit:
        expire(key, event.tunnel, false);
        break;
      case AssociationEvent::Kind::kHardLimit:
        expire(key, event.tunnel, true);
        break;
      case AssociationEvent::Kind::kOtherEnds:
        if (key_exchange_ != nullptr)
          key_exchange_->mapping_changed(key, event.tunnel, event.address, event.port);
        break;
      case AssociationEvent::Kind::kAcquire:
        if (key_exchange_ != nullptr && event.tunnel != kNoTunnel)
          key_exchange_->acquire(event.tunnel,
                                 {.local = net::Prefix::of(event.local, event.local.bits()),
                                  .remote = net::Prefix::of(event.address, event.address.bits()),
                                  .protocol = event.protocol,
                                  .local_ports = {event.local_port, event.local_port},
                                  .remote_ports = {event.port, event.port}});
        break;
    }
  }
}

void AssociationKeeper::watch_time() {
  const Clock::time_point now = services_.now();
  // What has ended must not go on because nobody says that all was told.
  if (held_ && now - held_since_ >= kLongestHold) hold(false);
  bool some_ended = false;
  for (Entries* all : {&inbound_, &outbound_}) {
    for (auto at = all->begin(); at != all->end();) {
      Entry& entry = at->second;
      const std::uint32_t tunnel = entry.outbound ? entry.outbound->tunnel : entry.inbound->tunnel;
      const bool over = entry.hard && *entry.hard <= now;
      if (over || (entry.soft && *entry.soft <= now)) {
        entry.soft.reset();
        if (!entry.removed) expire(at->first, tunnel, over);
      }
      if (!over) {
        ++at;
        continue;
      }
      give_back(entry);
      note_change(at->first);
      at = all->erase(at);
      some_ended = true;
    }
  }
  if (next_sharer_ && *next_sharer_ <= now) some_ended = policies_changed_ = true;
  const auto over = [&](const auto& policy) { return policy.second.until && *policy.second.until <= now; };
  if (std::erase_if(policies_, over) != 0) some_ended = policies_changed_ = true;
  if (some_ended) publish();
}

}  // namespace millrace::vpn
