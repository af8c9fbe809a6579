// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/ports.h"

#include <algorithm>
#include <bit>

#include <immintrin.h>

#include "common/flow/key.h"

namespace millrace::nat {
namespace {

constexpr unsigned kRunPorts = OutsideAddress::kRunPorts;
constexpr std::uint16_t kNoRun = OutsideAddress::kNoRun;

// Of a ring: runs looked at before a new one is claimed, and before all the rest is looked at.
constexpr unsigned kNearRuns = 64;
// Runs tried at random only to spread a bucket's ports.
constexpr unsigned kSpreadTries = 16;
// Addresses of a pool tried for one port.
constexpr std::size_t kAddressTries = 128;

// The number of the k-th bit that is set.
unsigned nth_bit(std::uint64_t bits, unsigned k) noexcept {
  return static_cast<unsigned>(std::countr_zero(_pdep_u64(std::uint64_t{1} << k, bits)));
}

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

// The hash is linear: a port changes it by what is the port's alone.
Ports::Ports(const AddressBook& book, const SipKey& secret, WorkerShare share) noexcept
    : book_(book), random_(secret) {
  for (unsigned hash = 0; hash < straight_.size(); ++hash) {
    for (unsigned port = 0; port < kRunPorts; ++port) {
      const std::uint32_t change = core::symmetric_hash(be16(static_cast<std::uint16_t>(port)).wire());
      if (core::owner_of(hash ^ change, share.workers) == share.worker)
        straight_[hash] |= std::uint64_t{1} << port;
    }
  }
}

// The ports of the run, free or not, whose packets from the peer come to this worker; none where nobody is
// expected, and of ICMP, whose identifiers RSS does not see.
std::uint64_t Ports::straight_ports(const OutsideAddress& address, unsigned run,
                                    const PortWish& wish) const noexcept {
  if (wish.peer.address == 0 || wish.space == PortSpace::kIcmp) return 0;
  const std::uint32_t ends = wish.peer.address ^ address.address().value.wire();
  const be16 first(static_cast<std::uint16_t>(run * kRunPorts));
  const std::uint32_t folded = (ends ^ ends >> 16 ^ wish.peer.port ^ first.wire()) & 0xffffU;
  return straight_[core::symmetric_hash(static_cast<std::uint16_t>(folded)) % core::kOwnerBuckets];
}

// A free port of the run that the pool has, any of them, or of the straight ones, with the same chance.
bool Ports::take_from_run(OutsideAddress& address, unsigned run, const PortWish& wish,
                          OutsidePort& out) noexcept {
  std::uint64_t& used = address.run(run).used[index_of(wish.space)];
  std::uint64_t free = ~used & wish.pool.ports_of(run);
  if (free == 0) return false;
  if (const std::uint64_t straight = free & straight_ports(address, run, wish); straight != 0)
    free = straight;
  const unsigned bit = nth_bit(free, below(static_cast<unsigned>(std::popcount(free))));
  used |= std::uint64_t{1} << bit;
  out = {&address, static_cast<std::uint16_t>(run * kRunPorts + bit)};
  return true;
}

// Of blocks at one address `only`, unless that is null.
bool Ports::take_from_blocks(const PortWish& wish, OutsidePort& out, const OutsideAddress* only) noexcept {
  Subscriber& subscriber = wish.subscriber;
  for (unsigned i = 0, at = below(subscriber.block_count); i < subscriber.block_count; ++i) {
    Block& block = subscriber.blocks[(at + i) % subscriber.block_count];
    OutsideAddress& address = book_[block.address];
    if (!wish.pool.has(address.address()) || (only != nullptr && only != &address)) continue;
    const unsigned from = below(block.runs);
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
  std::size_t at = below(static_cast<unsigned>(count));
  if (pool.paired) at = place_of(subscriber, count);
  for (std::size_t i = 0; i < std::min(count, kAddressTries); ++i) {
    OutsideAddress& address = *pool.addresses[(at + i) % count];
    if (!attempt(address)) continue;
    subscriber.paired = address.id();
    return true;
  }
  return false;
}

bool Ports::claim_run(OutsideAddress& address, unsigned bucket, const Pool& pool, unsigned tries) noexcept {
  const unsigned runs = pool.end_run() - pool.first_run();
  const unsigned from = below(runs);
  for (unsigned i = 0; i < std::min(tries, runs); ++i) {
    const unsigned run = pool.first_run() + (from + i) % runs;
    if (!address.claim(run, 1, bucket)) continue;
    address.link(static_cast<std::uint16_t>(run), bucket);
    return true;
  }
  return false;
}

bool Ports::take_from_ring(OutsideAddress& address, const PortWish& wish, OutsidePort& out) noexcept {
  const unsigned bucket = wish.subscriber.bucket;
  const Pool& pool = wish.pool;
  unsigned runs = 0;
  const auto count_runs = [&] {
    const std::uint16_t head = address.ring(bucket);
    if (head == kNoRun) return;
    std::uint16_t at = head;
    do {
      ++runs;
      at = address.run(at).next;
    } while (at != head && runs < kSpread);
  };
  count_runs();
  if (runs < kSpread && !claim_run(address, bucket, pool, kSpreadTries) && runs == 0 &&
      !claim_run(address, bucket, pool, OutsideAddress::kRuns))
    return false;

  std::uint16_t at = address.ring(bucket);
  for (unsigned hops = below(2 * kSpread); hops != 0; --hops) at = address.run(at).next;
  const std::uint16_t begin = at;
  for (unsigned seen = 1;; ++seen) {
    if (take_from_run(address, at, wish, out)) {
      address.turn_ring(bucket, at);
      return true;
    }
    at = address.run(at).next;
    if (at == begin) break;
    if (seen == kNearRuns && claim_run(address, bucket, pool, OutsideAddress::kRuns)) break;
  }
  if (take_from_run(address, address.ring(bucket), wish, out)) return true;
  return claim_run(address, bucket, pool, OutsideAddress::kRuns) &&
         take_from_run(address, address.ring(bucket), wish, out);
}

void Ports::add_block(OutsideAddress& address, unsigned first, const PortWish& wish, Tick now) noexcept {
  Subscriber& subscriber = wish.subscriber;
  const std::uint16_t runs = wish.pool.block_runs;
  for (unsigned run = first; run < first + runs; ++run) address.run(run).subscriber_mark = wish.number + 1;
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
  const unsigned from = below(blocks);
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
  const bool another = place.subscriber_mark != 0 && place.subscriber_mark != wish.number + 1;
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
  run.used[index_of(space)] &= ~(std::uint64_t{1} << port.port % kRunPorts);
  --subscriber.ports[index_of(space)];
  if (!run.idle()) return;
  if (run.subscriber_mark == 0) {
    address.unlink(static_cast<std::uint16_t>(number), subscriber.bucket);
    address.give_back(number, 1);
    return give_idle_ring_back(address, subscriber.bucket);
  }
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

// Runs that were claimed only to spread a bucket's ports are of no use without a port in use beside them.
void Ports::give_idle_ring_back(OutsideAddress& address, unsigned bucket) noexcept {
  const std::uint16_t head = address.ring(bucket);
  if (head == kNoRun) return;
  std::uint16_t at = head;
  for (unsigned seen = 0; seen < kSpread; ++seen) {
    if (!address.run(at).idle()) return;
    at = address.run(at).next;
    if (at == head) break;
  }
  if (at != head) return;
  for (std::uint16_t run = head; run != kNoRun; run = address.ring(bucket)) {
    address.unlink(run, bucket);
    address.give_back(run, 1);
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
