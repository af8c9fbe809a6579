// SPDX-License-Identifier: BSD-3-Clause
// The header fields of one message (RFC 9112 section 5), found in its head and known by name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/http_anomaly.h"

namespace millrace::firewall::inspection {

inline constexpr std::size_t kMostHttpFields = 256;

// Those that something depends on.
enum class HttpField : std::uint8_t {
  kOther,
  kHost,
  kUserAgent,
  kReferer,
  kCookie,
  kSetCookie,
  kContentType,
  kContentLength,
  kContentEncoding,
  kTransferEncoding,
  kAccept,
  kAcceptEncoding,
  kAcceptLanguage,
  kConnection,
  kServer,
  kLocation,
};
inline constexpr std::size_t kHttpFields = static_cast<std::size_t>(HttpField::kLocation) + 1;

// One line, or several when it is folded. Lines are numbered from 1 on; 0 is none.
struct HttpFieldLine {
  std::uint32_t name;  // offsets and lengths in the lines that were read
  std::uint32_t name_length;
  std::uint32_t value;
  std::uint32_t value_length;
  std::uint16_t next;  // the next line with this name
  std::uint16_t last;  // of a first line: the last with this name
  HttpField field;
  bool has_colon;
  bool first;    // no earlier line has this name
  bool rewrite;  // line ends or bare CRs in the value stand for spaces
};

// All of a head's fields, as places in it.
class HttpFieldList {
 public:
  // `lines` is all that stands behind the first line; it has to outlive the list.
  HttpFieldList(Bytes lines, HttpAnomalySet& anomalies) noexcept;

  [[nodiscard]] std::span<const HttpFieldLine> lines() const noexcept { return {lines_.data(), count_}; }
  // As it was sent; empty when the line has no colon.
  [[nodiscard]] Bytes name(const HttpFieldLine& line) const noexcept {
    return bytes_.subspan(line.name, line.name_length);
  }
  // Without the blanks around it.
  [[nodiscard]] Bytes value(const HttpFieldLine& line) const noexcept {
    return bytes_.subspan(line.value, line.value_length);
  }
  // The first with this name, and the one after another; null when there is none.
  [[nodiscard]] const HttpFieldLine* first(HttpField field) const noexcept {
    return line(first_[static_cast<std::size_t>(field)]);
  }
  [[nodiscard]] const HttpFieldLine* next(const HttpFieldLine& after) const noexcept {
    return line(after.next);
  }
  // The lines behind the first kMostHttpFields.
  [[nodiscard]] Bytes unread() const noexcept { return unread_; }

 private:
  [[nodiscard]] const HttpFieldLine* line(std::uint16_t number) const noexcept {
    return number == 0 ? nullptr : &lines_[number - 1U];
  }
  void add(std::size_t begin, std::size_t end, bool folded, HttpAnomalySet& anomalies) noexcept;
  void link(HttpFieldLine& line) noexcept;

  Bytes bytes_;
  Bytes unread_;
  std::size_t count_ = 0;
  std::array<std::uint16_t, kHttpFields> first_{};
  // Not cleared: only those that were read are looked at.
  std::array<std::uint32_t, kMostHttpFields> hashes_;
  std::array<HttpFieldLine, kMostHttpFields> lines_;
};

}  // namespace millrace::firewall::inspection
