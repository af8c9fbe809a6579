// SPDX-License-Identifier: BSD-3-Clause
// A signature's text taken apart, nothing understood yet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace millrace::firewall::inspection {

struct Option {
  std::string_view name;
  std::string_view value;  // without blanks around it; a leading '!' and quotes are still there
  bool has_value = false;
};

struct SignatureText {
  std::vector<std::string_view> header;  // action, protocol, source, ports, direction, destination, ports
  std::vector<Option> options;
};

// What is wrong: `attempt` names the option, `reason` says what would be right.
[[nodiscard]] Result<SignatureText> take_apart(std::string_view line);

[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;
// Parts between commas, without blanks around them; commas in brackets do not count.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator = ',');
// The whole text as a number, in decimal or with 0x in base 16.
[[nodiscard]] std::optional<std::int64_t> number_of(std::string_view text) noexcept;

// A value as contents and expressions are written: !"text".
struct Quoted {
  std::string_view text;
  bool negated = false;
};
[[nodiscard]] std::optional<Quoted> quoted(std::string_view value) noexcept;
// The bytes of `GET |0d 0a|x\;y`. An error says what would be right.
[[nodiscard]] Result<std::string> content_bytes(std::string_view text);

}  // namespace millrace::firewall::inspection
