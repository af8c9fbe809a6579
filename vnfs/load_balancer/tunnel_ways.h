// SPDX-License-Identifier: BSD-3-Clause
// How packets reach the backends of tunnels: route, outer headers and room, looked up once for each network,
// policy and word of a router. Data path.
#pragma once

#include <array>
#include <memory>

#include "common/core/network.h"
#include "vnfs/load_balancer/policy.h"

namespace millrace::load_balancer {

struct TunnelWay {
  std::uint32_t found_in = 0;  // the turn of TunnelWays
  core::NextHopId hop;         // none when there is no route
  core::InterfaceId egress;
  std::uint16_t mtu = 0;  // of the way all through, as far as it is known
  // Bytes of a datagram that needs no more than the outer headers: it fits, and egress has all it takes to
  // send it. 0 when no datagram does.
  std::uint16_t room = 0;
};

// One worker's own.
class TunnelWays {
 public:
  // Before the first packet of a batch, where the policy has tunnels.
  void begin(const core::Network& network, const Policy& policy, Tick now) noexcept {
    const std::uint32_t path_changes = policy.path_mtus->changes();
    if (network_ == network.serial.value() && policy_ == policy.serial.value() &&
        path_changes_ == path_changes && (!some_end_ || now - now_ <= first_end_)) [[likely]]
      return;
    network_ = network.serial.value();
    policy_ = policy.serial.value();
    path_changes_ = path_changes;
    some_end_ = false;
    now_ = now;
    if (++turn_ == 0) {
      ways_->fill({});
      ++turn_;
    }
  }
  [[nodiscard]] const TunnelWay& to(BackendId id, core::DomainId domain, const core::Network& network,
                                    const Policy& policy) noexcept {
    TunnelWay& way = (*ways_)[id];
    if (way.found_in != turn_) [[unlikely]]
      find(id, domain, network, policy);
    return way;
  }
  // With the source's address when the way has one; none for a backend without a tunnel. After to().
  [[nodiscard]] const net::TunnelHeader& header(BackendId id) const noexcept { return (*headers_)[id]; }

 private:
  [[gnu::noinline]] void find(BackendId id, core::DomainId domain, const core::Network& network,
                              const Policy& policy) noexcept;

  std::uint64_t network_ = 0;
  std::uint64_t policy_ = 0;
  std::uint32_t path_changes_ = 0;
  std::uint32_t turn_ = 0;
  Tick now_ = 0;           // when the turn began
  bool some_end_ = false;  // some ways have an MTU that is not kept for ever, the first one so long from then
  Tick first_end_ = 0;
  std::unique_ptr<std::array<TunnelWay, kMostBackends>> ways_ =
      std::make_unique<std::array<TunnelWay, kMostBackends>>();
  std::unique_ptr<std::array<net::TunnelHeader, kMostBackends>> headers_ =
      std::make_unique<std::array<net::TunnelHeader, kMostBackends>>();
};

}  // namespace millrace::load_balancer
