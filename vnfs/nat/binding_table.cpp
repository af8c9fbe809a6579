// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/binding_table.h"

#include <cassert>
#include <cstring>

namespace millrace::nat {
namespace {

SipKey secret_of_ports(std::uint64_t seed) noexcept {
  constexpr std::array<std::uint8_t, 2> kPurpose{'n', 'p'};
  return {siphash(kPurpose, {seed, 0}), siphash(kPurpose, {seed, 1})};
}

std::uint32_t number_of(MappingIndex index, bool outside) noexcept {
  return index << 1 | (outside ? 1U : 0U);
}

}  // namespace

BindingTable::BindingTable(const Limits& limits, std::uint64_t seed, const AddressBook& book, Tick now,
                           core::WorkerShare share)
    : seed_(seed),
      book_(book),
      ports_(book, secret_of_ports(seed), share),
      sessions_(limits.sessions),
      mappings_(limits.sessions),
      subscribers_(limits.subscribers),
      session_index_(limits.sessions * 2),
      mapping_index_(limits.sessions * 2),
      subscriber_index_(limits.subscribers),
      wheel_(limits.sessions, now),
      leases_(limits.leases, seed, now),
      algs_(limits.alg_sessions, seed),
      now_(now) {}

std::size_t BindingTable::memory_bytes() const noexcept {
  return sessions_.memory_bytes() + mappings_.memory_bytes() + subscribers_.memory_bytes() +
         session_index_.memory_bytes() + mapping_index_.memory_bytes() + subscriber_index_.memory_bytes() +
         wheel_.memory_bytes() + leases_.memory_bytes() + algs_.memory_bytes();
}

std::uint64_t BindingTable::subscriber_hash(const net::IpAddress& address,
                                            std::uint16_t domain) const noexcept {
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), address.bytes().data(), sizeof words);
  return flow::hash_words(words[0] ^ static_cast<std::uint64_t>(address.family()) << 60,
                          words[1] ^ std::uint64_t{domain} << 16, seed_);
}

std::uint64_t BindingTable::inside_hash(SubscriberIndex subscriber, std::uint16_t port, std::uint8_t protocol,
                                        Endpoint remote) const noexcept {
  return flow::hash_words(subscriber | std::uint64_t{port} << 32 | std::uint64_t{protocol} << 48,
                          remote.bits(), seed_);
}

std::uint64_t BindingTable::outside_hash(Endpoint outside, std::uint8_t protocol,
                                         std::uint16_t domain) const noexcept {
  return flow::hash_words(outside.bits() | std::uint64_t{protocol} << 48, ~std::uint64_t{domain}, seed_);
}

SubscriberIndex BindingTable::find_subscriber(const net::IpAddress& address,
                                              std::uint16_t domain) const noexcept {
  return subscriber_index_.find(subscriber_hash(address, domain), [&](SubscriberIndex index) {
    return subscribers_[index].address == address && subscribers_[index].domain == domain;
  });
}

MappingIndex BindingTable::find_mapping(SubscriberIndex subscriber, std::uint16_t inside_port,
                                        std::uint8_t protocol, Endpoint remote) const noexcept {
  const std::uint32_t number = mapping_index_.find(
      inside_hash(subscriber, inside_port, protocol, remote), [&](std::uint32_t candidate) {
        const Mapping& mapping = mappings_[candidate >> 1];
        return (candidate & 1U) == 0 && mapping.subscriber == subscriber &&
               mapping.inside_port == inside_port && mapping.protocol == protocol &&
               mapping.remote_address == remote.address && mapping.remote_port == remote.port;
      });
  return number == flow::BucketIndex::kNone ? kNoIndex : number >> 1;
}

MappingIndex BindingTable::find_mapping(Endpoint outside, std::uint8_t protocol,
                                        std::uint16_t domain) const noexcept {
  const std::uint32_t number =
      mapping_index_.find(outside_hash(outside, protocol, domain), [&](std::uint32_t candidate) {
        const Mapping& mapping = mappings_[candidate >> 1];
        return (candidate & 1U) != 0 && mapping.outside() == outside && mapping.protocol == protocol &&
               mapping.domain == domain;
      });
  return number == flow::BucketIndex::kNone ? kNoIndex : number >> 1;
}

bool BindingTable::lets_in(MappingIndex index, Endpoint remote) const noexcept {
  const Mapping& mapping = mappings_[index];
  if (mapping.has(Mapping::kKept)) return lease_lets_in(index, remote);
  if (mapping.remote_address != 0 && mapping.remote_address != remote.address) return false;
  if (mapping.remote_port != 0 && mapping.remote_port != remote.port) return false;
  switch (mapping.filtering()) {
    case Dependence::kEndpoint:
      return true;
    case Dependence::kAddress:
      return has_remote(mapping, remote.address);
    case Dependence::kAddressAndPort:
      break;
  }
  return false;  // a session would be known
}

