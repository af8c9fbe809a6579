// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

#include "common/base/strong_id.h"

namespace millrace::core {

using PortId = StrongId<struct PortIdTag, std::uint16_t>;            // DPDK's port number
using InterfaceId = StrongId<struct InterfaceIdTag, std::uint16_t>;  // index into Network::interfaces
using DomainId = StrongId<struct DomainIdTag, std::uint16_t>;        // routing domain (VRF); 0 is "default"
using NextHopId = StrongId<struct NextHopIdTag, std::uint32_t>;      // index into Network::next_hops
using WorkerId = StrongId<struct WorkerIdTag, std::uint16_t>;

inline constexpr unsigned kMaxPorts = 32;
inline constexpr unsigned kMaxWorkers = 64;

}  // namespace millrace::core
