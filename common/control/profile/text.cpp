// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/profile/text.h"

#include <algorithm>

#include <fmt/format.h>

namespace millrace::control {
namespace {

constexpr std::size_t kLongestQuote = 60;
constexpr std::size_t kLongestWord = 40;  // slips are looked for in words, not in texts
constexpr std::size_t kMostListed = 12;

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t same = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + same});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

}  // namespace

std::string quote(std::string_view text) {
  std::size_t end = std::min(text.size(), kLongestQuote);
  if (end < text.size()) {
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80)
      --end;  // whole UTF-8 characters
  }
  std::string out = "'";
  for (const char c : text.substr(0, end)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  if (end < text.size()) out += "...";
  return out + "'";
}

std::optional<std::string> closest(std::string_view word, std::span<const std::string> candidates) {
  if (word.size() > kLongestWord) return std::nullopt;
  const std::string* best = nullptr;
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongestWord) continue;
    const std::size_t slips = distance(word, candidate);
    if (slips < least && slips < candidate.size()) {
      best = &candidate;
      least = slips;
    }
  }
  if (best == nullptr) return std::nullopt;
  return *best;
}

std::string listing(std::span<const std::string> names) {
  if (names.empty()) return "none";
  if (names.size() <= kMostListed) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{} and {} more", fmt::join(names.first(kMostListed), ", "), names.size() - kMostListed);
}

std::string undefined(std::string_view kind, std::string_view name, std::span<const std::string> candidates) {
  std::string text = fmt::format("{} {} is not defined; ", kind, quote(name));
  if (candidates.empty()) return text + fmt::format("no {}s are defined", kind);
  if (const auto meant = closest(name, candidates)) text += fmt::format("did you mean {}? ", quote(*meant));
  return text + fmt::format("defined {}s are {}", kind, listing(candidates));
}

}  // namespace millrace::control
