// SPDX-License-Identifier: BSD-3-Clause
// What a name that is asked for may carry to the servers of the domain it lies in.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/reader.h"

namespace millrace::firewall::inspection {

struct QueryName {
  Bytes domain;              // what someone registers: its last two labels, or three ("example.co.uk")
  std::uint16_t carried;     // bytes before the domain, without dots
  std::uint16_t longest;     // of the labels before the domain
  std::uint16_t entropy_16;  // of those bytes, in sixteenths of a bit for each (Shannon)

  // Long and without much order, as data that are put into names look. Host names that people or load
  // balancers give are shorter; names of in-addr.arpa and ip6.arpa are long, and have short labels.
  [[nodiscard]] bool laden() const noexcept {
    return carried >= kLadenBytes && longest >= kLadenLabel && entropy_16 >= kLadenEntropy16;
  }

  static constexpr unsigned kLadenBytes = 30;
  static constexpr unsigned kLadenLabel = 16;
  static constexpr unsigned kLadenEntropy16 = 3 * 16;
  static constexpr std::size_t kLongest = 255;  // RFC 1035 section 2.3.4; what lies before is not looked at
};

// Of the first question of a DNS query (RFC 1035 section 4.1), as weigh_query_name() takes it, in `text`;
// what its labels are, they are. Empty when the bytes are none. Answers and other operations than a query are
// not read.
[[nodiscard]] Bytes read_query_name(Bytes message,
                                    std::array<std::uint8_t, QueryName::kLongest>& text) noexcept;

// `name`: with dots, as text; any bytes. Reads each byte at most twice. `domain` is part of `name`.
[[nodiscard]] QueryName weigh_query_name(Bytes name) noexcept;

}  // namespace millrace::firewall::inspection
