// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/guess_http.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "vnfs/firewall/inspection/http_text.h"

namespace millrace::firewall::inspection {
namespace {

constexpr std::size_t kMostBytes = 256;

// Methods that no other protocol's first line begins with, when a path follows. RTSP, SIP and others share
// the rest.
constexpr std::array<std::string_view, 10> kOwnMethods{"GET",   "POST",  "HEAD",     "PUT",  "DELETE",
                                                       "PATCH", "TRACE", "PROPFIND", "LOCK", "MKCOL"};

bool is_own(Bytes method) noexcept {
  return std::ranges::any_of(kOwnMethods,
                             [&](std::string_view own) noexcept { return same_word(method, own); });
}

// As the reader leaves out before a message.
Bytes without_blank_lines(Bytes text) noexcept {
  while (!text.empty() && (is_blank(text[0]) || text[0] == '\r' || text[0] == '\n')) text = text.subspan(1);
  return text;
}

bool has_http_version(Bytes line) noexcept {
  constexpr std::string_view kVersion = " HTTP/1.";
  const Bytes version = bytes_of(kVersion);
  return std::search(line.begin(), line.end(), version.begin(), version.end()) != line.end();
}

}  // namespace

Guess guess_http(Bytes client_start) noexcept {
  const Bytes looked = client_start.first(std::min(client_start.size(), kMostBytes));
  const Guess when_short = looked.size() == kMostBytes ? Guess::kNo : Guess::kNotYet;
  const Bytes text = without_blank_lines(looked);
  std::size_t end = 0;
  while (end < text.size() && is_token(text[end])) ++end;
  if (end > kLongestHttpMethod) return Guess::kNo;
  if (end == text.size()) return when_short;
  if (end == 0 || !is_blank(text[end])) return Guess::kNo;
  const Bytes target = trim_front(text.subspan(end));
  if (target.empty()) return when_short;
  if (is_own(text.first(end)) && target[0] == '/') return Guess::kYes;
  const std::size_t newline = find(target, '\n');
  if (has_http_version(target.first(newline))) return Guess::kYes;
  if (newline < target.size()) return Guess::kNo;
  // A long target of a method that is nobody else's, in its absolute form.
  const bool absolute = begins_with_word(target, "http://") || begins_with_word(target, "https://");
  return looked.size() == kMostBytes && absolute ? Guess::kYes : when_short;
}

}  // namespace millrace::firewall::inspection
