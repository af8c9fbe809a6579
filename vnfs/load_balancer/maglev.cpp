// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/maglev.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/siphash.h"

namespace millrace::load_balancer {

MaglevWalk maglev_walk(const MaglevBackend& backend, std::uint32_t size, std::uint64_t seed) {
  std::array<std::uint8_t, 19> identity{};
  std::ranges::copy(backend.address.bytes(), identity.begin());
  identity[16] = static_cast<std::uint8_t>(backend.address.family());
  identity[17] = static_cast<std::uint8_t>(backend.port >> 8);
  identity[18] = static_cast<std::uint8_t>(backend.port & 0xffU);
  const auto hash = [&](std::uint64_t purpose) { return siphash(identity, SipKey{seed, purpose}); };
  return {.offset = static_cast<std::uint32_t>(hash(1) % size),
          .skip = static_cast<std::uint32_t>(hash(2) % (size - 1) + 1),
          .weight = backend.weight};
}

std::vector<std::uint16_t> fill_maglev_table(std::span<const MaglevWalk> walks, std::uint32_t size) {
  struct Walker {
    std::uint32_t place;
    std::uint32_t skip;
    std::uint32_t weight;
    std::uint64_t credit;  // in weights: a turn costs the greatest
  };
  std::vector<std::uint16_t> table(size, kNobody);
  if (walks.empty()) return table;
  const std::uint64_t turn = std::ranges::max_element(walks, {}, &MaglevWalk::weight)->weight;
  std::vector<Walker> walkers;
  for (const MaglevWalk& walk : walks)
    walkers.push_back({walk.offset, walk.skip, walk.weight, turn - walk.weight});
  for (std::uint32_t taken = 0; taken < size;) {
    for (std::size_t i = 0; i < walkers.size(); ++i) {
      Walker& walker = walkers[i];
      walker.credit += walker.weight;
      if (walker.credit < turn) continue;
      walker.credit -= turn;
      while (table[walker.place] != kNobody) {
        walker.place += walker.skip;
        if (walker.place >= size) walker.place -= size;
      }
      table[walker.place] = static_cast<std::uint16_t>(i);
      if (++taken == size) break;
    }
  }
  return table;
}

std::vector<std::uint16_t> maglev_table(std::span<const MaglevBackend> backends, std::uint32_t size,
                                        std::uint64_t seed) {
  std::vector<std::uint16_t> order;  // positions of those that have a share
  for (std::size_t i = 0; i < backends.size(); ++i) {
    if (backends[i].weight != 0) order.push_back(static_cast<std::uint16_t>(i));
  }
  // Turns are taken in the order of identities, not of the list: that is the same on all balancers.
  std::ranges::sort(order, {}, [&](std::uint16_t position) {
    return std::pair(backends[position].address, backends[position].port);
  });
  std::vector<MaglevWalk> walks;
  walks.reserve(order.size());
  for (const std::uint16_t position : order) walks.push_back(maglev_walk(backends[position], size, seed));
  std::vector<std::uint16_t> table = fill_maglev_table(walks, size);
  if (walks.empty()) return table;
  for (std::uint16_t& place : table) place = order[place];
  return table;
}

}  // namespace millrace::load_balancer
