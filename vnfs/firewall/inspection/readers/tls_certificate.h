// SPDX-License-Identifier: BSD-3-Clause
// What signatures look at in an X.509 certificate (RFC 5280 section 4.1): who it is for, who made it, and its
// number. A bounded walk over its DER (ITU-T X.690); nothing is verified. Data path.
#pragma once

#include <cstddef>

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/parts.h"
#include "vnfs/firewall/inspection/readers/read_anomaly.h"
#include "vnfs/firewall/inspection/readers/tls_hello.h"

namespace millrace::firewall::inspection::readers {

// Names of more bytes are read so far.
inline constexpr std::size_t kLongestCertificateName = 4096;
inline constexpr std::size_t kLongestSerial = 128;

// `certificate` is one certificate's DER. Names are written in the order of their parts as they stand,
// "C=US, O=Example, CN=example.org", without escapes, and UTF-16 as UTF-8. Returns how many bytes of the room
// it has taken.
[[nodiscard]] std::size_t add_certificate(Bytes certificate, Room& room, Parts& parts,
                                          ReadAnomalySet& anomalies) noexcept;

}  // namespace millrace::firewall::inspection::readers
