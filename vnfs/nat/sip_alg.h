// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/nat/alg.h"

namespace millrace::nat {

// SIP over UDP and TCP (sip_message.h): each side is told ends that it can reach, and ports are opened for
// the inside host's media (sip_ends.h). What is no SIP passes as it is and opens nothing; a TCP connection
// that does not begin with SIP is not read any more, lest bytes chosen by others are taken for the host's own
// words.
//
// Of a message that is longer than a TCP segment only the head is rewritten, and its media get no ports; of a
// datagram in fragments, nothing.
[[nodiscard]] AlgVerdict read_sip(const AlgContext& context, PayloadEditor& editor) noexcept;

}  // namespace millrace::nat
