// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/http_framing.h"

#include <limits>
#include <optional>

#include "vnfs/firewall/inspection/http_text.h"

namespace millrace::firewall::inspection {
namespace {

// Calls `use` for each element of a field's value, all its lines together (RFC 9110 section 5.3). Empty ones
// do not count (section 5.6.1.2).
template <class Use>
void for_each_element(const HttpFieldList& fields, HttpField field, Use&& use) noexcept {
  for (const HttpFieldLine* line = fields.first(field); line != nullptr; line = fields.next(*line)) {
    for (Bytes list = fields.value(*line); !list.empty();) {
      const Bytes element = take_element(list);
      if (!element.empty()) use(element);
    }
  }
}

// RFC 9110 section 8.6: digits alone.
std::optional<std::uint64_t> length_of(Bytes text) noexcept {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max() / 10;
  if (text.empty()) return std::nullopt;
  std::uint64_t length = 0;
  for (const std::uint8_t c : text) {
    if (!is_digit(c) || length >= kMost) return std::nullopt;
    length = length * 10 + (c - '0');
  }
  return length;
}

// RFC 9112 section 6.3, item 5. A list of the same value over and over may be taken for one.
HttpFraming by_length(const HttpFieldList& fields, HttpAnomalySet& anomalies) noexcept {
  std::optional<std::uint64_t> length;
  bool bad = false;
  for_each_element(fields, HttpField::kContentLength, [&](Bytes element) noexcept {
    const auto value = length_of(element);
    bad = bad || !value;
    if (!length) {
      length = value;
    } else {
      anomalies.add(value == length ? HttpAnomaly::kRepeatedLength : HttpAnomaly::kDifferentLengths);
    }
  });
  if (bad || !length) {
    anomalies.add(HttpAnomaly::kBadLength);
    return {.end = BodyEnd::kClose};
  }
  return {.end = *length == 0 ? BodyEnd::kNone : BodyEnd::kLength, .length = *length};
}

// Section 6.3, items 3 and 4.
HttpFraming by_transfer_encoding(const HttpFieldList& fields, bool& packed,
                                 HttpAnomalySet& anomalies) noexcept {
  unsigned chunked = 0;
  bool last_is_chunked = false;
  for_each_element(fields, HttpField::kTransferEncoding, [&](Bytes coding) noexcept {
    last_is_chunked = same_word(coding, "chunked");
    chunked += last_is_chunked ? 1U : 0U;
    packed = packed || !last_is_chunked;
  });
  anomalies.add_if(!last_is_chunked || chunked != 1, HttpAnomaly::kBadTransferEncoding);
  return {.end = last_is_chunked ? BodyEnd::kChunked : BodyEnd::kClose};
}

BodyCoding coding_of(const HttpFieldList& fields) noexcept {
  BodyCoding coding = BodyCoding::kIdentity;
  for_each_element(fields, HttpField::kContentEncoding, [&](Bytes element) noexcept {
    if (same_word(element, "identity")) return;
    BodyCoding one = BodyCoding::kUnknown;
    // RFC 9110 section 8.4.1.3: x-gzip is the same.
    if (same_word(element, "gzip") || same_word(element, "x-gzip")) one = BodyCoding::kGzip;
    if (same_word(element, "deflate")) one = BodyCoding::kDeflate;
    coding = coding == BodyCoding::kIdentity ? one : BodyCoding::kUnknown;
  });
  return coding;
}

}  // namespace

HttpFraming framing_of(const HttpFieldList& fields, bool old_version, HttpAnomalySet& anomalies) noexcept {
  const bool has_length = fields.first(HttpField::kContentLength) != nullptr;
  const bool has_transfer_encoding = fields.first(HttpField::kTransferEncoding) != nullptr;
  HttpFraming framing;
  bool packed = false;
  if (has_length) framing = by_length(fields, anomalies);
  if (has_transfer_encoding) {
    // Section 6.1: who is older than chunks may pass them on unread.
    anomalies.add_if(old_version, HttpAnomaly::kChunkedInOldVersion);
    anomalies.add_if(has_length, HttpAnomaly::kLengthAndChunked);
    framing = by_transfer_encoding(fields, packed, anomalies);
  }
  framing.coding = packed ? BodyCoding::kUnknown : coding_of(fields);
  return framing;
}

}  // namespace millrace::firewall::inspection
