// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/readers/smtp_text.h"

#include <algorithm>

#include "vnfs/firewall/inspection/http_text.h"

namespace millrace::firewall::inspection::readers {

SmtpCommand split_smtp(Bytes line) noexcept {
  const std::size_t end = std::min(find(line, ' '), find(line, '\t'));
  return {line.first(end), trim(line.subspan(end))};
}

Bytes without_parameters(Bytes text) noexcept {
  bool quoted = false;
  const bool in_brackets = !text.empty() && text[0] == '<';
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && quoted) {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (in_brackets && !quoted && text[i] == '>') {
      return text.first(i + 1);
    } else if (!in_brackets && is_blank(text[i])) {
      return text.first(i);
    }
  }
  return text;
}

bool is_reply_code(Bytes line) noexcept {
  return line.size() >= 3 && std::ranges::all_of(line.first(3), is_digit) &&
         (line.size() == 3 || line[3] == ' ' || line[3] == '-');
}

std::size_t uncertain_end(Bytes mail) noexcept {
  const std::size_t cr = !mail.empty() && mail.back() == '\r' ? 1 : 0;
  if (mail.size() < cr + 1 || mail[mail.size() - cr - 1] != '.') return 0;
  const std::size_t before = mail.size() - cr - 1;
  return before == 0 || mail[before - 1] == '\n' ? cr + 1 : 0;
}

DotLine dot_line(Bytes mail) noexcept {
  const std::size_t end = mail.size() - 1;
  const bool cr = end != 0 && mail[end - 1] == '\r';
  const std::size_t dot = end - (cr ? 1 : 0);
  if (dot == 0 || mail[dot - 1] != '.') return DotLine::kNo;
  const std::size_t begin = dot - 1;
  if (begin != 0 && mail[begin - 1] != '\n') return DotLine::kNo;
  const bool after_crlf = begin == 0 || (begin >= 2 && mail[begin - 2] == '\r');
  return cr && after_crlf ? DotLine::kEnd : DotLine::kLoose;
}

}  // namespace millrace::firewall::inspection::readers
