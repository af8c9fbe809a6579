// SPDX-License-Identifier: BSD-3-Clause
// Other ports for an SCTP packet, whose checksum covers them (RFC 9260 section 6.8). Data path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <immintrin.h>

#include "common/net/rewrite.h"

namespace millrace::net {

// `length`: of the whole SCTP packet, of which only the common header need be at hand. A CRC is linear: what
// changed in the first four bytes changes it as those bytes alone would, with zeros behind them. A wrong
// checksum stays wrong.
inline void rewrite_sctp_ports(std::uint8_t* sctp, std::size_t length, WirePorts ports) noexcept {
  constexpr std::size_t kChecksum = 8;
  std::uint32_t before = 0;
  std::memcpy(&before, sctp, sizeof before);
  write_ports(sctp, ports);
  std::uint32_t after = 0;
  std::memcpy(&after, sctp, sizeof after);
  std::uint64_t crc = _mm_crc32_u32(0, before ^ after);
  std::size_t left = length - sizeof after;
  for (; left >= 8; left -= 8) crc = _mm_crc32_u64(crc, 0);
  auto change = static_cast<std::uint32_t>(crc);
  for (; left > 0; --left) change = _mm_crc32_u8(change, 0);
  std::uint32_t checksum = 0;
  std::memcpy(&checksum, sctp + kChecksum, sizeof checksum);
  checksum ^= change;
  std::memcpy(sctp + kChecksum, &checksum, sizeof checksum);
}

}  // namespace millrace::net
