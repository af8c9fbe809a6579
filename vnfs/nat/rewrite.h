// SPDX-License-Identifier: BSD-3-Clause
// Writes other addresses and ports into an IPv4 packet, its checksums kept right by what was decided when the
// session began (RFC 3022 section 4.1, RFC 1624). Data path.
#pragma once

#include <cstdint>
#include <cstring>

#include "common/net/rewrite.h"
#include "common/net/wire.h"
#include "vnfs/nat/tuple.h"

namespace millrace::nat {

inline void write_addresses(std::uint8_t* ip, Endpoint source, Endpoint destination) noexcept {
  constexpr std::size_t kSource = 12;
  const std::uint64_t both = source.address | std::uint64_t{destination.address} << 32;
  std::memcpy(ip + kSource, &both, sizeof both);
}

// Ports or identifier, and checksum; see net::rewrite_transport().
inline void rewrite_transport(std::uint8_t* transport, std::size_t present, std::uint8_t protocol,
                              Endpoint source, Endpoint destination, std::uint16_t delta) noexcept {
  net::rewrite_transport(transport, present, protocol, {source.port, destination.port}, delta);
}

}  // namespace millrace::nat
