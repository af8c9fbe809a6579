// SPDX-License-Identifier: BSD-3-Clause
// What a worker counts of new sessions and of names asked for, between two looks of the control side.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/clock.h"
#include "common/flow/heavy_hitters.h"
#include "common/flow/hyper_log_log.h"
#include "common/flow/source_table.h"

namespace millrace::firewall::inspection {

// 64 registers: a relative standard error of 13 %, less for a few dozen.
using Distinct = flow::HyperLogLog<6>;

// Of whom something is counted, and what else is told apart.
enum class Track : std::uint8_t {
  kPair,     // a source towards a host: distinct ports
  kPort,     // a source towards a port: distinct hosts
  kService,  // towards a port of a host, of UDP towards a host: distinct sources
  kDomain,   // a client below a domain: distinct names
};
inline constexpr std::size_t kTracks = 4;

struct Counts {
  std::uint32_t opened;    // sessions that were let in, or names of kDomain
  std::uint32_t refused;   // openings that were not
  std::uint32_t answered;  // sessions whose responder answered
  std::uint32_t marked;    // kPort: short sessions with a login service; kDomain: bytes below the domain
};

struct alignas(64) Activity {
  flow::SourceKey who;  // source or client; of kService the destination
  std::array<std::uint8_t, 16>
      other;           // kPair: the host; kPort: the last host; kService: the last source; same family
  std::uint16_t port;  // kPair: the last one; not of UDP's kService
  std::uint8_t protocol;
  Counts counts;
  Distinct distinct;
};
static_assert(sizeof(Activity) == 128);

struct alignas(64) NameActivity {
  static constexpr std::size_t kDomainBytes = 64;

  flow::SourceKey who;
  std::uint64_t domain_hash;
  Counts counts;
  std::uint8_t domain_length;
  std::array<char, kDomainBytes> domain;  // its end when it is longer
  Distinct distinct;
};

// Room for so many of each in one look.
struct WatchLimits {
  std::uint32_t pairs = 4096;
  std::uint32_t ports = 4096;
  std::uint32_t services = 1024;
  std::uint32_t domains = 256;

  bool operator==(const WatchLimits&) const noexcept = default;
};

struct WatchPage {
  WatchPage(const WatchLimits& limits, Tick now)
      : pairs(limits.pairs),
        ports(limits.ports),
        services(limits.services),
        domains(limits.domains),
        began(now),
        ended(now) {}

  void clear() noexcept {
    pairs.clear();
    ports.clear();
    services.clear();
    domains.clear();
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return pairs.memory_bytes() + ports.memory_bytes() + services.memory_bytes() + domains.memory_bytes();
  }

  flow::HeavyHitters<Activity> pairs;
  flow::HeavyHitters<Activity> ports;
  flow::HeavyHitters<Activity> services;
  flow::HeavyHitters<NameActivity> domains;
  Tick began;
  Tick ended;
};

}  // namespace millrace::firewall::inspection
