// SPDX-License-Identifier: BSD-3-Clause
// One IPv6 network under two prefixes, inside and outside, mapped so that no transport checksum changes
// (RFC 6296 sections 3.1 to 3.7). Without state: address for address, and back. Data path but for of().
#pragma once

#include <cstdint>
#include <optional>

#include "common/net/address.h"

namespace millrace::net {

class PrefixMap {
 public:
  static constexpr unsigned kLongest = 64;

  // IPv6 prefixes of the same length, at most kLongest. Nothing for others.
  [[nodiscard]] static std::optional<PrefixMap> of(const Prefix& inside, const Prefix& outside) noexcept;

  // The address, which the prefix of its side contains, as the other side calls it. False, and the address
  // unchanged, when it has no counterpart: its subnet is ffff, or with prefixes longer than 48 bits its
  // interface identifier all ones.
  [[nodiscard]] bool to_outside(Ipv6Address& address) const noexcept {
    return map(address, outside_, adjustment_);
  }
  [[nodiscard]] bool to_inside(Ipv6Address& address) const noexcept {
    return map(address, inside_, static_cast<std::uint16_t>(~adjustment_));
  }

  // Whether it is the subnet that makes up for the other prefix (sections 3.4, 3.5), and not the interface
  // identifier.
  [[nodiscard]] bool adjusts_subnet() const noexcept { return length_ <= 48; }

 private:
  PrefixMap() = default;
  [[nodiscard]] bool map(Ipv6Address& address, std::uint64_t prefix, std::uint16_t adjustment) const noexcept;

  std::uint64_t inside_ = 0;  // the first 64 bits in wire order, as are the next two
  std::uint64_t outside_ = 0;
  std::uint64_t mask_ = 0;
  std::uint16_t adjustment_ = 0;  // what the outward mapping adds to a word, in wire order
  std::uint8_t length_ = 0;
};

}  // namespace millrace::net
