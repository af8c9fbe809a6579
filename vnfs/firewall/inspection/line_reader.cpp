// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/line_reader.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "vnfs/firewall/inspection/http_text.h"

namespace millrace::firewall::inspection {
namespace {

std::string_view as_text(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What is between the brackets of "FROM:<a@example.org> SIZE=5", or all up to a blank where there are none.
Bytes address_of(Bytes rest) noexcept {
  while (!rest.empty() && is_blank(rest[0])) rest = rest.subspan(1);
  const std::string_view text = as_text(rest);
  if (text.starts_with('<')) {
    const auto end = text.find('>');
    return rest.subspan(1, (end == std::string_view::npos ? rest.size() : end) - 1);
  }
  return rest.first(std::min(text.find(' '), rest.size()));
}

}  // namespace

bool LineReader::next(Bytes stream, Bytes& line) noexcept {
  if (over_ || looked_ >= stream.size()) return false;
  const Bytes fresh = stream.subspan(looked_);
  const auto* end = static_cast<const std::uint8_t*>(std::memchr(fresh.data(), '\n', fresh.size()));
  if (end == nullptr) {
    looked_ = static_cast<std::uint32_t>(stream.size());
    over_ = looked_ - begin_ > kLongest;
    return false;
  }
  const auto at = static_cast<std::uint32_t>(end - stream.data());
  line = stream.subspan(begin_, at - begin_);
  if (!line.empty() && line.back() == '\r') line = line.first(line.size() - 1);
  begin_ = looked_ = at + 1;
  return true;
}

bool read_ssh_identification(Bytes line, Parts& parts) noexcept {
  constexpr std::string_view kStart = "SSH-";
  const std::string_view text = as_text(line);
  if (!text.starts_with(kStart)) return false;
  const auto dash = text.find('-', kStart.size());
  if (dash == std::string_view::npos) return false;
  const auto end = std::min(text.find(' ', dash), text.size());
  parts.set(Buffer::kSshProtocol, line.subspan(kStart.size(), dash - kStart.size()));
  parts.set(Buffer::kSshSoftware, line.subspan(dash + 1, end - dash - 1));
  return true;
}

SmtpCommand read_smtp_command(Bytes line, Parts& parts) noexcept {
  if (begins_with_word(line, "EHLO ") || begins_with_word(line, "HELO ")) {
    parts.set(Buffer::kSmtpHelo, line.subspan(5));
    return SmtpCommand::kNamed;
  }
  if (begins_with_word(line, "MAIL FROM:")) {
    parts.set(Buffer::kSmtpMailFrom, address_of(line.subspan(10)));
    return SmtpCommand::kNamed;
  }
  if (begins_with_word(line, "RCPT TO:")) {
    parts.set(Buffer::kSmtpRcptTo, address_of(line.subspan(8)));
    return SmtpCommand::kNamed;
  }
  if (same_word(line, "DATA")) return SmtpCommand::kData;
  if (same_word(line, "STARTTLS")) return SmtpCommand::kTls;
  return SmtpCommand::kOther;
}

}  // namespace millrace::firewall::inspection
