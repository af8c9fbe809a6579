// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/firewall/inspection/buffer.h"

namespace millrace::firewall::inspection {

// Parts of traffic that the inspection finds; a signature that needs others is not in force.
inline constexpr Buffers kBuffersRead = bit(Buffer::kPayload);

}  // namespace millrace::firewall::inspection