SubscriberIndex BindingTable::open_subscriber(const net::IpAddress& address, std::uint16_t domain,
                                              unsigned bucket, Tick now) noexcept {
  const SubscriberIndex known = find_subscriber(address, domain);
  if (known != kNoIndex || subscribers_.full()) return known;
  const SubscriberIndex index = subscribers_.take();
  if (!subscriber_index_.insert(subscriber_hash(address, domain), index)) {
    subscribers_.give_back(index);
    return kNoIndex;
  }
  Subscriber& subscriber = subscribers_[index];
  subscriber.address = address;
  subscriber.domain = domain;
  subscriber.bucket = static_cast<std::uint8_t>(bucket);
  subscriber.paired = kNoAddress;
  subscriber.first_lease = kNoIndex;
  subscriber.known = true;
  subscriber.since = now;
  open_subscribers_.set(subscribers_.size());
  return index;
}

void BindingTable::tidy_subscriber(SubscriberIndex index, Tick rest, Tick now) noexcept {
  Subscriber& subscriber = subscribers_[index];
  ports_.return_idle_blocks(subscriber, rest, now);
  if (subscriber.mappings != 0 || subscriber.block_count != 0) return;
  subscriber_index_.erase(subscriber_hash(subscriber.address, subscriber.domain), index);
  subscribers_.give_back(index);
  open_subscribers_.set(subscribers_.size());
}

// A mapping that rests gives way to one that is needed now.
bool BindingTable::has_room(Tick now) noexcept {
  if (!mappings_.full()) return true;
  if (oldest_ == kNoIndex) return false;
  close_mapping(oldest_, now);
  return true;
}

BindingTable::Opened BindingTable::insert_mapping(const NewMapping& wanted, Endpoint outside,
                                                  AddressId address, std::uint16_t domain,
                                                  Tick since) noexcept {
  const MappingIndex index = mappings_.take();
  const std::uint64_t inside =
      inside_hash(wanted.subscriber, wanted.inside_port, wanted.protocol, wanted.remote);
  if (!mapping_index_.insert(inside, number_of(index, false))) {
    mappings_.give_back(index);
    return {kNoIndex, Refusal::kTableFull};
  }
  if (!mapping_index_.insert(outside_hash(outside, wanted.protocol, domain), number_of(index, true))) {
    mapping_index_.erase(inside, number_of(index, false));
    mappings_.give_back(index);
    return {kNoIndex, Refusal::kTableFull};
  }
  mappings_[index] = {.outside_address = outside.address,
                      .outside_port = outside.port,
                      .inside_port = wanted.inside_port,
                      .remote_address = wanted.remote.address,
                      .remote_port = wanted.remote.port,
                      .protocol = wanted.protocol,
                      .flags = wanted.flags,
                      .subscriber = wanted.subscriber,
                      .sessions = 0,
                      .older = kNoIndex,
                      .newer = kNoIndex,
                      .since = since,
                      .address = address,
                      .domain = domain};
  ++subscribers_[wanted.subscriber].mappings;
  open_mappings_.set(mappings_.size());
  return {index, Refusal::kNone};
}

// One that begins now.
BindingTable::Opened BindingTable::begin_mapping(const NewMapping& wanted, Endpoint outside,
                                                 AddressId address, std::uint16_t domain, Tick now) noexcept {
  const Opened opened = insert_mapping(wanted, outside, address, domain, now);
  if (opened.mapping == kNoIndex) return opened;
  mappings_opened_.add(1);
  if (observer_ != nullptr) observer_->mapping_opened(opened.mapping, mappings_[opened.mapping]);
  return opened;
}

BindingTable::Opened BindingTable::open_mapping(const NewMapping& wanted, const Pool& pool,
                                                Tick now) noexcept {
  const auto space = port_space(wanted.protocol);
  assert(space);
  if (!has_room(now)) return {kNoIndex, Refusal::kTableFull};
  Subscriber& subscriber = subscribers_[wanted.subscriber];
  OutsidePort port;
  const Shortage shortage = take_port(wanted, pool, port, now);
  if (shortage != Shortage::kNone)
    return {kNoIndex, shortage == Shortage::kPool ? Refusal::kPool : Refusal::kSubscriber};
  const Opened opened = begin_mapping(wanted, Endpoint::of(port.address->address(), be16(port.port)),
                                      port.address->id(), pool.domain, now);
  if (opened.mapping == kNoIndex) ports_.give_back(subscriber, *space, port, now);
  return opened;
}

BindingTable::Opened BindingTable::open_static(const NewMapping& wanted, Endpoint outside,
                                               std::uint16_t domain, Tick now) noexcept {
  if (!has_room(now)) return {kNoIndex, Refusal::kTableFull};
  NewMapping made = wanted;
  made.flags |= Mapping::kStatic;
  return begin_mapping(made, outside, kNoAddress, domain, now);
}

