// SPDX-License-Identifier: BSD-3-Clause
// What HTTP/1 messages have in them that a careful sender does not send: most of it is read differently by
// different servers, which is how requests are smuggled past a firewall (RFC 9112 section 11.2). The reader
// names it and goes on in the one way that the sentence tells; what becomes of the session is the firewall's
// to decide.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::firewall::inspection {

enum class HttpAnomaly : std::uint8_t {
  // The first line.
  kNotHttp,
  kNoVersion,
  kUnknownVersion,
  kNoStatusLine,
  kBadStatus,
  kEmptyLines,
  kLeadingSpace,
  kStartLineSpace,
  kTargetSpace,

  // The target.
  kBadEscape,
  kEscapedNul,
  kDoubleEscape,
  kUnicodeEscape,
  kOverlongUtf8,
  kAboveRoot,

  // Lines and fields.
  kBareLf,
  kBareCr,
  kNul,
  kFolded,
  kSpaceBeforeFields,
  kSpaceBeforeColon,
  kNoColon,
  kBadName,
  kHeadTooLong,
  kTooManyFields,
  kNoHost,
  kManyHosts,
  kHostsDiffer,

  // Where a body ends.
  kLengthAndChunked,
  kRepeatedLength,
  kDifferentLengths,
  kBadLength,
  kBadTransferEncoding,
  kChunkedInOldVersion,
  kBodyNotAllowed,
  kChunkSpace,
  kBadChunkSize,
  kBadChunkEnd,
  kCutOff,

  // Requests and answers.
  kUnasked,
  kTooManyPipelined,

  // What could not be read of a body or a head.
  kUnknownCoding,
  kBadPacked,
  kUnpackedTooLong,
  kNotUnpacked,
  kBodyNotKept,
  kNoRoom,
};
inline constexpr std::size_t kHttpAnomalies = static_cast<std::size_t>(HttpAnomaly::kNoRoom) + 1;

struct HttpAnomalyFacts {
  std::string_view name;      // "bare_cr"
  std::string_view sentence;  // what there is, and how the reader goes on
};
[[nodiscard]] const HttpAnomalyFacts& facts_of(HttpAnomaly anomaly) noexcept;

// A set of them.
class HttpAnomalySet {
 public:
  constexpr void add(HttpAnomaly anomaly) noexcept { bits_ |= bit_of(anomaly); }
  constexpr void add_if(bool holds, HttpAnomaly anomaly) noexcept { bits_ |= holds ? bit_of(anomaly) : 0; }
  constexpr void add(HttpAnomalySet others) noexcept { bits_ |= others.bits_; }
  [[nodiscard]] constexpr bool has(HttpAnomaly anomaly) const noexcept {
    return (bits_ & bit_of(anomaly)) != 0;
  }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
  [[nodiscard]] constexpr std::uint64_t bits() const noexcept { return bits_; }
  [[nodiscard]] constexpr HttpAnomalySet without(HttpAnomalySet others) const noexcept {
    HttpAnomalySet left;
    left.bits_ = bits_ & ~others.bits_;
    return left;
  }
  bool operator==(const HttpAnomalySet&) const noexcept = default;

 private:
  static constexpr std::uint64_t bit_of(HttpAnomaly anomaly) noexcept {
    return std::uint64_t{1} << static_cast<unsigned>(anomaly);
  }
  std::uint64_t bits_ = 0;
};
static_assert(kHttpAnomalies <= 64);

}  // namespace millrace::firewall::inspection
