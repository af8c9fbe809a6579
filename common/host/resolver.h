// SPDX-License-Identifier: BSD-3-Clause
// Packets that wait until the kernel knows their next hop's MAC address.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>

#include <rte_mbuf.h>

#include "common/base/clock.h"
#include "common/host/types.h"

namespace millrace::host {

// One thread. Owns the packets it holds.
class Resolver {
 public:
  static constexpr std::size_t kMostPerNeighbor = 16;  // RFC 4861 section 7.2.2 asks for at least one
  static constexpr std::size_t kMostInAll = 1024;
  static constexpr Tick kPatienceMs = 3000;  // three requests a second apart, RFC 4861 section 10
  static constexpr Tick kAskAgainMs = 1000;

  using Give = std::function<void(rte_mbuf*)>;

  // `ask` sends a request for a neighbour; `unanswered` takes the packets of one that kept silent, `give_up`
  // those there is no room for, or no more time.
  Resolver(std::function<void(const NeighborKey&)> ask, Give unanswered, Give give_up)
      : ask_(std::move(ask)), unanswered_(std::move(unanswered)), give_up_(std::move(give_up)) {}
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // When there are too many, the oldest packet of the same neighbour gives way, or of the neighbour waited
  // for the longest: one that is there answers at once, however many are asked for that are not.
  void hold(const NeighborKey& neighbor, rte_mbuf* packet, Tick now);
  // Gives back the packets of all neighbours for which `known` says yes.
  void release(const std::function<bool(const NeighborKey&)>& known, const Give& give_back);
  // Asks again, gives up.
  void tick(Tick now);
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }

 private:
  struct Wait {
    Tick since = 0;
    Tick asked = 0;
    std::deque<rte_mbuf*> packets;
    std::list<NeighborKey>::iterator place;
  };
  using Waits = std::map<NeighborKey, Wait>;

  Waits::iterator forget(Waits::iterator at);

  std::function<void(const NeighborKey&)> ask_;
  Give unanswered_;
  Give give_up_;
  Waits waits_;
  std::list<NeighborKey> order_;  // of waits_, the oldest first
  std::size_t waiting_ = 0;
};

}  // namespace millrace::host
