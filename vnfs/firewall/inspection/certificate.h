// SPDX-License-Identifier: BSD-3-Clause
// Names in an X.509 certificate (RFC 5280), as signatures write them.
#pragma once

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/parts.h"
#include "vnfs/firewall/inspection/room.h"
#include "vnfs/firewall/inspection/room_writer.h"

namespace millrace::firewall::inspection {

// Subject and issuer as "C=US, O=Example, CN=example.org" in the certificate's own order, serial as "01:AB",
// SHA-1 of the whole as "01:ab". False when it is not built like one.
[[nodiscard]] bool read_certificate(Bytes certificate, Room& room, Parts& parts) noexcept;

// Two lower-case digits a byte.
void put_hex(RoomWriter& out, Bytes bytes) noexcept;

}  // namespace millrace::firewall::inspection
