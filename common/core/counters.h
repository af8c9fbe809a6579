// SPDX-License-Identifier: BSD-3-Clause
// What a worker counts. Written by that worker alone, read by anyone; sums are made on reading.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "common/base/counter.h"
#include "common/core/drop_reason.h"
#include "common/core/ids.h"

namespace millrace::core {

// Packets by time from reception to transmission, one bucket per power of two of TSC cycles.
class LatencyHistogram {
 public:
  static constexpr unsigned kBuckets = 40;

  void add(std::uint64_t cycles, std::uint64_t packets) noexcept {
    const auto width = static_cast<unsigned>(std::bit_width(cycles));
    buckets_[width < kBuckets ? width : kBuckets - 1].add(packets);
  }
  // Packets that took less than 2^bucket cycles, and at least half of that.
  [[nodiscard]] std::uint64_t read(unsigned bucket) const noexcept { return buckets_[bucket].read(); }

 private:
  std::array<Counter, kBuckets> buckets_;
};

struct StageCounters {
  Counter packets;
  Counter drops;
  Counter cycles;
};

struct PortCounters {
  Counter received;
  Counter received_bytes;
  Counter transmitted;
  Counter transmitted_bytes;
};

// Every packet that comes in (received, from_host, originated) leaves (transmitted, to_host, dropped), or is
// held.
struct alignas(64) WorkerCounters {
  static constexpr unsigned kMaxStages = 16;

  Counter received;
  Counter received_bytes;
  Counter transmitted;  // of those received
  Counter to_host;
  Counter to_resolve;   // to the twin until the next hop is known; they come back or are dropped there
  Counter resumed;      // come back
  Counter handed_over;  // to another worker, counted once more by nobody
  Counter from_host;    // sent by the twin
  Counter from_host_transmitted;
  Counter originated;  // made here: ICMP errors, resets, SYN cookies
  Counter originated_transmitted;
  Counter originated_suppressed;  // not made, for the rate limit
  Counter passed_unread;          // let through as frames of another protocol than ARP and IP
  Counter fragmented;             // datagrams sent in more than one piece
  Counter segmented;  // aggregates of TCP segments cut by software, for want of a port that does it
  Counter held;       // fragments that wait for their first: how many now, not a sum
  std::array<Counter, kMaxDropReasons> dropped;

  std::array<StageCounters, kMaxStages> stages;
  std::array<PortCounters, kMaxPorts> ports;
  LatencyHistogram latency;
  Counter batches;
  Counter busy_cycles;  // in iterations that found a packet
  Counter idle_cycles;  // in those that did not, asleep included
  Counter heartbeat;    // iterations
};

}  // namespace millrace::core
