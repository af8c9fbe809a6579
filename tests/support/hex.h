// SPDX-License-Identifier: BSD-3-Clause
// Bytes as standards print them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::testing {

using Octets = std::vector<std::uint8_t>;

// Two digits a byte, nothing between.
[[nodiscard]] inline Octets hex(std::string_view text) {
  Octets bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  return bytes;
}

}  // namespace millrace::testing
