// SPDX-License-Identifier: BSD-3-Clause
// Numbers as people read and write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::vnfctl {

// Up to 9999 in full, then three digits and k, M, G, T: "9999", "12.3k", "1.23M".
[[nodiscard]] std::string human_count(double count);
// "12.3 Mbit/s"
[[nodiscard]] std::string human_bits(double bits_per_second);
// Powers of 1024: "512 B", "1.50 GiB"
[[nodiscard]] std::string human_bytes(double bytes);
// "0.4s", "59s", "1m30s", "2h05m", "3d04h"
[[nodiscard]] std::string human_duration(double seconds);
// 0.42 -> "42%"
[[nodiscard]] std::string percent(double ratio);

// "10s", "500ms", "2m", or seconds without a unit; 1 ms to 10 minutes.
[[nodiscard]] std::optional<unsigned> parse_duration_ms(std::string_view text);

}  // namespace millrace::vnfctl
