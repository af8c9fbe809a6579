// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/sip_head.h"

#include <algorithm>
#include <array>

#include "vnfs/nat/sip_addresses.h"

namespace millrace::nat::sip {
namespace {

constexpr std::string_view kVersion = "SIP/2.0";
constexpr std::string_view kLineEnd = "\r\n";

FieldKind kind_of(std::string_view name) noexcept {
  struct Known {
    std::string_view name;
    FieldKind kind;
  };
  static constexpr std::array<Known, 18> kKnown{{{"Via", FieldKind::kVia},
                                                 {"v", FieldKind::kVia},
                                                 {"From", FieldKind::kFrom},
                                                 {"f", FieldKind::kFrom},
                                                 {"To", FieldKind::kTo},
                                                 {"t", FieldKind::kTo},
                                                 {"Call-ID", FieldKind::kCallId},
                                                 {"i", FieldKind::kCallId},
                                                 {"CSeq", FieldKind::kSequence},
                                                 {"Contact", FieldKind::kContact},
                                                 {"m", FieldKind::kContact},
                                                 {"Route", FieldKind::kRoute},
                                                 {"Record-Route", FieldKind::kRoute},
                                                 {"Content-Length", FieldKind::kContentLength},
                                                 {"l", FieldKind::kContentLength},
                                                 {"Content-Type", FieldKind::kContentType},
                                                 {"c", FieldKind::kContentType},
                                                 {"Content-Encoding", FieldKind::kContentEncoding}}};
  for (const Known& known : kKnown) {
    if (same_word(known.name, name)) return known.kind;
  }
  return same_word("e", name) ? FieldKind::kContentEncoding : FieldKind::kOther;
}

// Section 25.1: text, with line ends of two characters only.
bool is_text(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\r' && i + 1 < text.size() && text[i + 1] != '\n') return false;
    if (c == '\n' && (i == 0 || text[i - 1] != '\r')) return false;
    if ((c < 0x20 && c != '\r' && c != '\n' && c != '\t') || c == 0x7f) return false;
  }
  return true;
}

// Whether it begins with `word`, or may once more of it is there.
bool may_begin(std::string_view text, std::string_view word) noexcept {
  const std::size_t both = std::min(text.size(), word.size());
  return same_word({text.data(), both}, {word.data(), both});
}

// Section 8.1.1.1 and RFC 5031: what requests are to. Others are left alone, so that what is no SIP (a
// browser's words to a server that hopes to be taken for one) is told from it early.
bool may_begin_uri(std::string_view text) noexcept {
  static constexpr std::array<std::string_view, 4> kSchemes{"sip:", "sips:", "tel:", "urn:"};
  return std::ranges::any_of(kSchemes, [&](std::string_view scheme) { return may_begin(text, scheme); });
}

// A start line whose end is not there yet.
bool may_be_start_line(std::string_view text, Place begin) noexcept {
  constexpr std::size_t kLongestMethod = 32;
  if (may_begin(begin.of(text), "SIP/2.0 ")) return true;
  TextReader reader(text, begin);
  const std::size_t method = reader.take_while(is_token).length;
  if (reader.at_end()) return method <= kLongestMethod;
  return method != 0 && reader.take(' ') && may_begin_uri(reader.rest().of(text));
}

// "INVITE sip:bob@biloxi.example.com SIP/2.0", or "SIP/2.0 200 OK".
bool read_start_line(std::string_view text, Place line, Head& head) noexcept {
  TextReader reader(text, line);
  if (reader.take(kVersion)) {
    if (!reader.take(' ')) return false;
    return reader.take_while(is_digit).length == 3 && reader.take(' ');
  }
  if (reader.take_while(is_token).length == 0 || !reader.take(' ')) return false;
  head.request_uri = reader.take_word();
  return head.request_uri.length > 4 && may_begin_uri(head.request_uri.of(text)) && reader.take(' ') &&
         reader.take(kVersion) && reader.at_end();
}

bool read_content_length(std::string_view text, Place value, Head& head) noexcept {
  if (head.body_length) return false;
  TextReader reader(text, value);
  reader.skip_space();
  const std::size_t from = reader.at();
  head.body_length = reader.take_number(kLongestBody);
  head.content_length = {from, reader.at() - from};
  reader.skip_space();
  return head.body_length && reader.at_end();
}

bool read_content_type(std::string_view text, Place value, Head& head) noexcept {
  if (head.has_type) return false;
  head.has_type = true;
  TextReader reader(text, value);
  for (const std::string_view part : {"application", "/"}) {
    reader.skip_space();
    if (!reader.take(part)) return true;
  }
  reader.skip_space();
  head.has_description = same_word(reader.take_while(is_token).of(text), "sdp");
  return true;
}

constexpr unsigned bit_of(FieldKind kind) noexcept { return 1U << static_cast<unsigned>(kind); }

// Section 8.1.1: what every message has.
bool read_fields(std::string_view text, Head& head) noexcept {
  constexpr unsigned kNeeded = bit_of(FieldKind::kVia) | bit_of(FieldKind::kFrom) | bit_of(FieldKind::kTo) |
                               bit_of(FieldKind::kCallId) | bit_of(FieldKind::kSequence);
  unsigned seen = 0;
  TextReader reader(text, head.fields);
  while (!reader.at_end()) {
    const auto field = take_field(text, reader);
    if (!field) return false;
    seen |= bit_of(field->kind);
    if (field->kind == FieldKind::kContentLength && !read_content_length(text, field->value, head))
      return false;
    if (field->kind == FieldKind::kContentType && !read_content_type(text, field->value, head)) return false;
    if (field->kind == FieldKind::kContentEncoding) head.has_encoding = true;
  }
  // What is encoded can not be read.
  head.has_description = head.has_description && !head.has_encoding;
  return (seen & kNeeded) == kNeeded;
}

}  // namespace

