// SPDX-License-Identifier: BSD-3-Clause
// Words of SMTP (RFC 5321 sections 4.1 and 4.2). Nothing is copied.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/reader.h"

namespace millrace::firewall::inspection::readers {

struct SmtpCommand {
  Bytes verb;
  Bytes parameter;
};
// A line without its end.
[[nodiscard]] SmtpCommand split_smtp(Bytes line) noexcept;

// A path without the parameters of extensions behind it. It may have a quoted string in it, and that spaces
// and brackets (section 4.1.2).
[[nodiscard]] Bytes without_parameters(Bytes text) noexcept;

[[nodiscard]] bool is_reply_code(Bytes line) noexcept;

// How many of the mail's last bytes may turn out to be no part of it, but the dot at its end.
[[nodiscard]] std::size_t uncertain_end(Bytes mail) noexcept;

enum class DotLine : std::uint8_t { kNo, kEnd, kLoose };
// Whether the line that ends with the last byte of `mail` is a dot alone (section 4.1.1.4). kLoose: with
// other line ends, which some servers take for the mail's end and others do not.
[[nodiscard]] DotLine dot_line(Bytes mail) noexcept;

}  // namespace millrace::firewall::inspection::readers
