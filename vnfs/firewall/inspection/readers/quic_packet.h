// SPDX-License-Identifier: BSD-3-Clause
// The header of QUIC's long packets (RFC 9000 section 17.2), as far as it is not protected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/base/reader.h"

namespace millrace::firewall::inspection::readers {

inline constexpr std::size_t kLongestQuicId = 20;

struct QuicPacket {
  bool is_initial = false;
  std::uint32_t version = 0;
  Bytes destination;
  std::size_t number_at = 0;  // where the packet number begins in the packet
  Bytes bytes;                // all of the packet, which others may follow in the datagram
};

// RFC 9000 section 16. Nothing when it is not all there.
[[nodiscard]] std::optional<std::uint64_t> take_quic_number(Reader& reader) noexcept;

// The packet that the bytes begin with. Nothing when it is none with a length, of version 1 or 2: a packet
// with a short header, a retry, or of another version.
[[nodiscard]] std::optional<QuicPacket> read_quic_packet(Bytes datagram) noexcept;

}  // namespace millrace::firewall::inspection::readers
