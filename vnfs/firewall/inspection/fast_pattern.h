// SPDX-License-Identifier: BSD-3-Clause
// Which content of a signature is looked for first. Off the data path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "vnfs/firewall/inspection/signature.h"

namespace millrace::firewall::inspection {

struct FastPattern {
  static constexpr std::size_t kMostBytes = 32;

  std::size_t buffer = 0;  // its place in Signature::buffers
  std::size_t test = 0;
  std::string bytes;  // the content, or so much of its end as is looked for; folded when caseless
  bool caseless = false;
  // Where it may end, in bytes from the buffer's beginning.
  std::uint32_t least_end = 0;
  std::uint32_t most_end = 0xffffffff;
};

// The content that is marked, else the one least likely to be found by chance, in a buffer with a name rather
// than in the payload. None: it has no content that has to be there.
[[nodiscard]] std::optional<FastPattern> fast_pattern_of(const Signature& signature);

}  // namespace millrace::firewall::inspection
