// SPDX-License-Identifier: BSD-3-Clause
// By which interface packets have come that came by a tunnel: the tunnel's own, or else the one on whose side
// they are going, so that what is said about them comes from an address that the tunnel carries. Looked up
// once for each network and set of associations. Data path.
#pragma once

#include <cstdint>

#include "common/base/page_array.h"
#include "common/core/network.h"
#include "vnfs/vpn/associations.h"

namespace millrace::vpn {

// One worker's own.
class Arrivals {
 public:
  Arrivals() : arrivals_(kMostAssociations) {}

  // Before the first packet of a batch.
  void begin(const core::Network& network, const Associations& associations) noexcept {
    if (network_ == network.serial.value() && associations_ == associations.serial.value()) [[likely]]
      return;
    network_ = network.serial.value();
    associations_ = associations.serial.value();
    if (++turn_ == 0) {
      for (std::size_t i = 0; i < arrivals_.size(); ++i) arrivals_[i] = {};
      ++turn_;
    }
  }
  // `outside`: by which the outer datagram came; that of the tunnel's packets too when there is no better
  // one.
  [[nodiscard]] core::InterfaceId of(const Inbound& association, core::InterfaceId outside,
                                     const core::Network& network) noexcept {
    Arrival& arrival = arrivals_[association.slot];
    if (arrival.found_in != turn_) [[unlikely]]
      arrival = {.found_in = turn_, .interface = find(association, network)};
    return arrival.interface.valid() ? arrival.interface : outside;
  }

 private:
  struct Arrival {
    std::uint32_t found_in = 0;  // the turn
    core::InterfaceId interface;
  };

  [[nodiscard]] static core::InterfaceId find(const Inbound& association,
                                              const core::Network& network) noexcept;

  std::uint64_t network_ = 0;
  std::uint64_t associations_ = 0;
  std::uint32_t turn_ = 0;
  PageArray<Arrival> arrivals_;
};

}  // namespace millrace::vpn
