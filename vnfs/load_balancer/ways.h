// SPDX-License-Identifier: BSD-3-Clause
// The next hops of backends, looked up once for each network and policy: hosts of one prefix have routes so
// close together that finding one takes a search. Data path.
#pragma once

#include <algorithm>
#include <array>
#include <memory>

#include "common/core/network.h"
#include "vnfs/load_balancer/policy.h"

namespace millrace::load_balancer {

// One worker's own.
class Ways {
 public:
  // Before the first packet of a batch.
  void begin(const core::Network& network, const Policy& policy) noexcept {
    if (network_ == network.serial.value() && policy_ == policy.serial.value()) [[likely]]
      return;
    network_ = network.serial.value();
    policy_ = policy.serial.value();
    std::fill_n(hops_->begin(), policy.backends.size(), core::NextHopId::none());
  }
  // None when there is no route.
  [[nodiscard]] core::NextHopId to(BackendId id, core::DomainId domain, const core::Network& network,
                                   const Policy& policy) noexcept {
    core::NextHopId& hop = (*hops_)[id];
    if (!hop.valid()) [[unlikely]]
      hop = network.find_route(domain, policy.backends[id].address);
    return hop;
  }

 private:
  std::uint64_t network_ = 0;
  std::uint64_t policy_ = 0;
  std::unique_ptr<std::array<core::NextHopId, kMostBackends>> hops_ =
      std::make_unique<std::array<core::NextHopId, kMostBackends>>();
};

}  // namespace millrace::load_balancer
