// SPDX-License-Identifier: BSD-3-Clause
// Request targets: RFC 9112 section 3.2 for their forms, RFC 3986 for what is in them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/named_values.h"

namespace millrace::http {

struct Target {
  bool asterisk = false;              // "OPTIONS *"
  std::vector<std::string> segments;  // {} for "/"; a trailing slash leaves an empty last segment
  Parameters query;
};

// Reads "/path?query", "http://host/path?query" or "*". Nothing for other forms, a bad percent-escape, a
// decoded NUL, bytes outside printable ASCII, a fragment, or a "." or ".." segment (clients resolve those
// themselves).
[[nodiscard]] std::optional<Target> parse_target(std::string_view text);

// Escapes all but RFC 3986's unreserved characters: for one segment, one name or one value of a query.
[[nodiscard]] std::string percent_encode(std::string_view text);
// Nothing for an escape that is not two hex digits, or that stands for NUL.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

}  // namespace millrace::http
