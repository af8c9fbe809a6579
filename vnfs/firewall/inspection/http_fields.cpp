// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/http_fields.h"

#include <algorithm>
#include <string_view>

#include "vnfs/firewall/inspection/http_text.h"

namespace millrace::firewall::inspection {
namespace {

// FNV-1a, of the name in lower case.
constexpr std::uint32_t hash_byte(std::uint32_t hash, std::uint8_t c) noexcept {
  return (hash ^ lower(c)) * 16777619U;
}
constexpr std::uint32_t kHashSeed = 2166136261U;

struct KnownField {
  std::string_view name;
  HttpField field;
  std::uint32_t hash;

  consteval KnownField(std::string_view known_name, HttpField known_field)
      : name(known_name), field(known_field), hash(kHashSeed) {
    for (const char c : known_name) hash = hash_byte(hash, static_cast<std::uint8_t>(c));
  }
};
constexpr std::array<KnownField, kHttpFields - 1> kKnownFields{{
    {"host", HttpField::kHost},
    {"user-agent", HttpField::kUserAgent},
    {"referer", HttpField::kReferer},
    {"cookie", HttpField::kCookie},
    {"set-cookie", HttpField::kSetCookie},
    {"content-type", HttpField::kContentType},
    {"content-length", HttpField::kContentLength},
    {"content-encoding", HttpField::kContentEncoding},
    {"transfer-encoding", HttpField::kTransferEncoding},
    {"accept", HttpField::kAccept},
    {"accept-encoding", HttpField::kAcceptEncoding},
    {"accept-language", HttpField::kAcceptLanguage},
    {"connection", HttpField::kConnection},
    {"server", HttpField::kServer},
    {"location", HttpField::kLocation},
}};

HttpField field_of(Bytes name, std::uint32_t hash) noexcept {
  for (const KnownField& known : kKnownFields) {
    if (known.hash == hash && same_word(name, known.name)) return known.field;
  }
  return HttpField::kOther;
}

// Without the CR that belongs to the line's end.
std::size_t without_cr(Bytes bytes, std::size_t begin, std::size_t end) noexcept {
  return end != begin && bytes[end - 1] == '\r' ? end - 1 : end;
}

}  // namespace

HttpFieldList::HttpFieldList(Bytes lines, HttpAnomalySet& anomalies) noexcept : bytes_(lines) {
  std::size_t at = 0;
  while (at < lines.size()) {
    const std::size_t begin = at;
    std::size_t newline = find(lines, '\n', at);
    at = std::min(newline + 1, lines.size());
    if (is_blank(lines[begin])) {  // only before the first field; RFC 9112 section 2.2 lets it be left out
      anomalies.add(HttpAnomaly::kSpaceBeforeFields);
      continue;
    }
    // RFC 9112 section 5.2.
    bool folded = false;
    for (; at < lines.size() && is_blank(lines[at]); folded = true) {
      newline = find(lines, '\n', at);
      at = std::min(newline + 1, lines.size());
    }
    const std::size_t end = without_cr(lines, begin, newline);
    if (begin == end) continue;  // the empty line
    if (count_ == kMostHttpFields) {
      anomalies.add(HttpAnomaly::kTooManyFields);
      unread_ = lines.subspan(begin);
      return;
    }
    add(begin, end, folded, anomalies);
  }
}

void HttpFieldList::add(std::size_t begin, std::size_t end, bool folded, HttpAnomalySet& anomalies) noexcept {
  std::uint32_t hash = kHashSeed;
  std::size_t colon = begin;
  bool is_name = true;
  std::size_t name_end = begin;
  for (; colon != end && bytes_[colon] != ':' && bytes_[colon] != '\n'; ++colon) {
    const std::uint8_t c = bytes_[colon];
    if (is_blank(c)) continue;
    // A blank within is no part of a token either.
    is_name = is_name && is_token(c) && name_end == colon;
    name_end = colon + 1;
    hash = hash_byte(hash, c);
  }
  const bool has_colon = colon != end && bytes_[colon] == ':';
  // RFC 9112 section 5.1.
  anomalies.add_if(has_colon && name_end != colon, HttpAnomaly::kSpaceBeforeColon);
  anomalies.add_if(has_colon && (!is_name || name_end == begin), HttpAnomaly::kBadName);
  anomalies.add_if(!has_colon, HttpAnomaly::kNoColon);
  anomalies.add_if(folded, HttpAnomaly::kFolded);

  const std::size_t value_begin = has_colon ? colon + 1 : begin;
  // What is left of folded lines that are empty goes with the blanks.
  const auto is_space = [](std::uint8_t c) noexcept { return is_blank(c) || c == '\r' || c == '\n'; };
  Bytes value = bytes_.subspan(value_begin, end - value_begin);
  while (!value.empty() && is_space(value.front())) value = value.subspan(1);
  while (!value.empty() && is_space(value.back())) value = value.first(value.size() - 1);

  HttpFieldLine& line = lines_[count_];
  line = {.name = static_cast<std::uint32_t>(begin),
          .name_length = static_cast<std::uint32_t>(has_colon ? name_end - begin : 0),
          .value = static_cast<std::uint32_t>(value.data() - bytes_.data()),
          .value_length = static_cast<std::uint32_t>(value.size()),
          .next = 0,
          .last = 0,
          .field = HttpField::kOther,
          .has_colon = has_colon,
          .first = true,
          .rewrite = folded || find(value, '\r') != value.size()};
  if (has_colon) line.field = field_of(name(line), hash);
  hashes_[count_++] = hash;
  if (has_colon) link(line);
}

// To an earlier line with the same name. Of a name that is not known the first with its hash is compared, and
// no other: who makes names with one hash has them side by side, and no work of it.
void HttpFieldList::link(HttpFieldLine& line) noexcept {
  const auto number = static_cast<std::uint16_t>(count_);
  line.last = number;
  std::uint16_t& known = first_[static_cast<std::size_t>(line.field)];
  std::size_t earlier = 0;
  if (line.field != HttpField::kOther) {
    if (known == 0) known = number;
    earlier = known - 1U;
  } else {
    const std::uint32_t* const hash = hashes_.data();
    earlier = static_cast<std::size_t>(std::find(hash, hash + count_, hash[count_ - 1]) - hash);
    if (!lines_[earlier].has_colon || !same_word(name(lines_[earlier]), name(line))) return;
  }
  if (earlier + 1 == count_) return;
  line.first = false;
  HttpFieldLine& head = lines_[earlier];
  lines_[head.last - 1U].next = number;
  head.last = number;
}

}  // namespace millrace::firewall::inspection
