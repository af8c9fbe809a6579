// SPDX-License-Identifier: BSD-3-Clause
// How sealed packets reach the other ends of tunnels: route and room, looked up once for each network, set of
// associations and word of a router. Data path.
#pragma once

#include <cstdint>

#include "common/base/page_array.h"
#include "common/core/network.h"
#include "common/core/path_mtus.h"
#include "vnfs/vpn/associations.h"

namespace millrace::vpn {

struct Way {
  std::uint32_t found_in = 0;  // the turn of Ways
  core::NextHopId hop;         // none when there is no route
  core::InterfaceId egress;
  std::uint16_t mtu = 0;   // of the way all through, as far as it is known
  std::uint16_t room = 0;  // bytes of the largest datagram that fits inside; 0 when none does
};

// One worker's own.
class Ways {
 public:
  Ways() : ways_(kMostAssociations) {}

  // Before the first packet of a batch.
  void begin(const core::Network& network, const Associations& associations, const core::PathMtus& mtus,
             Tick now) noexcept {
    const std::uint32_t path_changes = mtus.changes();
    if (network_ == network.serial.value() && associations_ == associations.serial.value() &&
        path_changes_ == path_changes && (!some_end_ || now - now_ <= first_end_)) [[likely]]
      return;
    network_ = network.serial.value();
    associations_ = associations.serial.value();
    path_changes_ = path_changes;
    some_end_ = false;
    now_ = now;
    if (++turn_ == 0) {
      for (std::size_t i = 0; i < ways_.size(); ++i) ways_[i] = {};
      ++turn_;
    }
  }
  void prefetch(const Outbound& association) const noexcept { __builtin_prefetch(&ways_[association.slot]); }
  [[nodiscard]] const Way& to(const Outbound& association, const core::Network& network,
                              const core::PathMtus& mtus) noexcept {
    Way& way = ways_[association.slot];
    if (way.found_in != turn_) [[unlikely]]
      find(association, network, mtus, way);
    return way;
  }

 private:
  [[gnu::noinline]] void find(const Outbound& association, const core::Network& network,
                              const core::PathMtus& mtus, Way& way) noexcept;

  std::uint64_t network_ = 0;
  std::uint64_t associations_ = 0;
  std::uint32_t path_changes_ = 0;
  std::uint32_t turn_ = 0;
  Tick now_ = 0;           // when the turn began
  bool some_end_ = false;  // some MTUs are not kept for ever, the first one so long from then
  Tick first_end_ = 0;
  PageArray<Way> ways_;
};

}  // namespace millrace::vpn
