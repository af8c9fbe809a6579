// SPDX-License-Identifier: BSD-3-Clause
// Gives ports of shared addresses: a free one of a run, or of the runs a bucket of owners shares, nobody
// knows which beforehand (RFC 6056). For a NAT gateway's outside ports and for a balancer's source ports.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/base/siphash.h"
#include "common/core/shared_address.h"

namespace millrace::core {

// Ports that may be given, both ends included.
struct PortSpan {
  std::uint16_t first = 1024;
  std::uint16_t last = 65'535;

  [[nodiscard]] bool has(std::uint16_t port) const noexcept { return port >= first && port <= last; }
  // A bit for each port of a run that belongs to the span.
  [[nodiscard]] std::uint64_t ports_of(unsigned run) const noexcept {
    constexpr unsigned kRunPorts = SharedAddress::kRunPorts;
    const unsigned begin = run * kRunPorts;
    if (first >= begin + kRunPorts || last < begin) return 0;
    std::uint64_t bits = ~std::uint64_t{0};
    if (first > begin) bits &= ~std::uint64_t{0} << (first - begin);
    if (last < begin + kRunPorts - 1) bits &= ~std::uint64_t{0} >> (begin + kRunPorts - 1 - last);
    return bits;
  }
  // Runs that have ports of the span: first, and one past the last.
  [[nodiscard]] unsigned first_run() const noexcept { return first / SharedAddress::kRunPorts; }
  [[nodiscard]] unsigned end_run() const noexcept { return last / SharedAddress::kRunPorts + 1U; }
};

// What port is wanted.
struct PortRequest {
  PortSpace space;
  PortSpan span;
  // Address and port that answers are expected from, as folded_words() folds them; nothing: anybody's, or of
  // ICMP, whose identifiers RSS does not see.
  std::optional<std::uint16_t> peer{};
};

// One worker among those that share the traffic.
struct WorkerShare {
  unsigned worker = 0;
  unsigned workers = 1;
};

// One per worker. Touches runs of the worker's buckets only. Of the free ports of a run it prefers those that
// make a NIC's RSS deliver the answers of the expected peer to the worker itself (owner.h); DPDK's
// rte_thash_adjust_tuple() finds one such port, this all of them, so that the choice stays a random one.
class PortRuns {
 public:
  // A bucket that shares ports has so many runs at once, if there are, lest one port tell of the next.
  static constexpr unsigned kSpread = 4;

  PortRuns(const SipKey& secret, WorkerShare share) noexcept;

  // A random number less than `bound`.
  [[nodiscard]] unsigned below(unsigned bound) noexcept {
    return static_cast<unsigned>((random_.next() >> 32) * bound >> 32);
  }
  // A free port of a run of the worker's, whosever it is alone for. False when there is none.
  [[nodiscard]] bool take_from_run(SharedAddress& address, unsigned run, const PortRequest& wanted,
                                   std::uint16_t& port) noexcept;
  // A free port of the runs that `bucket`, the worker's, shares, or of one more. False when there is none.
  [[nodiscard]] bool take_shared(SharedAddress& address, unsigned bucket, const PortRequest& wanted,
                                 std::uint16_t& port) noexcept;
  // Of a run that is alone for somebody, no more is done. A shared one that is idle is free for all.
  void give_back(SharedAddress& address, PortSpace space, std::uint16_t port, unsigned bucket) noexcept;

 private:
  [[nodiscard]] std::uint64_t straight_ports(const SharedAddress& address, unsigned run,
                                             const PortRequest& wanted) const noexcept;
  [[nodiscard]] bool claim_run(SharedAddress& address, unsigned bucket, const PortSpan& span,
                               unsigned tries) noexcept;
  void give_idle_ring_back(SharedAddress& address, unsigned bucket) noexcept;

  SipRandom random_;
  // By the RSS hash of what a run's first port would make of a packet: those of its ports, a bit each, whose
  // packets come to this worker.
  std::array<std::uint64_t, kOwnerBuckets> straight_{};
};

}  // namespace millrace::core
