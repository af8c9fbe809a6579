// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

#include "vnfs/firewall/inspection/regex.h"
#include "vnfs/firewall/inspection/signature_keywords.h"
#include "vnfs/firewall/inspection/signature_numbers.h"

namespace millrace::firewall::inspection {
namespace {

using Draft = SignatureDraft;
using Outcome = Result<void>;

// The buffer that a letter behind a regular expression means.
std::optional<Buffer> buffer_of_letter(char letter) noexcept {
  switch (letter) {
    case 'U':
      return Buffer::kHttpUri;
    case 'I':
      return Buffer::kHttpRawUri;
    case 'P':
      return Buffer::kHttpRequestBody;
    case 'Q':
      return Buffer::kHttpResponseBody;
    case 'H':
      return Buffer::kHttpHeader;
    case 'D':
      return Buffer::kHttpRawHeader;
    case 'M':
      return Buffer::kHttpMethod;
    case 'C':
      return Buffer::kHttpCookie;
    case 'S':
      return Buffer::kHttpStatusCode;
    case 'Y':
      return Buffer::kHttpStatusMessage;
    case 'V':
      return Buffer::kHttpUserAgent;
    case 'W':
      return Buffer::kHttpHost;
    case 'Z':
      return Buffer::kHttpRawHost;
    default:
      return std::nullopt;
  }
}

bool set_regex_flag(char letter, Pcre& pcre) noexcept {
  switch (letter) {
    case 'i':
      return pcre.caseless = true;
    case 'm':
      return pcre.multi_line = true;
    case 's':
      return pcre.dot_all = true;
    case 'x':
      return pcre.extended = true;
    case 'A':
      return pcre.anchored = true;
    case 'E':
      return pcre.dollar_end = true;
    case 'G':
      return pcre.ungreedy = true;
    case 'R':
      return pcre.relative = true;
    case 'B':  // "raw bytes": there are no others here
    case 'O':
      return true;
    default:
      return false;
  }
}

std::optional<std::uint64_t> mask_of(std::string_view text) {
  const auto number = number_of(text);
  if (!number || *number <= 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

Outcome pcre(Draft& draft, std::string_view value) {
  const auto text = quoted(value);
  const auto slash = text ? text->text.rfind('/') : std::string_view::npos;
  if (!text || !text->text.starts_with('/') || slash == 0 || slash == std::string_view::npos)
    return wrong("give an expression as \"/.../flags\"");
  Pcre made;
  made.negated = text->negated;
  made.pattern = text->text.substr(1, slash - 1);
  std::optional<Buffer> buffer;
  for (const char letter : text->text.substr(slash + 1)) {
    if (const auto named = buffer_of_letter(letter)) {
      if (buffer && buffer != named) return wrong("its flags name two buffers; give one");
      buffer = named;
    } else if (!set_regex_flag(letter, made)) {
      return wrong(fmt::format("the flag {} is not understood", letter));
    }
  }
  if (auto sound = Regex::check(made); !sound) return wrong(sound.error().reason);
  draft.put_content();
  const Buffer place = buffer ? draft.as_judged(*buffer) : draft.buffer_of(made.relative);
  draft.add(place, std::move(made));
  return {};
}
Outcome is_data_at(Draft& draft, std::string_view value) {
  IsDataAt made;
  if (value.starts_with('!')) {
    made.negated = true;
    value = trimmed(value.substr(1));
  }
  const auto parts = split(value);
  const auto at = draft.number_or_variable(parts[0]);
  if (!at || (at->variable < 0 && (at->value < 0 || at->value > 65'535)))
    return wrong("give a number of bytes");
  made.at = *at;
  for (const std::string_view part : std::span(parts).subspan(1)) {
    if (part == "relative") {
      made.relative = true;
    } else if (part != "rawbytes") {
      return wrong("give relative, or nothing");
    }
  }
  draft.put_content();
  draft.add(draft.buffer_of(made.relative), made);
  return {};
}

bool numeral_place(Draft& draft, std::string_view bytes, std::string_view offset, Numeral& numeral) {
  const auto count = number_of(bytes);
  const auto place = draft.number_or_variable(offset);
  if (!count || *count < 0 || *count > kMostDigits || !place) return false;
  if (place->value < -65'535 || place->value > 65'535) return false;
  numeral.bytes = static_cast<std::uint8_t>(*count);
  numeral.offset = *place;
  return true;
}
bool numeral_fits(const NumeralWords& words) {
  if (words.is_text != (words.numeral.base != 0)) return false;
  return words.is_text || (words.numeral.bytes >= 1 && words.numeral.bytes <= 8);
}

Outcome byte_test(Draft& draft, std::string_view value) {
  const auto parts = split(value);
  ByteTest made;
  NumeralWords words;
  if (parts.size() < 4 || !numeral_place(draft, parts[0], parts[3], words.numeral))
    return wrong("give bytes, operator, value, offset");
  std::string_view sign = parts[1];
  if (sign.starts_with('!') && sign.size() > 1) {
    made.negated = true;
    sign = trimmed(sign.substr(1));
  } else if (sign == "!") {
    made.negated = true;
    sign = "=";
  }
  using Operator = ByteTest::Operator;
  constexpr std::array<std::pair<std::string_view, Operator>, 8> kSigns = {{{"<", Operator::kLess},
                                                                            {">", Operator::kGreater},
                                                                            {"=", Operator::kEqual},
                                                                            {"<=", Operator::kLessEqual},
                                                                            {">=", Operator::kGreaterEqual},
                                                                            {"&", Operator::kAnd},
                                                                            {"^", Operator::kXor},
                                                                            {"==", Operator::kEqual}}};
  const auto found = std::ranges::find(kSigns, sign, &std::pair<std::string_view, Operator>::first);
  const auto number = draft.number_or_variable(parts[2]);
  if (found == kSigns.end() || !number || number->value < 0)
    return wrong("give an operator such as > and a value from 0 on");
  made.operation = found->second;
  made.value = *number;
  for (const std::string_view part : std::span(parts).subspan(4)) {
    if (part.starts_with("bitmask ")) {
      const auto mask = mask_of(part.substr(8));
      if (!mask) return wrong("give bitmask a number");
      made.mask = *mask;
    } else if (!take_numeral_word(part, words)) {
      return wrong(fmt::format("{} is not understood", part));
    }
  }
  if (!numeral_fits(words)) return wrong("give string together with hex, dec or oct, or 1 to 8 bytes");
  made.numeral = words.numeral;
  draft.put_content();
  draft.add(draft.buffer_of(made.numeral.relative), made);
  return {};
}
// Of "multiplier 4"; far from any that is allowed when there is none.
std::int64_t number_behind(std::string_view part, std::size_t blank) {
  constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::min();
  return blank == std::string_view::npos ? kNone : number_of(part.substr(blank)).value_or(kNone);
}

Outcome byte_jump(Draft& draft, std::string_view value) {
  const auto parts = split(value);
  ByteJump made;
  NumeralWords words;
  if (parts.size() < 2 || !numeral_place(draft, parts[0], parts[1], words.numeral))
    return wrong("give bytes, offset");
  for (const std::string_view part : std::span(parts).subspan(2)) {
    const auto blank = part.find(' ');
    const std::int64_t number = number_behind(part, blank);
    const std::string_view name = part.substr(0, blank);
    if (name == "multiplier" && number > 0 && number < 65'536) {
      made.multiplier = static_cast<std::uint32_t>(number);
    } else if (name == "post_offset" && number > -65'536 && number < 65'536) {
      made.post_offset = static_cast<std::int32_t>(number);
    } else if (name == "bitmask" && number > 0) {
      made.mask = static_cast<std::uint64_t>(number);
    } else if (part == "from_beginning") {
      made.from_beginning = true;
    } else if (part == "from_end") {
      made.from_end = true;
    } else if (part == "align") {
      made.align = true;
    } else if (!take_numeral_word(part, words)) {
      return wrong(fmt::format("{} is not understood", part));
    }
  }
  if (!numeral_fits(words)) return wrong("give string together with hex, dec or oct, or 1 to 8 bytes");
  made.numeral = words.numeral;
  draft.put_content();
  draft.add(draft.buffer_of(made.numeral.relative), made);
  return {};
}
Outcome byte_extract(Draft& draft, std::string_view value) {
  const auto parts = split(value);
  ByteExtract made;
  NumeralWords words;
  if (parts.size() < 3 || !numeral_place(draft, parts[0], parts[1], words.numeral))
    return wrong("give bytes, offset, name");
  for (const std::string_view part : std::span(parts).subspan(3)) {
    const auto blank = part.find(' ');
    const std::int64_t number = number_behind(part, blank);
    const std::string_view name = part.substr(0, blank);
    if (name == "multiplier" && number > 0 && number < 65'536) {
      made.multiplier = static_cast<std::uint32_t>(number);
    } else if (name == "align" && (number == 2 || number == 4)) {
      made.align = static_cast<std::uint8_t>(number);
    } else if (name == "bitmask" && number > 0) {
      made.mask = static_cast<std::uint64_t>(number);
    } else if (!take_numeral_word(part, words)) {
      return wrong(fmt::format("{} is not understood", part));
    }
  }
  if (!numeral_fits(words)) return wrong("give string together with hex, dec or oct, or 1 to 8 bytes");
  if (parts[2].empty() || number_of(parts[2].substr(0, 1)))
    return wrong("give it a name that does not begin with a digit");
  const auto variable = draft.new_variable(parts[2]);
  if (!variable) return wrong(fmt::format("a signature has {} variables at most", kMostVariables));
  made.variable = *variable;
  made.numeral = words.numeral;
  draft.put_content();
  draft.add(draft.buffer_of(made.numeral.relative), made);
  return {};
}
Outcome uri_length(Draft& draft, std::string_view value) {
  const auto parts = split(value);
  const auto range = range_of(parts[0], 65'535);
  if (!range || parts.size() > 2 || (parts.size() == 2 && parts[1] != "raw" && parts[1] != "norm"))
    return wrong("give a number or a range, and raw or norm");
  draft.put_content();
  const bool norm = parts.size() == 2 && parts[1] == "norm";
  draft.add(norm ? Buffer::kHttpUri : Buffer::kHttpRawUri, Length{range->least, range->most});
  return {};
}
Outcome buffer_size(Draft& draft, std::string_view value) {
  const auto range = range_of(value, 0x7fffffff);
  if (!range) return wrong("give a number or a range");
  draft.put_content();
  draft.add(draft.sticky(), Length{range->least, range->most});
  return {};
}

constexpr std::array kKeywords = {
    Keyword{"bsize", &buffer_size, "length of the buffer at hand"},
    Keyword{"byte_extract", &byte_extract, "reads a number that later tests may use, four at most"},
    Keyword{"byte_jump", &byte_jump, "goes on at a place that a number says"},
    Keyword{"byte_test", &byte_test, "compares a number"},
    Keyword{"isdataat", &is_data_at, "whether there are so many bytes, or not"},
    Keyword{"pcre", &pcre,
            "a regular expression of PCRE2, with the flags ismxAEGRBO and UIPQHDMCSYVWZ for buffers"},
    Keyword{"urilen", &uri_length, "length of the URI"},
};
static_assert(std::ranges::is_sorted(kKeywords, {}, &Keyword::name));

}  // namespace

std::span<const Keyword> byte_keywords() noexcept { return kKeywords; }

}  // namespace millrace::firewall::inspection
