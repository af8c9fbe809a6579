// SPDX-License-Identifier: BSD-3-Clause
// Where a message's body ends (RFC 9112 section 6), and how it is packed.
#pragma once

#include <cstdint>

#include "vnfs/firewall/inspection/http_anomaly.h"
#include "vnfs/firewall/inspection/http_fields.h"

namespace millrace::firewall::inspection {

enum class BodyEnd : std::uint8_t {
  kUnsaid,  // no field tells
  kNone,    // there is no body
  kLength,  // after so many bytes
  kChunked,
  kClose,  // with the stream
};

// RFC 9110 section 8.4.1.
enum class BodyCoding : std::uint8_t { kIdentity, kGzip, kDeflate, kUnknown };

struct HttpFraming {
  BodyEnd end = BodyEnd::kUnsaid;
  std::uint64_t length = 0;  // of kLength; not 0
  BodyCoding coding = BodyCoding::kIdentity;
};

// As the fields have it, whatever the message is. `old_version`: HTTP/1.0.
[[nodiscard]] HttpFraming framing_of(const HttpFieldList& fields, bool old_version,
                                     HttpAnomalySet& anomalies) noexcept;

}  // namespace millrace::firewall::inspection
