// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "vnfs/firewall/inspection/signature_keywords.h"

namespace millrace::firewall::inspection {
namespace {

constexpr std::size_t kMostContent = 255;  // bytes of one, as in Suricata

Result<void> take_content(SignatureDraft& draft, std::string_view value) {
  const auto text = quoted(value);
  if (!text) return wrong("give bytes in quotes");
  auto bytes = content_bytes(text->text);
  if (!bytes) return tl::unexpected(std::move(bytes.error()));
  if (bytes->size() > kMostContent) return wrong(fmt::format("give {} bytes at most", kMostContent));
  Content made;
  made.bytes = std::move(*bytes);
  made.negated = text->negated;
  draft.begin_content(std::move(made));
  return {};
}
Result<void> take_uri_content(SignatureDraft& draft, std::string_view value) {
  if (auto begun = take_content(draft, value); !begun) return begun;
  return draft.move_content(Buffer::kHttpUri);
}
// What older releases of Suricata wrote for a content in a part of the certificate.
template <Buffer buffer>
Result<void> take_certificate_content(SignatureDraft& draft, std::string_view value) {
  if (value.empty()) {
    draft.stick_to(buffer);
    return {};
  }
  if (auto begun = take_content(draft, value); !begun) return begun;
  return draft.move_content(buffer);
}

template <class Change>
Result<void> modify(SignatureDraft& draft, Change change) {
  if (draft.content() == nullptr) return wrong("there is no content before it");
  return change(*draft.content());
}
Result<void> ignore_case(SignatureDraft& draft, std::string_view /*value*/) {
  return modify(draft, [](Content& content) -> Result<void> {
    content.caseless = true;
    return {};
  });
}
Result<void> take_raw_bytes(SignatureDraft& draft, std::string_view /*value*/) {
  return modify(draft, [](Content& /*content*/) -> Result<void> { return {}; });
}
template <std::optional<Number> Content::*member, std::int64_t least>
Result<void> take_place(SignatureDraft& draft, std::string_view value) {
  return modify(draft, [&](Content& content) -> Result<void> {
    const auto number = draft.number_or_variable(value);
    constexpr std::int64_t kMost = 65'535;
    if (!number || (number->variable < 0 && (number->value < least || number->value > kMost)))
      return wrong(fmt::format("give a number from {} to {}, or the name of one that byte_extract has read",
                               least, kMost));
    if (content.*member) return wrong("its content has one already, or begins its buffer; give one of them");
    content.*member = number;
    return {};
  });
}
Result<void> begin_buffer(SignatureDraft& draft, std::string_view /*value*/) {
  return modify(draft, [](Content& content) -> Result<void> {
    if (content.offset || content.depth || content.relative())
      return wrong("its content has a place already; give startswith alone");
    content.offset = Number{0};
    content.depth = Number{static_cast<std::int64_t>(content.bytes.size())};
    return {};
  });
}
Result<void> end_buffer(SignatureDraft& draft, std::string_view /*value*/) {
  return modify(draft, [](Content& content) -> Result<void> {
    content.ends_buffer = true;
    return {};
  });
}
Result<void> prefer(SignatureDraft& draft, std::string_view value) {
  return modify(draft, [&](Content& content) -> Result<void> {
    content.fast_pattern = true;  // the part of it that "offset,length" would choose is chosen here anew
    content.only_first = value == "only";
    if (value.empty() || value == "only") return {};
    const auto parts = split(value);
    const auto offset = number_of(parts[0]);
    const auto length = parts.size() == 2 ? number_of(parts[1]) : std::nullopt;
    const auto size = static_cast<std::int64_t>(content.bytes.size());
    if (!offset || !length || *offset < 0 || *length < 1 || *offset > size || *length > size - *offset)
      return wrong("give nothing, only, or an offset and a length within the content");
    return {};
  });
}

using Value = Keyword::Value;
constexpr std::array kContentKeywords = {
    Keyword{"content", &take_content, "bytes, negated or not, with all modifiers below"},
    Keyword{"depth", &take_place<&Content::depth, 1>, "modifier of content"},
    Keyword{"distance", &take_place<&Content::distance, -65'535>, "modifier of content"},
    Keyword{"endswith", &end_buffer, "modifier of content", Value::kNone},
    Keyword{"fast_pattern", &prefer, "modifier of content: what is looked for first", Value::kOptional},
    Keyword{"nocase", &ignore_case, "modifier of content", Value::kNone},
    Keyword{"offset", &take_place<&Content::offset, 0>, "modifier of content"},
    Keyword{"rawbytes", &take_raw_bytes, "without effect: all payload is raw", Value::kNone},
    Keyword{"startswith", &begin_buffer, "modifier of content", Value::kNone},
    Keyword{"tls.fingerprint", &take_certificate_content<Buffer::kTlsFingerprint>,
            "content in the certificate's fingerprint", Value::kOptional},
    Keyword{"tls.issuerdn", &take_certificate_content<Buffer::kTlsIssuer>,
            "content in the certificate's issuer", Value::kOptional},
    Keyword{"tls.subject", &take_certificate_content<Buffer::kTlsSubject>,
            "content in the certificate's subject", Value::kOptional},
    Keyword{"uricontent", &take_uri_content, "content in the URI"},
    Keyword{"within", &take_place<&Content::within, 1>, "modifier of content"},
};
static_assert(std::ranges::is_sorted(kContentKeywords, {}, &Keyword::name));

}  // namespace

std::span<const Keyword> content_keywords() noexcept { return kContentKeywords; }

}  // namespace millrace::firewall::inspection
