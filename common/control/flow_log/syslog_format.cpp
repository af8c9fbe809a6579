// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/flow_log/syslog_format.h"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "common/control/flow_log/json_format.h"

namespace millrace::control {
namespace {

constexpr unsigned kLocal0 = 16;

// RFC 5424 section 6: a field of the header is PRINTUSASCII, of at most so many characters, or "-".
std::string header_field(std::string_view text, std::size_t most) {
  std::string field;
  for (const char c : text) {
    if (c > ' ' && c <= '~' && field.size() < most) field += c;
  }
  return field.empty() ? "-" : field;
}

}  // namespace

SyslogOrigin SyslogOrigin::here(std::string program) {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return {host.data(), std::move(program), std::to_string(::getpid())};
}

SyslogLine::SyslogLine(const SyslogOrigin& origin, SyslogSeverity severity, WallTime time,
                       std::string_view id, std::string_view element)
    : text_(fmt::format("<{}>1 {} {} {} {} {} [{}", kLocal0 * 8 + static_cast<unsigned>(severity),
                        rfc3339(time), header_field(origin.host, 255), header_field(origin.program, 48),
                        header_field(origin.process, 128), header_field(id, 32), element)) {}

void SyslogLine::add(std::string_view name, std::string_view value) {
  text_.append(" ").append(name).append("=\"");
  for (const char c : value) {
    if (c == '"' || c == '\\' || c == ']') text_ += '\\';  // section 6.3.3
    text_ += c;
  }
  text_ += '"';
}

std::string SyslogLine::finish(std::string_view message) {
  text_.append("] ").append(message);
  return std::move(text_);
}

}  // namespace millrace::control
