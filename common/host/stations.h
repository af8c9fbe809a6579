// SPDX-License-Identifier: BSD-3-Clause
// Behind which far end of an overlay a station is, learned from the frames that come to the twin: ARP and
// neighbour discovery, which every neighbour takes part in. What is forwarded is not looked at. One thread.
#pragma once

#include <rte_mbuf.h>

#include "common/core/overlay_hops.h"

namespace millrace::host {

class StationTable {
 public:
  // Of one interface. Who floods the table pushes out stations, which are sent to through all far ends then.
  static constexpr std::size_t kMostPerInterface = 4096;

  // Takes the source of a frame for the twin, whose note tells where it came by. True when that is news.
  bool learn(rte_mbuf& frame, const core::Network& network);
  // Forgets the stations of interfaces that are no overlay's any more, and those behind far ends that are not
  // listed any more.
  void match(const core::Network& network);

  [[nodiscard]] const core::Stations& all() const noexcept { return stations_; }

 private:
  core::Stations stations_;
};

}  // namespace millrace::host
