// SPDX-License-Identifier: BSD-3-Clause
// A syslog message (RFC 5424) with one element of structured data.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/control/flow_log/flow_record.h"

namespace millrace::control {

// RFC 5424 section 6.2.1, in facility local0.
enum class SyslogSeverity : std::uint8_t { kWarning = 4, kInformational = 6 };

// Who says it; what can not stand in a header is left out of these, and what is empty becomes "-".
struct SyslogOrigin {
  std::string host;     // section 6.2.4
  std::string program;  // APP-NAME
  std::string process;  // PROCID

  // This host and process.
  [[nodiscard]] static SyslogOrigin here(std::string program);
};

class SyslogLine {
 public:
  // `id`: MSGID; `element`: SD-ID.
  SyslogLine(const SyslogOrigin& origin, SyslogSeverity severity, WallTime time, std::string_view id,
             std::string_view element);
  // `name` can stand as it is. `value` in UTF-8.
  void add(std::string_view name, std::string_view value);
  void add(std::string_view name, std::uint64_t value) { add(name, std::to_string(value)); }
  // The whole, with what people read; `message` in ASCII. The line is used up.
  [[nodiscard]] std::string finish(std::string_view message);

 private:
  std::string text_;
};

}  // namespace millrace::control
