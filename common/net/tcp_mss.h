// SPDX-License-Identifier: BSD-3-Clause
// The maximum segment size that a SYN announces: RFC 9293 section 3.7.1. Data path.
#pragma once

#include <cstdint>

#include "common/base/reader.h"

namespace millrace::net {

// Makes the option say `most` bytes where it says more, and keeps the checksum right. `tcp` is the header of
// a segment with SYN, its options included. One without the option is left alone: it means 536 bytes over
// IPv4 and 1220 over IPv6.
void hold_mss_to(MutableBytes tcp, std::uint16_t most) noexcept;

}  // namespace millrace::net
