// SPDX-License-Identifier: BSD-3-Clause
// The ways in which signatures write numbers and lists of settings.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "vnfs/firewall/inspection/signature.h"

namespace millrace::firewall::inspection {

// "5", ">5", "<5", "5<>9" (neither of both) and "5-9", within 0 to `most`.
[[nodiscard]] std::optional<Range> range_of(std::string_view text, std::uint32_t most);

// What is read out of a buffer: the parts of byte_test, byte_jump and byte_extract that say how.
struct NumeralWords {
  Numeral numeral;
  bool is_text = false;
};
// True when the word was one of: relative, little, big, string, hex, dec, oct.
bool take_numeral_word(std::string_view word, NumeralWords& words);

// "type limit, track by_src, count 1, seconds 60" in any order, each once; a filter has no type.
[[nodiscard]] std::optional<Threshold> threshold_of(std::string_view text, bool filter);

// "S", "+SA,12", "SA+", "!R".
[[nodiscard]] std::optional<TcpFlagSpec> tcp_flags_of(std::string_view text);

}  // namespace millrace::firewall::inspection
