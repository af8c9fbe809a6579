// SPDX-License-Identifier: BSD-3-Clause
// The first line of a message of HTTP/1, in its words (RFC 9112 sections 3 and 4). Lenient about the white
// space between them, as section 3 allows.
#pragma once

#include "common/base/reader.h"

namespace millrace::firewall::inspection {

struct RequestLine {
  Bytes method;
  Bytes target;
  Bytes version;  // "HTTP/1.1"; empty when there is none, and then the target is all behind the method
  bool odd_space = false;  // between or behind them there is something else than one space
  bool space_in_target = false;
};

struct StatusLine {
  Bytes version;
  Bytes status;
  Bytes message;
  bool odd_space = false;
};

// Of a line without its end.
[[nodiscard]] RequestLine read_request_line(Bytes line) noexcept;
[[nodiscard]] StatusLine read_status_line(Bytes line) noexcept;

}  // namespace millrace::firewall::inspection
