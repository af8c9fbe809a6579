// SPDX-License-Identifier: BSD-3-Clause
// A question of the DNS as bytes, and what an answer to it says (RFC 1035 section 4.1). No sockets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/reader.h"
#include "vnfs/load_balancer/health/target.h"

namespace millrace::load_balancer::health {

// Asks for recursion. Empty when the name cannot be written: a label of more than 63 bytes, an empty one, or
// more than 255 bytes in all (section 2.3.4).
[[nodiscard]] std::vector<std::uint8_t> dns_query(std::uint16_t id, std::string_view name,
                                                  DnsCheck::Type type);

struct DnsAnswer {
  unsigned code = 0;     // RCODE
  unsigned records = 0;  // in the answer section, as the header counts them
};

// Nothing when it is no answer to this query: another id or question, or too short.
[[nodiscard]] std::optional<DnsAnswer> read_dns_answer(Bytes answer, Bytes query);

// "SERVFAIL", "RCODE 11".
[[nodiscard]] std::string dns_code_text(unsigned code);

}  // namespace millrace::load_balancer::health
