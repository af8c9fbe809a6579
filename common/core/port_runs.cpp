// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/port_runs.h"

#include <algorithm>
#include <bit>

#include <immintrin.h>

namespace millrace::core {
namespace {

constexpr unsigned kRunPorts = SharedAddress::kRunPorts;
constexpr std::uint16_t kNoRun = SharedAddress::kNoRun;

// Of a ring: runs looked at before a new one is claimed, and before all the rest is looked at.
constexpr unsigned kNearRuns = 64;
// Runs tried at random only to spread a bucket's ports.
constexpr unsigned kSpreadTries = 16;

// The number of the k-th bit that is set.
unsigned nth_bit(std::uint64_t bits, unsigned k) noexcept {
  return static_cast<unsigned>(std::countr_zero(_pdep_u64(std::uint64_t{1} << k, bits)));
}

}  // namespace

// The hash is linear: a port changes it by what is the port's alone.
PortRuns::PortRuns(const SipKey& secret, WorkerShare share) noexcept : random_(secret) {
  for (unsigned hash = 0; hash < straight_.size(); ++hash) {
    for (unsigned port = 0; port < kRunPorts; ++port) {
      const std::uint32_t change = symmetric_hash(be16(static_cast<std::uint16_t>(port)).wire());
      if (owner_of(hash ^ change, share.workers) == share.worker) straight_[hash] |= std::uint64_t{1} << port;
    }
  }
}

// The ports of the run, free or not, whose packets from the peer come to this worker; none where nobody is
// expected.
std::uint64_t PortRuns::straight_ports(const SharedAddress& address, unsigned run,
                                       const PortRequest& wanted) const noexcept {
  if (!wanted.peer) return 0;
  const be16 first(static_cast<std::uint16_t>(run * kRunPorts));
  const auto folded = static_cast<std::uint16_t>(*wanted.peer ^ address.words() ^ first.wire());
  return straight_[symmetric_hash(folded) % kOwnerBuckets];
}

// Any of those that are free, or of the straight ones, with the same chance.
bool PortRuns::take_from_run(SharedAddress& address, unsigned run, const PortRequest& wanted,
                             std::uint16_t& port) noexcept {
  std::uint64_t& used = address.run(run).used[static_cast<std::size_t>(wanted.space)];
  std::uint64_t free = ~used & wanted.span.ports_of(run);
  if (free == 0) return false;
  if (const std::uint64_t straight = free & straight_ports(address, run, wanted); straight != 0)
    free = straight;
  const unsigned bit = nth_bit(free, below(static_cast<unsigned>(std::popcount(free))));
  used |= std::uint64_t{1} << bit;
  port = static_cast<std::uint16_t>(run * kRunPorts + bit);
  return true;
}

bool PortRuns::claim_run(SharedAddress& address, unsigned bucket, const PortSpan& span,
                         unsigned tries) noexcept {
  const unsigned runs = span.end_run() - span.first_run();
  const unsigned from = below(runs);
  for (unsigned i = 0; i < std::min(tries, runs); ++i) {
    const unsigned run = span.first_run() + (from + i) % runs;
    if (!address.claim(run, 1, bucket)) continue;
    address.link(static_cast<std::uint16_t>(run), bucket);
    return true;
  }
  return false;
}

bool PortRuns::take_shared(SharedAddress& address, unsigned bucket, const PortRequest& wanted,
                           std::uint16_t& port) noexcept {
  const PortSpan& span = wanted.span;
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
  if (runs < kSpread && !claim_run(address, bucket, span, kSpreadTries) && runs == 0 &&
      !claim_run(address, bucket, span, SharedAddress::kRuns))
    return false;

  std::uint16_t at = address.ring(bucket);
  for (unsigned hops = below(2 * kSpread); hops != 0; --hops) at = address.run(at).next;
  const std::uint16_t begin = at;
  for (unsigned seen = 1;; ++seen) {
    if (take_from_run(address, at, wanted, port)) {
      address.turn_ring(bucket, at);
      return true;
    }
    at = address.run(at).next;
    if (at == begin) break;
    if (seen == kNearRuns && claim_run(address, bucket, span, SharedAddress::kRuns)) break;
  }
  if (take_from_run(address, address.ring(bucket), wanted, port)) return true;
  return claim_run(address, bucket, span, SharedAddress::kRuns) &&
         take_from_run(address, address.ring(bucket), wanted, port);
}

void PortRuns::give_back(SharedAddress& address, PortSpace space, std::uint16_t port,
                         unsigned bucket) noexcept {
  const unsigned number = port / kRunPorts;
  SharedAddress::Run& run = address.run(number);
  run.used[static_cast<std::size_t>(space)] &= ~(std::uint64_t{1} << port % kRunPorts);
  if (!run.idle() || run.holder != 0) return;
  address.unlink(static_cast<std::uint16_t>(number), bucket);
  address.give_back(number, 1);
  give_idle_ring_back(address, bucket);
}

// Runs that were claimed only to spread a bucket's ports are of no use without a port in use beside them.
void PortRuns::give_idle_ring_back(SharedAddress& address, unsigned bucket) noexcept {
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

}  // namespace millrace::core
