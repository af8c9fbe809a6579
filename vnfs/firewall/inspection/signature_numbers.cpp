// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/signature_numbers.h"

#include <algorithm>
#include <vector>

#include "vnfs/firewall/inspection/signature_text.h"

namespace millrace::firewall::inspection {
namespace {

std::optional<std::uint32_t> bounded(std::string_view text, std::uint32_t most) {
  const auto number = number_of(text);
  if (!number || *number < 0 || *number > most) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

std::optional<std::uint8_t> flag_letters(std::string_view text) {
  constexpr std::string_view kLetters = "FSRPAUEC";  // from the lowest bit on; E and C were once reserved
  std::uint8_t flags = 0;
  for (const char letter : text) {
    if (letter == '0') continue;
    const char named = letter == '1' ? 'C' : letter == '2' ? 'E' : letter;
    const auto at = kLetters.find(named);
    if (at == std::string_view::npos) return std::nullopt;
    flags = static_cast<std::uint8_t>(flags | 1U << at);
  }
  return flags;
}

std::optional<TcpFlagSpec::How> how_of(char sign) noexcept {
  switch (sign) {
    case '+':
      return TcpFlagSpec::How::kAll;
    case '*':
      return TcpFlagSpec::How::kAny;
    case '!':
      return TcpFlagSpec::How::kNone;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Range> range_of(std::string_view text, std::uint32_t most) {
  text = trimmed(text);
  if (const auto between = text.find("<>"); between != std::string_view::npos) {
    const auto least = bounded(text.substr(0, between), most);
    const auto end = bounded(text.substr(between + 2), most);
    if (!least || !end || *end < *least + 2) return std::nullopt;
    return Range{*least + 1, *end - 1};
  }
  if (text.starts_with(">=") || text.starts_with("<=")) {
    const auto number = bounded(text.substr(2), most);
    if (!number) return std::nullopt;
    return text[0] == '>' ? Range{*number, most} : Range{0, *number};
  }
  if (text.starts_with('>') || text.starts_with('<')) {
    const auto number = bounded(text.substr(1), most);
    if (!number || (text[0] == '>' ? *number == most : *number == 0)) return std::nullopt;
    return text[0] == '>' ? Range{*number + 1, most} : Range{0, *number - 1};
  }
  if (const auto dash = text.find('-'); dash != std::string_view::npos && dash != 0) {
    const auto least = bounded(text.substr(0, dash), most);
    const auto last = bounded(text.substr(dash + 1), most);
    if (!least || !last || *last < *least) return std::nullopt;
    return Range{*least, *last};
  }
  const auto number = bounded(text, most);
  if (!number) return std::nullopt;
  return Range{*number, *number};
}

bool take_numeral_word(std::string_view word, NumeralWords& words) {
  if (word == "relative") {
    words.numeral.relative = true;
  } else if (word == "little") {
    words.numeral.little_endian = true;
  } else if (word == "big") {
    words.numeral.little_endian = false;
  } else if (word == "string") {
    words.is_text = true;
    if (words.numeral.base == 0) words.numeral.base = 10;
  } else if (word == "hex") {
    words.numeral.base = 16;
  } else if (word == "dec") {
    words.numeral.base = 10;
  } else if (word == "oct") {
    words.numeral.base = 8;
  } else {
    return false;
  }
  return true;
}

std::optional<Threshold> threshold_of(std::string_view text, bool filter) {
  Threshold threshold;
  std::vector<std::string_view> seen;
  if (filter) threshold.kind = Threshold::Kind::kFilter;
  for (const std::string_view part : split(text)) {
    const auto blank = part.find_first_of(" \t");
    if (blank == std::string_view::npos) return std::nullopt;
    const std::string_view name = part.substr(0, blank);
    const std::string_view value = trimmed(part.substr(blank));
    if (std::ranges::find(seen, name) != seen.end()) return std::nullopt;
    seen.push_back(name);
    if (name == "type" && !filter) {
      if (value == "limit") {
        threshold.kind = Threshold::Kind::kLimit;
      } else if (value == "threshold") {
        threshold.kind = Threshold::Kind::kThreshold;
      } else if (value == "both") {
        threshold.kind = Threshold::Kind::kBoth;
      } else {
        return std::nullopt;
      }
    } else if (name == "track") {
      if (value == "by_src") {
        threshold.track = Threshold::Track::kSource;
      } else if (value == "by_dst") {
        threshold.track = Threshold::Track::kDestination;
      } else if (value == "by_rule") {
        threshold.track = Threshold::Track::kRule;
      } else if (value == "by_both") {
        threshold.track = Threshold::Track::kBoth;
      } else {
        return std::nullopt;
      }
    } else if (name == "count" || name == "seconds") {
      const auto number = bounded(value, 0x7fffffff);
      if (!number || *number == 0) return std::nullopt;
      (name == "count" ? threshold.count : threshold.seconds) = *number;
    } else {
      return std::nullopt;
    }
  }
  if (seen.size() != (filter ? 3 : 4)) return std::nullopt;
  return threshold;
}

std::optional<TcpFlagSpec> tcp_flags_of(std::string_view text) {
  TcpFlagSpec spec;
  const auto comma = text.find(',');
  std::string_view flags = trimmed(text.substr(0, comma));
  if (flags.empty()) return std::nullopt;
  if (const auto how = how_of(flags.front())) {
    spec.how = *how;
    flags = trimmed(flags.substr(1));
  } else if (const auto behind = how_of(flags.back())) {
    spec.how = *behind;
    flags = trimmed(flags.substr(0, flags.size() - 1));
  }
  if (flags.empty()) return std::nullopt;
  const auto wanted = flag_letters(flags);
  const auto ignored = comma == std::string_view::npos ? std::optional<std::uint8_t>(0)
                                                       : flag_letters(trimmed(text.substr(comma + 1)));
  if (!wanted || !ignored) return std::nullopt;
  spec.flags = *wanted;
  spec.ignore = *ignored;
  return spec;
}

}  // namespace millrace::firewall::inspection
