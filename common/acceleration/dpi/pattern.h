// SPDX-License-Identifier: BSD-3-Clause
// What is looked for in traffic.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

namespace millrace::dpi {

enum class Syntax : std::uint8_t {
  kLiteral,  // these bytes
  kRegex,    // PCRE, as far as Hyperscan has it: no back references, no look-around
};

struct Pattern {
  std::string text;  // may hold any byte
  Syntax syntax = Syntax::kLiteral;
  std::uint32_t id = 0;  // of the caller's choice; several may have the same
  bool caseless = false;
  bool multi_line = false;  // ^ and $ are at every line's ends (PCRE's /m)
  bool dot_all = false;     // . is a line's end as well (/s)
  bool once = false;        // its first match in a block or stream is all that is of interest
  // Where a match may end: bytes from the beginning of the block or stream.
  std::uint64_t least_end = 0;
  std::uint64_t most_end = std::numeric_limits<std::uint64_t>::max();

  bool operator==(const Pattern&) const = default;
};

}  // namespace millrace::dpi
