// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/maglev.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "common/base/siphash.h"

namespace millrace::load_balancer {
namespace {

// A backend's walk through the table.
struct Walk {
  std::uint32_t place;  // next
  std::uint32_t skip;
  std::uint64_t credit = 0;  // in weights: a turn costs the greatest
  std::uint32_t weight;
  std::uint16_t backend;
};

Walk begin_walk(const MaglevBackend& backend, std::uint16_t position, std::uint32_t size,
                std::uint64_t seed) {
  std::array<std::uint8_t, 19> identity{};
  std::ranges::copy(backend.address.bytes(), identity.begin());
  identity[16] = static_cast<std::uint8_t>(backend.address.family());
  identity[17] = static_cast<std::uint8_t>(backend.port >> 8);
  identity[18] = static_cast<std::uint8_t>(backend.port & 0xffU);
  const auto hash = [&](std::uint64_t purpose) { return siphash(identity, SipKey{seed, purpose}); };
  return {.place = static_cast<std::uint32_t>(hash(1) % size),
          .skip = static_cast<std::uint32_t>(hash(2) % (size - 1) + 1),
          .weight = backend.weight,
          .backend = position};
}

}  // namespace

std::vector<std::uint16_t> maglev_table(std::span<const MaglevBackend> backends, std::uint32_t size,
                                        std::uint64_t seed) {
  std::vector<std::uint16_t> table(size, kNobody);
  std::vector<Walk> walks;
  std::uint64_t turn = 0;  // what one costs
  for (std::size_t i = 0; i < backends.size(); ++i) {
    if (backends[i].weight == 0) continue;
    walks.push_back(begin_walk(backends[i], static_cast<std::uint16_t>(i), size, seed));
    turn = std::max<std::uint64_t>(turn, backends[i].weight);
  }
  if (walks.empty()) return table;
  // Turns are taken in the order of identities, not of the list: that is the same on all balancers.
  std::ranges::sort(walks, [&](const Walk& a, const Walk& b) {
    const auto identity = [&](const Walk& walk) {
      const MaglevBackend& backend = backends[walk.backend];
      return std::pair(backend.address, backend.port);
    };
    return identity(a) < identity(b);
  });
  for (std::uint32_t taken = 0; taken < size;) {
    for (Walk& walk : walks) {
      walk.credit += walk.weight;
      if (walk.credit < turn) continue;
      walk.credit -= turn;
      while (table[walk.place] != kNobody) {
        walk.place += walk.skip;
        if (walk.place >= size) walk.place -= size;
      }
      table[walk.place] = walk.backend;
      if (++taken == size) break;
    }
  }
  return table;
}

}  // namespace millrace::load_balancer
