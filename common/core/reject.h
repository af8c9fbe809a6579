// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "common/core/network.h"
#include "common/core/originator.h"

namespace millrace::core {

// Tells the sender of a packet that nobody takes: a reset for TCP (RFC 9293 section 3.10.7.1), else ICMP
// "port unreachable" (RFC 1122 section 3.2.2.1, RFC 4443 section 3.1). Says nothing where an answer is
// forbidden.
void send_refusal(const Packet& packet, const Network& network, Originator& originator) noexcept;

// The same of a packet that a rule refuses: ICMP "administratively prohibited" (RFC 1812 section 5.2.7.1).
void send_reject(const Packet& packet, const Network& network, Originator& originator) noexcept;

}  // namespace millrace::core