BindingTable::Opened BindingTable::open_apart(const NewMapping& wanted, Endpoint outside,
                                              std::uint16_t domain, Tick now) noexcept {
  if (!has_room(now)) return {kNoIndex, Refusal::kTableFull};
  return begin_mapping(wanted, outside, kNoAddress, domain, now);
}

void BindingTable::close_mapping(MappingIndex index, Tick now) noexcept {
  const Mapping mapping = mappings_[index];
  assert(mapping.sessions == 0);
  if (observer_ != nullptr) observer_->mapping_ended(index, mapping, now);
  if (mapping.has(Mapping::kKept)) drop_lease(Lease::Kind::kMapping, index);
  if (mapping.has(Mapping::kQuarantined)) wake(index);
  mapping_index_.erase(inside_hash(mapping.subscriber, mapping.inside_port, mapping.protocol,
                                   {mapping.remote_address, mapping.remote_port}),
                       number_of(index, false));
  mapping_index_.erase(outside_hash(mapping.outside(), mapping.protocol, mapping.domain),
                       number_of(index, true));
  mappings_.give_back(index);
  open_mappings_.set(mappings_.size());
  Subscriber& subscriber = subscribers_[mapping.subscriber];
  if (mapping.address != kNoAddress) {
    ports_.give_back(subscriber, *port_space(mapping.protocol),
                     {&book_[mapping.address], mapping.outside_port_host()}, now);
  }
  --subscriber.mappings;
  forget_unused(mapping.subscriber, now);
}

SubscriberIndex BindingTable::adopt_subscriber(const Subscriber& from) noexcept {
  const SubscriberIndex index = open_subscriber(from.address, from.domain, from.bucket, from.since);
  if (index == kNoIndex) return kNoIndex;
  Subscriber& subscriber = subscribers_[index];
  subscriber = from;
  subscriber.mappings = subscriber.sessions = 0;
  subscriber.leases = 0;
  subscriber.first_lease = kNoIndex;
  for (unsigned i = 0; i < subscriber.block_count; ++i) {
    const Block& block = subscriber.blocks[i];
    for (unsigned run = 0; run < block.runs; ++run)
      book_[block.address].run(block.first_run + run).holder = index + 1;
  }
  return index;
}

MappingIndex BindingTable::adopt_mapping(const Mapping& from, SubscriberIndex subscriber) noexcept {
  if (mappings_.full()) return kNoIndex;
  const Opened opened =
      insert_mapping({.subscriber = subscriber,
                      .inside_port = from.inside_port,
                      .protocol = from.protocol,
                      .flags = static_cast<std::uint8_t>(from.flags & ~Mapping::kQuarantined),
                      .remote = {from.remote_address, from.remote_port}},
                     from.outside(), from.address, from.domain, from.since);
  if (opened.mapping != kNoIndex && from.has(Mapping::kQuarantined)) rest(opened.mapping, from.since);
  return opened.mapping;
}

void BindingTable::retire_mapping(MappingIndex index, Tick quarantine, Tick now) noexcept {
  // A port that is shared goes to others when it has rested. One of a block is the subscriber's own to use
  // again (RFC 6888 REQ-8 B), and the block rests when all of it is idle.
  if (quarantine != 0 && shares_port(mappings_[index])) {
    rest(index, now);
  } else {
    close_mapping(index, now);
  }
}

void BindingTable::rest_since(MappingIndex index, Tick since, Tick now) noexcept {
  if (shares_port(mappings_[index])) {
    rest(index, since);
  } else {
    close_mapping(index, now);
  }
}

bool BindingTable::shares_port(const Mapping& mapping) const noexcept {
  if (mapping.address == kNoAddress) return false;
  return book_[mapping.address].run(mapping.outside_port_host() / OutsideAddress::kRunPorts).holder == 0;
}

void BindingTable::rest(MappingIndex index, Tick now) noexcept {
  Mapping& mapping = mappings_[index];
  mapping.flags |= Mapping::kQuarantined;
  mapping.since = now;
  mapping.older = newest_;
  mapping.newer = kNoIndex;
  (newest_ == kNoIndex ? oldest_ : mappings_[newest_].newer) = index;
  newest_ = index;
  resting_.add(1);
}

void BindingTable::wake(MappingIndex index) noexcept {
  Mapping& mapping = mappings_[index];
  mapping.flags = static_cast<std::uint8_t>(mapping.flags & ~Mapping::kQuarantined);
  (mapping.older == kNoIndex ? oldest_ : mappings_[mapping.older].newer) = mapping.newer;
  (mapping.newer == kNoIndex ? newest_ : mappings_[mapping.newer].older) = mapping.older;
  resting_.set(resting_.read() - 1);
}

}  // namespace millrace::nat
