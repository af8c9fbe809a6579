// SPDX-License-Identifier: BSD-3-Clause
// Consistent hashing with even shares: Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load
// Balancer", NSDI 2016, section 3.4, with weights.
//
// Each backend walks through all places of the table in an order of its own and takes the first that is free,
// one in its turn, until none is left. In the paper everybody has a turn in each round; here everybody has
// one in the first, so that nobody stays without a place, and then a backend of less than the greatest weight
// sits rounds out, so that its turns are in proportion. Its order follows from its identity alone, so all
// balancers that have the same backends have the same table, whatever they had before.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/net/address.h"

namespace millrace::load_balancer {

struct MaglevBackend {
  net::IpAddress address;
  std::uint16_t port = 0;    // tells backends of one address apart
  std::uint32_t weight = 1;  // 0: no share
};

inline constexpr std::uint16_t kNobody = 0xffff;

// For each place of the table the position of a backend in the list; all kNobody when none has a share.
// `size` is a prime, at least as great as the number of backends, which is less than kNobody. Takes some
// milliseconds.
[[nodiscard]] std::vector<std::uint16_t> maglev_table(std::span<const MaglevBackend> backends,
                                                      std::uint32_t size, std::uint64_t seed);

// What that is made of.

// A walk through the places: offset, offset + skip, offset + 2 skip and so on, modulo the table's size.
struct MaglevWalk {
  std::uint32_t offset = 0;  // less than the size
  std::uint32_t skip = 1;    // the same, and not 0
  std::uint32_t weight = 1;
};

// A backend's: hashes, by SipHash under the keys (seed, 1) and (seed, 2), of sixteen bytes of address, IPv4's
// four first, 4 or 6 for the family, and the port in wire order. Balancers that share traffic may be of
// different releases, so this does not change.
[[nodiscard]] MaglevWalk maglev_walk(const MaglevBackend& backend, std::uint32_t size, std::uint64_t seed);

// For each place the position of a walk in the list, which is the order of turns. None has weight 0.
[[nodiscard]] std::vector<std::uint16_t> fill_maglev_table(std::span<const MaglevWalk> walks,
                                                           std::uint32_t size);

}  // namespace millrace::load_balancer
