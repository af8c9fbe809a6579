// SPDX-License-Identifier: BSD-3-Clause
// The notations only a NAT gateway has: ranges of IPv4 addresses, sizes of port blocks, ends of static
// mappings, idle times with a least value that an RFC gives.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/control/profile/schema.h"
#include "common/net/address.h"
#include "vnfs/nat/profile.h"

namespace millrace::nat::profile {

// One side of a static mapping as written.
struct StaticEnd {
  net::Ipv4Address address;
  std::uint8_t length = 32;        // below 32 without ports only
  std::optional<PortRange> ports;  // empty: the whole address

  bool operator==(const StaticEnd&) const noexcept = default;
};

// The addresses of an IPv4 prefix.
[[nodiscard]] AddressRange range_of(const net::Prefix& prefix) noexcept;
// "203.0.113.0/28" where that is the same, else "203.0.113.1-203.0.113.9"; "203.0.113.1" for one address.
[[nodiscard]] std::string print_range(const AddressRange& range);

// "192.0.2.10", "192.0.2.10:8443", "192.0.2.10:8000-8099" or "192.0.2.0/28". When it is none of these,
// nothing, and `wrong` completes "'TEXT' ...".
[[nodiscard]] std::optional<StaticEnd> parse_static_end(std::string_view text, std::string& wrong);

[[nodiscard]] control::TypePtr<AddressRange> address_range();
[[nodiscard]] control::TypePtr<StaticEnd> static_end();
[[nodiscard]] control::TypePtr<PortRange> outside_ports();   // from 1 on
[[nodiscard]] control::TypePtr<std::uint32_t> block_size();  // a power of two, 64 to 4096
// At least `least`, because `clause` says so ("RFC 5382 REQ-5").
[[nodiscard]] control::TypePtr<Milliseconds> idle_time(Milliseconds least, std::string clause);

}  // namespace millrace::nat::profile
