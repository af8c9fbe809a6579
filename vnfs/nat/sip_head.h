// SPDX-License-Identifier: BSD-3-Clause
// The head of a SIP message, RFC 3261 section 7: where its fields are, where its body begins and how long
// that is. Nothing is allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "vnfs/nat/text_reader.h"

namespace millrace::nat::sip {

inline constexpr std::size_t kLongestHead = 8192;
inline constexpr std::uint32_t kLongestBody = 65'535;

// What is known of a field by its name, long or short (section 20).
enum class FieldKind : std::uint8_t {
  kOther,
  kVia,
  kFrom,
  kTo,
  kCallId,
  kSequence,
  kContact,
  kRoute,  // and Record-Route
  kContentLength,
  kContentType,
  kContentEncoding,
};

struct Field {
  FieldKind kind = FieldKind::kOther;
  Place value;  // with its line ends, when it is folded
};

struct Head {
  Place request_uri;  // of no length in a response
  Place fields;
  std::size_t body = 0;  // where it begins
  Place content_length;  // its digits
  std::optional<std::uint32_t> body_length;
  bool has_type = false;
  bool has_encoding = false;
  bool has_description = false;  // the body is a session description
};

enum class HeadState : std::uint8_t { kWhole, kIncomplete, kMalformed };

// Reads the head that begins at `from`. kIncomplete: so far it could be one, and it does not end.
[[nodiscard]] HeadState read_head(std::string_view text, std::size_t from, Head& head) noexcept;

// The next of a head's fields; nothing at their end, or when this is none.
[[nodiscard]] std::optional<Field> take_field(std::string_view text, TextReader& fields) noexcept;

}  // namespace millrace::nat::sip
