// SPDX-License-Identifier: BSD-3-Clause
// The packet inside an ICMP error: the one that the error is about.
#pragma once

#include <algorithm>

#include "common/core/batch.h"

namespace millrace::core {

// Reads its headers, as far as the error holds them. False when they can not be read, or are a later
// fragment's, which tell no ports.
[[nodiscard]] inline bool read_embedded(const Packet& error, net::Headers& embedded) noexcept {
  embedded.family = error.headers.family;
  embedded.l3_offset = error.headers.payload_offset;
  const std::size_t present = std::min<std::size_t>(error.mbuf->data_len, error.headers.end_offset);
  const auto trouble = net::parse_ip(error.first_segment().first(present), present, embedded,
                                     {.check_ipv4_checksum = false, .truncated = true});
  return trouble == net::ParseError::kNone && !embedded.later_fragment();
}

}  // namespace millrace::core
