// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/signature_text.h"

#include <charconv>

namespace millrace::firewall::inspection {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::size_t kShown = 30;  // bytes of what an error is about

// Where the option that begins at `from` ends: at a ';' without a backslash. Quotes do not matter.
std::size_t end_of_option(std::string_view text, std::size_t from) noexcept {
  for (std::size_t i = from; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == ';') {
      return i;
    }
  }
  return std::string_view::npos;
}

int digit_of(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Words of the header; what stands in brackets is one word, with blanks in it.
std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const bool ends = i == text.size() || (kBlanks.find(text[i]) != std::string_view::npos && depth == 0);
    if (!ends) {
      if (text[i] == '[') ++depth;
      if (text[i] == ']') --depth;
      continue;
    }
    if (i > begin) words.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  return words;
}

}  // namespace

std::string_view trimmed(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '[') ++depth;
    if (i < text.size() && text[i] == ']') --depth;
    if (i == text.size() || (text[i] == separator && depth == 0)) {
      parts.push_back(trimmed(text.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  return parts;
}

std::optional<std::int64_t> number_of(std::string_view text) noexcept {
  text = trimmed(text);
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  if (hexadecimal) text.remove_prefix(2);
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

Result<SignatureText> take_apart(std::string_view line) {
  SignatureText text;
  const auto open = line.find('(');
  const auto close = line.find_last_of(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return failure("", "options in parentheses are missing");
  const std::string_view behind = trimmed(line.substr(close + 1));
  if (!behind.empty() && !behind.starts_with('#'))
    return failure(std::string(behind.substr(0, kShown)), "nothing but a comment stands behind the options");
  text.header = words_of(line.substr(0, open));
  if (text.header.size() != 7)
    return failure("", "the header is not: action protocol addresses ports -> addresses ports");
  const std::string_view options = line.substr(open + 1, close - open - 1);
  for (std::size_t at = 0; at < options.size();) {
    const std::size_t end = end_of_option(options, at);
    if (end == std::string_view::npos) {
      const std::string_view rest = trimmed(options.substr(at));
      if (!rest.empty()) return failure(std::string(rest.substr(0, kShown)), "a ';' is missing behind it");
      break;
    }
    const std::string_view option = trimmed(options.substr(at, end - at));
    at = end + 1;
    if (option.empty()) continue;
    const auto colon = option.find(':');
    if (colon == std::string_view::npos) {
      text.options.push_back({.name = option, .value = {}});
    } else {
      text.options.push_back({.name = trimmed(option.substr(0, colon)),
                              .value = trimmed(option.substr(colon + 1)),
                              .has_value = true});
    }
  }
  return text;
}

std::optional<Quoted> quoted(std::string_view value) noexcept {
  Quoted out;
  if (value.starts_with('!')) {
    out.negated = true;
    value = trimmed(value.substr(1));
  }
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::nullopt;
  out.text = value.substr(1, value.size() - 2);
  return out;
}

Result<std::string> content_bytes(std::string_view text) {
  constexpr std::string_view kBetweenHex = " \t,";
  constexpr std::string_view kEscaped = ":;\\\"";
  std::string bytes;
  bool in_hex = false;
  int high = -1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '|') {
      if (high >= 0) break;  // half a byte
      in_hex = !in_hex;
    } else if (in_hex) {
      if (kBetweenHex.find(c) != std::string_view::npos) continue;
      const int digit = digit_of(c);
      if (digit < 0) return failure("", "give pairs of hexadecimal digits between bars");
      if (high < 0) {
        high = digit;
      } else {
        bytes += static_cast<char>(high << 4 | digit);
        high = -1;
      }
    } else if (c == '\\') {
      if (++i == text.size() || kEscaped.find(text[i]) == std::string_view::npos)
        return failure("", "only : ; \\ and quotes are written behind a backslash; give other bytes as |0a|");
      bytes += text[i];
    } else if (c == '"') {
      return failure("", "a quote within it is written as \\\" or |22|");
    } else {
      bytes += c;
    }
  }
  if (in_hex || high >= 0) return failure("", "give pairs of hexadecimal digits between two bars");
  if (bytes.empty()) return failure("", "it is empty; give a byte at least");
  return bytes;
}

}  // namespace millrace::firewall::inspection
