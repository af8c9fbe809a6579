// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/firewall/inspection/buffer.h"

namespace millrace::firewall::inspection {

// Parts of traffic that the inspection finds; a signature that needs others is not in force.
inline constexpr Buffers kBuffersRead = [] {
  Buffers read = bit(Buffer::kPayload) | bit(Buffer::kFileData);
  for (auto i = static_cast<unsigned>(Buffer::kHttpMethod);
       i <= static_cast<unsigned>(Buffer::kHttpResponseBody); ++i)
    read |= bit(static_cast<Buffer>(i));
  return read;
}();
[[nodiscard]] constexpr bool is_told_apart(Speech speech) noexcept {
  return speech == Speech::kUnknown || speech == Speech::kHttp;
}

}  // namespace millrace::firewall::inspection
