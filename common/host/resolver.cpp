// SPDX-License-Identifier: BSD-3-Clause
#include "common/host/resolver.h"

namespace millrace::host {

Resolver::~Resolver() {
  for (auto& [key, wait] : waits_) {
    for (rte_mbuf* packet : wait.packets) give_up_(packet);
  }
}

void Resolver::hold(const NeighborKey& neighbor, rte_mbuf* packet, Tick now) {
  if (waiting_ == kMostInAll) {
    const auto oldest = waits_.find(order_.front());
    give_up_(oldest->second.packets.front());
    oldest->second.packets.pop_front();
    --waiting_;
    if (oldest->second.packets.empty()) forget(oldest);
  }
  const auto [place, fresh] = waits_.try_emplace(neighbor);
  Wait& wait = place->second;
  if (fresh) {
    wait.since = wait.asked = now;
    wait.place = order_.insert(order_.end(), neighbor);
    ask_(neighbor);
  }
  if (wait.packets.size() == kMostPerNeighbor) {
    give_up_(wait.packets.front());
    wait.packets.pop_front();
    --waiting_;
  }
  wait.packets.push_back(packet);
  ++waiting_;
}

// Its packets are somebody else's by now.
Resolver::Waits::iterator Resolver::forget(Waits::iterator at) {
  waiting_ -= at->second.packets.size();
  order_.erase(at->second.place);
  return waits_.erase(at);
}

void Resolver::release(const std::function<bool(const NeighborKey&)>& known, const Give& give_back) {
  for (auto at = waits_.begin(); at != waits_.end();) {
    if (!known(at->first)) {
      ++at;
      continue;
    }
    for (rte_mbuf* packet : at->second.packets) give_back(packet);
    at = forget(at);
  }
}

void Resolver::tick(Tick now) {
  for (auto at = waits_.begin(); at != waits_.end();) {
    Wait& wait = at->second;
    if (tick_after(now, wait.since + kPatienceMs)) {
      for (rte_mbuf* packet : wait.packets) unanswered_(packet);
      at = forget(at);
      continue;
    }
    if (tick_after(now, wait.asked + kAskAgainMs)) {
      wait.asked = now;
      ask_(at->first);
    }
    ++at;
  }
}

}  // namespace millrace::host
