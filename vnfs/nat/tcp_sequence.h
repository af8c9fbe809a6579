// SPDX-License-Identifier: BSD-3-Clause
// Writes the numbers of a TCP header as the other side has them. Data path.
#pragma once

#include "common/core/batch.h"
#include "vnfs/nat/sequence_shift.h"

namespace millrace::nat {

// Sequence and acknowledgment number, and SACK blocks (RFC 2018 section 3), of a segment whose header is all
// there. `own`: the shift of its direction, `others`: of what it acknowledges. The checksum is the caller's.
void shift_numbers(core::Packet& packet, const SequenceShift& own, const SequenceShift& others) noexcept;

}  // namespace millrace::nat
