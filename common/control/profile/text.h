// SPDX-License-Identifier: BSD-3-Clause
// Wording of error messages: quoting what was written, and guessing what was meant.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::control {

// 'text', shortened when long and with unprintable bytes escaped, so that a message stays one line.
[[nodiscard]] std::string quote(std::string_view text);

// The candidate that is a typing slip away from `word`, if one is (optimal string alignment distance).
[[nodiscard]] std::optional<std::string> closest(std::string_view word,
                                                 std::span<const std::string> candidates);

// "a, b and 12 more"
[[nodiscard]] std::string listing(std::span<const std::string> names);

// "zone 'dmz' is not defined; did you mean 'dmz1'? defined zones are dmz1, inside"
[[nodiscard]] std::string undefined(std::string_view kind, std::string_view name,
                                    std::span<const std::string> candidates);

}  // namespace millrace::control
