// SPDX-License-Identifier: BSD-3-Clause
// What a TLS handshake message says in the clear (RFC 8446 section 4, RFC 5246 section 7.4).
#pragma once

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/parts.h"
#include "vnfs/firewall/inspection/room.h"

namespace millrace::firewall::inspection {

// A ClientHello without its header of four bytes: name asked for, and JA3 (the string of numbers by which
// clients are told apart, and its MD5; values of GREASE, RFC 8701, are left out). False when it is none.
[[nodiscard]] bool read_client_hello(Bytes message, Room& room, Parts& parts) noexcept;

// A Certificate message of TLS 1.2 or before, without its header: subject, issuer, serial number and SHA-1 of
// the first certificate. False when it is none.
[[nodiscard]] bool read_certificates(Bytes message, Room& room, Parts& parts) noexcept;

}  // namespace millrace::firewall::inspection
