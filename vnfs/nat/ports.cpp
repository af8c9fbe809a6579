// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/ports.h"

#include <algorithm>

#include "common/flow/key.h"

namespace millrace::nat {
namespace {

constexpr unsigned kRunPorts = OutsideAddress::kRunPorts;
// Addresses of a pool tried for one port.
constexpr std::size_t kAddressTries = 128;

std::size_t index_of(PortSpace space) noexcept { return static_cast<std::size_t>(space); }

// A subscriber who comes back finds its old address, as long as the pool stays as it is.
std::size_t place_of(const Subscriber& subscriber, std::size_t addresses) noexcept {
  const auto& bytes = subscriber.address.bytes();
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  std::memcpy(&first, bytes.data(), sizeof first);
  std::memcpy(&second, bytes.data() + sizeof first, sizeof second);
  return flow::hash_words(first, second, subscriber.domain) % addresses;
}

bool holds(const Block& block, AddressId address, unsigned run) noexcept {
  return block.address == address && run >= block.first_run && run < block.first_run + unsigned{block.runs};
}

}  // namespace

// Nobody is expected without a peer's address. RSS does not see the identifiers of ICMP.
core::PortRequest Ports::request(const PortWish& wish) noexcept {
  core::PortRequest wanted{.space = wish.space, .span = wish.pool.ports()};
  const Endpoint& peer = wish.peer;
  if (peer.address != 0 && wish.space != PortSpace::kIcmp)
    wanted.peer = static_cast<std::uint16_t>(peer.address ^ peer.address >> 16 ^ peer.port);
  return wanted;
}

bool Ports::take_from_run(OutsideAddress& address, unsigned run, const PortWish& wish,
                          OutsidePort& out) noexcept {
  out.address = &address;
  return runs_.take_from_run(address, run, request(wish), out.port);
}

// Of blocks at one address `only`, unless that is null.
bool Ports::take_from_blocks(const PortWish& wish, OutsidePort& out, const OutsideAddress* only) noexcept {
  Subscriber& subscriber = wish.subscriber;
  for (unsigned i = 0, at = runs_.below(subscriber.block_count); i < subscriber.block_count; ++i) {
    Block& block = subscriber.blocks[(at + i) % subscriber.block_count];
    OutsideAddress& address = book_[block.address];
    if (!wish.pool.has(address.address()) || (only != nullptr && only != &address)) continue;
    const unsigned from = runs_.below(block.runs);
    for (unsigned run = 0; run < block.runs; ++run) {
      if (!take_from_run(address, block.first_run + (from + run) % block.runs, wish, out)) continue;
      block.idle = false;
      return true;
    }
  }
  return false;
}

// The only address the subscriber may have ports of, without being told; null when it is free to choose.
OutsideAddress* Ports::paired_address(const Subscriber& subscriber, const Pool& pool) const noexcept {
  if (!pool.paired || pool.arithmetic || subscriber.paired == kNoAddress) return nullptr;
  OutsideAddress& address = book_[subscriber.paired];
  return address.domain() == pool.domain && pool.has(address.address()) ? &address : nullptr;
}

// Calls attempt(address) for the addresses the subscriber may have a port of, until one has it.
template <class Try>
bool Ports::try_addresses(Subscriber& subscriber, const Pool& pool, Try&& attempt) noexcept {
  const std::size_t count = pool.addresses.size();
  if (count == 0) return false;
  if (OutsideAddress* paired = paired_address(subscriber, pool); paired != nullptr) return attempt(*paired);
  std::size_t at = runs_.below(static_cast<unsigned>(count));
  if (pool.paired) at = place_of(subscriber, count);
  for (std::size_t i = 0; i < std::min(count, kAddressTries); ++i) {
    OutsideAddress& address = *pool.addresses[(at + i) % count];
    if (!attempt(address)) continue;
    subscriber.paired = address.id();
    return true;
  }
  return false;
}

bool Ports::take_from_ring(OutsideAddress& address, const PortWish& wish, OutsidePort& out) noexcept {
  out.address = &address;
  return runs_.take_shared(address, wish.subscriber.bucket, request(wish), out.port);
}

void Ports::add_block(OutsideAddress& address, unsigned first, const PortWish& wish, Tick now) noexcept {
  Subscriber& subscriber = wish.subscriber;
  const std::uint16_t runs = wish.pool.block_runs;
  for (unsigned run = first; run < first + runs; ++run) address.run(run).holder = wish.number + 1;
  Block& block = subscriber.blocks[subscriber.block_count++];
  block = {.address = address.id(),
           .first_run = static_cast<std::uint16_t>(first),
           .runs = runs,
           .idle = false,
           .since = now,
           .idle_since = 0};
  if (observer_ != nullptr) observer_->block_given(subscriber, block);
}

// A block that nobody has; blocks begin at multiples of their size.
bool Ports::claim_block(OutsideAddress& address, const PortWish& wish, Tick now) noexcept {
  const Pool& pool = wish.pool;
  const unsigned first_block = pool.first_block();
  const unsigned end_block = pool.end_block();
  if (first_block >= end_block) return false;
  const unsigned blocks = end_block - first_block;
  const unsigned from = runs_.below(blocks);
  for (unsigned i = 0; i < blocks; ++i) {
    const unsigned first = (first_block + (from + i) % blocks) * pool.block_runs;
    if (!address.claim(first, pool.block_runs, wish.subscriber.bucket)) continue;
    add_block(address, first, wish, now);
    return true;
  }
  return false;
}

// The block that is the subscriber's by its place among the inside addresses.
bool Ports::claim_own_block(const PortWish& wish, Tick now) noexcept {
  const Pool& pool = wish.pool;
  const unsigned blocks = pool.end_block() - pool.first_block();
  const std::uint32_t place = wish.subscriber.address.v4().value.host() - pool.arithmetic->first_inside;
  if (place >= pool.arithmetic->insides || place / blocks >= pool.addresses.size()) return false;
  OutsideAddress& address = *pool.addresses[place / blocks];
  const unsigned first = (pool.first_block() + place % blocks) * pool.block_runs;
  if (!address.claim(first, pool.block_runs, wish.subscriber.bucket)) return false;
  add_block(address, first, wish, now);
  return true;
}

Shortage Ports::take(const PortWish& wish, OutsidePort& out, Tick now) noexcept {
  Subscriber& subscriber = wish.subscriber;
  const Pool& pool = wish.pool;
  std::uint32_t& count = subscriber.ports[index_of(wish.space)];
  if (count >= pool.ports_per_subscriber) return Shortage::kSubscriber;
  bool found = false;
  if (pool.block_runs == 0) {
    found = try_addresses(subscriber, pool,
                          [&](OutsideAddress& address) { return take_from_ring(address, wish, out); });
  } else {
    const OutsideAddress* only = paired_address(subscriber, pool);
    found = take_from_blocks(wish, out, only);
    if (!found) {
      if (subscriber.block_count >= pool.blocks_per_subscriber) return Shortage::kSubscriber;
      const bool claimed = pool.arithmetic ? claim_own_block(wish, now)
                                           : try_addresses(subscriber, pool, [&](OutsideAddress& address) {
                                               return claim_block(address, wish, now);
                                             });
      found = claimed && take_from_blocks(wish, out, only);
    }
  }
  if (!found) return Shortage::kPool;
  ++count;
  return Shortage::kNone;
}

Shortage Ports::take_exactly(const PortWish& wish, OutsidePort wanted, Tick now) noexcept {
  Subscriber& subscriber = wish.subscriber;
  const Pool& pool = wish.pool;
  OutsideAddress& address = *wanted.address;
  std::uint32_t& count = subscriber.ports[index_of(wish.space)];
  if (count >= pool.ports_per_subscriber) return Shortage::kSubscriber;
  if (!pool.has(address.address()) || !pool.has_port(wanted.port)) return Shortage::kPool;
  if (pool.paired && subscriber.paired != kNoAddress && subscriber.paired != address.id())
    return Shortage::kPool;
  const unsigned run = wanted.port / kRunPorts;
  const auto bucket = address.bucket_of(wanted.port);
  if (bucket && *bucket != subscriber.bucket) return Shortage::kPool;
  if (!bucket) {
    if (pool.block_runs == 0) {
      if (!address.claim(run, 1, subscriber.bucket)) return Shortage::kPool;
      address.link(static_cast<std::uint16_t>(run), subscriber.bucket);
    } else {
      if (subscriber.block_count >= pool.blocks_per_subscriber) return Shortage::kSubscriber;
      const unsigned first = run / pool.block_runs * pool.block_runs;
      if (!address.claim(first, pool.block_runs, subscriber.bucket)) return Shortage::kPool;
      add_block(address, first, wish, now);
    }
  }
  OutsideAddress::Run& place = address.run(run);
  const std::uint64_t bit = std::uint64_t{1} << wanted.port % kRunPorts;
  std::uint64_t& used = place.used[index_of(wish.space)];
  const bool another = place.holder != 0 && place.holder != wish.number + 1;
  if (another || (used & bit) != 0) return Shortage::kPool;
  used |= bit;
  ++count;
  subscriber.paired = address.id();
  for (unsigned i = 0; i < subscriber.block_count; ++i) {
    if (holds(subscriber.blocks[i], address.id(), run)) subscriber.blocks[i].idle = false;
  }
  return Shortage::kNone;
}

Shortage Ports::take_at(const PortWish& wish, OutsideAddress& address, OutsidePort& out, Tick now) noexcept {
  Subscriber& subscriber = wish.subscriber;
  const Pool& pool = wish.pool;
  std::uint32_t& count = subscriber.ports[index_of(wish.space)];
  if (count >= pool.ports_per_subscriber) return Shortage::kSubscriber;
  if (pool.block_runs == 0) {
    if (!take_from_ring(address, wish, out)) return Shortage::kPool;
  } else if (!take_from_blocks(wish, out, &address)) {
    if (subscriber.block_count >= pool.blocks_per_subscriber) return Shortage::kSubscriber;
    const bool claimed = !pool.arithmetic && claim_block(address, wish, now);
    if (!claimed || !take_from_blocks(wish, out, &address)) return Shortage::kPool;
  }
  if (subscriber.paired == kNoAddress) subscriber.paired = address.id();
  ++count;
  return Shortage::kNone;
}

OutsideAddress* Ports::first_choice(const Subscriber& subscriber, const Pool& pool) const noexcept {
  if (pool.addresses.empty()) return nullptr;
  if (subscriber.paired != kNoAddress) {
    OutsideAddress& address = book_[subscriber.paired];
    if (address.domain() == pool.domain && pool.has(address.address())) return &address;
  }
  return pool.addresses[place_of(subscriber, pool.addresses.size())];
}

void Ports::give_back(Subscriber& subscriber, PortSpace space, OutsidePort port, Tick now) noexcept {
  OutsideAddress& address = *port.address;
  const unsigned number = port.port / kRunPorts;
  OutsideAddress::Run& run = address.run(number);
  const bool shared = run.holder == 0;
  --subscriber.ports[index_of(space)];
  runs_.give_back(address, space, port.port, subscriber.bucket);
  if (shared || !run.idle()) return;
  for (unsigned i = 0; i < subscriber.block_count; ++i) {
    Block& block = subscriber.blocks[i];
    if (!holds(block, address.id(), number)) continue;
    for (unsigned other = 0; other < block.runs; ++other) {
      if (!address.run(block.first_run + other).idle()) return;
    }
    block.idle = true;
    block.idle_since = now;
    return;
  }
}

void Ports::return_idle_blocks(Subscriber& subscriber, Tick rest, Tick now) noexcept {
  for (unsigned i = subscriber.block_count; i-- != 0;) {
    const Block block = subscriber.blocks[i];
    if (!block.idle || tick_after(block.idle_since + rest, now)) continue;
    subscriber.blocks[i] = subscriber.blocks[--subscriber.block_count];
    subscriber.blocks[subscriber.block_count] = {};
    book_[block.address].give_back(block.first_run, block.runs);
    if (observer_ != nullptr) observer_->block_returned(subscriber, block);
  }
}

}  // namespace millrace::nat