std::optional<Field> take_field(std::string_view text, TextReader& fields) noexcept {
  const Place name = fields.take_while(is_token);
  fields.take_while([](char c) { return c == ' ' || c == '\t'; });
  if (name.length == 0 || !fields.take(':')) return std::nullopt;
  Field field{.kind = kind_of(name.of(text)), .value = {fields.at(), 0}};
  do {
    fields.take_while([](char c) { return c != '\n'; });
    fields.skip();
  } while (fields.peek() == ' ' || fields.peek() == '\t');
  field.value.length = fields.at() - field.value.at;
  return field;
}

HeadState read_head(std::string_view text, std::size_t from, Head& head) noexcept {
  const std::string_view all(text.data() + from, text.size() - from);
  const std::string_view most(all.data(), std::min(all.size(), kLongestHead));
  const std::size_t first_end = most.find(kLineEnd);
  const std::size_t end = most.find("\r\n\r\n");
  const bool whole = end != std::string_view::npos;
  if (!is_text({most.data(), whole ? end : most.size()})) return HeadState::kMalformed;
  if (first_end == std::string_view::npos) {
    const bool may_be = most.size() < kLongestHead && may_be_start_line(text, {from, most.size()});
    return may_be ? HeadState::kIncomplete : HeadState::kMalformed;
  }
  if (!read_start_line(text, {from, first_end}, head)) return HeadState::kMalformed;
  if (!whole) return most.size() == kLongestHead ? HeadState::kMalformed : HeadState::kIncomplete;
  const std::size_t fields = first_end + kLineEnd.size();
  head.body = from + end + 2 * kLineEnd.size();
  head.fields = {from + fields, end + kLineEnd.size() - std::min(fields, end + kLineEnd.size())};
  return read_fields(text, head) ? HeadState::kWhole : HeadState::kMalformed;
}

}  // namespace millrace::nat::sip
