// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "common/core/network.h"
#include "common/core/originator.h"

namespace millrace::firewall {

// Tells the sender of a refused packet: a reset for TCP (RFC 9293 section 3.10.7.1), else ICMP
// "administratively prohibited" (RFC 1812 section 5.2.7.1, RFC 4443 section 3.1). Says nothing where an
// answer is forbidden.
void send_reject(const core::Packet& packet, const core::Network& network,
                 core::Originator& originator) noexcept;

}  // namespace millrace::firewall
