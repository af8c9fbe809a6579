// SPDX-License-Identifier: BSD-3-Clause
// The line before a chunk of a body (RFC 9112 section 7.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/http_anomaly.h"

namespace millrace::firewall::inspection {

// With its extensions, which nobody uses.
inline constexpr std::size_t kLongestChunkLine = 4096;

// `line` ends with LF. Nothing when it does not begin with a size, or one of 2^60 or more.
[[nodiscard]] std::optional<std::uint64_t> chunk_size(Bytes line, HttpAnomalySet& anomalies) noexcept;

}  // namespace millrace::firewall::inspection
