// SPDX-License-Identifier: BSD-3-Clause
#include "common/http/target.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace millrace::http {
namespace {

// What lies before `separator`; `text` keeps what lies after, or becomes empty.
std::string_view take_until(std::string_view& text, char separator) {
  const auto at = text.find(separator);
  const std::string_view taken = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
  return taken;
}

std::optional<Parameters> parse_query(std::string_view text) {
  Parameters query;
  while (!text.empty()) {
    std::string_view pair = take_until(text, '&');
    if (pair.empty()) continue;
    const auto name = percent_decode(take_until(pair, '='), true);
    const auto value = percent_decode(pair, true);
    if (!name || !value) return std::nullopt;
    query.add(*name, *value);
  }
  return query;
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~").find(c) != std::string_view::npos;
}

// "http://host:80/path?query" -> "/path?query". Servers must accept it (RFC 9112 section 3.2.2).
std::optional<std::string> origin_form(std::string_view text) {
  if (text.starts_with('/')) return std::string(text);
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!SameIgnoringCase::same(text.substr(0, scheme.size()), scheme)) continue;
    const std::string_view rest = text.substr(scheme.size());
    const auto path = rest.find_first_of("/?");
    if (rest.empty() || path == 0) return std::nullopt;  // no host
    if (path == std::string_view::npos) return "/";
    return rest[path] == '/' ? std::string(rest.substr(path)) : fmt::format("/{}", rest.substr(path));
  }
  return std::nullopt;
}

}  // namespace

std::optional<Target> parse_target(std::string_view text) {
  Target target;
  if (text == "*") {
    target.asterisk = true;
    return target;
  }
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  const auto origin = origin_form(text);
  if (!printable || !origin || origin->find('#') != std::string::npos) return std::nullopt;

  std::string_view rest = *origin;
  std::string_view path = take_until(rest, '?').substr(1);
  auto query = parse_query(rest);
  if (!query) return std::nullopt;
  target.query = std::move(*query);

  if (path.empty()) return target;
  const bool trailing_slash = path.back() == '/';
  while (!path.empty()) {
    auto segment = percent_decode(take_until(path, '/'));
    if (!segment || *segment == "." || *segment == "..") return std::nullopt;
    target.segments.push_back(std::move(*segment));
  }
  if (trailing_slash) target.segments.emplace_back();
  return target;
}

std::string percent_encode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (is_unreserved(c)) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += plus_is_space && text[i] == '+' ? ' ' : text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const char* digits = text.data() + i + 1;
    unsigned value = 0;
    const auto [end, error] = std::from_chars(digits, digits + 2, value, 16);
    if (error != std::errc{} || end != digits + 2 || value == 0) return std::nullopt;
    decoded += static_cast<char>(value);
    i += 2;
  }
  return decoded;
}

}  // namespace millrace::http
